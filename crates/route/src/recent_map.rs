use skybridge_core::sync::Mutex;
use std::{
    borrow::Borrow,
    collections::HashMap,
    fmt,
    hash::Hash,
    time::{Duration, Instant},
};

/// How many entries are kept at most.
const MAX_ENTRIES: usize = 1024;

/// What was learned recently: the latest 1,024 entries, each for a limited time.
pub(crate) struct RecentMap<K, V> {
    max_age: Duration,
    entries: Mutex<HashMap<K, (V, Instant)>>,
}

impl<K: Clone + Eq + Hash, V: Clone> RecentMap<K, V> {
    /// None are kept where `max_age` is zero.
    pub(crate) fn new(max_age: Duration) -> Self {
        Self { max_age, entries: Mutex::default() }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.lock().len()
    }

    pub(crate) fn get(&self, key: &K, now: Instant) -> Option<V> {
        self.with(key, now, V::clone)
    }

    /// Reads an entry under the lock.
    pub(crate) fn with<T>(&self, key: &K, now: Instant, read: impl FnOnce(&V) -> T) -> Option<T> {
        let mut entries = self.entries.lock();
        let (value, at) = entries.get(key)?;
        if now.saturating_duration_since(*at) < self.max_age {
            return Some(read(value));
        }
        entries.remove(key);
        None
    }

    pub(crate) fn insert(&self, key: K, value: V, now: Instant) {
        if self.max_age.is_zero() {
            return;
        }
        let mut entries = self.entries.lock();
        entries.insert(key, (value, now));
        if entries.len() > MAX_ENTRIES {
            entries.retain(|_, (_, at)| now.saturating_duration_since(*at) < self.max_age);
        }
        // Looking for the oldest reads the whole map, which only a failed connect pays for.
        while entries.len() > MAX_ENTRIES {
            let oldest = entries.iter().min_by_key(|(_, (_, at))| *at).map(|(key, _)| key.clone());
            oldest.and_then(|key| entries.remove(&key));
        }
    }

    /// All that are recent, and until when each is.
    pub(crate) fn all(&self, now: Instant) -> Vec<(K, V, Instant)> {
        let entries = self.entries.lock();
        let recent = entries.iter().filter(|(_, (_, at))| now.saturating_duration_since(*at) < self.max_age);
        // What is never forgotten has no end that an instant can say: it is shown as of now.
        recent.map(|(k, (v, at))| (k.clone(), v.clone(), at.checked_add(self.max_age).unwrap_or(now))).collect()
    }

    pub(crate) fn remove(&self, key: &K) {
        self.entries.lock().remove(key);
    }

    /// Removes the entry if it has this value.
    pub(crate) fn remove_value<Q: Eq + ?Sized>(&self, key: &K, value: &Q)
    where
        V: Borrow<Q>,
    {
        let mut entries = self.entries.lock();
        if entries.get(key).is_some_and(|(own, _)| own.borrow() == value) {
            entries.remove(key);
        }
    }
}

impl<K, V> fmt::Debug for RecentMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecentMap").field("entries", &self.entries.lock().len()).finish_non_exhaustive()
    }
}
