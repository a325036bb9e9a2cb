use crate::shared::sync::atomic::{AtomicU64, Ordering::AcqRel, Ordering::Acquire};

/// How many exchanges a shared connection may carry in its life, and how many of those are taken: begun, or granted to
/// a request that is about to begin. If only those that have begun were counted, the last exchange of a connection
/// could be granted to many requests, which would then find it closed.
#[derive(Debug)]
pub(crate) struct RequestQuota {
    max: u64,
    taken: AtomicU64,
}

impl RequestQuota {
    pub(crate) fn new(max: u64) -> Self {
        Self { max, taken: AtomicU64::new(0) }
    }

    /// Takes one exchange, if any is left.
    pub(crate) fn take(&self) -> bool {
        let one_more = |taken| (taken < self.max).then_some(taken + 1);
        self.taken.fetch_update(AcqRel, Acquire, one_more).is_ok()
    }

    /// Gives back one that was taken and not begun.
    pub(crate) fn give_back(&self) {
        self.taken.fetch_sub(1, AcqRel);
    }

    /// The limit, as a number of streams.
    pub(crate) fn max(&self) -> u32 {
        u32::try_from(self.max).unwrap_or(u32::MAX)
    }

    /// True when none is left. One may still be given back.
    pub(crate) fn is_used_up(&self) -> bool {
        self.taken.load(Acquire) >= self.max
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_there_are_and_what_comes_back() {
        let quota = RequestQuota::new(2);
        assert_eq!([quota.take(), quota.is_used_up(), quota.take(), quota.take()], [true, false, true, false]);
        assert!(quota.is_used_up());
        quota.give_back();
        assert!(!quota.is_used_up() && quota.take() && !quota.take());
    }
}
