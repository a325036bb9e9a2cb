use crate::{
    connection::PooledConnection,
    shared::{
        sync::{Mutex, MutexGuard, lock},
        time::Timestamp,
    },
};
use skybridge_core::{CallId, Error, Observe, Timeouts};
use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll, Waker},
};

/// Whose request it is that waits, and that a connect is made for.
#[derive(Clone, Default)]
pub(crate) struct RequestContext {
    pub(crate) observer: Option<Arc<dyn Observe>>,
    pub(crate) call: Option<CallId>,
    pub(crate) timeouts: Timeouts,
}

/// A connection handed to a request: an exclusive one itself, or a reserved stream of a shared one.
#[derive(Debug)]
pub(crate) enum Granted<C: Send + 'static> {
    Exclusive(C, Arc<PooledConnection<C>>),
    Stream(Arc<PooledConnection<C>>),
}

/// What a request has waited for.
#[derive(Debug)]
pub(crate) struct Delivered<G> {
    pub(crate) granted: G,
    /// It was for this request that a connect began.
    pub(crate) initiator: bool,
    /// The connect that the request had joined ended with this connection.
    pub(crate) joined: bool,
}

/// Where a request that waits gets its connection, `G`, or an error.
pub(crate) struct Waiter<G> {
    slot: Mutex<Slot<G>>,
    pub(crate) context: RequestContext,
    /// Since when it waits.
    pub(crate) since: Timestamp,
}

enum Slot<G> {
    Waiting(Option<Waker>),
    Ready(Result<Delivered<G>, Error>),
    /// Taken, or its request was dropped.
    Gone,
}

impl<G> Waiter<G> {
    pub(crate) fn new(context: RequestContext, since: Timestamp) -> Arc<Self> {
        Arc::new(Self { slot: Mutex::new(Slot::Waiting(None)), context, since })
    }

    fn slot(&self) -> MutexGuard<'_, Slot<G>> {
        lock(&self.slot)
    }

    /// Hands over what was waited for; given back when nobody waits any more.
    pub(crate) fn deliver(&self, result: Result<Delivered<G>, Error>) -> Option<Result<Delivered<G>, Error>> {
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

    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<Delivered<G>, Error>> {
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
    pub(crate) fn leave(&self) -> Option<G> {
        let left = std::mem::replace(&mut *self.slot(), Slot::Gone);
        // What is not returned is dropped here, outside the lock.
        match left {
            Slot::Ready(Ok(delivered)) => Some(delivered.granted),
            _ => None,
        }
    }

    #[cfg(all(test, not(loom)))]
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(*self.slot(), Slot::Waiting(_))
    }
}

impl<G> fmt::Debug for Waiter<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiter").finish_non_exhaustive()
    }
}
