//! An HTTP/1.1 connection on a link.
//!
//! [`H1`] makes a [`Link`](skybridge_core::Link) into an [`Http1`], on the codec of `skybridge-h1-codec`. It stands
//! beside its HTTP/2 sibling below the layer that chooses between them, and knows neither.
//!
//! A request's trip, and where it is written:
//!
//! 1. [`start`](skybridge_core::Connection::start) encodes the head into a buffer of the connection (`head`).
//! 2. [`poll_response`](skybridge_core::Connection::poll_response) writes the request (`connection/upload`) and reads
//!    the response's head at the same time (`connection/handle/exchange`). When the writing fails, an answer that is
//!    there, or comes soon, is returned all the same.
//! 3. The response goes up with an [`H1Body`] that reads from the same buffer, without a copy. A request that isn't
//!    written by then is written on by a task (`connection/upload_task`).
//! 4. When both halves are over and nothing speaks against it (`connection/reuse`), the connection is idle again, and
//!    its socket watched (`connection/idle`): whatever the peer sends then, an end or bytes, closes it, and its
//!    [`StatusListener`](skybridge_core::StatusListener) is notified at once.
//! 5. A response that nobody reads to its end is read on for a while, and a request that outlasts its response written,
//!    by [`poll_ready`](skybridge_core::Connection::poll_ready).
//!
//! ```
//! use skybridge_core::{Connection, Handshake};
//! use skybridge_h1::H1;
//! use skybridge_testkit::{executor::Executor, h1::Script, fixtures};
//! use std::future::poll_fn;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let executor = Executor::new();
//! let (ours, theirs) = tokio::io::duplex(1024);
//! let attempt = fixtures::route("http://a.test", [], executor.ctx()).attempt(fixtures::endpoint("192.0.2.1:80"));
//! let info = skybridge_core::ConnInfo::new(&attempt, None, attempt.endpoint.clone());
//! let link = skybridge_core::Link::new(ours, info);
//!
//! let mut connection = H1::new().handshake(link, &executor.ctx()).await?;
//! let client = async {
//!     poll_fn(|cx| connection.poll_ready(cx)).await?;
//!     connection.start(http::Request::get("http://a.test/cat").body(String::new()).unwrap());
//!     poll_fn(|cx| connection.poll_response(cx)).await.map_err(|failed| failed.error)
//! };
//! let server = async {
//!     let mut peer = Script::new(theirs);
//!     let request = peer.request().await;
//!     peer.respond(200, "meow").await;
//!     request
//! };
//! let (response, request) = tokio::join!(client, server);
//! assert_eq!((request.target(), request.header("host")), ("/cat", Some("a.test")));
//! assert_eq!(response?.status(), 200);
//! # Ok(())
//! # }
//! ```

mod connection;
mod error;
mod handshake;
mod head;
mod settings;

pub use self::{
    connection::{H1Body, Http1},
    error::H1Error,
    handshake::{H1, Handshaking},
};
pub use skybridge_h1_codec::{BodyError, FieldSpelling, ForbiddenTrailer, HeadError, ReasonPhrase};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
