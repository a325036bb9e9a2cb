use crate::connection::Record;
use crate::shared::held::Held;
use skybridge_core::Endpoint;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

/// How many connections to one address are considered for coalescing: the most recent ones.
const MOST_SEEN: usize = 64;

/// Which shared connections lead to an address: how one of another origin is found without looking at all.
pub(crate) struct Index<C: Held>(Mutex<HashMap<Endpoint, Vec<Weak<Record<C>>>>>);

impl<C: Held> Default for Index<C> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<C: Held> Index<C> {
    /// One that can never carry another origin is left out.
    pub(crate) fn insert(&self, record: &Arc<Record<C>>) {
        if record.exclusive || record.info.tls.is_none() {
            return;
        }
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let list = map.entry(record.info.remote.clone()).or_default();
        if list.len() == list.capacity() {
            list.retain(|other| other.strong_count() > 0);
        }
        list.push(Arc::downgrade(record));
    }

    pub(crate) fn at(&self, endpoint: &Endpoint) -> Vec<Arc<Record<C>>> {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        map.get(endpoint).into_iter().flatten().rev().filter_map(Weak::upgrade).take(MOST_SEEN).collect()
    }

    /// Forgets those that are gone.
    pub(crate) fn tidy(&self) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        map.retain(|_, list| {
            list.retain(|record| record.upgrade().is_some_and(|record| record.slots.is_open()));
            !list.is_empty()
        });
        if map.is_empty() {
            map.shrink_to_fit();
        }
    }
}

#[cfg(test)]
impl<C: Held> Index<C> {
    pub(crate) fn is_locked(&self) -> bool {
        self.0.try_lock().is_err()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}
