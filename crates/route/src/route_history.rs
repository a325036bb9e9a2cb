use crate::route_database::{FailureKey, OriginPath, RouteDatabase};
use skybridge_core::{Delivery, Endpoint, FirstExchange, Partition, Phase, Route, RouteFeedback, Runtime};
use std::{fmt, sync::Arc};

/// The [`RouteDatabase`] as it concerns one route.
///
/// That no socket could be opened to an endpoint is recorded for the endpoint: it holds for every origin. A failure on
/// an open socket, in the tunnel, in TLS, in the handshake or in the first exchange, is recorded for the endpoint and
/// the origin together: another name at the same address is another virtual host, and may work.
#[derive(Clone)]
pub(crate) struct RouteHistory {
    database: Arc<RouteDatabase>,
    runtime: Arc<dyn Runtime>,
    partition: Option<Partition>,
    path: OriginPath,
    /// The address of the origin that the last proxy is given.
    proxy_target: Option<Endpoint>,
}

impl RouteHistory {
    pub(crate) fn new(database: Arc<RouteDatabase>, route: &Route) -> Self {
        Self {
            database,
            runtime: Arc::clone(route.ctx().runtime()),
            partition: route.target.connect_options().partition.clone(),
            path: OriginPath { origin: Arc::new(route.target.origin().clone()), proxies: Arc::clone(&route.proxies) },
            proxy_target: None,
        }
    }

    /// The same route, where the last proxy is given this address.
    pub(crate) fn with_proxy_target(&self, address: Endpoint) -> Self {
        Self { proxy_target: Some(address), ..self.clone() }
    }

    fn socket(&self, endpoint: &Endpoint) -> FailureKey {
        FailureKey { endpoint: endpoint.clone(), partition: self.partition.clone(), path: None }
    }

    fn origin_at(&self, endpoint: &Endpoint) -> FailureKey {
        FailureKey { path: Some(self.path.clone()), ..self.socket(endpoint) }
    }

    /// The same endpoints, those that failed recently after the others.
    pub(crate) fn sort_failed_last(&self, mut endpoints: Vec<Endpoint>) -> Vec<Endpoint> {
        endpoints.sort_by_cached_key(|endpoint| self.failed_recently(endpoint));
        endpoints
    }

    /// An attempt at `endpoint` failed in this phase.
    pub(crate) fn failed(&self, endpoint: &Endpoint, phase: Phase) {
        if let Some(key) = self.failure_key(endpoint, phase) {
            self.database.failed(key, self.runtime.now());
        }
    }

    /// What a failure in this phase is recorded for; `None` where it says nothing about the route.
    fn failure_key(&self, endpoint: &Endpoint, phase: Phase) -> Option<FailureKey> {
        let is_direct = self.path.proxies.is_empty();
        match (phase, &self.proxy_target) {
            (Phase::Tcp, _) => Some(self.socket(endpoint)),
            (Phase::LookupQueue | Phase::Resolve | Phase::Acquire | Phase::Call, _) => None,
            (_, Some(address)) => Some(self.origin_at(address)),
            (Phase::Tunnel, None) => Some(self.origin_at(endpoint)),
            // Behind a proxy that resolves the origin itself, it isn't known which of the origin's addresses failed.
            (_, None) => is_direct.then(|| self.origin_at(endpoint)),
        }
    }

    /// A socket was opened to this endpoint.
    pub(crate) fn socket_opened(&self, endpoint: &Endpoint) {
        self.database.forget(&self.socket(endpoint));
    }

    /// The whole route through this endpoint works.
    pub(crate) fn succeeded(&self, endpoint: &Endpoint) {
        self.socket_opened(endpoint);
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
            // A refusal is an answer: the route works.
            FirstExchange::Failed(error) if error.delivery() == Delivery::Refused => {}
            FirstExchange::Failed(error) => self.failed(endpoint, error.phase()),
            _ => {}
        }
    }

    fn failed_recently(&self, endpoint: &Endpoint) -> bool {
        let now = self.runtime.now();
        let failed = |key: &FailureKey| self.database.failed_recently(key, now);
        failed(&self.socket(endpoint)) || failed(&self.origin_at(endpoint))
    }
}

impl fmt::Debug for RouteHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteHistory").field("database", &self.database).finish_non_exhaustive()
    }
}
