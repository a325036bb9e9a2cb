use crate::mode::Mode;
use fastrand::Rng;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Sleep, sleep};

/// A few turns of the scheduler, and then perhaps some time.
#[derive(Debug)]
pub(crate) struct Pause {
    turns: u32,
    millis: u64,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Pause {
    /// Mostly short. In real time it is seldom a timer, or the machine would mostly be waiting.
    pub(crate) fn random(rng: &mut Rng, mode: Mode) -> Self {
        let timed = match mode {
            Mode::Virtual => rng.u8(..4) < 2,
            Mode::Threads => rng.u8(..32) == 0,
        };
        Self { turns: rng.u32(..4), millis: if timed { rng.u64(1..6) } else { 0 }, sleep: None }
    }

    pub(crate) fn millis(millis: u64) -> Self {
        Self { turns: 0, millis, sleep: None }
    }
}

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.turns > 0 {
            self.turns -= 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.millis == 0 {
            return Poll::Ready(());
        }
        let time = Duration::from_millis(self.millis);
        self.sleep.get_or_insert_with(|| Box::pin(sleep(time))).as_mut().poll(cx)
    }
}
