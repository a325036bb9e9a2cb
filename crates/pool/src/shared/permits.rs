use crate::origin::Bucket;
use crate::shared::held::Held;
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

/// The limit on the sockets of a pool, and the queue of buckets that want to open one. Does nothing when there is no
/// limit.
///
/// Buckets without any connection (starving) come first. After such a bucket has been overtaken by a number of
/// requests of others, connections in use make room for it.
pub(crate) struct Budget<C: Held> {
    limit: Option<usize>,
    most_overtaking: usize,
    /// A starving bucket is in the queue. Changed under the lock.
    contended: AtomicBool,
    inside: Mutex<Inside<C>>,
}

struct Inside<C: Held> {
    open: usize,
    /// Buckets without a connection.
    starving: VecDeque<Starving<C>>,
    /// Buckets that want one more.
    queue: VecDeque<Weak<Bucket<C>>>,
    /// How many requests were served while a bucket was starving.
    served: u64,
    /// How many shared connections take no more requests in order to make room, and still carry some.
    making_room: usize,
}

struct Starving<C: Held> {
    bucket: Weak<Bucket<C>>,
    /// `served` when it came.
    since: u64,
}

impl<C: Held> Budget<C> {
    pub(crate) fn new(limit: Option<usize>, most_overtaking: usize) -> Self {
        let inside = Inside { open: 0, starving: VecDeque::new(), queue: VecDeque::new(), served: 0, making_room: 0 };
        Self { limit, most_overtaking, contended: AtomicBool::new(false), inside: Mutex::new(inside) }
    }

    fn inside(&self) -> MutexGuard<'_, Inside<C>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a permit.
    pub(crate) fn acquire(&self) -> bool {
        let Some(limit) = self.limit else { return true };
        let mut inside = self.inside();
        let free = inside.open < limit;
        inside.open += usize::from(free);
        free
    }

    pub(crate) fn is_full(&self) -> bool {
        self.limit.is_some_and(|limit| self.inside().open >= limit)
    }

    /// Gives a permit back.
    pub(crate) fn free(&self) {
        if self.limit.is_some() {
            let mut inside = self.inside();
            inside.open -= 1;
            inside.making_room = inside.making_room.saturating_sub(1);
        }
    }

    /// Whether somebody stands in the queue.
    #[inline]
    pub(crate) fn is_wanted(&self) -> bool {
        self.limit.is_some() && {
            let inside = self.inside();
            !inside.starving.is_empty() || !inside.queue.is_empty()
        }
    }

    /// Whether a starving bucket is in the queue.
    #[inline]
    pub(crate) fn is_contended(&self) -> bool {
        self.limit.is_some() && self.contended.load(Relaxed)
    }

    /// Whoever is next, when there is a permit that nobody took.
    pub(crate) fn next(&self) -> Option<Arc<Bucket<C>>> {
        let limit = self.limit?;
        let mut inside = self.inside();
        while inside.open < limit {
            let next = match inside.starving.pop_front() {
                Some(starving) => starving.bucket,
                None => inside.queue.pop_front()?,
            };
            self.contended.store(!inside.starving.is_empty(), Relaxed);
            if let Some(next) = next.upgrade() {
                return Some(next);
            }
        }
        None
    }

    /// Puts a bucket into the queue. One that is in it for one more connection and starves by now is moved.
    pub(crate) fn queue(&self, bucket: &Arc<Bucket<C>>, starving: bool) {
        let mut inside = self.inside();
        let Inside { starving: without, queue, served, .. } = &mut *inside;
        if starving {
            queue.retain(|other| !std::ptr::eq(other.as_ptr(), Arc::as_ptr(bucket)));
            if without.len() == without.capacity() {
                // Buckets that are gone are removed when the queue would grow.
                without.retain(|other| other.bucket.strong_count() > 0);
            }
            without.push_back(Starving { bucket: Arc::downgrade(bucket), since: *served });
            self.contended.store(true, Relaxed);
        } else {
            if queue.len() == queue.capacity() {
                queue.retain(|other| other.strong_count() > 0);
            }
            queue.push_back(Arc::downgrade(bucket));
        }
    }

    /// A request was served while a bucket starves. True when no more may be.
    pub(crate) fn overtakes(&self) -> bool {
        let mut inside = self.inside();
        inside.served += 1;
        self.is_due(&inside, 0)
    }

    /// A starving bucket that has been overtaken by as many requests as may be.
    pub(crate) fn due(&self) -> Option<Arc<Bucket<C>>> {
        let mut inside = self.inside();
        while self.is_due(&inside, 0) {
            match inside.starving.front().and_then(|first| first.bucket.upgrade()) {
                Some(first) => return Some(first),
                None => drop(inside.starving.pop_front()),
            }
        }
        self.contended.store(!inside.starving.is_empty(), Relaxed);
        None
    }

    /// Whether one more shared connection should make room: one for each bucket that is due.
    pub(crate) fn makes_room(&self) -> bool {
        let mut inside = self.inside();
        let may = self.is_due(&inside, inside.making_room);
        inside.making_room += usize::from(may);
        may
    }

    /// Takes a bucket out of the queue that has a connection by now, or needs none.
    pub(crate) fn leave(&self, bucket: &Arc<Bucket<C>>) {
        let mut inside = self.inside();
        inside.starving.retain(|other| !std::ptr::eq(other.bucket.as_ptr(), Arc::as_ptr(bucket)));
        self.contended.store(!inside.starving.is_empty(), Relaxed);
    }

    fn is_due(&self, inside: &Inside<C>, at: usize) -> bool {
        let most = u64::try_from(self.most_overtaking).unwrap_or(u64::MAX);
        inside.starving.get(at).is_some_and(|starving| inside.served - starving.since >= most)
    }
}

#[cfg(test)]
impl<C: Held> Budget<C> {
    pub(crate) fn open(&self) -> usize {
        self.inside().open
    }

    pub(crate) fn queued(&self) -> usize {
        let inside = self.inside();
        inside.starving.len() + inside.queue.len()
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.inside.try_lock().is_err()
    }
}
