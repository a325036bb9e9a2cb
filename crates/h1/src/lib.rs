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
//! use skybridge_core::{Connection, Handshake, Link};
//! use skybridge_h1::H1;
//! use skybridge_runtime::TokioRuntime;
//! use std::future::poll_fn;
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let ctx = TokioRuntime::ctx();
//! let (ours, mut theirs) = tokio::io::duplex(1024); // a socket, in its place
//! let link = Link::of(ours, &"http://a.test/".parse()?, ctx.clone())?;
//!
//! let mut connection = H1::new().handshake(link, &ctx).await?;
//! poll_fn(|cx| connection.poll_ready(cx)).await?;
//! connection.start(http::Request::get("http://a.test/cat").body(String::new())?);
//! theirs.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nmeow").await?;
//! let response = poll_fn(|cx| connection.poll_response(cx)).await.map_err(|failed| failed.error)?;
//! assert_eq!(response.status(), 200);
//!
//! let mut sent = [0; 19];
//! theirs.read_exact(&mut sent).await?;
//! assert_eq!(&sent, b"GET /cat HTTP/1.1\r\n");
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
