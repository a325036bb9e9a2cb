use skybridge_core::sync::Mutex;
use std::{
    sync::{
        Arc, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

/// Counts the pieces of one upload that the h2 crate has and hasn't sent: until the last has left, or was thrown away, their stream is open and
/// counts against the peer's limit. That crate doesn't tell, but it drops what it no longer needs.
#[derive(Debug, Default)]
pub(crate) struct Unsent {
    pieces: AtomicUsize,
    waiting: Mutex<Option<Waker>>,
}

/// Held by each piece.
#[derive(Debug)]
pub(crate) struct Held(Arc<Unsent>);

// === impl Unsent ===

impl Unsent {
    #[inline]
    pub(crate) fn hold(self: &Arc<Self>) -> Held {
        self.pieces.fetch_add(1, Ordering::Relaxed);
        Held(Arc::clone(self))
    }

    #[inline]
    pub(crate) fn is_none(&self) -> bool {
        self.pieces.load(Ordering::Acquire) == 0
    }

    /// Ready when nothing is unsent.
    pub(crate) fn poll_none(&self, cx: &Context<'_>) -> Poll<()> {
        // The last piece is counted out before it looks for a waker: either it finds this one, or its end is seen here.
        let mut waiting = self.waiting();
        if self.is_none() {
            return Poll::Ready(());
        }
        *waiting = Some(cx.waker().clone());
        Poll::Pending
    }

    fn waiting(&self) -> MutexGuard<'_, Option<Waker>> {
        self.waiting.lock()
    }
}

// === impl Held ===

impl Drop for Held {
    #[inline]
    fn drop(&mut self) {
        if self.0.pieces.fetch_sub(1, Ordering::AcqRel) == 1 {
            let waiting = self.0.waiting().take();
            if let Some(waker) = waiting {
                waker.wake();
            }
        }
    }
}
