use crate::{
    machine::Grant,
    origin::pending_connect::Flight,
    shared::held::Held,
    shared::sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};
use skybridge_core::{CallId, ConnectionId, Error, Observe, Timeouts};
use std::{
    fmt,
    task::{Context, Poll, Waker},
};

/// Who waits, and for whom the search is made.
#[derive(Clone, Default)]
pub(crate) struct Luggage {
    pub(crate) observer: Option<std::sync::Arc<dyn Observe>>,
    pub(crate) call: Option<CallId>,
    pub(crate) timeouts: Timeouts,
}

/// One request's place in the queue of its bucket.
pub(crate) struct Ticket<C: Held> {
    slot: Mutex<Slot<C>>,
    /// The search this ticket has joined. Written under the bucket's lock.
    flight: Mutex<Option<Arc<Flight>>>,
    /// It was this ticket that began a search.
    initiator: AtomicBool,
    /// When it joined its search, on the hub's clock.
    joined: AtomicU64,
    /// The connection that the search it had joined ended with; 0 is none.
    landed: AtomicU64,
    pub(crate) luggage: Luggage,
}

enum Slot<C: Held> {
    Waiting(Option<Waker>),
    Ready(Result<Grant<C>, Error>),
    /// Taken, or its request was dropped.
    Gone,
}

impl<C: Held> Ticket<C> {
    pub(crate) fn new(luggage: Luggage) -> Arc<Self> {
        Arc::new(Self {
            slot: Mutex::new(Slot::Waiting(None)),
            flight: Mutex::new(None),
            initiator: AtomicBool::new(false),
            joined: AtomicU64::new(0),
            landed: AtomicU64::new(0),
            luggage,
        })
    }

    fn slot(&self) -> MutexGuard<'_, Slot<C>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn flight(&self) -> MutexGuard<'_, Option<Arc<Flight>>> {
        self.flight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It joins a search now.
    pub(crate) fn joins(&self, now: u64) {
        self.joined.store(now, Relaxed);
    }

    pub(crate) fn joined(&self) -> u64 {
        self.joined.load(Relaxed)
    }

    pub(crate) fn initiates(&self) {
        self.initiator.store(true, Relaxed);
    }

    pub(crate) fn is_initiator(&self) -> bool {
        self.initiator.load(Relaxed)
    }

    pub(crate) fn landed(&self, connection: Option<ConnectionId>) {
        self.landed.store(connection.map_or(0, |id| id.0), Relaxed);
    }

    /// True when the search it had joined ended with this connection.
    pub(crate) fn has_landed(&self, connection: Option<ConnectionId>) -> bool {
        connection.is_some_and(|id| id.0 == self.landed.load(Relaxed))
    }

    pub(crate) fn is_waiting(&self) -> bool {
        matches!(*self.slot(), Slot::Waiting(_))
    }

    /// Hands over what was waited for; given back when nobody waits any more.
    pub(crate) fn deliver(&self, result: Result<Grant<C>, Error>) -> Option<Result<Grant<C>, Error>> {
        let waker = {
            let mut slot = self.slot();
            match &mut *slot {
                Slot::Waiting(waker) => {
                    let waker = waker.take();
                    *slot = Slot::Ready(result);
                    waker
                }
                _ => return Some(result),
            }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        None
    }

    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<Grant<C>, Error>> {
        let mut slot = self.slot();
        match &mut *slot {
            Slot::Waiting(waker) => {
                match waker {
                    Some(waker) => waker.clone_from(cx.waker()),
                    None => *waker = Some(cx.waker().clone()),
                }
                Poll::Pending
            }
            _ => match std::mem::replace(&mut *slot, Slot::Gone) {
                Slot::Ready(result) => Poll::Ready(result),
                _ => Poll::Pending,
            },
        }
    }

    /// The request was dropped: what was delivered and not taken comes back.
    pub(crate) fn leave(&self) -> Option<Grant<C>> {
        let left = std::mem::replace(&mut *self.slot(), Slot::Gone);
        // What is not returned is dropped here, outside the lock.
        match left {
            Slot::Ready(Ok(grant)) => Some(grant),
            _ => None,
        }
    }
}

impl<C: Held> fmt::Debug for Ticket<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("waiting", &self.is_waiting()).finish_non_exhaustive()
    }
}
