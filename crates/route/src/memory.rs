use skybridge_core::{Endpoint, Origin, Partition, Proxy, sync::Mutex};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, MutexGuard},
    time::{Duration, Instant},
};

const MOST: usize = 1024;

/// What may fail or work, as far as one partition knows.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Subject {
    pub(crate) endpoint: Endpoint,
    pub(crate) partition: Option<Partition>,
    /// `None`: opening a socket to the endpoint, which concerns everybody. Otherwise what happens on one that is open.
    pub(crate) use_of: Option<Use>,
}

/// What a socket is opened for: this origin, through these proxies.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Use {
    pub(crate) origin: Arc<Origin>,
    pub(crate) proxies: Arc<[Proxy]>,
}

/// What failed lately: the youngest 1,024 failures, each for a while.
pub(crate) struct Memory {
    keeps_for: Duration,
    failed: Mutex<HashMap<Subject, Instant>>,
}

impl Memory {
    pub(crate) fn new(keeps_for: Duration) -> Self {
        Self { keeps_for, failed: Mutex::default() }
    }

    fn failed(&self) -> MutexGuard<'_, HashMap<Subject, Instant>> {
        self.failed.lock()
    }

    pub(crate) fn has_failed(&self, subject: &Subject, now: Instant) -> bool {
        let mut failed = self.failed();
        let Some(at) = failed.get(subject) else { return false };
        let lately = now.saturating_duration_since(*at) < self.keeps_for;
        if !lately {
            failed.remove(subject);
        }
        lately
    }

    pub(crate) fn fail(&self, subject: Subject, now: Instant) {
        if self.keeps_for.is_zero() {
            return;
        }
        let mut failed = self.failed();
        failed.insert(subject, now);
        if failed.len() > MOST {
            failed.retain(|_, at| now.saturating_duration_since(*at) < self.keeps_for);
        }
        // A walk over the whole map, which only a failed connect pays for.
        while failed.len() > MOST {
            let oldest = failed.iter().min_by_key(|(_, at)| **at).map(|(subject, _)| subject.clone());
            oldest.and_then(|subject| failed.remove(&subject));
        }
    }

    pub(crate) fn forget(&self, subject: &Subject) {
        self.failed().remove(subject);
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

    fn socket(n: u16) -> Subject {
        Subject { endpoint: Endpoint::from(([127, 0, 0, 1], n)), partition: None, use_of: None }
    }

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_failure_is_forgotten_after_its_time_or_when_it_works() {
        let (memory, start) = (Memory::new(Duration::from_secs(300)), start());
        memory.fail(socket(1), start);
        memory.fail(socket(2), start);
        assert!(memory.has_failed(&socket(1), start + Duration::from_secs(299)));
        assert!(!memory.has_failed(&socket(1), start + Duration::from_secs(300)));
        memory.forget(&socket(2));
        assert!(!memory.has_failed(&socket(2), start));
        assert!(memory.failed().is_empty());
    }

    #[test]
    fn the_oldest_failures_make_room() {
        let (memory, start) = (Memory::new(Duration::from_secs(300)), start());
        for n in 0..1500 {
            memory.fail(socket(n), start + Duration::from_millis(n.into()));
        }
        assert_eq!(memory.failed().len(), MOST);
        let now = start + Duration::from_secs(2);
        assert!(!memory.has_failed(&socket(475), now) && memory.has_failed(&socket(476), now));
    }

    #[test]
    fn partitions_do_not_see_each_others_failures() {
        let (memory, start) = (Memory::new(Duration::from_secs(300)), start());
        memory.fail(Subject { partition: Some(Partition::new("a")), ..socket(1) }, start);
        assert!(!memory.has_failed(&socket(1), start));
        assert!(!memory.has_failed(&Subject { partition: Some(Partition::new("b")), ..socket(1) }, start));
    }
}
