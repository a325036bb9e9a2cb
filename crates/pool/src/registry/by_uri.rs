use crate::{origin::Bucket, shared::held::Held};
use hashbrown::{DefaultHashBuilder, HashTable};
use http::{Uri, uri::Scheme};
use std::{
    hash::{BuildHasher, Hash},
    sync::{Arc, PoisonError, RwLock},
};

const SHARDS: usize = 16;

/// Buckets by what stands in the URI: the same text means the same origin, so that most requests need no parsing. A bucket is found by the first
/// spelling it was asked for by; others take the longer way, by key. Only for requests without wishes of their own.
pub(crate) struct Spellings<C: Held> {
    hasher: DefaultHashBuilder,
    shards: [RwLock<HashTable<Arc<Bucket<C>>>>; SHARDS],
}

/// The one spelling that leads to a bucket.
#[derive(Debug)]
pub(crate) struct Spelling {
    hash: u64,
    https: bool,
    authority: Box<str>,
}

/// Scheme and authority, as they stand there.
#[inline]
fn spelled(uri: &Uri) -> Option<(bool, &str)> {
    let scheme = uri.scheme()?;
    let https = *scheme == Scheme::HTTPS;
    (https || *scheme == Scheme::HTTP).then_some((https, uri.authority()?.as_str()))
}

impl Spelling {
    #[inline]
    fn is(&self, https: bool, authority: &str) -> bool {
        self.https == https && *self.authority == *authority
    }
}

impl<C: Held> Spellings<C> {
    pub(crate) fn new() -> Self {
        Self { hasher: DefaultHashBuilder::default(), shards: Default::default() }
    }

    #[inline]
    fn hash(&self, https: bool, authority: &str) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        authority.hash(&mut hasher);
        std::hash::Hasher::finish(&hasher) ^ u64::from(https)
    }

    #[inline]
    fn shard(&self, hash: u64) -> &RwLock<HashTable<Arc<Bucket<C>>>> {
        &self.shards[(hash >> 48) as usize % SHARDS]
    }

    #[inline]
    pub(crate) fn find(&self, uri: &Uri) -> Option<Arc<Bucket<C>>> {
        let (https, authority) = spelled(uri)?;
        let hash = self.hash(https, authority);
        let table = self.shard(hash).read().unwrap_or_else(PoisonError::into_inner);
        let is = |bucket: &Arc<Bucket<C>>| bucket.spelling.get().is_some_and(|spelling| spelling.is(https, authority));
        table.find(hash, is).cloned()
    }

    /// From now on this spelling leads to that bucket, unless another one does already.
    pub(crate) fn learn(&self, uri: &Uri, bucket: &Arc<Bucket<C>>) {
        let Some((https, authority)) = spelled(uri) else { return };
        let hash = self.hash(https, authority);
        if bucket.spelling.set(Spelling { hash, https, authority: authority.into() }).is_err() {
            return;
        }
        {
            let mut table = self.shard(hash).write().unwrap_or_else(PoisonError::into_inner);
            let is =
                |bucket: &Arc<Bucket<C>>| bucket.spelling.get().is_some_and(|spelling| spelling.is(https, authority));
            while let Ok(entry) = table.find_entry(hash, is) {
                entry.remove();
            }
            table.insert_unique(hash, Arc::clone(bucket), rehash);
        }
        // Taken out of the pool meanwhile: whoever did that may have looked here before.
        if bucket.is_closed() {
            self.forget(bucket);
        }
    }

    /// The bucket is out of the pool.
    pub(crate) fn forget(&self, bucket: &Arc<Bucket<C>>) {
        let Some(spelling) = bucket.spelling.get() else { return };
        let mut table = self.shard(spelling.hash).write().unwrap_or_else(PoisonError::into_inner);
        if let Ok(entry) = table.find_entry(spelling.hash, |other| Arc::ptr_eq(other, bucket)) {
            entry.remove();
        }
        if table.is_empty() {
            table.shrink_to_fit(rehash);
        }
    }
}

fn rehash<C: Held>(bucket: &Arc<Bucket<C>>) -> u64 {
    // invariant: only buckets with a spelling are in the table.
    bucket.spelling.get().map_or(0, |spelling| spelling.hash)
}
