//! Requests that wait until the peer allows one more stream.
//!
//! They wait here, with all that they are, and are given to the h2 crate once it can open their streams: one that is
//! given up while it waits in the h2 crate is sent nevertheless when its turn comes, with RST_STREAM behind it, and the
//! peer may act on it by then.

use crate::wire::Wire;
use skybridge_core::sync::Mutex;
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering, fence},
    task::Waker,
};

/// Who waits, in the order in which they came. Each is an exchange of a handle of its own: the peer adds none.
#[derive(Debug, Default)]
pub(crate) struct StreamQueue {
    /// How many there are, also those that have been woken and not looked yet.
    places: AtomicUsize,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    /// Those that have looked and found no room since they were last woken.
    wakers: BTreeMap<u64, Waker>,
}

/// A place in the queue, until this is dropped.
#[derive(Debug)]
pub(crate) struct QueuePlace {
    wire: Wire,
    number: u64,
    /// It has taken the stream that it was woken for, if it was.
    is_served: bool,
}

// === impl StreamQueue ===

impl StreamQueue {
    /// Whether anybody waits.
    #[inline]
    pub(crate) fn is_used(&self) -> bool {
        self.places.load(Ordering::SeqCst) != 0
    }

    /// A stream was closed: the first who waits looks whether there is room.
    #[cold]
    pub(crate) fn wake_first(&self) {
        let first = self.waiting.lock().wakers.pop_first();
        if let Some((_, waker)) = first {
            waker.wake();
        }
    }

    /// The peer allows another number of streams, or no more are opened: all look.
    #[cold]
    pub(crate) fn wake_all(&self) {
        let wakers = std::mem::take(&mut self.waiting.lock().wakers);
        wakers.into_values().for_each(Waker::wake);
    }
}

// === impl QueuePlace ===

impl QueuePlace {
    /// The last place.
    #[cold]
    pub(crate) fn last(wire: &Wire) -> Self {
        let queue = wire.queue();
        queue.places.fetch_add(1, Ordering::SeqCst);
        // Whoever closes a stream counts that before it looks whether anybody waits: either it finds this one, or that
        // is counted when this one looks.
        fence(Ordering::SeqCst);
        let number = {
            let mut waiting = queue.waiting.lock();
            waiting.next += 1;
            waiting.next
        };
        Self { wire: wire.clone(), number, is_served: false }
    }

    /// It is woken when there may be room. To be called before it looks. It keeps its place when it finds none.
    pub(crate) fn register(&self, waker: &Waker) {
        let before = self.wire.queue().waiting.lock().wakers.insert(self.number, waker.clone());
        drop(before);
    }

    /// The room that it was woken for is taken: the next need not look.
    pub(crate) fn served(&mut self) {
        self.is_served = true;
    }
}

impl Drop for QueuePlace {
    fn drop(&mut self) {
        let queue = self.wire.queue();
        let waker = queue.waiting.lock().wakers.remove(&self.number);
        drop(waker);
        queue.places.fetch_sub(1, Ordering::SeqCst);
        if !self.is_served {
            queue.wake_first();
        }
    }
}
