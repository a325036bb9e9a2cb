use skybridge_core::{Runtime, Sleep};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

/// A timer that exists only once something has to be waited for.
#[derive(Default)]
pub(super) struct Timer {
    sleep: Option<Pin<Box<dyn Sleep>>>,
    runs: bool,
}

impl Timer {
    /// Ready when `limit` has passed since the first call after it was stopped.
    #[cold]
    pub(super) fn poll(&mut self, limit: Duration, runtime: &Arc<dyn Runtime>, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = || runtime.now().checked_add(limit).unwrap_or_else(|| runtime.now());
        let sleep = match &mut self.sleep {
            Some(sleep) => {
                if !self.runs {
                    sleep.as_mut().reset(deadline());
                }
                sleep
            }
            None => self.sleep.insert(runtime.sleep_until(deadline())),
        };
        self.runs = true;
        sleep.as_mut().poll(cx)
    }

    #[inline]
    pub(super) fn stop(&mut self) {
        self.runs = false;
    }
}
