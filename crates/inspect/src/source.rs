use skybridge_pool::PoolSnapshot;
use skybridge_route::FailedRoute;

/// Whoever can say what a client does: for an [`Inspector`](crate::Inspector).
pub trait Source: Send + Sync + 'static {
    /// What it does now, with at most so many origins; `None` when it is gone. A source should not keep its client
    /// alive.
    fn snapshot(&self, most_origins: usize) -> Option<Snapshot>;
}

/// What a client does right now.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Its pool.
    pub pool: PoolSnapshot,
    /// The routes that failed recently; `None` where that isn't known.
    pub failed_routes: Option<Vec<FailedRoute>>,
}
