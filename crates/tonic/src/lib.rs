//! A [`Client`](skybridge::Client) under gRPC clients that tonic generates, in the place of tonic's `Channel`. A leaf,
//! not a layer of the stack: [`TonicLayer`] stands above a client, and gives it what a generated client leaves out.
//!
//! ```
//! # use skybridge_testkit::origin::Origin;
//! use skybridge::Client;
//! use skybridge_tonic::Tonic;
//! # use bytes::{Buf, BufMut};
//! # use tonic::{Request, Status, client::Grpc, codec::*};
//! # #[derive(Default)]
//! # struct Text;
//! # impl Codec for Text {
//! #     type Encode = String;
//! #     type Decode = String;
//! #     type Encoder = Self;
//! #     type Decoder = Self;
//! #     fn encoder(&mut self) -> Self { Self }
//! #     fn decoder(&mut self) -> Self { Self }
//! # }
//! # impl Encoder for Text {
//! #     type Item = String;
//! #     type Error = Status;
//! #     fn encode(&mut self, item: String, buf: &mut EncodeBuf<'_>) -> Result<(), Status> {
//! #         buf.put_slice(item.as_bytes());
//! #         Ok(())
//! #     }
//! # }
//! # impl Decoder for Text {
//! #     type Item = String;
//! #     type Error = Status;
//! #     fn decode(&mut self, buf: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
//! #         let bytes = buf.copy_to_bytes(buf.remaining());
//! #         Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
//! #     }
//! # }
//! # // As tonic's build script writes it.
//! # struct GreeterClient<T>(Grpc<T>);
//! # impl<T> GreeterClient<T>
//! # where
//! #     T: tonic::client::GrpcService<tonic::body::Body>,
//! #     T::ResponseBody: http_body::Body<Data = bytes::Bytes> + Send + 'static,
//! #     <T::ResponseBody as http_body::Body>::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
//! # {
//! #     fn new(inner: T) -> Self { Self(Grpc::new(inner)) }
//! #     async fn greet(&mut self, name: &str) -> Result<tonic::Response<String>, Status> {
//! #         self.0.ready().await.map_err(|error| Status::unknown(error.into().to_string()))?;
//! #         let path = http::uri::PathAndQuery::from_static("/a.Greeter/Greet");
//! #         self.0.unary(Request::new(name.to_owned()), path, Text).await
//! #     }
//! # }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let origin = Origin::h2c().handle(|_| async { Status::not_found("nobody").into_http::<tonic::body::Body>() });
//! # let origin = origin.start().await;
//! # let url = origin.url("/");
//! let mut greeter = GreeterClient::new(Tonic::new(Client::new(), &url)?);
//! let status = greeter.greet("nobody").await.unwrap_err();
//! assert_eq!(status.code(), tonic::Code::NotFound);
//! # Ok(())
//! # }
//! ```
//!
//! # What it does to a call
//!
//! | | |
//! |---|---|
//! | the URI | gets scheme and authority of the layer's [URL](TonicLayer::new), unless it has its own (`with_origin`) |
//! | HTTP/2 | is asked for, in cleartext with prior knowledge, unless the request's options say otherwise |
//! | `grpc-timeout` | ends the call here too, all tries and the response's body included; so does the client's limit |
//! | the request's messages | are kept for another try if they are [at hand](TonicLayer::keep), as a unary call's is |
//! | errors | are a [`Status`](tonic::Status) each, before the response and in its body: [`code_of`] has the table |
//! | a response that isn't gRPC's | is a `Status` by its HTTP status, not what its body looks like when it is decoded |
//! | `user-agent` | says who speaks gRPC, behind [what the program says](TonicLayer::user_agent) |
//!
//! The error of the stack is the `source()` of its `Status`: [`error_of`] finds it, with its
//! [`delivery`](skybridge::Error::delivery), the connection, and all tries.
//!
//! Calls that were not processed are sent again by the client's retry layer, which gRPC calls transparent retries: on
//! connections that died unused, refused streams, and streams above the last one of a GOAWAY. What may have been
//! processed isn't, as gRPC's calls are all POST.
//!
//! # What is set on the client
//!
//! TLS, pins, proxies, limits and events are the client's. So are keep-alive PINGs: those of
//! [`H2::keep_alive_interval`](skybridge::H2::keep_alive_interval), given to
//! [`ClientBuilder::h2`](skybridge::ClientBuilder::h2). A server may refuse more than one in five minutes with
//! ENHANCE_YOUR_CALM. Interceptors stand above, as with a channel:
//! `GreeterClient::with_interceptor(Tonic::new(client, url)?, interceptor)`.
//! [`RequestOptions`](skybridge::RequestOptions) in a request's extensions count for it alone.
//!
//! # Another client below
//!
//! A client of somebody else reads no `RequestOptions`: `grpc-timeout` reaches the server and ends nothing on this
//! side, and which version of HTTP is spoken is up to that client. The limit is there to be read, from the call to the
//! end of the response's body:
//!
//! ```
//! # use http::{Request, Response};
//! use skybridge::{RequestBody, RequestOptions};
//! use skybridge_tonic::TonicLayer;
//! use std::time::Duration;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let theirs = service_fn(|request: Request<RequestBody>| async move {
//!     let options = request.extensions().get::<RequestOptions>();
//!     assert_eq!(options.and_then(|options| options.call_within), Some(Duration::from_secs(5)));
//!     // Sent by that client, within the limit.
//!     let response = Response::builder().header("content-type", "application/grpc").header("grpc-status", "0");
//!     Ok::<_, Box<dyn std::error::Error + Send + Sync>>(response.body(RequestBody::empty())?)
//! });
//! let calls = TonicLayer::new("http://a.test")?.layer(theirs);
//! let call = Request::post("/a.Greeter/Greet").header("grpc-timeout", "5S");
//! calls.oneshot(call.body(tonic::body::Body::empty())?).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # The other way round
//!
//! `skybridge-hyper` puts our connectors under tonic's own `Channel`, which then pools. Give them to
//! `Channel::new(connector, endpoint)`, which leaves TLS to them. `Endpoint::connect_with_connector` does so only as
//! long as no crate of the program enables TLS in tonic (its features `tls-*`): then it refuses `https` to an endpoint
//! without a `tls_config`, and to one with it runs TLS inside ours.

mod body;
mod future;
mod kept;
mod layer;
mod service;
mod settings;
mod status;
mod timeout;
mod user_agent;

pub use self::{
    body::TonicBody,
    future::Calling,
    layer::TonicLayer,
    service::Tonic,
    status::{code_of, error_of, status_of},
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
