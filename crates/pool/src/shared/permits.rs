use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

/// Who waits for a permit to open a socket: the connections of one origin.
pub(crate) trait PermitWaiter: Send + Sync {
    /// A permit is free, and it no longer stands in the queue.
    fn permit_freed(self: Arc<Self>);

    /// Whether it still has no connection and needs one. If not, it leaves the queue.
    fn still_starves(self: Arc<Self>) -> bool;
}

/// The limit on the sockets of a pool, and the queue of the origins that want to open one. Does nothing when there is
/// no limit.
///
/// Origins without any connection ("starving") come first. After such an origin has been overtaken by a number of
/// requests of others, connections in use make room for it.
pub(crate) struct SocketPermits {
    limit: Option<usize>,
    max_overtaking: usize,
    /// A starving origin is in the queue. Changed under the lock.
    contended: AtomicBool,
    inside: Mutex<Inside>,
}

struct Inside {
    open: usize,
    /// Origins without a connection.
    starving: VecDeque<Starving>,
    /// Origins that want one more.
    queue: VecDeque<Weak<dyn PermitWaiter>>,
    /// How many requests were served while an origin was starving.
    served: u64,
    /// How many shared connections take no more requests in order to make room, and still carry some.
    making_room: usize,
}

struct Starving {
    origin: Weak<dyn PermitWaiter>,
    /// `served` when it came.
    since: u64,
}

fn same(one: &Weak<dyn PermitWaiter>, other: &Arc<dyn PermitWaiter>) -> bool {
    std::ptr::addr_eq(one.as_ptr(), Arc::as_ptr(other))
}

impl SocketPermits {
    pub(crate) fn new(limit: Option<usize>, max_overtaking: usize) -> Self {
        let inside = Inside { open: 0, starving: VecDeque::new(), queue: VecDeque::new(), served: 0, making_room: 0 };
        Self { limit, max_overtaking, contended: AtomicBool::new(false), inside: Mutex::new(inside) }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
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

    /// Gives a permit back, and offers it to the queue.
    pub(crate) fn release(&self) {
        if self.limit.is_none() {
            return;
        }
        {
            let mut inside = self.inside();
            inside.open -= 1;
            inside.making_room = inside.making_room.saturating_sub(1);
        }
        self.offer();
    }

    /// As long as permits are free, the origins in the queue may try.
    pub(crate) fn offer(&self) {
        while let Some(next) = self.next() {
            next.permit_freed();
        }
    }

    /// Whether an origin stands in the queue.
    #[inline]
    pub(crate) fn is_wanted(&self) -> bool {
        self.limit.is_some() && {
            let inside = self.inside();
            !inside.starving.is_empty() || !inside.queue.is_empty()
        }
    }

    /// Whether a starving origin is in the queue.
    #[inline]
    pub(crate) fn is_contended(&self) -> bool {
        self.limit.is_some() && self.contended.load(Relaxed)
    }

    /// Who is next, while a permit is free.
    fn next(&self) -> Option<Arc<dyn PermitWaiter>> {
        let limit = self.limit?;
        let mut inside = self.inside();
        while inside.open < limit {
            let next = match inside.starving.pop_front() {
                Some(starving) => starving.origin,
                None => inside.queue.pop_front()?,
            };
            self.contended.store(!inside.starving.is_empty(), Relaxed);
            if let Some(next) = next.upgrade() {
                return Some(next);
            }
        }
        None
    }

    /// Puts an origin into the queue. One that is in it for one more connection and starves by now is moved.
    pub(crate) fn enqueue(&self, origin: Arc<dyn PermitWaiter>, starves: bool) {
        let mut inside = self.inside();
        let Inside { starving, queue, served, .. } = &mut *inside;
        if starves {
            queue.retain(|other| !same(other, &origin));
            if starving.len() == starving.capacity() {
                // Origins that are gone are removed when the queue would grow.
                starving.retain(|other| other.origin.strong_count() > 0);
            }
            starving.push_back(Starving { origin: Arc::downgrade(&origin), since: *served });
            self.contended.store(true, Relaxed);
        } else {
            if queue.len() == queue.capacity() {
                queue.retain(|other| other.strong_count() > 0);
            }
            queue.push_back(Arc::downgrade(&origin));
        }
    }

    /// Takes a starving origin out of the queue: it has a connection by now, or needs none.
    pub(crate) fn dequeue(&self, origin: &Arc<dyn PermitWaiter>) {
        let mut inside = self.inside();
        inside.starving.retain(|other| !same(&other.origin, origin));
        self.contended.store(!inside.starving.is_empty(), Relaxed);
    }

    /// A request was served on a shared connection while an origin starves. True when that connection should make
    /// room: one for each origin that was overtaken by as many requests as may be.
    #[cold]
    pub(crate) fn overtaken_by_shared(&self) -> bool {
        self.overtaken() && self.is_due() && {
            let mut inside = self.inside();
            let makes_room = self.is_due_at(&inside, inside.making_room);
            inside.making_room += usize::from(makes_room);
            makes_room
        }
    }

    /// A request was served while an origin starves. True when no more may be.
    pub(crate) fn overtaken(&self) -> bool {
        let mut inside = self.inside();
        inside.served += 1;
        self.is_due_at(&inside, 0)
    }

    /// Whether a connection should make room for an origin that has none and was overtaken by as many requests as may
    /// be. To be called without a lock of the pool: it asks that origin.
    #[cold]
    pub(crate) fn is_due(&self) -> bool {
        while let Some(first) = self.due() {
            if first.still_starves() {
                return true;
            }
        }
        false
    }

    fn due(&self) -> Option<Arc<dyn PermitWaiter>> {
        let mut inside = self.inside();
        while self.is_due_at(&inside, 0) {
            match inside.starving.front().and_then(|first| first.origin.upgrade()) {
                Some(first) => return Some(first),
                None => drop(inside.starving.pop_front()),
            }
        }
        self.contended.store(!inside.starving.is_empty(), Relaxed);
        None
    }

    fn is_due_at(&self, inside: &Inside, place: usize) -> bool {
        let most = u64::try_from(self.max_overtaking).unwrap_or(u64::MAX);
        inside.starving.get(place).is_some_and(|starving| inside.served - starving.since >= most)
    }
}

#[cfg(all(test, not(loom)))]
impl SocketPermits {
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
