use crate::shared::sync::{
    Mutex, MutexGuard,
    atomic::{
        AtomicBool,
        Ordering::{Acquire, Release},
    },
    lock,
};
use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Weak},
};

/// How many other names may be coalesced onto one connection. A name beyond that opens a connection of its own, which
/// can carry as many again.
pub(crate) const MAX_COALESCED: usize = 1024;

/// The origins of other names that use a shared connection, and the line of origins, its own included, with requests
/// that wait for one of its streams.
///
/// A free stream is offered only to the first origin in the line, so the cost doesn't depend on the number of names. An
/// origin with more requests waiting goes back to the end of the line: the names take turns.
///
/// `U` is an origin, as far as the connection knows it.
pub(crate) struct CoalescedNames<U: ?Sized> {
    /// There is another name, or was one.
    any: AtomicBool,
    inside: Mutex<Inside<U>>,
}

struct Inside<U: ?Sized> {
    origins: Vec<Weak<U>>,
    line: VecDeque<Weak<U>>,
}

impl<U: ?Sized> CoalescedNames<U> {
    pub(crate) fn new() -> Self {
        let inside = Inside { origins: Vec::new(), line: VecDeque::new() };
        Self { any: AtomicBool::new(false), inside: Mutex::new(inside) }
    }

    fn inside(&self) -> MutexGuard<'_, Inside<U>> {
        lock(&self.inside)
    }

    /// Whether there is another name, or was one. If not, only the connection's own origin can wait for it, and no line
    /// is needed.
    #[inline]
    pub(crate) fn any(&self) -> bool {
        self.any.load(Acquire)
    }

    /// Adds an origin. False when there are too many; true when it is there already.
    pub(crate) fn add(&self, origin: &Arc<U>) -> bool {
        let mut inside = self.inside();
        if inside.origins.iter().any(|other| is(other, origin)) {
            return true;
        }
        if inside.origins.len() >= MAX_COALESCED {
            return false;
        }
        inside.origins.push(Arc::downgrade(origin));
        self.any.store(true, Release);
        true
    }

    /// Whether one more may be added that is not here.
    pub(crate) fn has_room_for(&self, origin: &Arc<U>) -> bool {
        let inside = self.inside();
        inside.origins.len() < MAX_COALESCED || inside.origins.iter().any(|other| is(other, origin))
    }

    /// Removes an origin, from the line too.
    pub(crate) fn remove(&self, origin: &Arc<U>) {
        let mut inside = self.inside();
        if let Some(at) = inside.origins.iter().position(|other| is(other, origin)) {
            inside.origins.swap_remove(at);
        }
        inside.line.retain(|other| !is(other, origin));
    }

    pub(crate) fn all(&self) -> Vec<Arc<U>> {
        self.inside().origins.iter().filter_map(Weak::upgrade).collect()
    }

    /// Puts an origin with waiting requests at the end of the line, unless it is in it.
    pub(crate) fn line_up(&self, origin: &Arc<U>) {
        let mut inside = self.inside();
        if !inside.line.iter().any(|other| is(other, origin)) {
            inside.line.push_back(Arc::downgrade(origin));
        }
    }

    /// Takes the first origin out of the line.
    pub(crate) fn next(&self) -> Option<Arc<U>> {
        let mut inside = self.inside();
        std::iter::from_fn(|| inside.line.pop_front()).find_map(|origin| origin.upgrade())
    }

    /// Empties the line.
    pub(crate) fn take_line(&self) -> Vec<Arc<U>> {
        self.inside().line.drain(..).filter_map(|origin| origin.upgrade()).collect()
    }
}

fn is<U: ?Sized>(weak: &Weak<U>, origin: &Arc<U>) -> bool {
    std::ptr::addr_eq(weak.as_ptr(), Arc::as_ptr(origin))
}

impl<U: ?Sized> fmt::Debug for CoalescedNames<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoalescedNames").field("any", &self.any()).finish_non_exhaustive()
    }
}
