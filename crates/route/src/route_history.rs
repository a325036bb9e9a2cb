use crate::route_database::{Failed, FailureKey, FirstHop, FirstHopKey, OriginPath, RouteDatabase};
use skybridge_core::{
    ConnectError, Delivery, Endpoint, FirstExchange, Partition, Phase, Proxy, RecentFailure, RouteFeedback, Runtime,
    Target, TimedOut,
};
use std::{error::Error, fmt, sync::Arc, time::Duration};

/// The [`RouteDatabase`] as it concerns one route.
///
/// That no socket could be opened to an endpoint is recorded for the endpoint: it holds for every origin. A failure on
/// an open socket, in the tunnel, in TLS, in the handshake or in the first exchange, is recorded for the endpoint and
/// the origin together: another name at the same address is another virtual host, and may work.
///
/// The same is recorded of chains of proxies as a whole. That the first proxy can't be reached concerns every origin,
/// and what fails behind it one origin.
#[derive(Clone)]
pub(crate) struct RouteHistory {
    database: Arc<RouteDatabase>,
    runtime: Arc<dyn Runtime>,
    partition: Option<Partition>,
    path: OriginPath,
    /// The address of the origin that the last proxy is given.
    proxy_target: Option<Endpoint>,
    /// The target names the endpoints to dial: whether those work says nothing of the origin's own.
    is_dialed: bool,
}

impl RouteHistory {
    pub(crate) fn new(database: Arc<RouteDatabase>, target: &Target, proxies: Arc<[Proxy]>) -> Self {
        Self {
            database,
            runtime: Arc::clone(target.ctx.runtime()),
            partition: target.connect_options().partition.clone(),
            path: OriginPath { origin: Arc::new(target.origin().clone()), proxies },
            proxy_target: None,
            is_dialed: target.connect_options().dial.is_some(),
        }
    }

    /// The same route, where the last proxy is given this address.
    pub(crate) fn with_proxy_target(&self, address: Endpoint) -> Self {
        Self { proxy_target: Some(address), ..self.clone() }
    }

    fn key(&self, what: Failed) -> FailureKey {
        FailureKey { what, partition: self.partition.clone() }
    }

    fn socket(&self, endpoint: &Endpoint) -> FailureKey {
        self.key(Failed::Socket(endpoint.clone()))
    }

    fn origin_at(&self, endpoint: &Endpoint) -> FailureKey {
        self.key(Failed::OriginAt(endpoint.clone(), self.path.clone()))
    }

    /// `None` for a direct connection.
    fn first_proxy(&self) -> Option<FailureKey> {
        self.path.proxies.first().map(|proxy| self.key(Failed::Proxy(proxy.clone())))
    }

    fn first_hop(&self) -> FirstHopKey {
        let origin = || FirstHop::Origin(Arc::clone(&self.path.origin));
        let hop = self.path.proxies.first().map_or_else(origin, |proxy| FirstHop::Proxy(proxy.clone()));
        FirstHopKey { hop, partition: self.partition.clone() }
    }

