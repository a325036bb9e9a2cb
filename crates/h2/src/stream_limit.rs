use skybridge_core::Capacity as Streams;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The limit on streams that is assumed until the peer's SETTINGS are here: one that no peer can announce.
pub(crate) const UNANNOUNCED: usize = usize::MAX - 1;
const CLOSED: usize = usize::MAX - 2;

/// How many streams the peer allows, as its driver saw it last.
#[derive(Debug)]
pub(crate) struct Capacity {
    limit: AtomicUsize,
    optimistic: Option<u32>,
}

impl Capacity {
    pub(crate) fn new(optimistic: Option<u32>) -> Self {
        Self { limit: AtomicUsize::new(UNANNOUNCED), optimistic }
    }

    pub(crate) fn get(&self) -> Streams {
        match self.limit.load(Ordering::Acquire) {
            CLOSED => Streams::None,
            UNANNOUNCED => self.optimistic.map_or(Streams::Unknown, Streams::Streams),
            limit => Streams::Streams(saturated(limit)),
        }
    }

    /// Notes what the peer allows: the new limit, if it is one. Called by the driver alone.
    #[inline]
    pub(crate) fn sample(&self, limit: usize) -> Option<u32> {
        let before = self.limit.load(Ordering::Relaxed);
        if limit == before || before == CLOSED {
            return None;
        }
        self.limit.store(limit, Ordering::Release);
        Some(saturated(limit))
    }

    /// No more streams, whatever the peer allows.
    pub(crate) fn close(&self) {
        self.limit.store(CLOSED, Ordering::Release);
    }
}

fn saturated(limit: usize) -> u32 {
    u32::try_from(limit).unwrap_or(u32::MAX)
}
