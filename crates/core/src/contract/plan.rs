use crate::{BoxFuture, ConnectError, Outline, Route, Target, service_alias};
use std::future::{Future, ready};

/// A connection that is decided but not opened yet: its first endpoints are known, and no socket exists. To drop it
/// costs nothing, so a pool can look for a connection to the same endpoints first (coalescing).
pub trait Plan: Send + 'static {
    /// The connection that it opens.
    type Connection: Send + 'static;
    /// The future of [`connect`](Self::connect). It tries every route before it fails, and its error lists all
    /// attempts.
    type Connecting: Future<Output = Result<Self::Connection, ConnectError>> + Send + 'static;

    /// The route that will be tried first.
    fn route(&self) -> &Route;
    /// Opens the connection.
    fn connect(self) -> Self::Connecting;
    /// What it would do, once all addresses are known, within the time that a lookup may take. No socket is opened to
    /// what it leads to. Default: its [route](Self::route), with the addresses that are known by now.
    fn outline(self) -> BoxFuture<Outline>
    where
        Self: Sized,
    {
        Box::pin(ready(Outline::new(self.route().clone())))
    }
}

service_alias! {
    /// Trait alias: a service that turns a [`Target`] into a [`Plan`]. Implement `Service`, bound on this.
    ///
    /// Its future completes when the plan is decided; no socket exists by then. So a limit of time or concurrency
    /// around a planner limits planning alone. What limits connects belongs below the route layer, where each call
    /// opens one route.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` does not plan how to reach a `Target`",
        label = "this layer belongs directly above a planner",
        note = "a planner is a `tower::Service<Target, Response = impl Plan> + Clone`, such as `RouteLayer` makes",
        note = "from the top: RetryLayer, PoolLayer, RouteLayer, NegotiateLayer, TlsLayer, TunnelLayer, RaceLayer, Tcp",
        note = "under a foreign client: HyperLayer, RouteLayer, TlsLayer, TunnelLayer, RaceLayer, Tcp"
    )]
    pub trait Planner {
        /// The plan.
        type Plan: crate::Plan;
        /// The future of [`plan`](Self::plan).
        type Future;
        fn plan(target: Target) -> Plan;
    }
}
