use skybridge_core::{Cause, Delivery, Error, Phase, Runtime, Sleep, TimedOut};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

/// How long a call may take, all in all. One timer, which goes from the call to the body of its response; none unless a limit is set.
pub(crate) struct CallLimit {
    timer: Pin<Box<dyn Sleep>>,
    limit: Duration,
}

impl CallLimit {
    /// From now on. `None` when it is further away than the clock can tell: no limit.
    pub(crate) fn start(runtime: &Arc<dyn Runtime>, limit: Duration) -> Option<Box<Self>> {
        let deadline = runtime.now().checked_add(limit)?;
        Some(Box::new(Self { timer: runtime.sleep_until(deadline), limit }))
    }

    /// The error of a response's body when it is over.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let timed_out = |timed_out| Error::of(Delivery::Unknown, Phase::Call, Cause::TimedOut(timed_out));
        self.poll_over(cx).map(timed_out)
    }

    /// Ready when it is over.
    pub(crate) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<TimedOut> {
        self.timer.as_mut().poll(cx).map(|()| TimedOut { phase: Phase::Call, limit: self.limit })
    }
}
