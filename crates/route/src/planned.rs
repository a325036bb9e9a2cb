use crate::{
    connecting::{Connecting, connect},
    recall::Recall,
};
use skybridge_core::{BoxFuture, ConnectError, Plan, Route};
use std::{fmt, sync::Arc};
use tower_service::Service;

/// A decided route, and what connects it. Later answers reach its endpoints while it connects.
pub struct Planned<S> {
    pub(crate) connector: S,
    pub(crate) route: Route,
    pub(crate) recall: Arc<Recall>,
    pub(crate) late: Option<BoxFuture<()>>,
}

impl<S, C> Plan for Planned<S>
where
    S: Service<Route, Response = C, Error: Into<ConnectError> + Send, Future: Send + 'static> + Send + 'static,
    C: Send + 'static,
{
    type Connection = C;
    type Connecting = Connecting<C>;

    fn route(&self) -> &Route {
        &self.route
    }

    fn connect(self) -> Self::Connecting {
        Connecting(Box::pin(connect(self)))
    }
}

impl<S> fmt::Debug for Planned<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Planned").field("route", &self.route).finish_non_exhaustive()
    }
}
