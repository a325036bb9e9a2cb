use crate::{registry::Hub, shared::clock::Stamp, shared::held::Held, shared::notify::Signal};
use skybridge_core::Sleep;
use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Poll,
};

/// Ends what has been idle for too long: one task and one timer per pool, and none when nothing is idle.
#[derive(Debug)]
pub(crate) struct Reaper {
    running: AtomicBool,
    stopped: AtomicBool,
    /// When it looks next, in nanoseconds; [`Stamp::NEVER`] while it looks or doesn't run.
    next: AtomicU64,
    wake: Signal,
}

impl Reaper {
    pub(crate) fn new() -> Self {
        let next = AtomicU64::new(Stamp::NEVER.0);
        Self { running: AtomicBool::new(false), stopped: AtomicBool::new(false), next, wake: Signal::default() }
    }

    /// Makes it look no later than at that time. To be called after whatever it is to see is in place.
    pub(crate) fn look_by(&self, time: Stamp) {
        if time.0 < self.next.load(Ordering::SeqCst) {
            self.wake.set();
        }
    }

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
            reaper.next.store(Stamp::NEVER.0, Ordering::SeqCst);
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
            reaper.next.store(next.0, Ordering::SeqCst);
            let next = hub.clock.instant(next);
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
