use skybridge_core::{Endpoint, Hop, Partition};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

const MOST: usize = 1024;

/// What may fail or work: an endpoint, as the way to what is behind it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Way {
    pub(crate) endpoint: Endpoint,
    pub(crate) hops: Arc<[Hop]>,
    pub(crate) partition: Option<Partition>,
}

/// Which ways failed lately: the youngest 1,024 failures, each for a while.
pub(crate) struct Memory {
    keeps_for: Duration,
    failed: Mutex<HashMap<Way, Instant>>,
}

impl Memory {
    pub(crate) fn new(keeps_for: Duration) -> Self {
        Self { keeps_for, failed: Mutex::default() }
    }

    fn failed(&self) -> MutexGuard<'_, HashMap<Way, Instant>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn has_failed(&self, way: &Way, now: Instant) -> bool {
        let mut failed = self.failed();
        let Some(at) = failed.get(way) else { return false };
        let lately = now.saturating_duration_since(*at) < self.keeps_for;
        if !lately {
            failed.remove(way);
        }
        lately
    }

    pub(crate) fn fail(&self, way: Way, now: Instant) {
        if self.keeps_for.is_zero() {
            return;
        }
        let mut failed = self.failed();
        failed.insert(way, now);
        if failed.len() > MOST {
            failed.retain(|_, at| now.saturating_duration_since(*at) < self.keeps_for);
        }
        // A walk over the whole map, which only a failed connect pays for.
        while failed.len() > MOST {
            let oldest = failed.iter().min_by_key(|(_, at)| **at).map(|(way, _)| way.clone());
            oldest.and_then(|way| failed.remove(&way));
        }
    }

    pub(crate) fn forget(&self, way: &Way) {
        self.failed().remove(way);
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("failed", &self.failed().len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(n: u16) -> Way {
        Way { endpoint: Endpoint::from(([127, 0, 0, 1], n)), hops: [].into(), partition: None }
    }

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_failure_is_forgotten_after_its_time_or_when_the_way_works() {
        let (memory, start) = (Memory::new(Duration::from_secs(300)), start());
        memory.fail(way(1), start);
        memory.fail(way(2), start);
        assert!(memory.has_failed(&way(1), start + Duration::from_secs(299)));
        assert!(!memory.has_failed(&way(1), start + Duration::from_secs(300)));
        memory.forget(&way(2));
        assert!(!memory.has_failed(&way(2), start));
        assert!(memory.failed().is_empty());
    }

    #[test]
    fn the_oldest_failures_make_room() {
        let (memory, start) = (Memory::new(Duration::from_secs(300)), start());
        for n in 0..1500 {
            memory.fail(way(n), start + Duration::from_millis(n.into()));
        }
        assert_eq!(memory.failed().len(), MOST);
        let now = start + Duration::from_secs(2);
        assert!(!memory.has_failed(&way(475), now) && memory.has_failed(&way(476), now));
    }

    #[test]
    fn partitions_do_not_see_each_others_failures() {
        let (memory, start) = (Memory::new(Duration::from_secs(300)), start());
        memory.fail(Way { partition: Some(Partition::new("a")), ..way(1) }, start);
        assert!(!memory.has_failed(&way(1), start));
        assert!(!memory.has_failed(&Way { partition: Some(Partition::new("b")), ..way(1) }, start));
    }
}
