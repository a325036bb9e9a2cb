use crate::{line_up::Order, racing::Racing};
use skybridge_core::{ConnectError, Deferred, Dialer, Link, Route};
use std::{
    task::{Context, Poll},
    time::Duration,
};
use tower_layer::Layer;
use tower_service::Service;

const DELAY: Duration = Duration::from_millis(250);
const SHORTEST_DELAY: Duration = Duration::from_millis(10);
/// Longer than any attempt may take, and no clock's end.
const LONGEST_DELAY: Duration = Duration::from_secs(24 * 60 * 60);
const TIMEOUT: Duration = Duration::from_secs(10);

/// Connects a route by trying its endpoints until one answers.
///
/// Belongs directly above a dialer. Endpoints that are resolved while it runs join it. When all have failed, the error is that of the
/// first; the others are in the [`AttemptLog`](skybridge_core::AttemptLog). Each attempt runs on a clone of the dialer that was ready.
#[derive(Clone, Copy, Debug)]
pub struct RaceLayer {
    pub(crate) pace: Pace,
    pub(crate) timeout: Duration,
    listed: bool,
}

/// How soon the next attempt follows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// When the one before has failed.
    Sequential,
    /// When one has failed, or so long after the one before.
    Staggered(Duration),
}

/// See [`RaceLayer`].
#[derive(Clone, Debug)]
pub struct Race<S> {
    inner: S,
    rules: RaceLayer,
}

// === impl RaceLayer ===

impl RaceLayer {
    /// Staggered attempts (RFC 8305): 250 ms after one the next starts beside it, or at once when one fails; IPv6 first, then the families
    /// by turns. The first that answers wins, the others are closed.
    pub fn happy_eyeballs() -> Self {
        Self { pace: Pace::Staggered(DELAY), timeout: TIMEOUT, listed: false }
    }

    /// One at a time, in the order in which they were resolved.
    pub fn sequential() -> Self {
        Self { pace: Pace::Sequential, timeout: TIMEOUT, listed: true }
    }

    /// The time between the starts of two attempts (default: 250 ms; at least 10 ms, RFC 8305, section 8; at most a day). Of no effect
    /// when sequential.
    pub fn delay(mut self, delay: Duration) -> Self {
        if let Pace::Staggered(own) = &mut self.pace {
            *own = delay.clamp(SHORTEST_DELAY, LONGEST_DELAY);
        }
        self
    }

    /// In the order in which they were resolved, staggered all the same: for addresses that somebody has put in order.
    pub fn as_listed(mut self) -> Self {
        self.listed = true;
        self
    }

    /// How long one attempt may take (default: 10 s; `Duration::MAX` is no limit).
    /// [`Timeouts::attempt`](skybridge_core::Timeouts::attempt) of a request goes before it.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    pub(crate) fn order(&self) -> Order {
        if self.listed { Order::Listed } else { Order::Interleaved }
    }
}

impl<S: Dialer> Layer<S> for RaceLayer {
    type Service = Deferred<S::Io, Race<S>>;

    fn layer(&self, inner: S) -> Race<S> {
        Race { inner, rules: *self }
    }
}

// === impl Race ===

impl<S: Dialer> Service<Route> for Race<S> {
    type Response = Link<S::Io>;
    type Error = ConnectError;
    type Future = Racing<S>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        // Whether the dialer is ready is asked for each attempt: how many there will be isn't known yet.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, route: Route) -> Self::Future {
        Racing::new(self.inner.clone(), route, self.rules)
    }
}
