use crate::shared::{clock::Clock, notify::Notify, time::Timestamp};
use skybridge_core::{Runtime, Sleep};
use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Poll,
};

/// What the reaper calls: the pool.
pub(crate) trait Expire: Send + Sync + 'static {
    /// Ends what is overdue. When to look again; never, once nothing is left.
    fn expire(&self) -> Option<Timestamp>;
    fn clock(&self) -> &Clock;
    fn runtime(&self) -> &Arc<dyn Runtime>;
}

/// Ends what has been idle for too long: one task and one timer per pool, and none when nothing is idle.
#[derive(Debug)]
pub(crate) struct Reaper {
    running: AtomicBool,
    stopped: AtomicBool,
    /// When it looks next, in nanoseconds; [`Timestamp::NEVER`] while it looks or doesn't run.
    next: AtomicU64,
    wake: Notify,
}

impl Reaper {
    pub(crate) fn new() -> Self {
        let next = AtomicU64::new(Timestamp::NEVER.0);
        Self { running: AtomicBool::new(false), stopped: AtomicBool::new(false), next, wake: Notify::default() }
    }

    /// Makes it look no later than at that time. To be called after what it is to see is in place.
    pub(crate) fn look_by(&self, time: Timestamp) {
        if time.0 < self.next.load(Ordering::SeqCst) {
            self.wake.notify();
        }
    }

    #[inline]
    pub(crate) fn is_running(&self) -> bool {
        self.running.load(Ordering::Acquire)
    }

    /// Starts its task, unless it runs.
    #[cold]
    pub(crate) fn start<E: Expire>(self: &Arc<Self>, pool: &Arc<E>) {
        if !self.running.swap(true, Ordering::AcqRel) {
            let task = reap(Running(Some(Arc::clone(self))), Arc::clone(self), Arc::downgrade(pool));
            pool.runtime().spawn(Box::pin(task));
        }
    }

    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.wake.notify();
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

async fn reap<E: Expire>(mut running: Running, reaper: Arc<Reaper>, pool: Weak<E>) {
    let mut timer: Option<Pin<Box<dyn Sleep>>> = None;
    loop {
        {
            let Some(pool) = pool.upgrade() else { return };
            reaper.next.store(Timestamp::NEVER.0, Ordering::SeqCst);
            let next = match pool.expire() {
                Some(next) => next,
                None => {
                    reaper.running.store(false, Ordering::Release);
                    // Whoever made something idle while this looked has found it running, and started none.
                    match pool.expire() {
                        Some(next) if !reaper.running.swap(true, Ordering::AcqRel) => next,
                        _ => {
                            running.0 = None;
                            return;
                        }
                    }
                }
            };
            reaper.next.store(next.0, Ordering::SeqCst);
            let next = pool.clock().instant(next);
            match &mut timer {
                Some(timer) => timer.as_mut().reset(next),
                None => timer = Some(pool.runtime().sleep_until(next)),
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
