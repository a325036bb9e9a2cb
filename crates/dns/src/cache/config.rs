use std::time::Duration;

/// How long answers are kept, and how many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CacheConfig {
    pub(crate) min_ttl: Duration,
    pub(crate) max_ttl: Duration,
    pub(crate) negative_ttl: Duration,
    pub(crate) refresh_ahead: Duration,
    pub(crate) stale_if_error: Duration,
    pub(crate) max_entries: usize,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            min_ttl: Duration::from_secs(10),
            max_ttl: Duration::from_secs(300),
            negative_ttl: Duration::from_secs(10),
            refresh_ahead: Duration::from_secs(5),
            stale_if_error: Duration::ZERO,
            max_entries: 1024,
        }
    }
}

impl CacheConfig {
    /// How long addresses are kept. A resolver that doesn't know their time to live is asked again early.
    pub(crate) fn ttl(&self, known: Option<Duration>) -> Duration {
        // Not `clamp`, which panics where the least is more than the most.
        known.unwrap_or(Duration::ZERO).max(self.min_ttl).min(self.max_ttl)
    }
}
