//! Reuses, shares and coalesces HTTP connections: [`PoolLayer`] makes a service for requests of a service that plans connections.
//!
//! It stands between `retry` and `route`: requests come from above and go out on a connection that is there, or on one that a
//! [`Plan`](skybridge_core::Plan) of the layer below becomes. The response's body, [`PooledBody`], gives it back. It sees `core` alone, and
//! opens no socket: the same pool is over a fake here and over TCP in a client. Its limits are a [`PoolConfig`].
//!
//! ```
//! use skybridge_pool::PoolLayer;
//! use skybridge_testkit::{executor::Executor, fake::{Facts, Planner}};
//! use tower_layer::Layer as _;
//! use tower_service::Service as _;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let (executor, below) = (Executor::new(), Planner::<http_body_util::Empty<_>>::new());
//! let mut pool = PoolLayer::shared(executor.runtime()).layer(below.clone());
//! let call = pool.call(http::Request::get("https://a.test/").body(http_body_util::Empty::<bytes::Bytes>::new()).unwrap());
//! let server = async { below.connecting().await.succeed(Facts::h2(100)).exchange().await.respond(204, "") };
//! let (response, ()) = tokio::join!(call, server);
//! assert_eq!((response.unwrap().status(), pool.stats().idle), (http::StatusCode::NO_CONTENT, 1));
//! # }
//! ```

mod arrival;
#[cfg(all(test, not(loom)))]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]
mod bounds;
mod bucket;
mod buckets;
mod budget;
mod clock;
mod config;
mod exchange;
mod flight;
mod guests;
mod held;
mod hub;
mod idle_limit;
mod index;
mod layer;
mod lease;
#[cfg(all(test, not(loom)))]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]
mod model;
mod pool;
mod pooled_body;
mod quota;
mod reaper;
mod record;
mod search;
mod search_limits;
mod settle;
mod signal;
mod slots;
mod spellings;
mod state;
mod stats;
mod sync;
mod ticket;
mod timing;
mod told;
mod uploads;

pub use self::{
    config::{AtConnectionLimit, AtStreamLimit, PoolConfig},
    exchange::Exchange,
    layer::PoolLayer,
    pool::Pool,
    pooled_body::PooledBody,
    stats::PoolStats,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
