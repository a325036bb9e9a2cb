use crate::shared::sync::atomic::{AtomicU64, Ordering::*};

const IN_USE: u64 = (1 << 28) - 1;
const ROOM_SHIFT: u32 = 28;
const ROOM: u64 = (1 << 31) - 1;
const UNKNOWN: u64 = 1 << 60;
const SUSPECT: u64 = 1 << 61;
const DRAINING: u64 = 1 << 62;
const CLOSED: u64 = 1 << 63;

/// How many exchanges one connection carries, how many it may carry, and whether it takes any at all: one word, so that handing out a
/// slot and closing the connection exclude each other without a lock.
///
/// ```text
/// healthy <-> suspect -> draining -> closed     (each first transition is told once)
/// ```
#[derive(Debug)]
pub(crate) struct Slots(AtomicU64);

/// What a slot count looks like from outside.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Seen {
    pub(crate) in_use: u32,
    pub(crate) capacity: u32,
    /// The peer has not said how many it takes.
    pub(crate) unknown: bool,
    pub(crate) suspect: bool,
    pub(crate) draining: bool,
    pub(crate) closed: bool,
}

impl Slots {
    /// `capacity` is how many it may carry until the peer has said so; `unknown` when that is a guess.
    pub(crate) fn new(capacity: u32, unknown: bool) -> Self {
        Self(AtomicU64::new(pack(capacity) | if unknown { UNKNOWN } else { 0 }))
    }

    /// Occupies one slot, whatever the room.
    pub(crate) fn held(self) -> Self {
        self.0.fetch_add(1, AcqRel);
        self
    }

    /// Takes a slot, if there is one and the connection takes new exchanges: how many were in use before.
    #[inline]
    pub(crate) fn reserve(&self) -> Option<u32> {
        let take = |word: u64| {
            let free = word & (DRAINING | CLOSED) == 0 && word & IN_USE < (word >> ROOM_SHIFT) & ROOM;
            free.then_some(word + 1)
        };
        self.0.fetch_update(AcqRel, Acquire, take).ok().map(|word| (word & IN_USE) as u32)
    }

    /// Gives a slot back. True when the connection is now unused, and still takes new exchanges.
    #[inline]
    pub(crate) fn release(&self) -> bool {
        let before = self.0.fetch_sub(1, AcqRel);
        debug_assert!(before & IN_USE > 0, "invariant: a slot is released by the lease that reserved it");
        before & IN_USE == 1 && before & (DRAINING | CLOSED) == 0
    }

    /// Drains it, but only while nobody uses it. True when it did.
    pub(crate) fn drain_unused(&self) -> bool {
        let drain = |word: u64| (word & (IN_USE | DRAINING | CLOSED) == 0).then_some(word | DRAINING);
        self.0.fetch_update(AcqRel, Acquire, drain).is_ok()
    }

    /// The peer said how many it takes.
    pub(crate) fn set_room(&self, capacity: u32) {
        let set = |word: u64| Some(word & !(ROOM << ROOM_SHIFT | UNKNOWN) | pack(capacity));
        let _ = self.0.fetch_update(AcqRel, Acquire, set);
    }

    pub(crate) fn set_suspect(&self, suspect: bool) {
        if suspect {
            self.0.fetch_or(SUSPECT, AcqRel)
        } else {
            self.0.fetch_and(!SUSPECT, AcqRel)
        };
    }

    /// No new exchanges. The first time, how many are in use.
    pub(crate) fn drain(&self) -> Option<u32> {
        let before = self.0.fetch_or(DRAINING, AcqRel);
        (before & (DRAINING | CLOSED) == 0).then_some((before & IN_USE) as u32)
    }

    /// Gone. True the first time.
    pub(crate) fn close(&self) -> bool {
        self.0.fetch_or(DRAINING | CLOSED, AcqRel) & CLOSED == 0
    }

    pub(crate) fn seen(&self) -> Seen {
        let word = self.0.load(Acquire);
        Seen {
            in_use: (word & IN_USE) as u32,
            capacity: (word >> ROOM_SHIFT & ROOM) as u32,
            unknown: word & UNKNOWN != 0,
            suspect: word & SUSPECT != 0,
            draining: word & DRAINING != 0,
            closed: word & CLOSED != 0,
        }
    }

    /// As [`is_open`](Self::is_open), ordered with all changes: a slot that was given back before is seen to be free,
    /// and whoever gives one back later sees what this thread did before.
    pub(crate) fn look_again(&self) -> bool {
        self.0.fetch_or(0, AcqRel) & (DRAINING | CLOSED) == 0
    }

    /// Takes new exchanges.
    pub(crate) fn is_open(&self) -> bool {
        self.0.load(Acquire) & (DRAINING | CLOSED) == 0
    }
}

/// A peer may announce more than anybody can open: it is as good as our largest number.
fn pack(capacity: u32) -> u64 {
    u64::from(capacity).min(IN_USE) << ROOM_SHIFT
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_room_and_none_after_draining() {
        let slots = Slots::new(2, false);
        assert_eq!([slots.reserve(), slots.reserve(), slots.reserve()], [Some(0), Some(1), None]);
        assert!(!slots.release() && slots.reserve().is_some());
        assert!(!slots.drain_unused());
        assert_eq!([slots.drain(), slots.drain()], [Some(2), None]);
        assert_eq!(slots.reserve(), None);
        assert!(!slots.release() && !slots.release(), "unused, but not to be used again");
        assert!(slots.close() && !slots.close());
    }

    #[test]
    fn a_lowered_room_lets_what_runs_go_on() {
        let slots = Slots::new(1, true);
        assert!(slots.seen().unknown);
        slots.set_room(u32::MAX);
        assert!(!slots.seen().unknown);
        assert!((0..1000).all(|_| slots.reserve().is_some()));
        slots.set_room(0);
        assert!(slots.reserve().is_none());
        (0..1000).for_each(|_| _ = slots.release());
        assert!(slots.reserve().is_none());
        slots.set_room(1);
        assert!(slots.reserve().is_some());
    }
}
