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

#[cfg(all(test, not(loom)))]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]
mod bounds;
mod config;
mod connect;
mod connection;
mod exchange;
mod layer;
mod machine;
#[cfg(all(test, not(loom)))]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]
mod model;
mod origin;
mod pool;
mod registry;
mod shared;
mod stats;

pub use self::{
    config::{AtConnectionLimit, AtStreamLimit, PoolConfig},
    exchange::{Exchange, body::PooledBody},
    layer::PoolLayer,
    pool::Pool,
    stats::PoolStats,
};
