use crate::{Client, call::CallDefaults};
use skybridge_core::Observe;
use skybridge_inspect::{Inspector, RecentCalls, Snapshot, Source};
use skybridge_route::FailedRoutes;
use std::sync::{Arc, Weak};

/// A service that shows what a client does: its connections, who waits, the routes that failed; and its latest calls,
/// if it was built to [keep](crate::ClientBuilder::keep_calls) them. It doesn't keep the client alive. Whoever reads it
/// sees hosts and paths: serve it on localhost, or behind authentication.
pub fn inspect<S>(client: &Client<S>) -> Inspector {
    let defaults = client.defaults();
    Inspector::new(Inspecting(Arc::downgrade(defaults)), defaults.pool.inspected.calls.clone())
}

/// What a client remembers for it.
#[derive(Clone, Default)]
pub(crate) struct Inspected {
    pub(crate) failed_routes: FailedRoutes,
    calls: Option<Arc<RecentCalls>>,
}

struct Inspecting(Weak<CallDefaults>);

// === impl Inspected ===

impl Inspected {
    pub(crate) fn keep_calls(&mut self) {
        self.calls.get_or_insert_with(RecentCalls::new);
    }

    /// The user's observer, and the one that keeps calls.
    pub(crate) fn observer(&self, observer: Option<Arc<dyn Observe>>) -> Option<Arc<dyn Observe>> {
        match &self.calls {
            Some(calls) => Some(calls.beside(observer)),
            None => observer,
        }
    }
}

// === impl Inspecting ===

impl Source for Inspecting {
    fn snapshot(&self, most_origins: usize) -> Option<Snapshot> {
        let defaults = self.0.upgrade()?;
        let pool = defaults.pool.pool.snapshot(most_origins);
        let failed_routes = defaults.pool.inspected.failed_routes.list(pool.at);
        Some(Snapshot { pool, failed_routes })
    }
}
