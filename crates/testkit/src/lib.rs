//! Scripted peers, fake dialers and an in-memory network on virtual time, for testing connection layers and clients. It
//! stands beside the stack, not in it: it depends on `core` and `runtime` only, so that every layer can be tested with
//! it, yours too.
//!
//! A server that takes a request and falls silent, in no time at all, as the clock is tokio's and paused:
//!
//! ```
//! use skybridge::{Client, Timeouts};
//! use skybridge_testkit::{net::Network, origin::{Answer, Origin, SocketEffect}};
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)] // #[tokio::test(start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let net = Network::new();
//! let silent = Answer::new("half of this").on_response_body(SocketEffect::Stall);
//! let origin = Origin::h1().enqueue(silent).serve_at(&net, "a.test");
//! let builder = Client::builder().resolver(net.resolver()).dialer(net.dialer());
//! let client = builder.timeouts(Timeouts::new().read_idle(Duration::from_secs(30))).build();
//! assert!(client.get("http://a.test/").await?.into_body().text().await.unwrap_err().is_timeout());
//! # assert_eq!(origin.take_request().await.line(), "GET / HTTP/1.1");
//! # Ok(())
//! # }
//! ```
//!
//! | to test | take |
//! |---|---|
//! | how a layer deals with latency, loss, refusals, resets | [`net`] |
//! | what a client writes to an HTTP/1.1 server, and how it takes misbehaviour | [`h1`] |
//! | the same, frame by frame, for HTTP/2 | [`h2`] |
//! | what a program asks for, what it makes of answers, how requests are spread over connections | [`origin`] |
//! | what it makes of sockets that end, stall or crawl at a given point | [`origin::Answer`] |
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
//! A layer of your own, around a network instead of sockets:
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
//!
//! The feature `tls`, on by default, has `certs`, `ech`, and TLS for origins and proxies; without it there is no rcgen,
//! rustls or AWS-LC.
#![allow(clippy::panic, clippy::expect_used, reason = "a test tool says what it misses by panicking")]

mod tasks;

#[cfg(feature = "tls")]
pub mod certs;
pub mod closed;
pub mod dns;
pub mod drop_walk;
#[cfg(feature = "tls")]
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
