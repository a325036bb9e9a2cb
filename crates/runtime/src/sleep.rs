use skybridge_core::Sleep;
use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Instant,
};
use tokio::task::unconstrained;

/// Tokio's timer as a [`Sleep`].
pub(crate) struct TokioSleep(Pin<Box<tokio::time::Sleep>>);

impl TokioSleep {
    pub(crate) fn until(deadline: Instant) -> Self {
        Self(Box::pin(tokio::time::sleep_until(deadline.into())))
    }
}

impl Future for TokioSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // Regardless of the task's budget: what the timer should end may have used the budget up in this poll, and
        // would do so again in the next one.
        pin!(unconstrained(self.0.as_mut())).poll(cx)
    }
}

impl Sleep for TokioSleep {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.0.as_mut().reset(deadline.into());
    }
}
