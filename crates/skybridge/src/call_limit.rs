use skybridge_core::{Cause, Delivery, Error, Phase, Runtime, Sleep, TimedOut};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

/// How long a call may take, all in all. One timer, which goes from the call to the body of its response; none unless a
/// limit is set.
pub(crate) struct CallLimit {
    /// Wakes whoever waits for something else.
    timer: Pin<Box<dyn Sleep>>,
    runtime: Arc<dyn Runtime>,
    deadline: Instant,
    limit: Duration,
}

impl CallLimit {
    /// From now on. `None` when it is further away than the clock can tell: no limit.
    pub(crate) fn start(runtime: &Arc<dyn Runtime>, limit: Duration) -> Option<Box<Self>> {
        let deadline = runtime.now().checked_add(limit)?;
        let timer = runtime.sleep_until(deadline);
        Some(Box::new(Self { timer, runtime: Arc::clone(runtime), deadline, limit }))
    }

    /// Whether it is over, by the clock: a timer doesn't fire for somebody who never waits.
    pub(crate) fn is_over(&self) -> bool {
        self.runtime.now() >= self.deadline
    }

    /// When it is over.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Ready when it is over.
    pub(crate) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<TimedOut> {
        let fired = self.timer.as_mut().poll(cx).is_ready();
        if fired || self.is_over() { Poll::Ready(self.timed_out()) } else { Poll::Pending }
    }

    /// The error of a response's body when it is over.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        self.poll_over(cx).map(|_| self.error())
    }

    /// The error of a response's body.
    pub(crate) fn error(&self) -> Error {
        Error::of(Delivery::Unknown, Phase::Call, Cause::TimedOut(self.timed_out())).during(Phase::Body)
    }

    /// What it is as an error.
    pub(crate) fn timed_out(&self) -> TimedOut {
        TimedOut { phase: Phase::Call, limit: self.limit }
    }
}
