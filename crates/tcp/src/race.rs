use crate::{endpoint_queue::Order, racing::Racing};
use skybridge_core::{ConnectError, Deferred, Dialer, Link, Route};
use std::{
    task::{Context, Poll},
    time::Duration,
};
use tower_layer::Layer;
use tower_service::Service;

/// The recommended "Connection Attempt Delay" of RFC 8305, section 8, and the least it allows.
const DELAY: Duration = Duration::from_millis(250);
const SHORTEST_DELAY: Duration = Duration::from_millis(10);
/// Longer than any attempt takes, and short enough that no clock overflows.
const LONGEST_DELAY: Duration = Duration::from_secs(24 * 60 * 60);
const TIMEOUT: Duration = Duration::from_secs(10);

/// Connects a route by trying its endpoints until one answers.
///
/// Belongs directly above a dialer. Endpoints that are resolved while it runs join it. When all have failed, the error
/// is that of the first, or of the first for which there was no descriptor; the others are in the
/// [`AttemptLog`](skybridge_core::AttemptLog). Each attempt dials on a
/// clone of the dialer, when that is ready.
#[derive(Clone, Copy, Debug)]
pub struct RaceLayer {
    pub(crate) pace: Pace,
    pub(crate) timeout: Duration,
    listed: bool,
}

/// When the next attempt starts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// When the previous one has failed.
    Sequential,
    /// When one has failed, or this long after the previous one started.
    Staggered(Duration),
}

/// The service that [`RaceLayer`] makes: a route in, a link out.
#[derive(Clone, Debug)]
pub struct Race<S> {
    inner: S,
    settings: RaceLayer,
}

// === impl RaceLayer ===

impl RaceLayer {
    /// Staggered attempts (RFC 8305): the next starts 250 ms after the previous one, or as soon as one fails. IPv6
    /// comes first, then the address families alternate. The first to connect wins, and the others are closed.
    pub fn happy_eyeballs() -> Self {
        Self { pace: Pace::Staggered(DELAY), timeout: TIMEOUT, listed: false }
    }

    /// One attempt at a time, in the order of the resolver.
    pub fn sequential() -> Self {
        Self { pace: Pace::Sequential, timeout: TIMEOUT, listed: true }
    }

    /// The time between the starts of two attempts (default: 250 ms; at least 10 ms, RFC 8305, section 8; at most a
    /// day). Has no effect on [`sequential`](Self::sequential).
    pub fn delay(mut self, delay: Duration) -> Self {
        if let Pace::Staggered(own) = &mut self.pace {
            *own = delay.clamp(SHORTEST_DELAY, LONGEST_DELAY);
        }
        self
    }

    /// Staggered attempts in the order of the resolver, for addresses that are sorted already.
    pub fn as_listed(mut self) -> Self {
        self.listed = true;
        self
    }

    /// How long one attempt may take (default: 10 s; `Duration::MAX` is no limit).
    /// [`Timeouts::attempt`](skybridge_core::Timeouts::attempt) of a request takes precedence.
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
        Race { inner, settings: *self }
    }
}

// === impl Race ===

impl<S: Dialer> Service<Route> for Race<S> {
    type Response = Link<S::Io>;
    type Error = ConnectError;
    type Future = Racing<S>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        // Each attempt waits for the dialer itself: how many there will be isn't known yet.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, route: Route) -> Self::Future {
        Racing::new(self.inner.clone(), route, self.settings)
    }
}
