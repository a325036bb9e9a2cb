use crate::{Budget, Head};
use skybridge_core::{Asking, Cause, Delivery, Error, Observe, Runtime};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// How often a request may find its connection dead. Each is another connection, so only a pool full of dead ones gets near.
const DEAD: u8 = 16;
/// How often a request may be refused and sent again.
const REFUSED: u8 = 3;
/// How often it may be sent again when it may have been processed.
const UNKNOWN: u8 = 2;
/// The pause before the second counted try; doubled for each one after it.
const PAUSE: Duration = Duration::from_millis(50);

pub(crate) type UnknownIf = Arc<dyn Fn(&Head<'_>) -> bool + Send + Sync>;

/// What a layer was told.
#[derive(Clone)]
pub(crate) struct Policy {
    /// More than what was never sent.
    pub(crate) replays: bool,
    /// How often one request may be sent, whatever the reason.
    pub(crate) tries: u32,
    pub(crate) age: Duration,
    pub(crate) unknown_if: Option<UnknownIf>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) observer: Option<Arc<dyn Observe>>,
    pub(crate) runtime: Option<Arc<dyn Runtime>>,
    /// What connections are asked to give back.
    pub(crate) asking: Option<Asking>,
}

/// How often one request has been sent again, and why.
#[derive(Debug, Default)]
pub(crate) struct Count {
    dead: u8,
    refused: u8,
    unknown: u8,
    /// When it first failed.
    first: Option<Instant>,
}

impl Policy {
    /// Calls or polls what is below, asking for what is of use should it fail.
    #[inline]
    pub(crate) fn ask<T>(&self, below: impl FnOnce() -> T) -> T {
        match &self.asking {
            Some(asking) => asking.during(below),
            None => below(),
        }
    }

    /// The clock and the timers: the layer's own, or those of the connection that a request failed on.
    pub(crate) fn runtime(&self, error: &Error) -> Option<Arc<dyn Runtime>> {
        let of_connection = || error.connection().map(|info| Arc::clone(info.route.ctx().runtime()));
        self.runtime.clone().or_else(of_connection)
    }

    /// Whether what failed with `error` and came back as `head` is sent again, and after which pause.
    pub(crate) fn judge(
        &self,
        count: &mut Count,
        earlier: &[Error],
        error: &Error,
        head: Option<Head<'_>>,
        now: Instant,
    ) -> Option<Duration> {
        let head = head?;
        let tried_out = earlier.len() + 1 >= self.tries as usize;
        if tried_out || !Self::is_exchange(error) || count.is_too_old(self.age, now) {
            return None;
        }
        match error.delivery() {
            Delivery::Unsent => found_dead(count, earlier, error),
            _ if !self.replays => None,
            Delivery::Refused if matches!(error.cause(), Cause::GoingAway(_)) => found_dead(count, earlier, error),
            Delivery::Refused => self.counted(count, now, |count| take(&mut count.refused, REFUSED)),
            Delivery::Unknown if self.may_be_repeated(&head) => {
                self.counted(count, now, |count| take(&mut count.unknown, UNKNOWN))
            }
            _ => None,
        }
    }

    /// Whether an exchange failed, rather than what comes before one or a time limit.
    pub(crate) fn is_exchange(error: &Error) -> bool {
        matches!(error.cause(), Cause::Exchange(_) | Cause::Misdirected | Cause::GoingAway(_))
    }

    fn may_be_repeated(&self, head: &Head<'_>) -> bool {
        head.method.is_idempotent() || self.unknown_if.as_ref().is_some_and(|may| may(head))
    }

    fn counted(&self, count: &mut Count, now: Instant, take: impl FnOnce(&mut Count) -> bool) -> Option<Duration> {
        let pause = pause(count.refused + count.unknown);
        let late = count.is_too_old(self.age, now + pause);
        (!late && take(count) && self.budget.withdraw(now)).then_some(pause)
    }
}

impl Count {
    fn is_too_old(&mut self, age: Duration, now: Instant) -> bool {
        now.saturating_duration_since(*self.first.get_or_insert(now)) > age
    }
}

/// It was the connection's time to go, and another one will do: at once, but never for the same connection twice.
fn found_dead(count: &mut Count, earlier: &[Error], error: &Error) -> Option<Duration> {
    let dead = error.connection()?;
    let before = |error: &Error| {
        (error.delivery() == Delivery::Unsent || matches!(error.cause(), Cause::GoingAway(_)))
            && error.connection().is_some_and(|other| Arc::ptr_eq(other, dead))
    };
    (!earlier.iter().any(before) && take(&mut count.dead, DEAD)).then_some(Duration::ZERO)
}

fn take(counter: &mut u8, most: u8) -> bool {
    let left = *counter < most;
    *counter += u8::from(left);
    left
}

/// None before the first; then between half and all of an interval that doubles.
fn pause(tries: u8) -> Duration {
    match tries.checked_sub(1) {
        None => Duration::ZERO,
        Some(doublings) => PAUSE * (1 << doublings) * fastrand::u32(50..=100) / 100,
    }
}
