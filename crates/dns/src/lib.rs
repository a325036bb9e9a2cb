//! Resolvers as tower services: the system's, a cache, and overrides.
//!
//! Not a part of the stack: the route layer asks a [`Resolver`](skybridge_core::Resolver), a `Service<Query>` whose
//! response is a stream of [`Answer`](skybridge_core::Answer)s. Resolvers can have layers of their own. One of one's
//! own is a closure that returns [`Once`].
//!
//! ```
//! use skybridge_core::{Endpoint, Query};
//! use skybridge_dns::{OverridesLayer, System};
//! use skybridge_runtime::TokioRuntime;
//! use std::{future::poll_fn, pin::pin};
//! use tower::{ServiceBuilder, ServiceExt};
//! # use futures_core::Stream;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let resolver = ServiceBuilder::new()
//!     .layer(OverridesLayer::new().host("a.test", [Endpoint::from(([127, 0, 0, 1], 0))]))
//!     .service(System::new());
//!
//! let query = Query::new("a.test", 80, TokioRuntime::ctx());
//! let mut answers = pin!(resolver.oneshot(query).await?);
//! let answer = poll_fn(|cx| answers.as_mut().poll_next(cx)).await.expect("an answer")?;
//! assert_eq!(answer.endpoints, [Endpoint::from(([127, 0, 0, 1], 80))]);
//! # Ok(())
//! # }
//! ```
//!
//! One lock per [`System`] guards its queue, and one per lookup its result; one per [`Cache`] what it keeps, and two
//! per shared lookup that lookup and what it has found; one per `Hickory` why a server failed last. None is held
//! during a lookup.

mod answers;
mod cache;
mod error;
mod fixed;
mod getaddrinfo;
#[cfg(feature = "hickory")]
mod hickory;
mod job;
mod localhost;
mod lookup;
mod lookup_queue;
mod once;
mod overrides;
mod pending;
mod pick;
mod system;

#[cfg(feature = "hickory")]
pub use self::hickory::{DohError, Hickory, HickoryLookup};
pub use self::{
    answers::{Answers, Resolving},
    cache::{Cache, CacheLayer, Cached},
    error::ResolveError,
    fixed::Fixed,
    lookup::Lookup,
    once::Once,
    overrides::{Overrides, OverridesLayer},
    system::System,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
