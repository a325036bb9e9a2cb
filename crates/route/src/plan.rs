use crate::{
    connecting::{Connecting, connect},
    connector::RouteConnector,
    ways::{Way, Ways},
};
use skybridge_core::{Plan, Resolver, Route};
use std::fmt;

/// A decided route, what connects it, and the ways that are left should it fail. Later answers reach its endpoints while it connects.
pub struct RoutePlan<S, R> {
    pub(crate) connector: S,
    pub(crate) way: Way,
    pub(crate) ways: Ways<R>,
}

impl<S: RouteConnector, R: Resolver> Plan for RoutePlan<S, R> {
    type Connection = S::Connection;
    type Connecting = Connecting<S::Connection>;

    fn route(&self) -> &Route {
        &self.way.route
    }

    fn connect(self) -> Self::Connecting {
        Connecting(Box::pin(connect(self)))
    }
}

impl<S, R> fmt::Debug for RoutePlan<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Planned").field("route", &self.way.route).finish_non_exhaustive()
    }
}
