use crate::shared::{descriptors::DescriptorLimit, time::Timestamp};
use skybridge_core::Overloaded;
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
};

/// Who waits for a permit to open a socket: the connections of one origin.
pub(crate) trait PermitWaiter: Send + Sync {
    /// A permit is free, and it no longer stands in the queue.
    fn permit_freed(self: Arc<Self>);

    /// An idle connection may be lent to it: whether it looks if it can have it, and makes room otherwise. `None` when
    /// it needs none.
    fn look(self: Arc<Self>) -> Option<bool>;

    /// Whether it still has no connection and needs one. If not, it leaves the queue.
    fn still_starves(self: Arc<Self>) -> bool;
}

/// The limit on the sockets of a pool, and the queue of the origins that want to open one. Besides the limit that is
/// set there is the system's: it is learned when there is no descriptor for one more socket, and raised as time passes.
///
/// Origins without any connection ("starving") come first. After such an origin has been overtaken by a number of
/// requests of others, connections in use make room for it.
pub(crate) struct SocketPermits {
    limit: Option<usize>,
    max_overtaking: u64,
    /// There is a limit, set or learned. Changed under the lock.
    limited: AtomicBool,
    /// A starving origin is in the queue. Changed under the lock.
    contended: AtomicBool,
    inside: Mutex<Inside>,
}

struct Inside {
    open: usize,
    learned: Option<DescriptorLimit>,
    /// Origins without a connection, in the order in which room is made for them.
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
    /// When so many were `served`, connections in use make room for it.
    due: u64,
}

fn same(one: &Weak<dyn PermitWaiter>, other: &Arc<dyn PermitWaiter>) -> bool {
    std::ptr::addr_eq(one.as_ptr(), Arc::as_ptr(other))
}

