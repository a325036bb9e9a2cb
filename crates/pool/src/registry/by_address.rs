use crate::connection::PooledConnection;
use skybridge_core::Endpoint;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

/// How many connections to one address are considered for another origin at once: the most recent ones.
const MAX_CONSIDERED: usize = 64;

/// Which connections that may carry other origins lead to an address: how one is found without looking at all.
pub(crate) struct ByAddress<C>(Mutex<HashMap<Endpoint, Vec<Weak<PooledConnection<C>>>>>);

impl<C: Send + 'static> ByAddress<C> {
    pub(crate) fn new() -> Self {
        Self(Mutex::default())
    }

    pub(crate) fn insert(&self, connection: &Arc<PooledConnection<C>>) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let list = map.entry(connection.info.remote.clone()).or_default();
        if list.len() == list.capacity() {
            list.retain(|other| other.strong_count() > 0);
        }
        list.push(Arc::downgrade(connection));
    }

    pub(crate) fn at(&self, endpoint: &Endpoint) -> Vec<Arc<PooledConnection<C>>> {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        map.get(endpoint).into_iter().flatten().rev().filter_map(Weak::upgrade).take(MAX_CONSIDERED).collect()
    }

    /// What is found by looking at all that lead to an address, the most recent first, without the lock.
    pub(crate) fn find<T>(
        &self,
        endpoint: &Endpoint,
        mut look: impl FnMut(Arc<PooledConnection<C>>) -> Option<T>,
    ) -> Option<T> {
        let mut end = usize::MAX;
        while end > 0 {
            let some: Vec<_> = {
                let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                let list = map.get(endpoint)?;
                end = end.min(list.len());
                let before = end.saturating_sub(MAX_CONSIDERED);
                let some = list[before..std::mem::replace(&mut end, before)].iter().rev();
                some.filter_map(Weak::upgrade).collect()
            };
            if let Some(found) = some.into_iter().find_map(&mut look) {
                return Some(found);
            }
        }
        None
    }

    /// Forgets those that lead to an address.
    pub(crate) fn remove(&self, endpoint: &Endpoint) {
        let removed = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(endpoint);
        drop(removed);
    }

    /// Forgets those that are gone. True when none is left.
    pub(crate) fn remove_closed(&self) -> bool {
        // Whoever holds the last of a connection drops it outside the lock.
        let mut upgraded = Vec::new();
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        map.retain(|_, list| {
            list.retain(|connection| {
                let connection = connection.upgrade();
                let open = connection.as_ref().is_some_and(|connection| connection.is_open());
                upgraded.extend(connection);
                open
            });
            !list.is_empty()
        });
        let is_empty = map.is_empty();
        if is_empty {
            map.shrink_to_fit();
        }
        drop(map);
        is_empty
    }
}

#[cfg(all(test, not(loom)))]
impl<C: Send + 'static> ByAddress<C> {
    pub(crate) fn is_locked(&self) -> bool {
        self.0.try_lock().is_err()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}
