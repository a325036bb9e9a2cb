use skybridge_core::{Cause, Delivery, Error, Phase, Runtime, Sleep, TimedOut};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
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

    /// The error when it is over. How far the request got is not known up here, so it may have been processed.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        ready!(self.timer.as_mut().poll(cx));
        let timed_out = TimedOut { phase: Phase::Call, limit: self.limit };
        Poll::Ready(Error::of(Delivery::Unknown, Phase::Call, Cause::TimedOut(timed_out)))
    }
}
