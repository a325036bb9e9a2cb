#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use skybridge_core::{
    ConnectError, ConnectOptions, Ctx, Endpoint, Link, Phase, Plan, Planner, Route, Target, Timeouts,
};
use skybridge_route::RouteLayer;
use skybridge_tcp::RaceLayer;
use skybridge_testkit::{
    executor::Executor,
    fixtures,
    net::{Conn, Names, Network},
    observe::Recorder,
};
use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tower::{Layer, ServiceExt, util::BoxCloneSyncService};

pub fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub fn ip(n: usize) -> String {
    format!("192.0.2.{n}:80")
}

pub fn at(n: usize) -> Endpoint {
    fixtures::endpoint(&ip(n))
}

pub fn addr(n: usize) -> SocketAddr {
    ip(n).parse().unwrap()
}

/// A network on virtual time, a stand-in for TLS that fails at chosen addresses, and a recorder of events.
pub struct World {
    pub net: Network,
    pub executor: Executor,
    pub recorder: Arc<Recorder>,
    pub timeouts: Timeouts,
    tls: Arc<Mutex<HashMap<Endpoint, bool>>>,
    start: Instant,
}

pub type TlsConnector = BoxCloneSyncService<Route, Link<Conn>, ConnectError>;

impl World {
    pub fn new() -> Self {
        let executor = Executor::new();
        let start = executor.runtime().now();
        let (net, recorder) = (Network::new(), Recorder::new());
        Self { net, executor, recorder, timeouts: Timeouts::new(), tls: Arc::default(), start }
    }

    /// Listens at the n-th address; connects to it take this long.
    pub fn up(&self, n: usize, takes: u64) -> &Self {
        self.net.at(addr(n)).connect_latency(ms(takes));
        std::mem::forget(self.net.listen(addr(n)));
        self
    }

    /// Sets the addresses of a host.
    pub fn host(&self, host: &str, ns: impl IntoIterator<Item = usize>) -> skybridge_testkit::net::Name {
        self.net.host(host, ns.into_iter().map(|n| addr(n).ip()))
    }

    /// Lets TLS fail at the n-th address. When the error is fatal, no other address is tried.
    pub fn tls_fails(&self, n: usize, fatal: bool) -> &Self {
        self.tls.lock().unwrap().insert(at(n), fatal);
        self
    }

    pub fn ctx(&self) -> Ctx {
        self.executor.ctx().observer(Some(self.recorder.clone())).with_limits(self.timeouts.clone())
    }

    pub fn target(&self, url: &str) -> Target {
        fixtures::target(url, self.ctx())
    }

    pub fn target_with(&self, url: &str, connect_options: impl FnOnce(&mut ConnectOptions)) -> Target {
        let mut key = fixtures::key(url);
        connect_options(&mut key.connect_options);
        Target::new(key, self.ctx())
    }

    /// The connector below the route layer: a race, and TLS above it.
    pub fn connector(&self) -> TlsConnector {
        let race = RaceLayer::happy_eyeballs().layer(self.net.dialer());
        let tls = Arc::clone(&self.tls);
        let tls = tower::service_fn(move |route: Route| {
            let (race, tls) = (race.clone(), Arc::clone(&tls));
            async move {
                let link = race.oneshot(route).await?;
                let guard = link.phase(Phase::Tls);
                let fails = tls.lock().unwrap().get(&link.info.remote).copied();
                match fails {
                    None => drop(guard.done()),
                    Some(fatal) => {
                        let error = guard.fail(io::Error::other(format!("no TLS at {}", link.info.remote)));
                        return Err(if fatal { error.fatal() } else { error });
                    }
                }
                Ok(link)
            }
        });
        BoxCloneSyncService::new(tls)
    }

    pub fn layer(&self) -> RouteLayer<Names> {
        RouteLayer::new(self.net.resolver())
    }

    pub fn planner(&self) -> impl Planner<Plan: Plan<Connection = Link<Conn>>> + Sync + use<> {
        self.layer().layer(self.connector())
    }

    pub fn elapsed(&self) -> u128 {
        (self.executor.runtime().now() - self.start).as_millis()
    }
}

/// Plans a route and connects it.
pub async fn reach<P: Planner>(planner: &P, target: Target) -> Result<<P::Plan as Plan>::Connection, ConnectError> {
    plan(planner, target).await?.connect().await
}

pub async fn plan<P: Planner>(planner: &P, target: Target) -> Result<P::Plan, ConnectError> {
    let mut planner = planner.clone();
    std::future::poll_fn(|cx| planner.poll_ready(cx)).await.map_err(Into::into)?;
    planner.plan(target).await.map_err(Into::into)
}

/// The endpoints of the attempts of a target, in order.
pub fn tried(ctx: &Ctx) -> Vec<Endpoint> {
    ctx.attempt_log().reports().into_iter().map(|report| report.endpoint).collect()
}
