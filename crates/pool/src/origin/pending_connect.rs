use crate::{
    origin::connect_timeouts::SearchLimits,
    shared::notify::Signal,
    shared::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// One search for a connection, as its bucket sees it. The task that makes it is in `search`.
#[derive(Debug)]
pub(crate) struct Flight {
    /// How many tickets wait for it. Changed under the bucket's lock only.
    joined: AtomicUsize,
    /// Set when the waiting requests have changed or the pool is closed: the task asks its bucket whether to go on,
    /// and for how long.
    pub(crate) look: Signal,
    /// How long its steps may take. Apart from the flight, as the facts of the connection hold it for as long as that
    /// lives.
    pub(crate) timeouts: std::sync::Arc<SearchLimits>,
}

impl Flight {
    pub(crate) fn new(timeouts: SearchLimits) -> Arc<Self> {
        Arc::new(Self { joined: AtomicUsize::new(0), look: Signal::default(), timeouts: std::sync::Arc::new(timeouts) })
    }

    pub(crate) fn join(&self) {
        self.joined.fetch_add(1, Ordering::AcqRel);
    }

    /// True when that was the last: then its task is to look, once the lock is free.
    pub(crate) fn leave(&self) -> bool {
        self.joined.fetch_sub(1, Ordering::AcqRel) == 1
    }

    pub(crate) fn joined(&self) -> usize {
        self.joined.load(Ordering::Acquire)
    }
}
