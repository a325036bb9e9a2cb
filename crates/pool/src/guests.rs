use crate::{bucket::Bucket, held::Held};
use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

/// How many names a connection carries besides its own. A name beyond them opens a connection, which carries as many again.
pub(crate) const MOST_GUESTS: usize = 1024;

/// The buckets of other keys that a shared connection was coalesced into, and the line of all buckets, its own too, in which requests wait
/// for one of its streams.
///
/// A stream that comes free is offered to the first in the line alone, so what that costs does not depend on how many names there are. Who
/// still waits then goes to the end of the line: no name waits longer than it takes each of the others to have its turn.
pub(crate) struct Guests<C: Held> {
    /// There is one, or was.
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

    /// Whether there is one, or was: otherwise only its own bucket can wait for it, and nobody needs a line.
    #[inline]
    pub(crate) fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// One more, unless there are too many already. True also when it is one.
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

    /// It is none any more.
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

    /// Requests wait in this bucket. It stands in the line once.
    pub(crate) fn line_up(&self, bucket: &Arc<Bucket<C>>) {
        let mut inside = self.inside();
        if !inside.line.iter().any(|other| is(other, bucket)) {
            inside.line.push_back(Arc::downgrade(bucket));
        }
    }

    /// The first of the line, which stands in it no longer.
    pub(crate) fn next(&self) -> Option<Arc<Bucket<C>>> {
        let mut inside = self.inside();
        std::iter::from_fn(|| inside.line.pop_front()).find_map(|bucket| bucket.upgrade())
    }

    /// All of the line, in which nobody stands any longer.
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
