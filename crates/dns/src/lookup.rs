use crate::{ResolveError, job::Job, pick::by_endpoints};
use futures_core::Stream;
use skybridge_core::{Answer, Query};
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

/// The answer of [`System`](crate::System): a stream of one item. Drop it to stop waiting.
pub struct Lookup {
    job: Option<Result<Arc<Job>, ResolveError>>,
    query: Query,
}

impl Lookup {
    pub(crate) fn new(job: Result<Arc<Job>, ResolveError>, query: Query) -> Self {
        Self { job: Some(job), query }
    }
}

impl Stream for Lookup {
    type Item = Result<Answer, ResolveError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let outcome = match &self.job {
            None => return Poll::Ready(None),
            Some(Err(error)) => Err(error.clone()),
            Some(Ok(job)) => ready!(job.poll(cx)),
        };
        self.job = None;
        Poll::Ready(Some(outcome.and_then(|endpoints| by_endpoints(&self.query, &endpoints))))
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookup").field("host", &self.query.host).finish_non_exhaustive()
    }
}
