use super::{entries::Entry, found, waiter::Waiter};
use futures_core::Stream;
use skybridge_core::{Answer, ConnectError};
use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

/// The answers of a [`Cache`](crate::Cache): what it has, or those of a lookup as they come. Drop it to stop waiting.
pub struct Cached(Source);

enum Source {
    Known(VecDeque<Answer>, Option<ConnectError>),
    Lookup(Waiter),
}

impl Cached {
    pub(super) fn known(entry: &Entry, now: Instant) -> Self {
        let Entry { found, error, expires, .. } = entry;
        let mut answers: VecDeque<Answer> = found::answers(found).collect();
        if answers.is_empty() && error.is_none() {
            answers.push_back(Answer::only([]));
        }
        for answer in &mut answers {
            answer.ttl = Some(expires.saturating_duration_since(now));
        }
        if let Some(last) = answers.back_mut() {
            last.last = error.is_none();
        }
        Self(Source::Known(answers, error.clone()))
    }

    pub(super) fn waiting(waiter: Waiter) -> Self {
        Self(Source::Lookup(waiter))
    }
}

impl Stream for Cached {
    type Item = Result<Answer, ConnectError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.0 {
            Source::Known(answers, error) => Poll::Ready(answers.pop_front().map(Ok).or_else(|| error.take().map(Err))),
            Source::Lookup(waiter) => waiter.poll_next(cx),
        }
    }
}

impl fmt::Debug for Cached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached").finish_non_exhaustive()
    }
}
