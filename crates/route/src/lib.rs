//! Decides which endpoints can reach an origin, in what order, and what to try next.
//!
//! Belongs between the pool and whatever makes HTTP connections of routes. A [`Target`](skybridge_core::Target) becomes
//! a [`RoutePlan`], in which addresses are known and no socket exists; to drop it costs nothing. To connect, it tries
//! one endpoint after another, also when a phase after TCP has failed, until one works or all have failed.
//!
//! ```
//! use skybridge_core::{ConnectError, Endpoint, Plan, Route, Target};
//! use skybridge_dns::Fixed;
//! use skybridge_route::RouteLayer;
//! use skybridge_runtime::TokioRuntime;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let planner = ServiceBuilder::new()
//!     .layer(RouteLayer::new(Fixed::new([Endpoint::from(([127, 0, 0, 1], 0))])))
//!     .service(service_fn(|route: Route| async move { Ok::<_, ConnectError>(format!("a connection to {route}")) }));
//!
//! let target = Target::of(&"http://a.test/".parse()?, TokioRuntime::ctx())?;
//! let plan = planner.oneshot(target).await?;
//! assert_eq!(plan.route().endpoints.snapshot(), [Endpoint::from(([127, 0, 0, 1], 80))]);
//! assert_eq!(plan.connect().await?, "a connection to a.test");
//! # Ok(())
//! # }
//! ```
//!
//! One lock guards what is known of failed endpoints and proxies (at most 1,024 of them), and one which address of a
//! host was faster than another (of at most 1,024 hosts). Each is held for one access to a map, never while anything is
//! awaited or called, and a request that finds a pooled connection touches neither.

mod attempt_budget;
mod attempt_recorder;
mod candidates;
mod config;
mod connecting;
mod environment;
mod error;
mod failed_routes;
mod layer;
mod no_proxy;
mod plan;
mod planner;
mod planning;
mod proxy_order;
mod proxy_selector;
mod recent_map;
mod resolve;
mod route_database;
mod route_history;
mod settings;
mod unresolved;

pub use self::{
    config::RouteConfig,
    connecting::Connecting,
    environment::{EnvironmentProxies, ProxyVariableError},
    error::{NoAddresses, NothingSelected, OtherFamily, SelectorFailed},
    failed_routes::{FailedRoute, FailedRoutes},
    layer::RouteLayer,
    no_proxy::NoProxy,
    plan::RoutePlan,
    planner::RoutePlanner,
    planning::Planning,
    proxy_order::ProxyOrder,
    proxy_selector::ProxySelector,
    unresolved::{NoAnswers, Unresolved},
};

/// The contract of what is below.
pub use skybridge_core::RouteConnector;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
