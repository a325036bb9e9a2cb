use skybridge_core::{Endpoint, Origin, Partition, Proxy, sync::Mutex};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, MutexGuard},
    time::{Duration, Instant},
};

/// How many failures are kept at most.
const MAX_FAILURES: usize = 1024;

/// What a failure is recorded for. Partitions don't learn from each other's failures.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct FailureKey {
    pub(crate) what: Failed,
    pub(crate) partition: Option<Partition>,
}

/// What failed.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Failed {
    /// No socket could be opened to this endpoint, which concerns every origin.
    Socket(Endpoint),
    /// The origin failed on a socket that was opened to this endpoint, or that the last proxy was to open.
    OriginAt(Endpoint, OriginPath),
    /// No socket could be opened to this proxy, at any of its addresses, or it has none. That concerns every origin.
    Proxy(Proxy),
    /// The origin couldn't be reached by this path, at any address.
    Path(OriginPath),
}

/// An origin, and the proxies through which it is reached.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct OriginPath {
    pub(crate) origin: Arc<Origin>,
    pub(crate) proxies: Arc<[Proxy]>,
}

/// Endpoints and proxies that failed recently (OkHttp's `RouteDatabase`): the latest 1,024 failures, each for a limited
/// time.
pub(crate) struct RouteDatabase {
    max_age: Duration,
    failures: Mutex<HashMap<FailureKey, Instant>>,
}

impl RouteDatabase {
    pub(crate) fn new(max_age: Duration) -> Self {
        Self { max_age, failures: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<FailureKey, Instant>> {
        self.failures.lock()
    }

    pub(crate) fn failed_recently(&self, key: &FailureKey, now: Instant) -> bool {
        let mut failures = self.lock();
        let Some(at) = failures.get(key) else { return false };
        let is_recent = now.saturating_duration_since(*at) < self.max_age;
        if !is_recent {
            failures.remove(key);
        }
        is_recent
    }

    pub(crate) fn failed(&self, key: FailureKey, now: Instant) {
        if self.max_age.is_zero() {
            return;
        }
        let mut failures = self.lock();
        failures.insert(key, now);
        if failures.len() > MAX_FAILURES {
            failures.retain(|_, at| now.saturating_duration_since(*at) < self.max_age);
        }
        // Looking for the oldest reads the whole map, which only a failed connect pays for.
        while failures.len() > MAX_FAILURES {
            let oldest = failures.iter().min_by_key(|(_, at)| **at).map(|(key, _)| key.clone());
            oldest.and_then(|key| failures.remove(&key));
        }
    }

    pub(crate) fn forget(&self, key: &FailureKey) {
        self.lock().remove(key);
    }
}

impl fmt::Debug for RouteDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteDatabase").field("failures", &self.lock().len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(n: u16) -> FailureKey {
        FailureKey { what: Failed::Socket(Endpoint::from(([127, 0, 0, 1], n))), partition: None }
    }

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_failure_is_forgotten_after_its_time_or_on_success() {
        let (database, start) = (RouteDatabase::new(Duration::from_secs(300)), start());
        database.failed(socket(1), start);
        database.failed(socket(2), start);
        assert!(database.failed_recently(&socket(1), start + Duration::from_secs(299)));
        assert!(!database.failed_recently(&socket(1), start + Duration::from_secs(300)));
        database.forget(&socket(2));
        assert!(!database.failed_recently(&socket(2), start));
        assert!(database.lock().is_empty());
    }

    #[test]
    fn the_oldest_failures_make_room() {
        let (database, start) = (RouteDatabase::new(Duration::from_secs(300)), start());
        for n in 0..1500 {
            database.failed(socket(n), start + Duration::from_millis(n.into()));
        }
        assert_eq!(database.lock().len(), MAX_FAILURES);
        let now = start + Duration::from_secs(2);
        assert!(!database.failed_recently(&socket(475), now) && database.failed_recently(&socket(476), now));
    }

    #[test]
    fn partitions_do_not_see_each_others_failures() {
        let (database, start) = (RouteDatabase::new(Duration::from_secs(300)), start());
        database.failed(FailureKey { partition: Some(Partition::new("a")), ..socket(1) }, start);
        assert!(!database.failed_recently(&socket(1), start));
        assert!(!database.failed_recently(&FailureKey { partition: Some(Partition::new("b")), ..socket(1) }, start));
    }
}
