use crate::{
    connect::{Connecting, connect},
    settings::Settings,
};
use http::Uri;
use skybridge_core::{ConnectError, Io, Link, Plan, Planner};
use std::task::{Context, Poll};
use tower_service::Service;

/// The service of [`HyperLayer`](crate::HyperLayer): connects to the origin of a URI.
#[derive(Clone, Debug)]
pub struct Hyper<P> {
    pub(crate) inner: P,
    pub(crate) settings: Settings,
}

impl<P, I> Service<Uri> for Hyper<P>
where
    P: Planner<Plan: Plan<Connection = Link<I>>>,
    I: Io,
{
    type Response = crate::HyperIo<I>;
    type Error = ConnectError;
    type Future = Connecting<I>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        // The planner's readiness is polled on a clone, within the connect: if it fails, that connect fails, not the
        // client.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Connecting(Box::pin(connect(self.inner.clone(), self.settings.clone(), uri)))
    }
}
