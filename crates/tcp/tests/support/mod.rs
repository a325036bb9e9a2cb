#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use skybridge_core::{ConnectError, Endpoints, Route, Timeouts};
use skybridge_testkit::{executor::Executor, fixtures, net::Network, observe::Recorder};
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

pub fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// The n-th IPv4 or IPv6 address of the tests.
pub fn v4(n: usize) -> String {
    format!("192.0.2.{n}:80")
}

pub fn v6(n: usize) -> String {
    format!("[2001:db8::{n}]:80")
}

/// A network on virtual time, and a recorder of events.
pub struct World {
    pub net: Network,
    pub executor: Executor,
    pub recorder: Arc<Recorder>,
    pub timeouts: Timeouts,
    start: Instant,
}

impl World {
    pub fn new() -> Self {
        let executor = Executor::new();
        let start = executor.runtime().now();
        Self { net: Network::new(), executor, recorder: Recorder::new(), timeouts: Timeouts::new(), start }
    }

    /// Listens at this address; connects to it take this long.
    pub fn up(&self, at: &str, takes: u64) -> &Self {
        self.net.at(addr(at)).connect_latency(ms(takes));
        // A listener that never accepts: sockets open all the same.
        std::mem::forget(self.net.listen(addr(at)));
        self
    }

    /// Refuses connects to this address after this time.
    pub fn refuses(&self, at: &str, takes: u64) -> &Self {
        self.net.at(addr(at)).refuse().connect_latency(ms(takes));
        self
    }

    /// Never answers connects to this address.
    pub fn silent(&self, at: &str) -> &Self {
        self.net.at(addr(at)).black_hole();
        self
    }

    pub fn route_by(&self, endpoints: Endpoints) -> Route {
        let ctx = self.executor.ctx().observer(Some(self.recorder.clone())).with_limits(self.timeouts.clone());
        Route::direct(fixtures::target("http://a.test", ctx), endpoints)
    }

    pub fn route<'a>(&self, endpoints: impl IntoIterator<Item = &'a str>) -> Route {
        self.route_by(Endpoints::fixed(endpoints.into_iter().map(fixtures::endpoint)))
    }

    pub fn elapsed(&self) -> u128 {
        (self.executor.runtime().now() - self.start).as_millis()
    }

    /// All events, each as `t250 connect_start a2`.
    pub fn trace(&self) -> Vec<String> {
        let line = |event: &skybridge_testkit::observe::Recorded| {
            format!("t{} {} a{}", (event.at - self.start).as_millis(), event.name, event.attempt.unwrap().0)
        };
        self.recorder.recorded().iter().map(line).collect()
    }
}

/// The endpoints of the attempts, in order.
pub fn tried(route: &Route) -> Vec<String> {
    route.ctx().attempt_log().reports().iter().map(|report| report.endpoint.to_string()).collect()
}

pub fn kind(error: &ConnectError) -> std::io::ErrorKind {
    error.source_as::<std::io::Error>().expect("an io error").kind()
}
