use crate::{explanation::Explainer, stack::HttpPool};
use skybridge_core::Connection;
use skybridge_pool::{Pool, PoolStats};
use std::fmt;

/// What a client that [`ClientBuilder`](crate::ClientBuilder) makes knows of what it stands on: its pool, and how it
/// opens connections.
pub struct Built {
    pub(crate) pool: HttpPool,
    pub(crate) explainer: Explainer,
    #[cfg(feature = "inspect")]
    pub(crate) inspected: crate::inspect::Inspected,
}

/// What a client knows of the pool below a stack that was [made by hand](crate::Client::from_stack): nothing, so it has
/// no `stats`, `evict_all` and `close`. [`StackBuilder::pool`](crate::StackBuilder::pool) tells it.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct NoPool;

/// A client's handle to its pool. Sealed: [`Built`], or a [`Pool`] of one's own.
#[diagnostic::on_unimplemented(
    message = "this client knows no pool",
    note = "its stack was made by hand: `StackBuilder::pool` takes a handle to the pool in it"
)]
pub trait PoolHandle: sealed::Sealed {
    /// What is in it right now.
    fn stats(&self) -> PoolStats;
    /// Closes what is idle, and keeps nothing of what is in use.
    fn evict_all(&self);
    /// Ends it, for all handles.
    fn close(&self);
}

mod sealed {
    pub trait Sealed {}
}

// === impl Built ===

impl sealed::Sealed for Built {}

impl PoolHandle for Built {
    fn stats(&self) -> PoolStats {
        self.pool.stats()
    }

    fn evict_all(&self) {
        self.pool.evict_all();
    }

    fn close(&self) {
        self.pool.close();
    }
}

impl fmt::Debug for Built {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pool.fmt(f)
    }
}

// === impl Pool ===

impl<C: Connection<B>, B> sealed::Sealed for Pool<C, B> {}

impl<C: Connection<B>, B> PoolHandle for Pool<C, B> {
    fn stats(&self) -> PoolStats {
        self.stats()
    }

    fn evict_all(&self) {
        self.evict_all();
    }

    fn close(&self) {
        self.close();
    }
}
