use super::{progress::Next, shared_lookup::SharedLookup, store::Store};
use skybridge_core::{Answer, ConnectError};
use std::{
    sync::Arc,
    task::{Context, Poll},
};

/// One who waits for a shared lookup.
pub(super) struct Waiter {
    /// `None` once it has left.
    lookup: Option<Arc<SharedLookup>>,
    store: Arc<Store>,
    number: u64,
    /// How many answers it has seen.
    seen: usize,
}

impl Waiter {
    pub(super) fn new(lookup: Arc<SharedLookup>, store: Arc<Store>) -> Self {
        let number = lookup.progress.join();
        Self { lookup: Some(lookup), store, number, seen: 0 }
    }

    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Answer, ConnectError>>> {
        let Some(lookup) = &self.lookup else { return Poll::Ready(None) };
        let next = || lookup.progress.next(self.seen, self.number, cx.waker());
        let next = match next() {
            Next::Unknown => {
                lookup.poll();
                next()
            }
            known => known,
        };
        match next {
            Next::Answer(answer) => {
                self.seen += 1;
                Poll::Ready(Some(Ok(answer)))
            }
            Next::End(end) => {
                self.leave();
                Poll::Ready(end.err().map(Err))
            }
            Next::Unknown => Poll::Pending,
        }
    }

    fn leave(&mut self) {
        let Some(lookup) = self.lookup.take() else { return };
        lookup.progress.leave(self.number);
        let key = lookup.key.clone();
        drop(lookup);
        self.store.left(&key);
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.leave();
    }
}
