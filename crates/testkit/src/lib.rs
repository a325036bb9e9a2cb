//! Scripted peers, fake dialers and an in-memory network on virtual time, for testing connection layers and clients. It
//! stands beside the stack, not in it: it depends on `core` and `runtime` only, so that every layer can be tested with
//! it, yours too.
//!
//! | to test | take |
//! |---|---|
//! | how a layer deals with latency, loss, refusals, resets | [`net`] |
//! | what a client writes to an HTTP/1.1 server, and how it takes misbehaviour | [`h1`] |
//! | the same, frame by frame, for HTTP/2 | [`h2`] |
//! | how requests are spread over connections | [`origin`] |
//! | what a client requests of proxies | [`proxy`] |
//! | a pool, without any bytes | [`fake`] |
//! | what a resolver asks of DNS servers | [`dns`] |
//! | that nobody listens at a port of this machine | [`closed`] |
//! | TLS: chains of certificates, good and bad | [`certs`] |
//! | TLS whose names are encrypted | [`ech`] |
//! | that nothing is lost when a future is dropped | [`drop_walk`] |
//! | that no task is left and no panic swallowed | [`executor`] |
//! | which events observers receive | [`observe`] |
//! | that a layer never calls what is not ready | [`strict`] |
//!
//! ```
//! use skybridge_core::Connector;
//! use skybridge_testkit::{executor::Executor, h1::Script, net::Network, fixtures};
//! use std::time::Duration;
//! use tokio::io::AsyncWriteExt;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let (net, executor) = (Network::new(), Executor::new());
//! let addr = "192.0.2.1:80".parse().unwrap();
//! net.at(addr).latency(Duration::from_millis(40));
//! let listener = net.listen(addr);
//!
//! let route = fixtures::route("http://a.test", ["192.0.2.1:80"], executor.ctx());
//! let mut link = net.connector().connect(route).await.unwrap(); // your layer goes around this
//! link.io.write_all(b"GET / HTTP/1.1\r\nhost: a.test\r\n\r\n").await.unwrap();
//!
//! let mut peer = Script::new(listener.accept().await.0);
//! assert_eq!(peer.request().await.header("host"), Some("a.test"));
//! drop(link);
//! assert_eq!(net.live_sockets(), 0);
//! # }
//! ```
#![allow(clippy::panic, clippy::expect_used, reason = "a test tool says what it misses by panicking")]

mod tasks;

pub mod certs;
pub mod closed;
pub mod dns;
pub mod drop_walk;
pub mod ech;
pub mod executor;
pub mod fake;
pub mod fixtures;
pub mod gate;
pub mod h1;
pub mod h2;
pub mod net;
pub mod observe;
pub mod origin;
pub mod proxy;
pub mod strict;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
