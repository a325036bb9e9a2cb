use crate::origin::{OriginPool, uri_key::UriKey};
use hashbrown::{DefaultHashBuilder, HashTable};
use http::Uri;
use std::{
    hash::BuildHasher,
    sync::{Arc, PoisonError, RwLock},
};

const SHARDS: usize = 16;

type Table<C> = HashTable<Arc<OriginPool<C>>>;

/// Origins by what stands in the URI: the same text means the same origin, so that most requests need no parsing. An
/// origin is found by the first spelling it was asked for by; others take the longer way, by key. Only for requests
/// without options of their own.
pub(crate) struct UriCache<C: Send + 'static> {
    hasher: DefaultHashBuilder,
    shards: [RwLock<Table<C>>; SHARDS],
}

impl<C: Send + 'static> UriCache<C> {
    pub(crate) fn new() -> Self {
        Self { hasher: DefaultHashBuilder::default(), shards: Default::default() }
    }

    #[inline]
    fn hash(&self, https: bool, authority: &str) -> u64 {
        self.hasher.hash_one(authority) ^ u64::from(https)
    }

    #[inline]
    fn shard(&self, hash: u64) -> &RwLock<Table<C>> {
        &self.shards[(hash >> 48) as usize % SHARDS]
    }

    #[inline]
    pub(crate) fn find(&self, uri: &Uri) -> Option<Arc<OriginPool<C>>> {
        let (https, authority) = UriKey::parts(uri)?;
        let hash = self.hash(https, authority);
        let table = self.shard(hash).read().unwrap_or_else(PoisonError::into_inner);
        table.find(hash, |origin| origin.uri_key.get().is_some_and(|key| key.is(https, authority))).cloned()
    }

    /// From now on this spelling leads to that origin, unless another spelling does already.
    pub(crate) fn insert(&self, uri: &Uri, origin: &Arc<OriginPool<C>>) {
        let Some((https, authority)) = UriKey::parts(uri) else { return };
        let hash = self.hash(https, authority);
        if origin.uri_key.set(UriKey::new(hash, https, authority)).is_err() {
            return;
        }
        {
            let mut table = self.shard(hash).write().unwrap_or_else(PoisonError::into_inner);
            let is = |origin: &Arc<OriginPool<C>>| origin.uri_key.get().is_some_and(|key| key.is(https, authority));
            while let Ok(entry) = table.find_entry(hash, is) {
                entry.remove();
            }
            table.insert_unique(hash, Arc::clone(origin), rehash);
        }
        // Taken out of the pool meanwhile: whoever did that may have looked here before.
        if origin.is_closed() {
            self.remove(origin);
        }
    }

    /// The origin is out of the pool.
    pub(crate) fn remove(&self, origin: &Arc<OriginPool<C>>) {
        let Some(key) = origin.uri_key.get() else { return };
        let mut table = self.shard(key.hash).write().unwrap_or_else(PoisonError::into_inner);
        if let Ok(entry) = table.find_entry(key.hash, |other| Arc::ptr_eq(other, origin)) {
            entry.remove();
        }
        if table.is_empty() {
            table.shrink_to_fit(rehash);
        }
    }
}

fn rehash<C: Send + 'static>(origin: &Arc<OriginPool<C>>) -> u64 {
    // invariant: only origins with a spelling are in the table.
    origin.uri_key.get().map_or(0, |key| key.hash)
}
