use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// The time as it was when somebody last looked: what becomes idle is stamped with it, as a look at the real clock for each request costs more
/// than it is worth. It is never ahead, so an idle limit is never exceeded by it, and the reaper looks often enough that it is not far behind.
#[derive(Debug)]
pub(crate) struct Clock {
    epoch: Instant,
    seen: AtomicU64,
}

/// A time, in nanoseconds since its clock was made.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Stamp(pub(crate) u64);

impl Clock {
    pub(crate) fn new(now: Instant) -> Self {
        Self { epoch: now, seen: AtomicU64::new(0) }
    }

    /// Somebody looked at the real clock.
    pub(crate) fn set(&self, now: Instant) -> Stamp {
        let stamp = self.stamp(now);
        self.seen.fetch_max(stamp.0, Relaxed);
        stamp
    }

    /// Not later than now.
    #[inline]
    pub(crate) fn get(&self) -> Stamp {
        Stamp(self.seen.load(Relaxed))
    }

    pub(crate) fn stamp(&self, time: Instant) -> Stamp {
        Stamp(nanos(time.saturating_duration_since(self.epoch)))
    }

    pub(crate) fn instant(&self, stamp: Stamp) -> Instant {
        self.epoch + Duration::from_nanos(stamp.0)
    }
}

impl Stamp {
    pub(crate) const NEVER: Self = Self(u64::MAX);

    pub(crate) fn minus(self, nanos: u64) -> Self {
        Self(self.0.saturating_sub(nanos))
    }

    #[inline]
    pub(crate) fn plus(self, nanos: u64) -> Self {
        Self(self.0.saturating_add(nanos))
    }
}

pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