impl SocketPermits {
    pub(crate) fn new(limit: Option<usize>, max_overtaking: usize) -> Self {
        let inside = Inside {
            open: 0,
            learned: None,
            starving: VecDeque::new(),
            queue: VecDeque::new(),
            served: 0,
            making_room: 0,
        };
        Self {
            limit,
            max_overtaking: u64::try_from(max_overtaking).unwrap_or(u64::MAX),
            limited: AtomicBool::new(limit.is_some()),
            contended: AtomicBool::new(false),
            inside: Mutex::new(inside),
        }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a permit.
    ///
    /// # Errors
    /// When none is free: which limit that is.
    pub(crate) fn acquire(&self) -> Result<(), Overloaded> {
        let mut inside = self.inside();
        match inside.full(self.limit) {
            Some(full) => Err(full),
            None => {
                inside.open += 1;
                Ok(())
            }
        }
    }

    /// The limit that refuses a permit now.
    pub(crate) fn refused(&self) -> Option<Overloaded> {
        self.inside().full(self.limit)
    }

    /// How many are taken, and how many descriptors there are, if that was learned.
    pub(crate) fn taken(&self) -> (usize, Option<usize>) {
        let inside = self.inside();
        (inside.open, inside.learned.map(|learned| learned.sockets))
    }

    pub(crate) fn is_full(&self) -> bool {
        self.is_limited() && self.inside().full(self.limit).is_some()
    }

    #[inline]
    fn is_limited(&self) -> bool {
        self.limited.load(Acquire)
    }

    /// There was no descriptor for a socket that was permitted. If others have a permit, this one is given back, and
    /// there are to be no more than these from now on. Otherwise nothing of the pool's can make room, and it returns
    /// false.
    pub(crate) fn out_of_descriptors(&self, now: Timestamp) -> bool {
        let mut inside = self.inside();
        let others = inside.open.saturating_sub(1);
        if others == 0 {
            return false;
        }
        inside.open = others;
        inside.learned = Some(DescriptorLimit::new(others, now));
        self.limited.store(true, Release);
        true
    }

    /// When a limit that was learned is to be raised next.
    pub(crate) fn raise_at(&self) -> Option<Timestamp> {
        if self.is_limited() { self.inside().learned.map(|learned| learned.raise_at) } else { None }
    }

    /// Raises a limit that was learned if its time has come, and forgets it if nobody waits. Returns when to do so
    /// next.
    pub(crate) fn raise(&self, now: Timestamp) -> Option<Timestamp> {
        if self.raise_at()? <= now {
            {
                let mut inside = self.inside();
                if inside.starving.is_empty() && inside.queue.is_empty() {
                    inside.learned = None;
                    self.limited.store(self.limit.is_some(), Release);
                } else if let Some(learned) = &mut inside.learned {
                    learned.raise(now);
                }
            }
            self.offer();
        }
        self.raise_at()
    }

    /// Gives a permit back, and offers it to the queue.
    pub(crate) fn release(&self) {
        {
            let mut inside = self.inside();
            inside.open -= 1;
            inside.making_room = inside.making_room.saturating_sub(1);
        }
        if self.is_limited() {
            self.offer();
        }
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
        self.is_limited() && {
            let inside = self.inside();
            !inside.starving.is_empty() || !inside.queue.is_empty()
        }
    }

    /// An idle connection may be lent: true when whoever is the next to get a permit looks for it.
    pub(crate) fn next_looks(&self) -> bool {
        let next: Vec<_> = {
            let inside = self.inside();
            let starving = inside.starving.iter().map(|starving| &starving.origin);
            starving.chain(&inside.queue).filter_map(Weak::upgrade).collect()
        };
        next.into_iter().find_map(|origin| origin.look()).unwrap_or(false)
    }

    /// Whether a starving origin is in the queue.
    #[inline]
    pub(crate) fn is_contended(&self) -> bool {
        self.contended.load(Relaxed)
    }

    /// Who is next, while a permit is free.
    fn next(&self) -> Option<Arc<dyn PermitWaiter>> {
        let mut inside = self.inside();
        while inside.full(self.limit).is_none() {
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

    /// Puts an origin into the queue. One that is in it for one more connection and starves by now is moved. One that
    /// returns, as there was no descriptor when it had its turn, is the next again; if it starves, connections in use
    /// make room for it at once.
    pub(crate) fn enqueue(&self, origin: Arc<dyn PermitWaiter>, starves: bool, returns: bool) {
        let mut inside = self.inside();
        let Inside { starving, queue, served, .. } = &mut *inside;
        if starves {
            queue.retain(|other| !same(other, &origin));
            if starving.len() == starving.capacity() {
                // Origins that are gone are removed when the queue would grow.
                starving.retain(|other| other.origin.strong_count() > 0);
            }
            let due = if returns { *served } else { served.saturating_add(self.max_overtaking) };
            let place = starving.partition_point(|other| other.due <= due);
            starving.insert(place, Starving { origin: Arc::downgrade(&origin), due });
            self.contended.store(true, Relaxed);
        } else {
            if queue.len() == queue.capacity() {
                queue.retain(|other| other.strong_count() > 0);
            }
            let place = if returns { 0 } else { queue.len() };
            queue.insert(place, Arc::downgrade(&origin));
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
            let makes_room = inside.is_due(inside.making_room);
            inside.making_room += usize::from(makes_room);
            makes_room
        }
    }

    /// A request was served while an origin starves. True when no more may be.
    pub(crate) fn overtaken(&self) -> bool {
        let mut inside = self.inside();
        inside.served += 1;
        inside.is_due(0)
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
        while inside.is_due(0) {
            match inside.starving.front().and_then(|first| first.origin.upgrade()) {
                Some(first) => return Some(first),
                None => drop(inside.starving.pop_front()),
            }
        }
        self.contended.store(!inside.starving.is_empty(), Relaxed);
        None
    }
}

impl Inside {
    /// The limit that is reached: what is set, or what was learned.
    fn full(&self, set: Option<usize>) -> Option<Overloaded> {
        let learned = self.learned.map(|learned| (learned.sockets, "the system's limit on descriptors"));
        let limits = set.map(|set| (set, "the total connection limit")).into_iter().chain(learned);
        let (limit, what) = limits.min_by_key(|(limit, _)| *limit)?;
        (self.open >= limit).then_some(Overloaded { what, limit })
    }

    /// Whether the origin at this place of the queue has been overtaken by as many requests as may be.
    fn is_due(&self, place: usize) -> bool {
        self.starving.get(place).is_some_and(|starving| self.served >= starving.due)
    }
}

#[cfg(test)]
impl SocketPermits {
    pub(crate) fn open(&self) -> usize {
        self.inside().open
    }
}

#[cfg(all(test, not(loom)))]
impl SocketPermits {
    pub(crate) fn queued(&self) -> usize {
        let inside = self.inside();
        inside.starving.len() + inside.queue.len()
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.inside.try_lock().is_err()
    }
}
