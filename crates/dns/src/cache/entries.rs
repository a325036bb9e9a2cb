use super::found::Found;
use skybridge_core::{ConnectError, Families, Query};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Instant,
};

/// What was asked: the name in lower case and without a trailing dot, the port, the families, and whether the HTTPS
/// record is wanted too.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct CacheKey {
    host: Arc<str>,
    port: u16,
    families: Families,
    https_record: bool,
}

/// What came of a lookup.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) found: Arc<[Found]>,
    /// What ended the lookup, after the addresses.
    pub(super) error: Option<ConnectError>,
    /// After this it is looked up ahead of its end.
    pub(super) ends_soon: Instant,
    /// When its time to live ends.
    pub(super) expires: Instant,
    /// Until when it is an answer: also beyond `expires`, where a lookup failed since.
    pub(super) usable_until: Instant,
}

/// The answers that are kept, no more than a number of them. The one that was not asked for longest makes room.
#[derive(Debug)]
pub(super) struct Entries {
    max: usize,
    by_key: HashMap<CacheKey, (u64, Entry)>,
    /// The keys, by when they were asked for last.
    by_use: BTreeMap<u64, CacheKey>,
    uses: u64,
}

// === impl CacheKey ===

impl CacheKey {
    pub(super) fn of(query: &Query) -> Self {
        let host = query.host.strip_suffix('.').unwrap_or(&query.host);
        let is_canonical = host.len() == query.host.len() && !host.bytes().any(|byte| byte.is_ascii_uppercase());
        let host = if is_canonical { Arc::clone(&query.host) } else { host.to_ascii_lowercase().into() };
        Self { host, port: query.port, families: query.families, https_record: query.https_record }
    }

    pub(super) fn host(&self) -> &Arc<str> {
        &self.host
    }
}

// === impl Entries ===

impl Entries {
    pub(super) fn new(max: usize) -> Self {
        Self { max, by_key: HashMap::new(), by_use: BTreeMap::new(), uses: 0 }
    }

    /// The entry, which is now the one that was asked for last.
    pub(super) fn get(&mut self, key: &CacheKey) -> Option<&mut Entry> {
        let (used, entry) = self.by_key.get_mut(key)?;
        self.uses += 1;
        if let Some(key) = self.by_use.remove(used) {
            self.by_use.insert(self.uses, key);
        }
        *used = self.uses;
        Some(entry)
    }

    pub(super) fn insert(&mut self, key: CacheKey, entry: Entry) {
        self.remove(&key);
        if self.max == 0 {
            return;
        }
        while self.by_key.len() >= self.max {
            let Some((_, oldest)) = self.by_use.pop_first() else { break };
            self.by_key.remove(&oldest);
        }
        self.uses += 1;
        self.by_use.insert(self.uses, key.clone());
        self.by_key.insert(key, (self.uses, entry));
    }

    fn remove(&mut self, key: &CacheKey) {
        if let Some((used, _)) = self.by_key.remove(key) {
            self.by_use.remove(&used);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skybridge_core::Ctx;
    use skybridge_runtime::TokioRuntime;

    #[tokio::test(start_paused = true)]
    async fn no_more_are_kept_than_may_be_and_those_used_last_stay() {
        let ctx = Ctx::new(Arc::new(TokioRuntime::current()));
        let now = ctx.runtime().now();
        let key = |number: u16| CacheKey::of(&Query::new("a.test", number, ctx.clone()));
        let entry = || Entry { found: Arc::new([]), error: None, ends_soon: now, expires: now, usable_until: now };
        let mut entries = Entries::new(3);
        for number in [1, 2, 3, 1] {
            entries.insert(key(number), entry());
        }
        for number in [2, 1, 2] {
            assert!(entries.get(&key(number)).is_some());
        }
        for (number, goes) in [(4, 3), (5, 1), (6, 2)] {
            entries.insert(key(number), entry());
            assert!(!entries.by_key.contains_key(&key(goes)), "{goes}");
            assert_eq!((entries.by_key.len(), entries.by_use.len()), (3, 3));
        }
        let mut none = Entries::new(0);
        none.insert(key(1), entry());
        assert!(none.get(&key(1)).is_none() && none.by_use.is_empty());
    }
}
