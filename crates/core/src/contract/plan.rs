use crate::{ConnectError, Route, Target};
use std::{
    future::Future,
    task::{Context, Poll},
};
use tower_service::Service;

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
pub trait Planner: Clone + Send + 'static {
    /// What it decides.
    type Plan: Plan;
    /// Why it could not.
    type Error: Into<ConnectError> + Send;
    /// Decides.
    type Future: Future<Output = Result<Self::Plan, Self::Error>> + Send + 'static;

    /// As of `Service`.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>>;
    /// `Service::call`.
    fn plan(&mut self, target: Target) -> Self::Future;
}

#[diagnostic::do_not_recommend]
impl<S, P> Planner for S
where
    S: Service<Target, Response = P> + Clone + Send + 'static,
    S::Error: Into<ConnectError> + Send,
    S::Future: Send + 'static,
    P: Plan,
{
    type Plan = P;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Service::poll_ready(self, cx)
    }

    fn plan(&mut self, target: Target) -> Self::Future {
        self.call(target)
    }
}
