use crate::{origin::Bucket, shared::held::Held};
use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

/// How many other names may be coalesced onto one connection. A name beyond that opens a connection of its own, which
/// can carry as many again.
pub(crate) const MOST_GUESTS: usize = 1024;

/// The buckets of other keys that use a shared connection (its guests), and the line of buckets, its own included, with
/// requests that wait for one of its streams.
///
/// A free stream is offered only to the first bucket in the line, so the cost doesn't depend on the number of names. A
/// bucket with more requests waiting goes back to the end of the line: the names take turns.
pub(crate) struct Guests<C: Held> {
    /// There is a guest, or was one.
    any: AtomicBool,
    inside: Mutex<Inside<C>>,
}

struct Inside<C: Held> {
    buckets: Vec<Weak<Bucket<C>>>,
    line: VecDeque<Weak<Bucket<C>>>,
}

impl<C: Held> Guests<C> {
    pub(crate) fn new() -> Self {
        let inside = Inside { buckets: Vec::new(), line: VecDeque::new() };
        Self { any: AtomicBool::new(false), inside: Mutex::new(inside) }
    }

    fn inside(&self) -> MutexGuard<'_, Inside<C>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is a guest, or was one. If not, only the connection's own bucket can wait for it, and no line is
    /// needed.
    #[inline]
    pub(crate) fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// Adds a guest. False when there are too many; true when it is one already.
    pub(crate) fn add(&self, bucket: &Arc<Bucket<C>>) -> bool {
        let mut inside = self.inside();
        if inside.buckets.iter().any(|other| is(other, bucket)) {
            return true;
        }
        if inside.buckets.len() >= MOST_GUESTS {
            return false;
        }
        inside.buckets.push(Arc::downgrade(bucket));
        self.any.store(true, Ordering::Release);
        true
    }

    /// Removes a guest, from the line too.
    pub(crate) fn remove(&self, bucket: &Bucket<C>) {
        let mut inside = self.inside();
        if let Some(at) = inside.buckets.iter().position(|other| is(other, bucket)) {
            inside.buckets.swap_remove(at);
        }
        inside.line.retain(|other| !is(other, bucket));
    }

    pub(crate) fn all(&self) -> Vec<Arc<Bucket<C>>> {
        self.inside().buckets.iter().filter_map(Weak::upgrade).collect()
    }

    /// Puts a bucket with waiting requests at the end of the line, unless it is in it.
    pub(crate) fn line_up(&self, bucket: &Arc<Bucket<C>>) {
        let mut inside = self.inside();
        if !inside.line.iter().any(|other| is(other, bucket)) {
            inside.line.push_back(Arc::downgrade(bucket));
        }
    }

    /// Takes the first bucket out of the line.
    pub(crate) fn next(&self) -> Option<Arc<Bucket<C>>> {
        let mut inside = self.inside();
        std::iter::from_fn(|| inside.line.pop_front()).find_map(|bucket| bucket.upgrade())
    }

    /// Empties the line.
    pub(crate) fn take_line(&self) -> Vec<Arc<Bucket<C>>> {
        self.inside().line.drain(..).filter_map(|bucket| bucket.upgrade()).collect()
    }
}

fn is<C: Held>(weak: &Weak<Bucket<C>>, bucket: &Bucket<C>) -> bool {
    std::ptr::eq(weak.as_ptr(), bucket)
}

impl<C: Held> fmt::Debug for Guests<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guests").field("any", &self.any()).finish_non_exhaustive()
    }
}
