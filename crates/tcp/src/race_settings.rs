use crate::endpoint_queue::Order;
use std::time::Duration;

/// The recommended most of the "Connection Attempt Delay" of RFC 8305, section 8.
pub(crate) const LONGEST_DELAY: Duration = Duration::from_secs(2);

/// What a [`RaceLayer`](crate::RaceLayer) tells each race.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RaceSettings {
    pub(crate) pace: Pace,
    pub(crate) timeout: Duration,
    pub(crate) resolution_delay: Duration,
    pub(crate) order: Order,
}

/// When the next attempt starts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// When the previous one has failed.
    Sequential,
    /// When one has failed, or this long after the previous one started.
    Staggered(Duration),
}
