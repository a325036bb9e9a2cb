use crate::bucket::Bucket;
use crate::held::Held;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError, Weak},
};

/// The limit on all sockets of a pool, and the queue of those who would open one. Nothing at all when there is no limit.
pub(crate) struct Budget<C: Held> {
    limit: Option<usize>,
    inside: Mutex<Inside<C>>,
}

struct Inside<C: Held> {
    open: usize,
    queue: VecDeque<Weak<Bucket<C>>>,
}

impl<C: Held> Budget<C> {
    pub(crate) fn new(limit: Option<usize>) -> Self {
        Self { limit, inside: Mutex::new(Inside { open: 0, queue: VecDeque::new() }) }
    }

    /// Takes a permit.
    pub(crate) fn acquire(&self) -> bool {
        let Some(limit) = self.limit else { return true };
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let free = inside.open < limit;
        inside.open += usize::from(free);
        free
    }

    pub(crate) fn is_full(&self) -> bool {
        self.limit.is_some_and(|limit| self.inside.lock().unwrap_or_else(PoisonError::into_inner).open >= limit)
    }

    /// Gives a permit back.
    pub(crate) fn free(&self) {
        if self.limit.is_some() {
            self.inside.lock().unwrap_or_else(PoisonError::into_inner).open -= 1;
        }
    }

    /// Whether somebody stands in the queue.
    #[inline]
    pub(crate) fn is_wanted(&self) -> bool {
        self.limit.is_some() && !self.inside.lock().unwrap_or_else(PoisonError::into_inner).queue.is_empty()
    }

    /// Whoever is next, when there is a permit that nobody took.
    pub(crate) fn next(&self) -> Option<Arc<Bucket<C>>> {
        let limit = self.limit?;
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        while inside.open < limit {
            if let Some(next) = inside.queue.pop_front()?.upgrade() {
                return Some(next);
            }
        }
        None
    }

    pub(crate) fn queue(&self, bucket: &Arc<Bucket<C>>) {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        if inside.queue.len() == inside.queue.capacity() {
            // Those whose requests have all left are gone, and not out of the queue.
            inside.queue.retain(|bucket| bucket.strong_count() > 0);
        }
        inside.queue.push_back(Arc::downgrade(bucket));
    }
}

#[cfg(test)]
impl<C: Held> Budget<C> {
    pub(crate) fn open(&self) -> usize {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner).open
    }

    pub(crate) fn queued(&self) -> usize {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner).queue.len()
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.inside.try_lock().is_err()
    }
}
