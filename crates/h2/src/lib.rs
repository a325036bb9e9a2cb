//! An HTTP/2 connection on a link (RFC 9113): handshake, streams, flow control and connection status. It stands beside
//! h1 under the layer that chooses between the two, and gives the pool a [`Connection`](skybridge_core::Connection):
//! cheap handles, live stream limits, status updates for GOAWAY and a closed socket, and requests that come back when
//! they weren't processed. They come back if a retry layer above [asks for them](skybridge_core::Replays): then the
//! head of each request is saved until it is answered, and a copy of its body if there can be one. An empty body, and
//! any body that was not polled yet, comes back without a copy. A body that can't be copied is first polled when the
//! peer's window allows data, as until then a refusal costs nothing.
//!
//! A peer that refuses a request, or resets it with INTERNAL_ERROR or CANCEL before there is a response, may do so only
//! until its SETTINGS are acknowledged. If it does the same to a request that came after that one, without a response
//! in between, the connection drains ([`Refusing`](skybridge_core::CloseReason::Refusing)).
//!
//! ```
//! use skybridge_core::{Connection, Connector, Handshake};
//! use skybridge_h2::H2;
//! use skybridge_testkit::{executor::Executor, h2::Peer, net::Network, fixtures};
//! use std::future::poll_fn;
//!
//! type Body = http_body_util::Full<bytes::Bytes>;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (net, executor) = (Network::new(), Executor::new());
//! let listener = net.listen("192.0.2.1:80".parse()?);
//! let route = fixtures::route("http://a.test", ["192.0.2.1:80"], executor.ctx());
//! let link = net.connector().connect(route).await?;
//!
//! let mut connection = H2::new().handshake(link, &executor.ctx()).await?;
//! let client = async {
//!     poll_fn(|cx| connection.poll_ready(cx)).await?;
//!     connection.start(http::Request::get("http://a.test/").body(Body::default()).unwrap());
//!     poll_fn(|cx| connection.poll_response(cx)).await.map_err(|failed| failed.error)
//! };
//! let server = async {
//!     let mut peer = Peer::accept(listener.accept().await.0).await;
//!     let request = peer.request().await;
//!     peer.respond(request.stream, 204, "").await;
//! };
//! let (response, ()) = tokio::join!(client, server);
//! assert_eq!(response?.status(), 204);
//! # Ok(())
//! # }
//! ```

mod alarm;
mod body;
mod chunk;
mod classify;
mod connection;
mod driver;
mod ending;
mod error;
mod flood;
mod forwarded;
mod frame_counts;
mod frame_scanner;
mod frame_tap;
mod handshake;
mod head;
mod pings;
mod preface_io;
mod saved_request;
mod settings;
mod shared;
mod small_frames;
mod stream_limit;
mod strikes;
mod unsent;
mod upload;
mod upload_control;
mod watched_streams;
mod windows;
mod wire;

pub use self::{
    body::H2Body,
    connection::Http2,
    error::H2Error,
    flood::Flood,
    handshake::{H2, Handshaking},
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
