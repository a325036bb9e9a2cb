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
//! use skybridge_core::{Connection, Handshake, Link};
//! use skybridge_h2::H2;
//! use skybridge_runtime::TokioRuntime;
//! use std::future::poll_fn;
//!
//! type Body = http_body_util::Full<bytes::Bytes>;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let ctx = TokioRuntime::ctx();
//! let (ours, theirs) = tokio::io::duplex(65_536); // a socket, in its place
//! let link = Link::of(ours, &"http://a.test/".parse()?, ctx.clone())?;
//!
//! let client = async {
//!     let mut connection = H2::new().handshake(link, &ctx).await?;
//!     poll_fn(|cx| connection.poll_ready(cx)).await?;
//!     connection.start(http::Request::get("http://a.test/").body(Body::default())?);
//!     let response = poll_fn(|cx| connection.poll_response(cx)).await.map_err(|failed| failed.error)?;
//!     Ok::<_, Box<dyn std::error::Error>>(response.status())
//! };
//! let server = async {
//!     let mut peer = h2::server::handshake(theirs).await?;
//!     if let Some(request) = peer.accept().await {
//!         let (_, mut respond) = request?;
//!         respond.send_response(http::Response::builder().status(204).body(()).unwrap_or_default(), true)?;
//!     }
//!     std::future::poll_fn(|cx| peer.poll_closed(cx)).await
//! };
//! let (status, _) = tokio::join!(client, server);
//! assert_eq!(status?, 204);
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
