use crate::{
    connecting::{Connecting, connect},
    opener::Opener,
    recall::Recall,
};
use skybridge_core::{BoxFuture, Plan, Route};
use std::{fmt, sync::Arc};

/// A decided route, and what connects it. Later answers reach its endpoints while it connects.
pub struct Planned<S> {
    pub(crate) opener: S,
    pub(crate) route: Route,
    pub(crate) recall: Arc<Recall>,
    pub(crate) late: Option<BoxFuture<()>>,
}

impl<S: Opener> Plan for Planned<S> {
    type Connection = S::Connection;
    type Connecting = Connecting<S::Connection>;

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
