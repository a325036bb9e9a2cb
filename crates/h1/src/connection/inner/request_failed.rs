use super::super::timer::Timer;
use crate::H1Error;
use skybridge_core::Runtime;
use std::{
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

/// Why a request could not be written to its end. The peer may wait for the rest of it, so that the response is read
/// as long as it comes, and not waited for.
pub(super) struct RequestFailed {
    error: H1Error,
    /// How long the response may stall.
    limit: Duration,
    timer: Timer,
}

impl RequestFailed {
    #[cold]
    pub(super) fn new(error: H1Error, limit: Duration) -> Box<Self> {
        Box::new(Self { error, limit, timer: Timer::default() })
    }

    pub(super) fn error(&self) -> &H1Error {
        &self.error
    }

    /// The response stalls: ready when it has for too long.
    #[cold]
    pub(super) fn poll(&mut self, runtime: &Arc<dyn Runtime>, cx: &mut Context<'_>) -> Poll<H1Error> {
        ready!(self.timer.poll(self.limit, runtime, cx));
        Poll::Ready(self.error.clone())
    }

    /// The response goes on.
    pub(super) fn goes_on(&mut self) {
        self.timer.stop();
    }
}
