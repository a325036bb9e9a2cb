use skybridge_core::sync::Mutex;
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// How much of the traffic may be retries, so that an origin in trouble gets less of it and not more. Shared by all clones of a layer.
///
/// The default is 20 % of the requests and 10 a second besides. Counted over ten seconds and halved for each ten that pass; a request costs
/// one relaxed addition, the clock is read and the lock taken only by a retry. It does not bound what was found unsent on a dead connection.
#[derive(Debug)]
pub struct Budget {
    percent: u64,
    per_second: u64,
    /// Requests since somebody last looked.
    requests: AtomicU64,
    /// Taken for a moment, and only after a failure.
    window: Mutex<Window>,
}

#[derive(Debug, Default)]
struct Window {
    since: Option<Instant>,
    requests: u64,
    retries: u64,
}

const WINDOW: Duration = Duration::from_secs(10);

impl Budget {
    /// So many retries per hundred requests, and so many per second besides.
    pub fn new(percent: u32, per_second: u32) -> Self {
        Self {
            percent: percent.into(),
            per_second: per_second.into(),
            requests: AtomicU64::new(0),
            window: Mutex::default(),
        }
    }

    /// Only the number of tries of each request and its age are bounded.
    pub fn unlimited() -> Self {
        Self::new(0, u32::MAX)
    }

    #[inline]
    pub(crate) fn deposit(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes one retry, if there is one.
    pub(crate) fn withdraw(&self, now: Instant) -> bool {
        // Plain counters: a panic elsewhere can't have left them half written.
        let mut window = self.window.lock();
        window.requests += self.requests.swap(0, Ordering::Relaxed);
        window.forget(now);
        let allowed = window.requests * self.percent / 100 + self.per_second * WINDOW.as_secs();
        let granted = window.retries < allowed;
        window.retries += u64::from(granted);
        granted
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(20, 10)
    }
}

impl Window {
    fn forget(&mut self, now: Instant) {
        let since = *self.since.get_or_insert(now);
        let windows = now.saturating_duration_since(since).as_secs() / WINDOW.as_secs();
        if windows > 0 {
            let halvings = windows.min(63);
            self.requests >>= halvings;
            self.retries >>= halvings;
            self.since = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a start to count from, never compared with the real time")]
    fn start() -> Instant {
        Instant::now()
    }

    fn drain(budget: &Budget, now: Instant) -> usize {
        std::iter::from_fn(|| budget.withdraw(now).then_some(())).count()
    }

    #[test]
    fn a_quiet_client_has_the_reserve_and_a_busy_one_its_share() {
        let (budget, now) = (Budget::default(), start());
        assert_eq!(drain(&budget, now), 100);
        (0..1_000).for_each(|_| budget.deposit());
        assert_eq!(drain(&budget, now), 200);
    }

    #[test]
    fn what_was_spent_is_forgotten_by_halves() {
        let (budget, now) = (Budget::default(), start());
        assert_eq!(drain(&budget, now), 100);
        assert_eq!(drain(&budget, now + WINDOW), 50);
        assert_eq!(drain(&budget, now + WINDOW * 1_000_000), 100);
    }
}
