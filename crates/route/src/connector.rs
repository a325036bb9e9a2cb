use skybridge_core::{ConnectError, Route};
use std::{
    future::Future,
    task::{Context, Poll},
};
use tower_service::Service;

/// Trait alias: a service that turns a [`Route`] into a connection. Implement `Service`, bound on this.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not make a connection of a `Route`",
    label = "a route layer belongs directly above what makes HTTP connections of routes",
    note = "that is a `tower::Service<Route, Response = impl Connection> + Clone`, such as `NegotiateLayer` makes of a connector",
    note = "from the top: RetryLayer, PoolLayer, RouteLayer, NegotiateLayer, TlsLayer, TunnelLayer, RaceLayer, Tcp"
)]
pub trait RouteConnector: Clone + Send + 'static {
    /// The connection.
    type Connection: Send + 'static;
    /// Why there is no connection.
    type Error: Into<ConnectError> + Send;
    /// The future of [`open`](Self::open).
    type Future: Future<Output = Result<Self::Connection, Self::Error>> + Send + 'static;

    /// `Service::poll_ready`.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>>;
    /// `Service::call`.
    fn open(&mut self, route: Route) -> Self::Future;
}

#[diagnostic::do_not_recommend]
impl<S, C> RouteConnector for S
where
    S: Service<Route, Response = C> + Clone + Send + 'static,
    S::Error: Into<ConnectError> + Send,
    S::Future: Send + 'static,
    C: Send + 'static,
{
    type Connection = C;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Service::poll_ready(self, cx)
    }

    fn open(&mut self, route: Route) -> Self::Future {
        self.call(route)
    }
}
