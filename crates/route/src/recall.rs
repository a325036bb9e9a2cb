use crate::memory::{Memory, Subject, Use};
use skybridge_core::{Delivery, Endpoint, FirstExchange, Partition, Phase, Route, RouteFeedback, Runtime};
use std::{fmt, sync::Arc};

/// The memory, as seen from one route.
///
/// That no socket could be opened to an endpoint is remembered of the endpoint: it holds for everybody. What failed on an open socket, in the
/// tunnel, in TLS, in the handshake or in the first exchange, is remembered of the endpoint and the origin together: another name at the same
/// address is another virtual host, and may do very well.
#[derive(Clone)]
pub(crate) struct Recall {
    memory: Arc<Memory>,
    runtime: Arc<dyn Runtime>,
    partition: Option<Partition>,
    use_of: Use,
    /// The address of the origin that the last proxy is told.
    proxy_target: Option<Endpoint>,
}

impl Recall {
    pub(crate) fn new(memory: Arc<Memory>, route: &Route) -> Self {
        Self {
            memory,
            runtime: Arc::clone(route.ctx().runtime()),
            partition: route.target.connect_options().partition.clone(),
            use_of: Use { origin: Arc::new(route.target.origin().clone()), proxies: Arc::clone(&route.proxies) },
            proxy_target: None,
        }
    }

    /// The same, where the last proxy is told this address.
    pub(crate) fn proxy_target(&self, address: Endpoint) -> Self {
        Self { proxy_target: Some(address), ..self.clone() }
    }

    /// A socket to it.
    fn socket(&self, endpoint: &Endpoint) -> Subject {
        Subject { endpoint: endpoint.clone(), partition: self.partition.clone(), use_of: None }
    }

    /// The origin, there.
    fn origin_at(&self, endpoint: &Endpoint) -> Subject {
        Subject { use_of: Some(self.use_of.clone()), ..self.socket(endpoint) }
    }

    /// The same endpoints, those that failed lately after the others.
    pub(crate) fn postpone(&self, mut endpoints: Vec<Endpoint>) -> Vec<Endpoint> {
        endpoints.sort_by_cached_key(|endpoint| self.failed_recently(endpoint));
        endpoints
    }

    /// An attempt at `endpoint` failed in this phase.
    pub(crate) fn failed(&self, endpoint: &Endpoint, phase: Phase) {
        if let Some(subject) = self.to_blame(endpoint, phase) {
            self.memory.fail(subject, self.runtime.now());
        }
    }

    /// What a failure is remembered of.
    fn to_blame(&self, endpoint: &Endpoint, phase: Phase) -> Option<Subject> {
        let direct = self.use_of.proxies.is_empty();
        match (phase, &self.proxy_target) {
            (Phase::Tcp, _) => Some(self.socket(endpoint)),
            (Phase::Resolve | Phase::Acquire | Phase::Call, _) => None,
            (_, Some(address)) => Some(self.origin_at(address)),
            (Phase::Tunnel, None) => Some(self.origin_at(endpoint)),
            // Behind a proxy that looks the origin up by itself, nobody knows which of the origin's addresses it was.
            (_, None) => direct.then(|| self.origin_at(endpoint)),
        }
    }

    /// A socket was opened to it.
    pub(crate) fn opened(&self, endpoint: &Endpoint) {
        self.memory.forget(&self.socket(endpoint));
    }

    /// All went well that was done with it.
    pub(crate) fn worked(&self, endpoint: &Endpoint) {
        self.opened(endpoint);
        self.memory.forget(&self.origin_at(endpoint));
        if let Some(address) = &self.proxy_target {
            self.memory.forget(&self.origin_at(address));
        }
    }
}

impl RouteFeedback for Recall {
    fn report(&self, endpoint: &Endpoint, how: FirstExchange<'_>) {
        match how {
            FirstExchange::Completed => self.worked(endpoint),
            // A refusal is an answer: the way there is good.
            FirstExchange::Failed(error) if error.delivery() == Delivery::Refused => {}
            FirstExchange::Failed(error) => self.failed(endpoint, error.phase()),
            _ => {}
        }
    }

    fn failed_recently(&self, endpoint: &Endpoint) -> bool {
        let now = self.runtime.now();
        self.memory.has_failed(&self.socket(endpoint), now) || self.memory.has_failed(&self.origin_at(endpoint), now)
    }
}

impl fmt::Debug for Recall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recall").field("memory", &self.memory).finish_non_exhaustive()
    }
}
