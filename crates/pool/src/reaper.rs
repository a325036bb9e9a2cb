use crate::{held::Held, hub::Hub, signal::Signal};
use skybridge_core::Sleep;
use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
};

/// Ends what has been idle for too long: one task and one timer per pool, and none when nothing is idle.
#[derive(Debug, Default)]
pub(crate) struct Reaper {
    running: AtomicBool,
    stopped: AtomicBool,
    wake: Signal,
}

impl Reaper {
    /// Sees to it that somebody looks.
    #[inline]
    pub(crate) fn ensure<C: Held>(self: &Arc<Self>, hub: &Arc<Hub<C>>) {
        if !self.running.load(Ordering::Acquire) && !self.running.swap(true, Ordering::AcqRel) {
            let task = reap(Running(Some(Arc::clone(self))), Arc::clone(self), Arc::downgrade(hub));
            hub.runtime.spawn(Box::pin(task));
        }
    }

    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.wake.set();
    }
}

/// A task that is dropped by its runtime must not leave the impression that it runs.
struct Running(Option<Arc<Reaper>>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(reaper) = &self.0 {
            reaper.running.store(false, Ordering::Release);
        }
    }
}

async fn reap<C: Held>(mut running: Running, reaper: Arc<Reaper>, hub: Weak<Hub<C>>) {
    let mut timer: Option<Pin<Box<dyn Sleep>>> = None;
    loop {
        {
            let Some(hub) = hub.upgrade() else { return };
            let next = match hub.expire() {
                Some(next) => next,
                None => {
                    reaper.running.store(false, Ordering::Release);
                    // What became idle while we looked was told that somebody was looking.
                    match hub.expire() {
                        Some(next) if !reaper.running.swap(true, Ordering::AcqRel) => next,
                        _ => {
                            running.0 = None;
                            return;
                        }
                    }
                }
            };
            match &mut timer {
                Some(timer) => timer.as_mut().reset(next),
                None => timer = Some(hub.runtime.sleep_until(next)),
            }
        }
        let Some(timer) = &mut timer else { return };
        poll_fn(|cx| match reaper.wake.poll(cx) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => timer.as_mut().poll(cx),
        })
        .await;
        if reaper.stopped.load(Ordering::Acquire) {
            return;
        }
    }
}
