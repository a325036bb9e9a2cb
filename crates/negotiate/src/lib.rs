//! Chooses HTTP/1.1 or HTTP/2 for a link, and runs the handshake of the chosen protocol.
//!
//! [`NegotiateLayer`] belongs directly above whatever connects, usually TLS, and makes the connections that a pool
//! holds. If TLS has negotiated a protocol by ALPN (RFC 7301), it is that protocol. Otherwise a target that asks for
//! HTTP/2 gets it by prior knowledge (RFC 9113, section 3.3), and everything else is HTTP/1.1. The layer knows neither
//! protocol: both handshakes are given to it. A link on which no HTTP may be spoken, because its origin is `https` and
//! it has no TLS, or because it ends at a proxy of its route, is refused with [`Unfit`](skybridge_core::Unfit).
//!
//! ```
//! use skybridge_core::{Connection, ConnectError, Ctx, Handshake, Link, Protocol};
//! use skybridge_negotiate::{Negotiated, NegotiateLayer};
//! use skybridge_testkit::{executor::Executor, net::Network, fixtures};
//! use std::future::{Ready, ready};
//! use tower::{Layer, ServiceExt};
//!
//! /// Stands in for a protocol's crate.
//! #[derive(Clone)]
//! struct Says(&'static str);
//! impl<I> Handshake<I> for Says {
//!     type Connection = &'static str;
//!     type Future = Ready<Result<&'static str, ConnectError>>;
//!     fn handshake(&self, _link: Link<I>, _ctx: &Ctx) -> Self::Future {
//!         ready(Ok(self.0))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), ConnectError> {
//! let (executor, net) = (Executor::new(), Network::new());
//! let _listener = net.listen("192.0.2.1:80".parse().unwrap());
//! let connector = net.connector();
//! let service = NegotiateLayer::new(Says("h1"), Says("h2")).layer(connector);
//!
//! let connection = service.oneshot(fixtures::route("http://a.test", ["192.0.2.1:80"], executor.ctx())).await?;
//! assert!(matches!(connection, Negotiated::Http1("h1")));
//! # Ok(())
//! # }
//! ```

mod body;
mod choice;
mod connection;
mod layer;
mod service;

pub use self::{
    body::NegotiatedBody,
    choice::AlpnMismatch,
    connection::Negotiated,
    layer::NegotiateLayer,
    service::{Negotiate, Negotiating},
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
