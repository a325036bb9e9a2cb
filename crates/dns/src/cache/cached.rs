use super::{entries::Entry, waiter::Waiter};
use futures_core::Stream;
use skybridge_core::{Answer, ConnectError};
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

/// The answers of a [`Cache`](crate::Cache): what it has, or those of a lookup as they come. Drop it to stop waiting.
pub struct Cached(Source);

enum Source {
    Known(Option<Answer>, Option<ConnectError>),
    Lookup(Waiter),
}

impl Cached {
    pub(super) fn known(entry: &Entry, now: Instant) -> Self {
        let Entry { endpoints, error, expires, .. } = entry;
        let mut answer = Answer::only(endpoints.iter().cloned());
        answer.ttl = Some(expires.saturating_duration_since(now));
        answer.last = error.is_none();
        let answer = (answer.last || !endpoints.is_empty()).then_some(answer);
        Self(Source::Known(answer, error.clone()))
    }

    pub(super) fn waiting(waiter: Waiter) -> Self {
        Self(Source::Lookup(waiter))
    }
}

impl Stream for Cached {
    type Item = Result<Answer, ConnectError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.0 {
            Source::Known(answer, error) => Poll::Ready(answer.take().map(Ok).or_else(|| error.take().map(Err))),
            Source::Lookup(waiter) => waiter.poll_next(cx),
        }
    }
}

impl fmt::Debug for Cached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached").finish_non_exhaustive()
    }
}
