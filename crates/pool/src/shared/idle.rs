use crate::shared::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// How many connections of a pool are idle.
///
/// Exclusive ones are counted by `OriginPool::step`, which compares what its machine says before and after; shared ones
/// by each change of their `StreamSlots`. Nothing else touches the number.
#[derive(Debug, Default)]
pub(crate) struct IdleCount(AtomicUsize);

impl IdleCount {
    #[inline]
    pub(crate) fn changed(&self, before: usize, after: usize) {
        if after > before {
            self.0.fetch_add(after - before, Relaxed);
        } else if after < before {
            self.0.fetch_sub(before - after, Relaxed);
        }
    }

    #[inline]
    pub(crate) fn get(&self) -> usize {
        self.0.load(Relaxed)
    }
}
