use crate::memory::{Memory, Way};
use skybridge_core::{Delivery, Endpoint, FirstExchange, Hop, Partition, Phase, Route, Runtime, Verdict};
use std::{fmt, sync::Arc};

/// The memory, as seen from one route.
pub(crate) struct Recall {
    memory: Arc<Memory>,
    runtime: Arc<dyn Runtime>,
    hops: Arc<[Hop]>,
    partition: Option<Partition>,
}

impl Recall {
    pub(crate) fn new(memory: Arc<Memory>, route: &Route) -> Self {
        Self {
            memory,
            runtime: Arc::clone(route.ctx().runtime()),
            hops: Arc::clone(&route.hops),
            partition: route.target.terms().partition.clone(),
        }
    }

    fn way(&self, endpoint: &Endpoint) -> Way {
        Way { endpoint: endpoint.clone(), hops: Arc::clone(&self.hops), partition: self.partition.clone() }
    }

    /// The same endpoints, those that failed lately after the others.
    pub(crate) fn postpone(&self, mut endpoints: Vec<Endpoint>) -> Vec<Endpoint> {
        endpoints.sort_by_cached_key(|endpoint| self.postponed(endpoint));
        endpoints
    }

    /// It failed in this phase. Beyond a proxy that is no fault of the proxy's endpoint.
    pub(crate) fn failed(&self, endpoint: &Endpoint, phase: Phase) {
        let own = match phase {
            Phase::Tcp => true,
            Phase::Tls | Phase::Handshake | Phase::Send | Phase::Wait | Phase::Body => self.hops.is_empty(),
            _ => false,
        };
        if own {
            self.memory.fail(self.way(endpoint), self.runtime.now());
        }
    }

    pub(crate) fn worked(&self, endpoint: &Endpoint) {
        self.memory.forget(&self.way(endpoint));
    }
}

impl Verdict for Recall {
    fn on(&self, endpoint: &Endpoint, how: FirstExchange<'_>) {
        match how {
            FirstExchange::Completed => self.worked(endpoint),
            // A refusal is an answer: the way there is good.
            FirstExchange::Failed(error) if error.delivery() == Delivery::Refused => {}
            FirstExchange::Failed(error) => self.failed(endpoint, error.phase()),
            _ => {}
        }
    }

    fn postponed(&self, endpoint: &Endpoint) -> bool {
        self.memory.has_failed(&self.way(endpoint), self.runtime.now())
    }
}

impl fmt::Debug for Recall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recall").field("memory", &self.memory).finish_non_exhaustive()
    }
}
