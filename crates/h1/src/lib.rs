//! An HTTP/1.1 connection on a link.
//!
//! [`H1`] makes a [`Link`](skybridge_core::Link) into an [`Http1`], on hyper's `client::conn::http1`. It stands beside
//! its HTTP/2 sibling below the layer that chooses between them, and knows neither. The connection has two halves: the
//! *handle*, which its owner polls, and the *driver*, a task that owns the socket and so notices at once when the peer
//! hangs up.
//!
//! A request that was written comes back if a retry layer above [asks for it](skybridge_core::Replays), and if it may
//! have failed for the age of its connection: one that was used before keeps a copy of each request that may be
//! repeated and whose body can be had once more, until there is a response.
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

mod aside;
mod body;
mod classify;
mod connection;
mod driver;
mod error;
mod handshake;
mod sending;
mod slot;
mod spare;
mod tie;
mod wire;

pub use self::{
    body::H1Body,
    connection::Http1,
    error::ExchangeError,
    handshake::{H1, Handshaking},
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
