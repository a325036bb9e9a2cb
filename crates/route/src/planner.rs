use crate::{
    candidates::Candidates,
    plan::RoutePlan,
    planning::{Planning, plan},
    proxy_selector::ProxyChoice,
    route_database::RouteDatabase,
    settings::Settings,
};
use skybridge_core::{ConnectError, Resolver, RouteConnector, Target};
use std::{
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// The service that [`RouteLayer`](crate::RouteLayer) makes: a target in, a [`RoutePlan`] out.
///
/// # Errors
/// Those of the resolver and of the proxy selector, [`NoAddresses`](crate::NoAddresses), and
/// [`TimedOut`](skybridge_core::TimedOut) when the first addresses take too long. No socket has been opened by then.
#[derive(Clone, Debug)]
pub struct RoutePlanner<S, R> {
    pub(crate) inner: S,
    pub(crate) resolver: R,
    pub(crate) settings: Settings,
    pub(crate) database: Arc<RouteDatabase>,
    pub(crate) proxy_choice: ProxyChoice,
}

impl<S: RouteConnector, R: Resolver> Service<Target> for RoutePlanner<S, R> {
    type Response = RoutePlan<S, R>;
    type Error = ConnectError;
    type Future = Planning<S, R>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        // Not every target needs the resolver: whether it is ready is asked on a clone, when it does.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Target) -> Self::Future {
        let Self { inner, resolver, settings, database, proxy_choice } = self.clone();
        let candidates = Candidates::new(resolver, settings, database, proxy_choice, target);
        // Boxed once: by value they would lie several times in each future that they pass through.
        Planning(Box::pin(plan(inner, Box::new(candidates))))
    }
}
