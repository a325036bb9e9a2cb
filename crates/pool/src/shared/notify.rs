use crate::shared::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering::AcqRel},
    lock,
};
use std::task::{Context, Poll, Waker};

/// A notification for one task. Several before the task looks are one; after that it may be notified again.
#[derive(Debug, Default)]
pub(crate) struct Notify {
    notified: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Notify {
    pub(crate) fn notify(&self) {
        self.notified.swap(true, AcqRel);
        let waker = lock(&self.waker).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ready when it was notified, which is thereby taken.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.notified.swap(false, AcqRel) {
            return Poll::Ready(());
        }
        *lock(&self.waker) = Some(cx.waker().clone());
        // A notification between the look and the registration would wake nobody.
        if self.notified.swap(false, AcqRel) { Poll::Ready(()) } else { Poll::Pending }
    }
}
