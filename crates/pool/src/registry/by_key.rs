use crate::origin::OriginPool;
use hashbrown::{DefaultHashBuilder, HashTable};
use skybridge_core::{Key, KeyRef, OriginError};
use std::{
    hash::BuildHasher,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

const SHARDS: usize = 16;
/// How many origins are looked at to find a connection that has been idle for long.
const SAMPLE: usize = 64;

type Table<C> = HashTable<Arc<OriginPool<C>>>;

/// The origins by key, in shards that are only read-locked by a hit. A key is hashed once.
pub(crate) struct ByKey<C: Send + 'static> {
    hasher: DefaultHashBuilder,
    shards: [RwLock<Table<C>>; SHARDS],
    /// Where the last sample ended.
    hand: AtomicUsize,
}

impl<C: Send + 'static> ByKey<C> {
    pub(crate) fn new() -> Self {
        Self { hasher: DefaultHashBuilder::default(), shards: Default::default(), hand: AtomicUsize::new(0) }
    }

    fn shard(&self, hash: u64) -> &RwLock<Table<C>> {
        // The table itself uses the low bits and the top seven.
        &self.shards[(hash >> 48) as usize % SHARDS]
    }

    /// Takes out all.
    pub(crate) fn clear(&self) -> Vec<Arc<OriginPool<C>>> {
        self.shards.iter().flat_map(|shard| write(shard).drain().collect::<Vec<_>>()).collect()
    }

    pub(crate) fn all(&self) -> Vec<Arc<OriginPool<C>>> {
        self.shards.iter().flat_map(|shard| read(shard).iter().cloned().collect::<Vec<_>>()).collect()
    }

    /// So many of them at most.
    pub(crate) fn some(&self, most: usize) -> Vec<Arc<OriginPool<C>>> {
        let mut some = Vec::new();
        for shard in &self.shards {
            some.extend(read(shard).iter().take(most - some.len()).cloned());
        }
        some
    }

    /// All when there are few; otherwise a few, others each time.
    pub(crate) fn sample(&self) -> Vec<Arc<OriginPool<C>>> {
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

    /// The origin of a key; `make` is given the owned key and its hash when there is none yet.
    ///
    /// # Errors
    /// When the key of a new origin is invalid.
    #[inline]
    pub(crate) fn find_or_insert(
        &self,
        key: KeyRef<'_>,
        make: impl FnOnce(Key, u64) -> OriginPool<C>,
    ) -> Result<Arc<OriginPool<C>>, OriginError> {
        let hash = self.hasher.hash_one(key);
        let shard = self.shard(hash);
        if let Some(origin) = read(shard).find(hash, |origin| Key::as_ref(&origin.key) == key) {
            return Ok(Arc::clone(origin));
        }
        Self::insert(shard, hash, key, make)
    }

    /// The origin of a key, if it is there.
    pub(crate) fn find(&self, key: KeyRef<'_>) -> Option<Arc<OriginPool<C>>> {
        let hash = self.hasher.hash_one(key);
        read(self.shard(hash)).find(hash, |origin| Key::as_ref(&origin.key) == key).cloned()
    }

    #[cold]
    fn insert(
        shard: &RwLock<Table<C>>,
        hash: u64,
        key: KeyRef<'_>,
        make: impl FnOnce(Key, u64) -> OriginPool<C>,
    ) -> Result<Arc<OriginPool<C>>, OriginError> {
        let owned = key.to_owned()?;
        let mut table = write(shard);
        if let Some(origin) = table.find(hash, |origin| Key::as_ref(&origin.key) == key) {
            return Ok(Arc::clone(origin));
        }
        let origin = Arc::new(make(owned, hash));
        table.insert_unique(hash, Arc::clone(&origin), |origin| origin.hash);
        Ok(origin)
    }

    /// Takes out an origin that holds nothing; whoever has it in hand will find it closed.
    pub(crate) fn remove(&self, origin: &Arc<OriginPool<C>>) {
        let mut table = write(self.shard(origin.hash));
        if let Ok(entry) = table.find_entry(origin.hash, |other| Arc::ptr_eq(other, origin))
            && origin.retire()
        {
            entry.remove();
            if table.is_empty() {
                table.shrink_to_fit(|origin| origin.hash);
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

#[cfg(all(test, not(loom)))]
impl<C: Send + 'static> ByKey<C> {
    /// Whether a shard, or any origin, is locked.
    pub(crate) fn is_locked(&self) -> bool {
        self.shards.iter().any(|shard| match shard.try_write() {
            Ok(table) => table.iter().any(|origin| origin.is_locked()),
            Err(_) => true,
        })
    }
}
