use crate::{ConnectError, Route, Target, service_alias};
use std::future::Future;

/// A decided, not yet opened connection: the first endpoints are known, no socket exists. Dropping it costs nothing, which is what
/// makes coalescing possible.
pub trait Plan: Send + 'static {
    /// What it becomes.
    type Connection: Send + 'static;
    /// Connects: every route is tried before it fails, and the error tells of all attempts.
    type Connecting: Future<Output = Result<Self::Connection, ConnectError>> + Send + 'static;

    /// The route that will be tried first.
    fn route(&self) -> &Route;
    /// Opens it.
    fn connect(self) -> Self::Connecting;
}

service_alias! {
    /// Trait alias: a service that turns a [`Target`] into a [`Plan`]. Implement `Service`, bound on this.
    ///
    /// Its future is over when the plan is there, and no socket is by then: so a limit around a planner, of time or of how many at once, is one of
    /// planning alone. What limits connects belongs around what the plan opens: below the route layer, where each call is one way's connect.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` does not plan how to reach a `Target`",
        label = "this layer belongs directly above a planner",
        note = "a planner is a `tower::Service<Target, Response = impl Plan> + Clone`, such as `RouteLayer` makes",
        note = "from the top: RetryLayer, PoolLayer, RouteLayer, NegotiateLayer, TlsLayer, TunnelLayer, RaceLayer, Tcp",
        note = "under a foreign client: HyperLayer, RouteLayer, TlsLayer, TunnelLayer, RaceLayer, Tcp"
    )]
    pub trait Planner {
        /// What it decides.
        type Plan: crate::Plan;
        /// Decides.
        type Future;
        fn plan(target: Target) -> Plan;
    }
}
