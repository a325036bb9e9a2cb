use crate::shared::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};
use std::task::{Context, Poll, Waker};

/// A flag that one task waits for. It may be set again after it was seen.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    set: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Signal {
    pub(crate) fn set(&self) {
        self.set.swap(true, Ordering::AcqRel);
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ready when it is set, which clears it.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.set.swap(false, Ordering::AcqRel) {
            return Poll::Ready(());
        }
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
        // Set between the look and the registration: nobody would wake us.
        if self.set.swap(false, Ordering::AcqRel) { Poll::Ready(()) } else { Poll::Pending }
    }
}
