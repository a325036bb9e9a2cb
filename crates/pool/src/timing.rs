use crate::{held::Held, hub::Hub};
use skybridge_core::{Limits, Runtime, Sleep, Wish};
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

/// The limits of one exchange that a pool looks after, and the timer of the one that runs.
pub(crate) struct Timing {
    limits: Limits,
    timer: Option<Pin<Box<dyn Sleep>>>,
}

impl Timing {
    /// `None` when there are no such limits.
    #[cold]
    pub(crate) fn of<C: Held>(hub: &Hub<C>, wish: Option<&Wish>) -> Option<Box<Self>> {
        let any = |limits: &Limits| limits.acquire.is_some() || limits.head.is_some() || limits.read_idle.is_some();
        let own = wish.map(Wish::time_limits);
        if !any(&hub.limits) && !own.is_some_and(any) {
            return None;
        }
        let limits = own.map_or_else(|| hub.limits.clone(), |own| own.or(&hub.limits));
        Some(Box::new(Self { limits, timer: None }))
    }

    /// How long to wait for a connection. The limit on opening one is the search's business.
    pub(crate) fn acquire(&self) -> Option<Duration> {
        self.limits.acquire
    }

    /// To wait for the response's head.
    pub(crate) fn head(&self) -> Option<Duration> {
        self.limits.head
    }

    /// To wait for more of its body.
    pub(crate) fn read_idle(&self) -> Option<Duration> {
        self.limits.read_idle
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
