use std::sync::atomic::{AtomicU64, Ordering::AcqRel, Ordering::Acquire};

/// How many exchanges a shared connection may carry in its life, and how many of those are taken: begun, or granted to
/// a request that is about to begin. If only those that have begun were counted, the last exchange of a connection
/// could be granted to many requests, which would then find it closed.
#[derive(Debug)]
pub(crate) struct Quota {
    most: u64,
    given: AtomicU64,
}

impl Quota {
    pub(crate) fn new(most: u64) -> Self {
        Self { most, given: AtomicU64::new(0) }
    }

    /// Takes one exchange, if any is left.
    pub(crate) fn take(&self) -> bool {
        let one_more = |given| (given < self.most).then_some(given + 1);
        self.given.fetch_update(AcqRel, Acquire, one_more).is_ok()
    }

    /// Gives back one that was taken and not begun.
    pub(crate) fn give_back(&self) {
        self.given.fetch_sub(1, AcqRel);
    }

    /// The limit, as a number of streams.
    pub(crate) fn most(&self) -> u32 {
        u32::try_from(self.most).unwrap_or(u32::MAX)
    }

    /// True when none is left. One may still be given back.
    pub(crate) fn is_used_up(&self) -> bool {
        self.given.load(Acquire) >= self.most
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_there_are_and_what_comes_back() {
        let quota = Quota::new(2);
        assert_eq!([quota.take(), quota.is_used_up(), quota.take(), quota.take()], [true, false, true, false]);
        assert!(quota.is_used_up());
        quota.give_back();
        assert!(!quota.is_used_up() && quota.take() && !quota.take());
    }
}
