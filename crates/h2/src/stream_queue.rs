//! Requests that wait until the peer allows one more stream.
//!
//! They wait here, with all that they are, and are given to the h2 crate once it can open their streams: one that is
//! given up while it waits in the h2 crate is sent nevertheless when its turn comes, with RST_STREAM behind it, and the
//! peer may act on it by then.

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

    /// Somebody comes to wait: the number of the last place.
    #[cold]
    pub(crate) fn enter(&self) -> u64 {
        self.places.fetch_add(1, Ordering::SeqCst);
        // Whoever closes a stream counts that before it looks whether anybody waits: either it finds this one, or that
        // is counted when this one looks.
        fence(Ordering::SeqCst);
        let mut waiting = self.waiting.lock();
        waiting.next += 1;
        waiting.next
    }

    /// Who has this place is woken when there may be room.
    pub(crate) fn register(&self, place: u64, waker: &Waker) {
        let before = self.waiting.lock().wakers.insert(place, waker.clone());
        drop(before);
    }

    /// Nobody waits at this place any more.
    pub(crate) fn leave(&self, place: u64) {
        let waker = self.waiting.lock().wakers.remove(&place);
        drop(waker);
        self.places.fetch_sub(1, Ordering::SeqCst);
    }
}
