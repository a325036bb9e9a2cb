use crate::{
    endpoint_queue::{EndpointQueue, Order},
    race_settings::{LONGEST_DELAY, Pace, RaceSettings},
    racing::Racing,
};
use skybridge_core::{ConnectError, Deferred, Dialer, Endpoint, Link, Route};
use std::{
    task::{Context, Poll},
    time::Duration,
};
use tower_layer::Layer;
use tower_service::Service;

/// The recommended "Connection Attempt Delay" of RFC 8305, section 8, and the recommended least of it.
const DELAY: Duration = Duration::from_millis(250);
const SHORTEST_DELAY: Duration = Duration::from_millis(100);
/// The "Resolution Delay" and the "First Address Family Count" of RFC 8305, section 8.
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);
const FIRST_FAMILY_COUNT: u8 = 1;
const TIMEOUT: Duration = Duration::from_secs(10);

/// Connects a route by trying its endpoints until one answers.
///
/// Belongs directly above a dialer. Endpoints that are resolved while it runs join it. When all have failed, the error
/// is that of the first, or of the first for which there was no descriptor; the others are in the
/// [`AttemptLog`](skybridge_core::AttemptLog). Each attempt dials on a
/// clone of the dialer, when that is ready.
#[derive(Clone, Copy, Debug)]
pub struct RaceLayer {
    settings: RaceSettings,
}

/// The service that [`RaceLayer`] makes: a route in, a link out.
#[derive(Clone, Debug)]
pub struct Race<S> {
    inner: S,
    settings: RaceSettings,
}

// === impl RaceLayer ===

impl RaceLayer {
    /// Staggered attempts (RFC 8305): the next starts 250 ms after the previous one, or as soon as one fails. IPv6
    /// comes first, then the address families alternate; within a family the order is the resolver's (RFC 6724). The
    /// first to connect wins, and the others are closed.
    pub fn happy_eyeballs() -> Self {
        let order = Order::Interleaved { first_family_count: FIRST_FAMILY_COUNT };
        let pace = Pace::Staggered(DELAY);
        Self { settings: RaceSettings { pace, timeout: TIMEOUT, resolution_delay: RESOLUTION_DELAY, order } }
    }

    /// In which order the endpoints of a route would be tried that are known by now. Nothing is connected to.
    pub fn order_of(&self, route: &Route) -> Vec<Endpoint> {
        EndpointQueue::new(self.settings.order).all_in_order(route)
    }

    /// One attempt at a time, in the order of the resolver.
    pub fn sequential() -> Self {
        let Self { settings } = Self::happy_eyeballs();
        Self { settings: RaceSettings { pace: Pace::Sequential, order: Order::Listed, ..settings } }
    }

    /// The time between the starts of two attempts (default: 250 ms; at least 100 ms, at most 2 s: RFC 8305, section
    /// 8). Before an address that failed recently it is four times that, but at most 2 s. Has no effect on
    /// [`sequential`](Self::sequential).
    pub fn delay(mut self, delay: Duration) -> Self {
        if let Pace::Staggered(own) = &mut self.settings.pace {
            *own = delay.clamp(SHORTEST_DELAY, LONGEST_DELAY);
        }
        self
    }

    /// How long IPv4 addresses that are found first wait for IPv6 ones (default: 50 ms; RFC 8305, section 3; zero: not
    /// at all; `Duration::MAX`: until the look-up is over). It counts from the first answer, and ends at once when
    /// there are IPv6 addresses or when there will be none.
    pub fn resolution_delay(mut self, delay: Duration) -> Self {
        self.settings.resolution_delay = delay;
        self
    }

    /// How many IPv6 addresses are tried before the first IPv4 one (default: 1; at least 1, at most 255; RFC 8305,
    /// section 4: "First Address Family Count"). After that the families alternate. Has no effect on
    /// [`sequential`](Self::sequential) and [`as_listed`](Self::as_listed).
    pub fn first_family_count(mut self, count: usize) -> Self {
        if let Order::Interleaved { first_family_count } = &mut self.settings.order {
            *first_family_count = u8::try_from(count).unwrap_or(u8::MAX).max(1);
        }
        self
    }

    /// Staggered attempts in the order of the resolver, for addresses that are sorted already.
    pub fn as_listed(mut self) -> Self {
        self.settings.order = Order::Listed;
        self
    }

    /// How long one attempt may take (default: 10 s; `Duration::MAX` is no limit).
    /// [`Timeouts::attempt`](skybridge_core::Timeouts::attempt) of a request takes precedence.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }
}

impl<S: Dialer> Layer<S> for RaceLayer {
    type Service = Deferred<S::Io, Race<S>>;

    fn layer(&self, inner: S) -> Race<S> {
        Race { inner, settings: self.settings }
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
