use crate::{ResolveError, once::Once, pick::by_endpoints};
use skybridge_core::{Endpoint, Query};
use std::{
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// Answers every query with the same endpoints, in the order given: one server behind every name.
///
/// Port 0 is replaced by that of the query. A query for families of which there is no endpoint fails with
/// [`ResolveError::NoAddresses`].
#[derive(Clone, Debug)]
pub struct Fixed(Arc<[Endpoint]>);

impl Fixed {
    /// Answers with these endpoints.
    pub fn new(endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        Self(endpoints.into_iter().collect())
    }
}

impl Service<Query> for Fixed {
    type Response = Once;
    type Error = ResolveError;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, query: Query) -> Self::Future {
        ready(by_endpoints(&query, &self.0).map(Once::new))
    }
}
