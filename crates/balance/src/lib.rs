//! Spreads requests over the servers behind one name, by tower's balancer: of two servers taken at random, the one that
//! has fewer requests under way gets the next ("power of two choices"). A pool alone keeps to the connection that
//! works: all requests of an HTTP/2 client then go to one server of a headless Kubernetes service.
//!
//! The layer belongs between retry and pool, so that a request that comes back goes to another server.
//! To the pool each server is a [`dial`](skybridge_core::RequestOptions::dial) of its own; the origin, and what TLS
//! verifies, stay the name's. Another client below reads it there: it is `connect_options.dial` of the
//! [`RequestOptions`](skybridge_core::RequestOptions) in the request's extensions.
//!
//! - **Servers** are all addresses of the origin's host, as the resolver finds them within 10 s. They are looked up
//!   again when a request comes after their time to live, or after a server could not be connected to, not twice in a
//!   second; the request doesn't wait for that. If it fails, those that are known stay, and if it fails in part, those
//!   of the address family that it says nothing of. The first request waits for the first addresses.
//! - **Load** is the number of requests whose response isn't read to its end. An upgraded connection isn't one.
//! - **A server that can't be connected to** is left alone for 1 s, doubling to 30 s, and its request goes to another
//!   one, up to five, and to none twice; but not after what no other route helps against, as a failed pin or a refused
//!   egress. So is one on which three requests in a row failed: reset, cut short, silent until a time limit. These
//!   requests fail, or are sent again by the retry layer.
//! - **When all fail** requests get the error of one and don't wait. The servers take turns at being asked, so that
//!   whichever comes back first is found.
//! - **Requests for another origin** are [refused](NotBalanced).
//! - **An answer is an answer**: a server that says 500 to everything works, as far as this layer knows.
//! - **With proxies** the name is still looked up here, and proxies are given addresses.
//! - **Each address is a server**: of a host with an address of either family both are. Happy eyeballs have nothing to
//!   choose from, and HTTPS records (ECH's keys in DNS) are not asked for.
//! - **The connection** of a response is known by `ConnInfoLayer` of `skybridge` below this layer: put above the pool
//!   after it.
//!
//! ```
//! # use skybridge_testkit::origin::Origin;
//! use skybridge::{Client, Endpoint, TokioRuntime};
//! use skybridge_balance::BalanceLayer;
//! use skybridge_dns::Fixed;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (a, b) = (Origin::h1().start().await, Origin::h1().start().await);
//! # let servers = [Endpoint::from(a.addr()), Endpoint::from(b.addr())];
//! let runtime = TokioRuntime::current();
//! // Or `System::new()`: all addresses of `api.test`.
//! let balance = BalanceLayer::new(runtime, &"http://api.test".parse()?, Fixed::new(servers))?;
//! let client = Client::builder().above_pool(balance.clone()).build();
//!
//! assert_eq!(client.get("http://api.test/").await?.status(), 200);
//! assert_eq!(balance.endpoints().len(), 2);
//! # Ok(())
//! # }
//! ```
//!
//! Four locks: one around the balancer, held while a server is chosen, one around what is known of the servers, one
//! around those who wait for the first server, and one around what a lookup has found. None is held while anything is
//! awaited. A lookup is a task of its own, and ends with the client. A resolver must not send its
//! own queries through the client that it balances.

mod balanced;
mod balanced_endpoint;
mod discovery;
mod error;
mod fan;
mod health;
mod layer;
mod lookup;
mod state;
mod until_end;

pub use self::{
    balanced::{Balanced, Balancing},
    error::{NoEndpoints, NotAName, NotBalanced, TooManyEndpoints},
    layer::BalanceLayer,
    state::EndpointState,
    until_end::CountedBody,
};
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
