//! What is shown of a pool.

use super::Registry;
use crate::{PoolSnapshot, snapshot::OriginSnapshot};

impl<C: Send + 'static> Registry<C> {
    pub(crate) fn snapshot(&self, most: usize) -> PoolSnapshot {
        let shared = &self.shared;
        let mut origins = self.by_key.all();
        origins.sort_by_cached_key(|origin| (origin.key.origin.to_string(), origin.hash));
        let mut snapshots: Vec<OriginSnapshot> = Vec::new();
        let mut more_origins = 0;
        for origin in origins {
            // Those beyond are counted, if they have anything, and not looked at any closer.
            if snapshots.len() == most {
                more_origins += usize::from(!origin.is_vacant());
                continue;
            }
            let snapshot = origin.snapshot();
            if !snapshot.is_empty() {
                snapshots.push(snapshot);
            }
        }
        let (sockets, descriptor_limit) = shared.permits.taken();
        PoolSnapshot {
            at: shared.runtime.now(),
            stats: self.stats(),
            config: shared.config.clone(),
            sockets,
            descriptor_limit,
            closed: shared.is_closed(),
            origins: snapshots,
            more_origins,
        }
    }
}
