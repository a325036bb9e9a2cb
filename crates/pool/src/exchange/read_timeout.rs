use skybridge_core::{Ctx, Phase, Runtime, Sleep, TimedOut};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

/// How long a reader waits for more of a body. One timer, set anew only when it fires too early.
pub(crate) struct ReadTimeout {
    limit: Duration,
    runtime: Arc<dyn Runtime>,
    /// Since when the reader has waited; `None` while it has what it asked for.
    since: Option<Instant>,
    timer: Option<Pin<Box<dyn Sleep>>>,
}

impl ReadTimeout {
    pub(crate) fn new(limit: Duration, ctx: &Ctx) -> Self {
        Self { limit, runtime: Arc::clone(ctx.runtime()), since: None, timer: None }
    }

    /// Something came.
    pub(crate) fn received(&mut self) {
        self.since = None;
    }

    /// The reader waits. Ready when it has done so for too long.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<TimedOut> {
        let since = *self.since.get_or_insert_with(|| self.runtime.now());
        let Some(deadline) = since.checked_add(self.limit) else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| self.runtime.sleep_until(deadline));
        loop {
            ready!(timer.as_mut().poll(cx));
            if self.runtime.now() >= deadline {
                return Poll::Ready(TimedOut { phase: Phase::Body, limit: self.limit });
            }
            timer.as_mut().reset(deadline);
        }
    }
}
