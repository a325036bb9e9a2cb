use crate::{
    candidates::{Candidate, Candidates},
    connecting::{Connecting, connect},
};
use skybridge_core::{BoxFuture, Outline, Plan, Resolver, Route, RouteConnector};
use std::fmt;

/// A decided route, the connector that opens it, and the candidates that remain should it fail. Addresses that the
/// resolver finds later are added to its endpoints while it connects.
pub struct RoutePlan<S, R> {
    pub(crate) connector: S,
    pub(crate) candidate: Box<Candidate>,
    pub(crate) candidates: Box<Candidates<R>>,
}

impl<S: RouteConnector, R: Resolver> Plan for RoutePlan<S, R> {
    type Connection = S::Connection;
    type Connecting = Connecting<S::Connection>;

    fn route(&self) -> &Route {
        &self.candidate.route
    }

    fn connect(self) -> Self::Connecting {
        Connecting(Box::pin(connect(Box::new(self.connector), self.candidate, self.candidates)))
    }

    fn outline(self) -> BoxFuture<Outline> {
        let Self { mut candidate, candidates, .. } = self;
        Box::pin(async move {
            candidate.late_answers.finish().await;
            let mut outline = Outline::new(candidate.route.clone());
            outline.ways = candidates.ways();
            outline.told = candidate.proxy_targets.iter().flat_map(|targets| targets.snapshot()).collect();
            outline
        })
    }
}

impl<S, R> fmt::Debug for RoutePlan<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoutePlan").field("route", &self.candidate.route).finish_non_exhaustive()
    }
}
