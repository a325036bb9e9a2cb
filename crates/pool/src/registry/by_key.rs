use crate::{origin::Bucket, registry::Hub, shared::held::Held};
use hashbrown::{DefaultHashBuilder, HashTable};
use skybridge_core::{Key, KeyRef, OriginError};
use std::{
    hash::BuildHasher,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak,
        atomic::{AtomicUsize, Ordering},
    },
};

const SHARDS: usize = 16;
/// How many buckets are looked at to find one that has been idle for long.
const SAMPLE: usize = 64;

/// The buckets by key, in shards that are only read-locked by a hit. A key is hashed once.
pub(crate) struct Buckets<C: Held> {
    hasher: DefaultHashBuilder,
    shards: [RwLock<HashTable<Arc<Bucket<C>>>>; SHARDS],
    /// Where the last sample ended.
    hand: AtomicUsize,
}

impl<C: Held> Buckets<C> {
    pub(crate) fn new() -> Self {
        Self { hasher: DefaultHashBuilder::default(), shards: Default::default(), hand: AtomicUsize::new(0) }
    }

    fn shard(&self, hash: u64) -> &RwLock<HashTable<Arc<Bucket<C>>>> {
        // The table itself uses the low bits and the top seven.
        &self.shards[(hash >> 48) as usize % SHARDS]
    }

    /// Takes out all.
    pub(crate) fn clear(&self) -> Vec<Arc<Bucket<C>>> {
        self.shards.iter().flat_map(|shard| write(shard).drain().collect::<Vec<_>>()).collect()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Bucket<C>>> {
        self.shards.iter().flat_map(|shard| read(shard).iter().cloned().collect::<Vec<_>>()).collect()
    }

    /// All when there are few; otherwise a few, others each time.
    pub(crate) fn sample(&self) -> Vec<Arc<Bucket<C>>> {
        let mut sample = Vec::new();
        let hand = self.hand.fetch_add(1, Ordering::Relaxed);
        for i in 0..SHARDS {
            let shard = read(&self.shards[(hand + i) % SHARDS]);
            sample.extend(shard.iter().take(SAMPLE - sample.len()).cloned());
            if sample.len() == SAMPLE {
                break;
            }
        }
        sample
    }
}

impl<C: Held> Buckets<C> {
    #[inline]
    pub(crate) fn find_or_insert(&self, key: KeyRef<'_>, hub: &Weak<Hub<C>>) -> Result<Arc<Bucket<C>>, OriginError> {
        let hash = self.hasher.hash_one(key);
        let shard = self.shard(hash);
        if let Some(bucket) = read(shard).find(hash, |bucket| Key::as_ref(&bucket.key) == key) {
            return Ok(Arc::clone(bucket));
        }
        Self::insert(shard, hash, key, hub)
    }

    #[cold]
    fn insert(
        shard: &RwLock<HashTable<Arc<Bucket<C>>>>,
        hash: u64,
        key: KeyRef<'_>,
        hub: &Weak<Hub<C>>,
    ) -> Result<Arc<Bucket<C>>, OriginError> {
        let owned = key.to_owned()?;
        let mut table = write(shard);
        if let Some(bucket) = table.find(hash, |bucket| Key::as_ref(&bucket.key) == key) {
            return Ok(Arc::clone(bucket));
        }
        let bucket = Arc::new(Bucket::new(owned, hash, hub.clone()));
        table.insert_unique(hash, Arc::clone(&bucket), |bucket| bucket.hash);
        Ok(bucket)
    }

    /// Takes out a bucket that holds nothing; whoever has it in hand will find it closed.
    pub(crate) fn remove(&self, bucket: &Arc<Bucket<C>>) {
        let mut table = write(self.shard(bucket.hash));
        if let Ok(entry) = table.find_entry(bucket.hash, |other| Arc::ptr_eq(other, bucket))
            && bucket.retire()
        {
            entry.remove();
            if table.is_empty() {
                table.shrink_to_fit(|bucket| bucket.hash);
            }
        }
    }
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
impl<C: Held> Buckets<C> {
    /// Whether a shard, or any bucket, is locked.
    pub(crate) fn is_locked(&self) -> bool {
        self.shards.iter().any(|shard| match shard.try_write() {
            Ok(table) => table.iter().any(|bucket| bucket.is_locked()),
            Err(_) => true,
        })
    }
}
