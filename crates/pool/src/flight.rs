use crate::{
    signal::Signal,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// One search for a connection, as its bucket sees it. The task that makes it is in `search`.
#[derive(Debug, Default)]
pub(crate) struct Flight {
    /// How many tickets wait for it. Changed under the bucket's lock only.
    joined: AtomicUsize,
    /// Set when the last ticket has left or the pool is closed: the task asks its bucket whether to go on.
    pub(crate) lonely: Signal,
}

impl Flight {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn join(&self) {
        self.joined.fetch_add(1, Ordering::AcqRel);
    }

    /// True when that was the last: then it is to be set `lonely`, once the lock is free.
    pub(crate) fn leave(&self) -> bool {
        self.joined.fetch_sub(1, Ordering::AcqRel) == 1
    }

    pub(crate) fn joined(&self) -> usize {
        self.joined.load(Ordering::Acquire)
    }
}
