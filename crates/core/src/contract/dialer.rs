use crate::{Attempt, ConnectError, Io, Link};
use std::{
    future::Future,
    task::{Context, Poll},
};
use tower_service::Service;

/// Trait alias: a service that turns one [`Attempt`] into a [`Link`]. Implement `Service`, bound on this.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not dial a single `Attempt`",
    label = "a race belongs directly above a dialer",
    note = "a dialer is a `tower::Service<Attempt, Response = Link<impl Io>> + Clone`, such as `Tcp`",
    note = "from the top: RetryLayer, PoolLayer, RouteLayer, NegotiateLayer, TlsLayer, TunnelLayer, RaceLayer, Tcp"
)]
pub trait Dialer: Clone + Send + 'static {
    /// The stream of its links.
    type Io: Io;
    /// Why there is no link.
    type Error: Into<ConnectError> + Send;
    /// The future of a link.
    type Future: Future<Output = Result<Link<Self::Io>, Self::Error>> + Send + 'static;

    /// `Service::poll_ready`.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>>;
    /// `Service::call`.
    fn dial(&mut self, attempt: Attempt) -> Self::Future;
}

#[diagnostic::do_not_recommend]
impl<S, I> Dialer for S
where
    S: Service<Attempt, Response = Link<I>> + Clone + Send + 'static,
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

    fn dial(&mut self, attempt: Attempt) -> Self::Future {
        self.call(attempt)
    }
}
