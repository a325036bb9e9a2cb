use crate::{ConnectError, Io, Link, Route};
use std::{
    future::Future,
    task::{Context, Poll},
};
use tower_service::Service;

/// Trait alias: a service that turns a [`Route`] into a [`Link`]. Implement `Service`, bound on this.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not connect a `Route`",
    label = "this layer belongs directly above a connector",
    note = "a connector is a `tower::Service<Route, Response = Link<impl Io>> + Clone`, such as `RaceLayer` makes of a dialer",
    note = "from the top: RetryLayer, PoolLayer, RouteLayer, NegotiateLayer, TlsLayer, TunnelLayer, RaceLayer, Tcp"
)]
pub trait Connector: Clone + Send + 'static {
    /// The stream of its links.
    type Io: Io;
    /// Why there is no link.
    type Error: Into<ConnectError> + Send;
    /// The future of a link.
    type Future: Future<Output = Result<Link<Self::Io>, Self::Error>> + Send + 'static;

    /// `Service::poll_ready`.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>>;
    /// `Service::call`.
    fn connect(&mut self, route: Route) -> Self::Future;
}

#[diagnostic::do_not_recommend]
impl<S, I> Connector for S
where
    S: Service<Route, Response = Link<I>> + Clone + Send + 'static,
    S::Error: Into<ConnectError> + Send,
    S::Future: Send + 'static,
    I: Io,
{
    type Io = I;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Service::poll_ready(self, cx)
    }

    fn connect(&mut self, route: Route) -> Self::Future {
        self.call(route)
    }
}
