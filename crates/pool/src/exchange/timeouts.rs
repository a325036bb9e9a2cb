use crate::shared::Shared;
use skybridge_core::{RequestOptions, Runtime, Sleep, Timeouts};
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

/// The time limits of one exchange that a pool keeps, and the timer of the one that runs.
pub(crate) struct ExchangeTimeouts {
    timeouts: Timeouts,
    /// Since when a connection is waited for.
    waiting: Option<Instant>,
    timer: Option<Pin<Box<dyn Sleep>>>,
}

impl ExchangeTimeouts {
    /// `None` when there are no such limits.
    #[cold]
    pub(crate) fn of(shared: &Shared, options: Option<&RequestOptions>) -> Option<Box<Self>> {
        let any = |timeouts: &Timeouts| {
            timeouts.pool_wait.is_some() || timeouts.response_head.is_some() || timeouts.read_idle.is_some()
        };
        let own = options.map(|options| &options.timeouts);
        if !any(&shared.timeouts) && !own.is_some_and(any) {
            return None;
        }
        let timeouts = own.map_or_else(|| shared.timeouts.clone(), |own| own.or(&shared.timeouts));
        Some(Box::new(Self { timeouts, waiting: None, timer: None }))
    }

    /// How long to wait for a connection. The limit on opening one is the connect's business.
    pub(crate) fn pool_wait(&self) -> Option<Duration> {
        self.timeouts.pool_wait
    }

    /// To wait for the response's head.
    pub(crate) fn response_head(&self) -> Option<Duration> {
        self.timeouts.response_head
    }

    /// To wait for more of its body.
    pub(crate) fn read_idle(&self) -> Option<Duration> {
        self.timeouts.read_idle
    }

    /// Sets the timer of the wait for a connection. How long that may be counts from when it first began, whatever was
    /// found dead or not ready since.
    pub(crate) fn wait(&mut self, runtime: &dyn Runtime) {
        let since = *self.waiting.get_or_insert_with(|| runtime.now());
        let deadline = self.timeouts.pool_wait.and_then(|limit| since.checked_add(limit));
        self.timer = deadline.map(|deadline| runtime.sleep_until(deadline));
    }

    pub(crate) fn is_armed(&self) -> bool {
        self.timer.is_some()
    }

    /// Sets the timer, in place of the one before.
    pub(crate) fn arm(&mut self, runtime: &dyn Runtime, limit: Option<Duration>) {
        let deadline = limit.and_then(|limit| runtime.now().checked_add(limit));
        self.timer = deadline.map(|deadline| runtime.sleep_until(deadline));
    }

    pub(crate) fn disarm(&mut self) {
        self.timer = None;
    }

    /// Ready when the time is over; never, when none was set.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.timer {
            Some(timer) => timer.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}
