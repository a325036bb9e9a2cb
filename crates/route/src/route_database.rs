use crate::recent_map::RecentMap;
use skybridge_core::{Endpoint, Origin, Partition, Proxy, RecentFailure};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

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

/// The first hop of a route, of whose addresses one may be faster than another.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct FirstHopKey {
    pub(crate) hop: FirstHop,
    pub(crate) partition: Option<Partition>,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) enum FirstHop {
    Origin(Arc<Origin>),
    Proxy(Proxy),
}

/// Endpoints and proxies that failed recently (OkHttp's `RouteDatabase`), with the reasons, and the endpoint of each
/// host that connected recently while one that was tried before it didn't answer. Both are bounded and expire.
#[derive(Debug)]
pub(crate) struct RouteDatabase {
    failures: RecentMap<FailureKey, RecentFailure>,
    winners: RecentMap<FirstHopKey, Endpoint>,
}

impl RouteDatabase {
    pub(crate) fn new(max_age: Duration) -> Self {
        Self { failures: RecentMap::new(max_age), winners: RecentMap::new(max_age) }
    }

    pub(crate) fn failed_recently(&self, key: &FailureKey, now: Instant) -> bool {
        self.failures.with(key, now, |_| ()).is_some()
    }

    pub(crate) fn recent_failure(&self, key: &FailureKey, now: Instant) -> Option<RecentFailure> {
        self.failures.get(key, now)
    }

    /// All that are recent, and until when each is.
    pub(crate) fn all_failures(&self, now: Instant) -> Vec<(FailureKey, RecentFailure, Instant)> {
        self.failures.all(now)
    }

    pub(crate) fn failed(&self, key: FailureKey, failure: RecentFailure) {
        let at = failure.at;
        self.failures.insert(key, failure, at);
    }

    pub(crate) fn forget(&self, key: &FailureKey) {
        self.failures.remove(key);
    }

    pub(crate) fn is_winner(&self, key: &FirstHopKey, endpoint: &Endpoint, now: Instant) -> bool {
        self.winners.with(key, now, |winner| winner == endpoint).unwrap_or(false)
    }

    pub(crate) fn won(&self, key: FirstHopKey, endpoint: Endpoint, now: Instant) {
        self.winners.insert(key, endpoint, now);
    }

    pub(crate) fn forget_winner(&self, key: &FirstHopKey, endpoint: &Endpoint) {
        self.winners.remove_value(key, endpoint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skybridge_core::Phase;

    fn socket(n: u16) -> FailureKey {
        FailureKey { what: Failed::Socket(Endpoint::from(([127, 0, 0, 1], n))), partition: None }
    }

    fn refused(at: Instant) -> RecentFailure {
        RecentFailure::new(Phase::Tcp, at, &std::io::Error::other("refused"))
    }

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_failure_is_forgotten_after_its_time_or_on_success() {
        let (database, start) = (RouteDatabase::new(Duration::from_secs(300)), start());
        database.failed(socket(1), refused(start));
        database.failed(socket(2), refused(start));
        let recent = database.recent_failure(&socket(1), start + Duration::from_secs(299)).unwrap();
        assert_eq!((recent.to_string(), recent.at), ("tcp failed: refused".into(), start));
        assert!(!database.failed_recently(&socket(1), start + Duration::from_secs(300)));
        database.forget(&socket(2));
        assert!(!database.failed_recently(&socket(2), start));
        assert_eq!(database.failures.len(), 0);
    }

    #[test]
    fn the_oldest_failures_make_room() {
        let (database, start) = (RouteDatabase::new(Duration::from_secs(300)), start());
        for n in 0..1500 {
            database.failed(socket(n), refused(start + Duration::from_millis(n.into())));
        }
        assert_eq!(database.failures.len(), 1024);
        let now = start + Duration::from_secs(2);
        assert!(!database.failed_recently(&socket(475), now) && database.failed_recently(&socket(476), now));
    }

    #[test]
    fn partitions_do_not_see_each_others_failures() {
        let (database, start) = (RouteDatabase::new(Duration::from_secs(300)), start());
        database.failed(FailureKey { partition: Some(Partition::new("a")), ..socket(1) }, refused(start));
        assert!(!database.failed_recently(&socket(1), start));
        assert!(!database.failed_recently(&FailureKey { partition: Some(Partition::new("b")), ..socket(1) }, start));
    }

    #[test]
    fn a_host_has_one_winner_until_it_fails_or_is_old_and_hosts_are_bounded() {
        let (database, start) = (RouteDatabase::new(Duration::from_secs(300)), start());
        let hop = |n: u16| FirstHopKey {
            hop: FirstHop::Proxy(Proxy::new(skybridge_core::ProxyKind::Http, "p.test", n)),
            partition: None,
        };
        let at = |n: u16| Endpoint::from(([127, 0, 0, 1], n));
        database.won(hop(1), at(1), start);
        database.won(hop(1), at(2), start);
        assert!(!database.is_winner(&hop(1), &at(1), start) && database.is_winner(&hop(1), &at(2), start));
        database.forget_winner(&hop(1), &at(1));
        assert!(database.is_winner(&hop(1), &at(2), start + Duration::from_secs(299)));
        assert!(!database.is_winner(&hop(1), &at(2), start + Duration::from_secs(300)));
        database.won(hop(1), at(2), start);
        database.forget_winner(&hop(1), &at(2));
        assert!(!database.is_winner(&hop(1), &at(2), start));
        for n in 0..1500 {
            database.won(hop(n), at(n), start + Duration::from_millis(n.into()));
        }
        assert_eq!(database.winners.len(), 1024);
    }
}
