use crate::route_database::{Failed, FailureKey, OriginPath, RouteDatabase};
use skybridge_core::{Endpoint, Origin, Partition, Proxy, RecentFailure, sync::Mutex};
use std::{
    fmt,
    sync::{Arc, Weak},
    time::Instant,
};

/// Shows what a [`RouteLayer`](crate::RouteLayer) remembers of routes that failed, to people who look: see
/// [`RouteLayer::failed_routes`](crate::RouteLayer::failed_routes). Clones show the same. It keeps nothing alive, and
/// requests don't notice it.
#[derive(Clone, Default)]
pub struct FailedRoutes(Arc<Mutex<Weak<RouteDatabase>>>);

/// A route, or a part of one, that failed recently, and so is tried after others.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FailedRoute {
    /// The endpoint that failed; `None` where it is a proxy, or a way, at all of its addresses.
    pub endpoint: Option<Endpoint>,
    /// The origin that it failed for; `None` where it failed for every origin.
    pub origin: Option<Arc<Origin>>,
    /// The proxies on the way; of what failed for every origin the one that could not be reached.
    pub proxies: Arc<[Proxy]>,
    /// The partition that has learned it.
    pub partition: Option<Partition>,
    /// How it failed, and when.
    pub failure: RecentFailure,
    /// Until when it is tried after others, unless it works before.
    pub until: Instant,
}

// === impl FailedRoutes ===

impl FailedRoutes {
    /// Shows nothing until a layer is given it.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn show(&self, database: &Arc<RouteDatabase>) {
        *self.0.lock() = Arc::downgrade(database);
    }

    /// What is remembered at this time on the runtime's clock, the latest failure first: at most 1,024. `None` when
    /// there is no service of the layer, or not any more.
    pub fn list(&self, now: Instant) -> Option<Vec<FailedRoute>> {
        let database = self.0.lock().upgrade()?;
        let mut list: Vec<_> = database.all_failures(now).into_iter().map(FailedRoute::of).collect();
        list.sort_by_key(|failed| std::cmp::Reverse(failed.failure.at));
        Some(list)
    }
}

impl fmt::Debug for FailedRoutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailedRoutes").finish_non_exhaustive()
    }
}

// === impl FailedRoute ===

impl FailedRoute {
    fn of((key, failure, until): (FailureKey, RecentFailure, Instant)) -> Self {
        let of_path = |path: OriginPath| (Some(path.origin), path.proxies);
        let (endpoint, (origin, proxies)) = match key.what {
            Failed::Socket(endpoint) => (Some(endpoint), (None, Arc::default())),
            Failed::OriginAt(endpoint, path) => (Some(endpoint), of_path(path)),
            Failed::Proxy(proxy) => (None, (None, Arc::from([proxy]))),
            Failed::Path(path) => (None, of_path(path)),
        };
        Self { endpoint, origin, proxies, partition: key.partition, failure, until }
    }
}

impl fmt::Display for FailedRoute {
    /// `https://a.test at 192.0.2.1:443 via http://proxy.test:3128`, without credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.origin, &self.endpoint) {
            (Some(origin), Some(endpoint)) => write!(f, "{origin} at {endpoint}")?,
            (Some(origin), None) => write!(f, "{origin}")?,
            (None, Some(endpoint)) => write!(f, "{endpoint} for any origin")?,
            (None, None) => f.write_str("any origin")?,
        }
        for (i, proxy) in self.proxies.iter().enumerate() {
            write!(f, "{}{proxy}", if i == 0 { " via " } else { ", " })?;
        }
        Ok(())
    }
}
