//! An HTTP/2 connection (RFC 9113) on a [`Link`](skybridge_core::Link), which is a stream of bytes with what is known
//! of it. [`H2`] makes the handshake and spawns the task that drives the connection; what comes of it is [`Http2`], a
//! [`Connection`](skybridge_core::Connection) for a pool. It stands beside `skybridge-h1`, below the layer that chooses
//! between the two, and is built on the `h2` crate.
//!
//! # Streams
//!
//! Each handle to the connection carries one request and its response at a time, on a stream of its own. How many
//! streams there may be is [`capacity`](skybridge_core::Connection::capacity), and changes with the peer's SETTINGS.
//! Before these have come, requests are sent at once, but for an extended CONNECT (RFC 8441). A request beyond the
//! peer's limit waits in its handle, in the order of their starts, until a response before it was read to its end or
//! dropped. It is not sent before: dropped by then, it leaves nothing, and if the connection ends or takes no more, it
//! comes back unsent. (The h2 crate sends a request that is given up while it waits there, and resets it.)
//!
//! # Requests that come back
//!
//! A request that the peer has not processed comes back with the error, if a retry layer above
//! [asks for that](skybridge_core::Replays): then the head of each request is saved until it is answered, and a copy of
//! its body if there can be one. An empty body, and any body that was not polled yet, comes back without a copy. A body
//! that can't be copied is first polled when the peer's window allows data, as until then a refusal costs nothing.
//!
//! A peer that refuses a request, or resets it with INTERNAL_ERROR or CANCEL before there is a response, may do so only
//! until its SETTINGS are acknowledged. If it does the same to a request that came after that one, without a response
//! in between, the connection takes no more, and closes when its streams have ended
//! ([`Refusing`](skybridge_core::CloseReason::Refusing)).
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
mod queue_place;
mod saved_request;
mod settings;
mod shared;
mod small_frames;
mod stream_limit;
mod stream_queue;
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
