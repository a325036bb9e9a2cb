use std::time::Duration;

/// A point in time, in nanoseconds since the clock of its pool was made.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Timestamp(pub(crate) u64);

impl Timestamp {
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
