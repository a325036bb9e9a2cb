//! hyper-util's `client::legacy` on this stack: the same names, so that to move is one `use`.
//!
//! ```
//! // Before: use hyper_util::client::legacy::{Client, connect::HttpConnector};
//! use skybridge_hyper::legacy::{Client, connect::HttpConnector};
//!
//! use bytes::Bytes;
//! use http_body_util::{BodyExt, Full};
//! use hyper_util::rt::TokioExecutor;
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let origin = skybridge_testkit::origin::Origin::h1().start().await;
//! # let url = origin.url("/");
//! let client: Client<HttpConnector, Full<Bytes>> =
//!     Client::builder(TokioExecutor::new()).pool_idle_timeout(Duration::from_secs(30)).build_http();
//! let response = client.get(url.parse()?).await?;
//! assert_eq!(response.into_body().collect().await?.to_bytes(), "hello");
//! # Ok(())
//! # }
//! ```
//!
//! Any connector that hyper-util's client takes goes into [`Builder::build`], such as hyper-rustls' `HttpsConnector`.
//! Pool, retry, and both versions of HTTP are this stack's, and so are the errors: [`Error::stack_error`] says whether
//! the origin can have processed a request. The scenarios of hyper-util's own client tests are tests here, written
//! again on virtual time; where they come out otherwise, it is below.
//!
//! # What is different
//!
//! What can't be honoured isn't there, so that it doesn't compile, or is refused with an error.
//!
//! | of hyper-util | here | because |
//! |---|---|---|
//! | `Response<hyper::body::Incoming>` | [`Response<Body>`](Body), whose error is [`Error`] | nobody but hyper can make an `Incoming`, or a `hyper::Error` |
//! | the source of an error is a `hyper::Error` | it is a [`skybridge_core::Error`]; below it are the same `io::Error` and connector's error | the same |
//! | `Error::connect_info`, `capture_connection` give a `Connected` | they give a [`ConnectionMetadata`](connect::ConnectionMetadata), which is one by `Deref` | hyper-util tells nobody that a `Connected` was poisoned; so `poison` on the connector's own one has no effect here |
//! | `hyper::upgrade::on` | [`upgrade::on`]; the stream isn't the connector's type | nobody but hyper can make an `OnUpgrade` |
//! | an upgrade is what a response says | the request asked for it, by `connection: upgrade` | a 101 that nobody asked for is a violation of the protocol |
//! | CONNECT | refused | a pool has no use for it: a tunnel is `TunnelLayer`'s, a WebSocket over HTTP/2 is asked for by [`ConnectProtocol`](skybridge_core::ConnectProtocol) |
//! | requests by HTTP/1.0 | refused | a pool of connections that end after each |
//! | a request by HTTP/2 on a connection of HTTP/1.1 fails | it is sent; the response says by which | the version is a setting of the client ([`Builder::http2_only`]) |
//! | a connect for each request that waits | for `https`, one that all wait for | it may well be HTTP/2 |
//! | a connect takes as long as it takes | at most 30 s; a second one begins beside one that takes 2 s | as all pools of this stack do |
//! | any number of connects and of waiting requests | per origin 64 connects at a time, and 16,384 requests that wait for one: more fail, unsent | the same |
//! | connects that fail are tried again at once | after two failures with a pause | the same |
//! | without a timer, idle connections stay | tokio's time is the timer | they leave their peers' sockets open |
//! | `build` takes any body and connector | those with which requests can be sent | a client that can't send is of no use |
//!
//! Not there: `set_host(false)` (HTTP/1.1 requires `host`; one of the request is kept), `http1_read_buf_exact_size`,
//! `http1_max_buf_size` and `http1_writev` (the codec has one adaptive buffer),
//! `http1_preserve_header_case` (names are kept by a type that only hyper reads),
//! `http1_allow_spaces_after_header_name_in_responses`, `http1_allow_obsolete_multiline_headers_in_responses` and
//! `http09_responses` (they smuggle), `http2_max_concurrent_reset_streams`, `http2_max_local_error_reset_streams`,
//! `http2_max_pending_accept_reset_streams` (fixed, against floods), `http2_header_table_size`, and
//! `http2_max_concurrent_streams` (there is no server push).

mod body;
mod builder;
mod capture;
mod client;
pub mod connect;
mod dial;
mod error;
mod metadata;
mod response_future;
mod runtime;
mod settings;
mod tracked;
pub mod upgrade;

pub use self::{
    body::Body,
    builder::Builder,
    client::Client,
    error::{Error, UnsupportedVersion},
    response_future::ResponseFuture,
};
