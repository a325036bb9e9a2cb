use crate::shared::{
    idle::IdleCount,
    sync::atomic::{AtomicU64, Ordering::*},
};
use std::sync::Arc;

const IN_USE: u64 = (1 << 28) - 1;
const CAPACITY_SHIFT: u32 = 28;
const CAPACITY: u64 = (1 << 31) - 1;
const UNKNOWN: u64 = 1 << 60;
const SUSPECT: u64 = 1 << 61;
const DRAINING: u64 = 1 << 62;
const CLOSED: u64 = 1 << 63;

/// How many exchanges one connection carries, how many it may carry, and whether it takes any at all: one word, so that
/// handing out a slot and closing the connection exclude each other without a lock.
///
/// ```text
/// open <-> suspect
/// open -> draining -> closed     (draining and closed are final; each begins once)
/// ```
///
/// A shared connection without exchanges is idle. It is counted as such by whichever change of the word makes it so.
#[derive(Debug)]
pub(crate) struct StreamSlots {
    word: AtomicU64,
    /// `None` for an exclusive connection, which occupies no slots.
    idle: Option<Arc<IdleCount>>,
}

/// What the word said at some time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct SlotState {
    pub(crate) in_use: u32,
    pub(crate) capacity: u32,
    /// The peer has not said how many it takes.
    pub(crate) unknown: bool,
    /// Nobody knows whether the peer is alive: it takes no new exchanges until that is clear.
    pub(crate) suspect: bool,
    pub(crate) draining: bool,
    pub(crate) closed: bool,
}

impl StreamSlots {
    /// Of an exclusive connection: only whether it drains or is closed matters.
    pub(crate) fn exclusive() -> Self {
        Self { word: AtomicU64::new(pack(1)), idle: None }
    }

    /// Of a shared connection. `capacity` is how many it may carry until the peer has said so; `unknown` when that is
    /// a guess. One slot is in use.
    pub(crate) fn shared(capacity: u32, unknown: bool, idle: Arc<IdleCount>) -> Self {
        let unknown = if unknown { UNKNOWN } else { 0 };
        Self { word: AtomicU64::new(pack(capacity) | unknown | 1), idle: Some(idle) }
    }

    /// Every change that may begin or end an idle time comes through here.
    #[inline]
    fn changed(&self, before: u64, after: u64) {
        if let Some(idle) = &self.idle {
            idle.changed(usize::from(is_idle(before)), usize::from(is_idle(after)));
        }
    }

    /// Takes a slot, if there is one and the connection takes new exchanges: how many were in use before.
    #[inline]
    pub(crate) fn reserve(&self) -> Option<u32> {
        let take = |word: u64| {
            let free = word & (DRAINING | CLOSED | SUSPECT) == 0 && word & IN_USE < (word >> CAPACITY_SHIFT) & CAPACITY;
            free.then_some(word + 1)
        };
        let before = self.word.fetch_update(AcqRel, Acquire, take).ok()?;
        self.changed(before, before + 1);
        Some((before & IN_USE) as u32)
    }

    /// Gives a slot back. True when the connection is now unused, and still takes new exchanges.
    #[inline]
    pub(crate) fn release(&self) -> bool {
        let before = self.word.fetch_sub(1, AcqRel);
        debug_assert!(before & IN_USE > 0, "invariant: a slot is released by the lease that reserved it");
        self.changed(before, before - 1);
        is_idle(before - 1)
    }

    /// Drains it, but only while nobody uses it. True when it did.
    pub(crate) fn drain_unused(&self) -> bool {
        let drain = |word: u64| is_idle(word).then_some(word | DRAINING);
        let before = self.word.fetch_update(AcqRel, Acquire, drain);
        if let Ok(before) = before {
            self.changed(before, before | DRAINING);
        }
        before.is_ok()
    }

    /// The peer said how many it takes.
    pub(crate) fn set_capacity(&self, capacity: u32) {
        let set = |word: u64| Some(word & !(CAPACITY << CAPACITY_SHIFT | UNKNOWN) | pack(capacity));
        let _ = self.word.fetch_update(AcqRel, Acquire, set);
    }

    /// Whether it is suspect from now on.
    pub(crate) fn set_suspect(&self, suspect: bool) {
        if suspect {
            self.word.fetch_or(SUSPECT, AcqRel)
        } else {
            self.word.fetch_and(!SUSPECT, AcqRel)
        };
    }

    /// No new exchanges. The first time, how many are in use.
    pub(crate) fn drain(&self) -> Option<u32> {
        let before = self.word.fetch_or(DRAINING, AcqRel);
        self.changed(before, before | DRAINING);
        (before & (DRAINING | CLOSED) == 0).then_some((before & IN_USE) as u32)
    }

