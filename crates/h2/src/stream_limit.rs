use skybridge_core::Capacity;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The stream limit until the peer's SETTINGS have arrived: a value that no peer can announce.
pub(crate) const UNANNOUNCED: usize = usize::MAX - 1;
const CLOSED: usize = usize::MAX - 2;

/// The peer's SETTINGS_MAX_CONCURRENT_STREAMS, as the driver saw it last.
#[derive(Debug)]
pub(crate) struct StreamLimit {
    limit: AtomicUsize,
    initial_max_send_streams: Option<u32>,
    /// How many streams can be opened in all: for so many there are ids.
    ids: usize,
}

impl StreamLimit {
    pub(crate) fn new(initial_max_send_streams: Option<u32>, ids: usize) -> Self {
        Self { limit: AtomicUsize::new(UNANNOUNCED), initial_max_send_streams, ids }
    }

    pub(crate) fn get(&self) -> Capacity {
        match self.limit.load(Ordering::Acquire) {
            CLOSED => Capacity::None,
            UNANNOUNCED => self.initial_max_send_streams.map_or(Capacity::Unknown, Capacity::Streams),
            limit => Capacity::Streams(saturating_u32(limit)),
        }
    }

    /// Whether more streams can be opened, and so many as are open are far from what the peer allows, of so many that
    /// were ever opened.
    #[inline]
    pub(crate) fn is_far(&self, open: usize, opened: usize) -> bool {
        match self.limit.load(Ordering::Acquire) {
            CLOSED | UNANNOUNCED => false,
            limit => open < limit / 2 && opened < self.ids,
        }
    }

    /// Whether the peer's SETTINGS have arrived.
    pub(crate) fn is_announced(&self) -> bool {
        self.limit.load(Ordering::Relaxed) != UNANNOUNCED
    }

    /// Updates the limit, and returns it if it has changed. Called by the driver alone.
    #[inline]
    pub(crate) fn update(&self, limit: usize) -> Option<u32> {
        let before = self.limit.load(Ordering::Relaxed);
        if limit == before || before == CLOSED {
            return None;
        }
        self.limit.store(limit, Ordering::Release);
        Some(saturating_u32(limit))
    }

    /// No more streams can be opened, whatever the peer allows.
    pub(crate) fn close(&self) {
        self.limit.store(CLOSED, Ordering::Release);
    }
}

fn saturating_u32(limit: usize) -> u32 {
    u32::try_from(limit).unwrap_or(u32::MAX)
}
