use crate::{
    config::Settings,
    connector::RouteConnector,
    memory::Memory,
    plan::RoutePlan,
    planning::{Planning, plan},
    ways::{List, Ways},
};
use skybridge_core::{ConnectError, Resolver, Target};
use std::{
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// See [`RouteLayer`](crate::RouteLayer).
#[derive(Clone, Debug)]
pub struct RoutePlanner<S, R> {
    pub(crate) inner: S,
    pub(crate) resolver: R,
    pub(crate) settings: Settings,
    pub(crate) memory: Arc<Memory>,
    pub(crate) ways: List,
}

impl<S: RouteConnector, R: Resolver> Service<Target> for RoutePlanner<S, R> {
    type Response = RoutePlan<S, R>;
    type Error = ConnectError;
    type Future = Planning<S, R>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        // The resolver's readiness is asked for on a clone, by those who need it: not every target does.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Target) -> Self::Future {
        let Self { inner, resolver, settings, memory, ways } = self.clone();
        Planning(Box::pin(plan(inner, Ways::new(resolver, settings, memory, ways, target))))
    }
}