    fn failure(&self, phase: Phase, error: &(dyn Error + 'static)) -> RecentFailure {
        RecentFailure::new(phase, self.runtime.now(), error)
    }

    fn whole_path(&self) -> Option<FailureKey> {
        (!self.is_dialed).then(|| self.key(Failed::Path(self.path.clone())))
    }

    fn is_recent(&self, key: &FailureKey) -> bool {
        self.database.failed_recently(key, self.runtime.now())
    }

    /// Whether the first proxy couldn't be reached recently.
    pub(crate) fn is_first_proxy_down(&self) -> bool {
        self.first_proxy().is_some_and(|key| self.is_recent(&key))
    }

    /// Whether the origin couldn't be reached this way recently, at whatever addresses.
    pub(crate) fn path_failed_recently(&self) -> bool {
        self.is_first_proxy_down() || self.whole_path().is_some_and(|key| self.is_recent(&key))
    }

    /// The origin couldn't be reached this way. Without proxies that no socket was opened is the origin's own failure.
    pub(crate) fn path_failed(&self, phase: Phase, error: &(dyn Error + 'static), opened_socket: bool) {
        if let Some(key) = self.first_proxy().filter(|_| !opened_socket).or_else(|| self.whole_path()) {
            self.database.failed(key, self.failure(phase, error));
        }
    }

    /// The same, if the error says anything about the way. One without a phase is a foreign layer's.
    pub(crate) fn failed_by(&self, error: &ConnectError, opened_socket: bool) {
        if let Some(phase) = error.phase().filter(|phase| is_of_path(*phase)) {
            self.path_failed(phase, error, opened_socket);
        }
    }

    /// The same endpoints, those that failed recently after the others.
    pub(crate) fn sort_failed_last(&self, mut endpoints: Vec<Endpoint>) -> Vec<Endpoint> {
        endpoints.sort_by_cached_key(|endpoint| self.failed_recently(endpoint));
        endpoints
    }

    /// An attempt at `endpoint` failed in this phase.
    pub(crate) fn failed(&self, endpoint: &Endpoint, phase: Phase, error: &(dyn Error + 'static)) {
        if let Some(key) = self.failure_key(endpoint, phase) {
            self.database.forget_winner(&self.first_hop(), endpoint);
            self.database.failed(key, self.failure(phase, error));
        }
    }

    /// An attempt at `endpoint` has taken too long in this phase, whether it has ended for that or not.
    pub(crate) fn stalled(&self, endpoint: &Endpoint, timed_out: TimedOut) {
        let phase = timed_out.phase;
        self.failed(endpoint, phase, &timed_out);
        if !self.path.proxies.is_empty() {
            self.path_failed(phase, &timed_out, phase > Phase::Tcp);
        }
    }

    /// `endpoint` connected while one that was tried before it didn't answer.
    pub(crate) fn overtook(&self, endpoint: &Endpoint) {
        // What is dialled in the place of the origin says nothing of the origin's addresses.
        if !self.is_dialed || !self.path.proxies.is_empty() {
            self.database.won(self.first_hop(), endpoint.clone(), self.runtime.now());
        }
    }

    /// What a failure in this phase is recorded for; `None` where it says nothing about the route.
    fn failure_key(&self, endpoint: &Endpoint, phase: Phase) -> Option<FailureKey> {
        if !is_of_path(phase) {
            return None;
        }
        let is_direct = self.path.proxies.is_empty();
        match (phase, &self.proxy_target) {
            (Phase::Tcp, _) => Some(self.socket(endpoint)),
            (_, Some(address)) => Some(self.origin_at(address)),
            (Phase::Tunnel, None) => Some(self.origin_at(endpoint)),
            // Behind a proxy that resolves the origin itself, it isn't known which of the origin's addresses failed.
            (_, None) => is_direct.then(|| self.origin_at(endpoint)),
        }
    }

    /// A socket was opened to this endpoint.
    pub(crate) fn socket_opened(&self, endpoint: &Endpoint) {
        self.database.forget(&self.socket(endpoint));
        if let Some(proxy) = self.first_proxy() {
            self.database.forget(&proxy);
        }
    }

    /// The whole route through this endpoint works.
    pub(crate) fn succeeded(&self, endpoint: &Endpoint) {
        self.socket_opened(endpoint);
        if let Some(path) = self.whole_path() {
            self.database.forget(&path);
        }
        self.database.forget(&self.origin_at(endpoint));
        if let Some(address) = &self.proxy_target {
            self.database.forget(&self.origin_at(address));
        }
    }
}

impl RouteFeedback for RouteHistory {
    fn report(&self, endpoint: &Endpoint, how: FirstExchange<'_>) {
        match how {
            FirstExchange::Completed => self.succeeded(endpoint),
            // One refusal is an answer: the route works.
            FirstExchange::Failed(error) if error.delivery() == Delivery::Refused => {}
            FirstExchange::Failed(error) | FirstExchange::Refused(error) => {
                self.failed(endpoint, error.phase(), error);
                // A direct connection has other addresses; of proxies it isn't known which address failed behind them.
                if !self.path.proxies.is_empty() && is_of_path(error.phase()) {
                    self.path_failed(error.phase(), error, true);
                }
            }
            _ => {}
        }
    }

    fn stalls(&self, endpoint: &Endpoint, phase: Phase, after: Duration) {
        self.stalled(endpoint, TimedOut { phase, limit: after });
    }

    fn failed_recently(&self, endpoint: &Endpoint) -> bool {
        self.is_recent(&self.socket(endpoint)) || self.is_recent(&self.origin_at(endpoint))
    }

    fn recent_failure(&self, endpoint: &Endpoint) -> Option<RecentFailure> {
        let of = |key| self.database.recent_failure(&key, self.runtime.now());
        of(self.socket(endpoint)).or_else(|| of(self.origin_at(endpoint)))
    }

    fn overtook_recently(&self, endpoint: &Endpoint) -> bool {
        self.database.is_winner(&self.first_hop(), endpoint, self.runtime.now())
    }
}

/// Whether a failure in this phase says anything about the route.
fn is_of_path(phase: Phase) -> bool {
    !matches!(phase, Phase::LookupQueue | Phase::Resolve | Phase::Acquire | Phase::Call)
}

impl fmt::Debug for RouteHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteHistory").field("database", &self.database).finish_non_exhaustive()
    }
}