    /// Gone. True the first time.
    pub(crate) fn close(&self) -> bool {
        let before = self.word.fetch_or(DRAINING | CLOSED, AcqRel);
        self.changed(before, before | DRAINING | CLOSED);
        before & CLOSED == 0
    }

    #[inline]
    pub(crate) fn state(&self) -> SlotState {
        let word = self.word.load(Acquire);
        SlotState {
            in_use: (word & IN_USE) as u32,
            capacity: (word >> CAPACITY_SHIFT & CAPACITY) as u32,
            unknown: word & UNKNOWN != 0,
            suspect: word & SUSPECT != 0,
            draining: word & DRAINING != 0,
            closed: word & CLOSED != 0,
        }
    }

    /// As [`is_open`](Self::is_open), ordered with all changes: a slot that was given back before is seen to be free,
    /// and whoever gives one back later sees what this thread did before.
    pub(crate) fn is_still_open(&self) -> bool {
        self.word.fetch_or(0, AcqRel) & (DRAINING | CLOSED) == 0
    }

    /// Takes new exchanges.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.word.load(Acquire) & (DRAINING | CLOSED) == 0
    }
}

/// It takes exchanges and carries none.
#[inline]
fn is_idle(word: u64) -> bool {
    word & (IN_USE | DRAINING | CLOSED) == 0
}

/// A peer may announce more than anybody can open: it is as good as our largest number.
fn pack(capacity: u32) -> u64 {
    u64::from(capacity).min(IN_USE) << CAPACITY_SHIFT
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn slots(capacity: u32, unknown: bool) -> (StreamSlots, Arc<IdleCount>) {
        let idle = Arc::new(IdleCount::default());
        let slots = StreamSlots::shared(capacity, unknown, Arc::clone(&idle));
        assert!(slots.release());
        (slots, idle)
    }

    #[test]
    fn no_more_than_the_capacity_and_none_after_draining() {
        let (slots, _) = slots(2, false);
        assert_eq!([slots.reserve(), slots.reserve(), slots.reserve()], [Some(0), Some(1), None]);
        assert!(!slots.release() && slots.reserve().is_some());
        assert!(!slots.drain_unused());
        assert_eq!([slots.drain(), slots.drain()], [Some(2), None]);
        assert_eq!(slots.reserve(), None);
        assert!(!slots.release() && !slots.release(), "unused, but not to be used again");
        assert!(slots.close() && !slots.close());
    }

    #[test]
    fn a_lowered_capacity_lets_what_runs_go_on() {
        let (slots, _) = slots(1, true);
        assert!(slots.state().unknown);
        slots.set_capacity(u32::MAX);
        assert!(!slots.state().unknown);
        assert!((0..1000).all(|_| slots.reserve().is_some()));
        slots.set_capacity(0);
        assert!(slots.reserve().is_none());
        (0..1000).for_each(|_| _ = slots.release());
        assert!(slots.reserve().is_none());
        slots.set_capacity(1);
        assert!(slots.reserve().is_some());
    }

    #[test]
    fn a_suspect_takes_none_until_it_is_cleared() {
        let (slots, idle) = slots(2, false);
        assert_eq!(slots.reserve(), Some(0));
        slots.set_suspect(true);
        assert_eq!((slots.reserve(), slots.state().suspect, slots.is_open()), (None, true, true));
        assert!(slots.release(), "what runs on it ends as it will");
        slots.set_suspect(false);
        assert_eq!((slots.reserve(), idle.get()), (Some(0), 0));
    }

    #[test]
    fn it_is_idle_while_it_takes_exchanges_and_carries_none() {
        type Change = fn(&StreamSlots);
        let rows: [(&[Change], usize); 6] = [
            (&[], 1),
            (&[|slots| _ = slots.reserve()], 0),
            (&[|slots| _ = slots.reserve(), |slots| _ = slots.release()], 1),
            (&[|slots| _ = slots.drain_unused(), |slots| _ = slots.close()], 0),
            (&[|slots| _ = slots.reserve(), |slots| _ = slots.drain(), |slots| _ = slots.release()], 0),
            (&[|slots| _ = slots.close(), |slots| _ = slots.drain()], 0),
        ];
        for (i, (changes, count)) in rows.into_iter().enumerate() {
            let (slots, idle) = slots(1, false);
            changes.iter().for_each(|change| change(&slots));
            assert_eq!(idle.get(), count, "row {i}");
        }
    }
}
