//! How long an origin is left alone whose connections fail one after the other.

use crate::{
    config::PoolConfig,
    machine::environment::Environment,
    shared::time::{Timestamp, nanos},
};
use std::time::Duration;

/// What is remembered of an origin's failures in a row: connects that failed, and connections that ended before they
/// carried anything. A response on a new connection ends the row, and so does time.
///
/// | failures | the next connect | one that fails is told to |
/// |---|---|---|
/// | none | at once; on HTTP/1.1 one for each request | whoever waits for it |
/// | one | at once, one for all who wait | the request that it began for; of a timeout whoever waits for it |
/// | two | after `connect_backoff`, one for all who wait | whoever waits for it |
/// | more | after twice as long each time, up to `max_connect_backoff` | whoever waits for it |
///
/// What began before the last failure was counted is not counted again: callers whose connects fail together have
/// learned one thing.
#[derive(Debug)]
pub(super) struct Backoff {
    failures: u8,
    /// No connect begins before.
    until: Timestamp,
    /// Nothing is known any more.
    forget_at: Timestamp,
}

/// For how long an origin is remembered for nothing but its failures, after the pause that they led to.
const MOST_REMEMBERED: Duration = Duration::from_secs(60);

impl Backoff {
    pub(super) const fn new() -> Self {
        Self { failures: 0, until: Timestamp(0), forget_at: Timestamp::NEVER }
    }

    /// How many there were in a row.
    #[inline]
    pub(super) fn failures(&self) -> u8 {
        self.failures
    }

    /// Whether connects are made one at a time.
    #[inline]
    pub(super) fn is_on(&self) -> bool {
        self.failures > 0
    }

    /// Whether one more try would be too soon for whoever had the last.
    pub(super) fn is_long(&self) -> bool {
        self.failures > 1
    }

    /// When the next connect may begin; `None` when it may by now.
    pub(super) fn pause_until(&self, now: Timestamp) -> Option<Timestamp> {
        (self.is_on() && now < self.until).then_some(self.until)
    }

    /// When it will be forgotten.
    pub(super) fn forget_at(&self) -> Option<Timestamp> {
        self.is_on().then_some(self.forget_at)
    }

    /// A connect begins. The next one doesn't wait for what comes of it, only as long as for one that fails at once.
    pub(super) fn begin(&mut self, config: &PoolConfig, env: &impl Environment) {
        if self.is_on() {
            self.pause(config, env);
        }
    }

    /// Something failed that began when there had been `failures`.
    pub(super) fn fail(&mut self, failures: u8, config: &PoolConfig, env: &impl Environment) {
        if failures == self.failures && !config.connect_backoff.is_zero() {
            self.failures = failures.saturating_add(1);
            self.pause(config, env);
            let remembered = nanos(config.max_connect_backoff).saturating_mul(2).min(nanos(MOST_REMEMBERED));
            self.forget_at = self.until.plus(remembered);
        }
    }

    fn pause(&mut self, config: &PoolConfig, env: &impl Environment) {
        self.until = env.now().plus(env.jittered(delay(self.failures, config)));
    }

    /// True when that is news.
    pub(super) fn forget(&mut self, now: Timestamp) -> bool {
        self.is_on() && self.forget_at <= now && self.reset()
    }

    /// A new connection has carried a response. True when that is news.
    pub(super) fn reset(&mut self) -> bool {
        std::mem::replace(self, Self::new()).is_on()
    }
}

/// A time that doubles with each failure after the second.
fn delay(failures: u8, config: &PoolConfig) -> u64 {
    let Some(doublings) = failures.checked_sub(2) else { return 0 };
    let most = nanos(config.max_connect_backoff);
    nanos(config.connect_backoff).saturating_mul(1 << doublings.min(32)).min(most)
}
