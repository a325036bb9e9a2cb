use skybridge_core::sync::Mutex;
use std::{
    sync::{
        Arc, MutexGuard,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

/// Counts the pieces of one upload that the h2 crate has not sent yet: until the last was sent or dropped, the stream
/// is open and counts against the peer's limit. The h2 crate doesn't report that, but it drops what it no longer needs.
#[derive(Debug, Default)]
pub(crate) struct UnsentPieces {
    pieces: AtomicUsize,
    /// How many bytes of them were taken. Only compared with what it was before, so that it may start anywhere.
    taken: AtomicU64,
    waiting: Mutex<Option<Waker>>,
}

/// One unsent piece. Counted until it is dropped.
#[derive(Debug)]
pub(crate) struct UnsentPiece(Arc<UnsentPieces>);

// === impl UnsentPieces ===

impl UnsentPieces {
    #[inline]
    pub(crate) fn add(self: &Arc<Self>) -> UnsentPiece {
        self.pieces.fetch_add(1, Ordering::Relaxed);
        UnsentPiece(Arc::clone(self))
    }

    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.load(Ordering::Acquire) == 0
    }

    /// Ready when no piece is unsent.
    pub(crate) fn poll_empty(&self, cx: &Context<'_>) -> Poll<()> {
        // The last piece is subtracted before the waker is looked for: either it finds this one, or its end is seen
        // here.
        let mut waiting = self.waiting();
        if self.is_empty() {
            return Poll::Ready(());
        }
        *waiting = Some(cx.waker().clone());
        Poll::Pending
    }

    fn waiting(&self) -> MutexGuard<'_, Option<Waker>> {
        self.waiting.lock()
    }
}

// === impl UnsentPiece ===

impl UnsentPiece {
    /// So much of it was taken.
    #[inline]
    pub(crate) fn taken(&self, bytes: usize) {
        // Nobody else adds: the h2 crate takes pieces under its lock.
        let before = self.0.taken.load(Ordering::Relaxed);
        self.0.taken.store(before.wrapping_add(bytes as u64), Ordering::Relaxed);
    }
}

impl Drop for UnsentPiece {
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
