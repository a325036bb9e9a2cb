use crate::shared::time::{Timestamp, nanos};
use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// The time when somebody last looked at the runtime's clock. A connection that becomes idle is stamped with it, as
/// asking the runtime for the time of each request costs more than it is worth.
///
/// It is never ahead, so no connection is idle for longer than its limit; the reaper looks often enough that it is not
/// far behind.
#[derive(Debug)]
pub(crate) struct Clock {
    epoch: Instant,
    seen: AtomicU64,
}

impl Clock {
    pub(crate) fn new(now: Instant) -> Self {
        Self { epoch: now, seen: AtomicU64::new(0) }
    }

    /// Somebody looked at the runtime's clock.
    pub(crate) fn set(&self, now: Instant) -> Timestamp {
        let now = self.timestamp(now);
        self.seen.fetch_max(now.0, Relaxed);
        now
    }

    /// Not later than now.
    #[inline]
    pub(crate) fn get(&self) -> Timestamp {
        Timestamp(self.seen.load(Relaxed))
    }

    pub(crate) fn timestamp(&self, time: Instant) -> Timestamp {
        Timestamp(nanos(time.saturating_duration_since(self.epoch)))
    }

    pub(crate) fn instant(&self, time: Timestamp) -> Instant {
        self.epoch + Duration::from_nanos(time.0)
    }
}
