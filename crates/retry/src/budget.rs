use skybridge_core::sync::Mutex;
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// Limits the share of retries in the traffic, so that an origin in trouble gets less of it, not more. All clones of a
/// layer share it. OkHttp has none; it is the retry budget of tower and Finagle. The default allows 20 % of the
/// requests, plus 10 retries per second. Both are counted over ten seconds, and halved for each ten that pass. A
/// request costs one relaxed addition; only a retry reads the clock and takes the lock. Requests that are unsent
/// because their connection was dead are not counted.
#[derive(Debug)]
pub struct Budget {
    percent: u64,
    per_second: u64,
    /// Requests since the last retry.
    requests: AtomicU64,
    /// Locked briefly, and only after a failure.
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
    /// Allows `percent` retries per hundred requests, plus `per_second` retries per second.
    pub fn new(percent: u32, per_second: u32) -> Self {
        Self {
            percent: percent.into(),
            per_second: per_second.into(),
            requests: AtomicU64::new(0),
            window: Mutex::default(),
        }
    }

    /// No limit on the share: only the tries of each request and its age are limited.
    pub fn unlimited() -> Self {
        Self::new(0, u32::MAX)
    }

    #[inline]
    pub(crate) fn deposit(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes one retry, if the budget allows it.
    pub(crate) fn withdraw(&self, now: Instant) -> bool {
        // Plain counters: a panic can't have left them inconsistent.
        let mut window = self.window.lock();
        window.requests += self.requests.swap(0, Ordering::Relaxed);
        window.decay(now);
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
    fn decay(&mut self, now: Instant) {
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
    fn an_idle_client_has_the_reserve_and_a_busy_one_its_share() {
        let (budget, now) = (Budget::default(), start());
        assert_eq!(drain(&budget, now), 100);
        (0..1_000).for_each(|_| budget.deposit());
        assert_eq!(drain(&budget, now), 200);
    }

    #[test]
    fn spent_retries_decay_by_halves() {
        let (budget, now) = (Budget::default(), start());
        assert_eq!(drain(&budget, now), 100);
        assert_eq!(drain(&budget, now + WINDOW), 50);
        assert_eq!(drain(&budget, now + WINDOW * 1_000_000), 100);
    }
}
