//! Sees everything that the stack tells, and keeps per call what the report, `-w` and `-v` say of it.

use crate::{report, verbose};
use skybridge::types::sync::Mutex;
use skybridge::{
    ConnInfo, Event, EventKind, Observe, Phase,
    tower::Service,
    types::{Acquired, Attempt, AttemptLog, AttemptReport, CallId, ConnectionId, Dialer, Link, Runtime, Span},
};
use std::{
    collections::HashMap,
    sync::{Arc, MutexGuard},
    task::{Context, Poll},
    time::Instant,
};

/// The observer of the client.
pub(crate) struct Witness {
    pub(crate) runtime: Arc<dyn Runtime>,
    verbose: bool,
    others: Vec<Arc<dyn Observe>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    calls: HashMap<CallId, Seen>,
    /// Those that are open.
    connections: HashMap<ConnectionId, Open>,
    /// With `-v`: requests that are told when they are sent.
    requests: HashMap<CallId, Vec<String>>,
}

#[derive(Default)]
struct Open {
    exchanges: u64,
    origin: String,
    version: &'static str,
}

/// What was seen of one call.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    pub(crate) started: Option<Instant>,
    pub(crate) ended: Option<Instant>,
    pub(crate) acquired: Option<Seized>,
    /// The facts of the last connection that was made for it.
    pub(crate) made: Option<ConnInfo>,
    pub(crate) connects: u32,
    pub(crate) retries: u32,
    /// Phases of its exchanges, and those of its connects that are under way.
    spans: Vec<(Phase, Instant, Option<Instant>)>,
    trails: Vec<AttemptLog>,
}

/// How a call came by a connection.
#[derive(Clone, Debug)]
pub(crate) struct Seized {
    pub(crate) id: ConnectionId,
    pub(crate) how: Acquired,
    pub(crate) exchange: u64,
    /// One of a closed list.
    pub(crate) reason: &'static str,
}

impl Witness {
    pub(crate) fn new(runtime: Arc<dyn Runtime>, verbose: bool) -> Self {
        Self { runtime, verbose, others: Vec::new(), state: Mutex::default() }
    }

    /// Tells these all the same.
    pub(crate) fn and(mut self, others: impl IntoIterator<Item = Arc<dyn Observe>>) -> Self {
        self.others.extend(others);
        self
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Tells of this request each time that it has a connection to be sent on.
    pub(crate) fn expect(&self, call: CallId, request: Vec<String>) {
        self.state().requests.insert(call, request);
    }

    /// All of it; the call is over.
    pub(crate) fn take(&self, call: CallId) -> Seen {
        let mut state = self.state();
        state.requests.remove(&call);
        let mut seen = state.calls.remove(&call).unwrap_or_default();
        seen.ended = Some(self.runtime.now());
        seen
    }

    /// A socket is about to be opened.
    fn dials(&self, attempt: &Attempt) {
        let Some(call) = attempt.route.ctx().call() else { return };
        if self.verbose {
            verbose::dials(attempt);
        }
        if attempt.id.0 == 1 {
            self.state().calls.entry(call).or_default().trails.push(attempt.route.ctx().attempt_log().clone());
        }
    }
}

impl Observe for Witness {
    fn observe(&self, event: &Event<'_>) {
        if self.verbose {
            verbose::event(event);
        }
        let request = self.state().note(event);
        if let Some((version, request)) = request {
            verbose::request(version, &request);
        }
        for other in &self.others {
            other.observe(event);
        }
    }
}

impl State {
    /// What is now being sent, if somebody wants to know.
    fn note(&mut self, event: &Event<'_>) -> Option<(&'static str, Vec<String>)> {
        match (&event.kind, event.connection) {
            (EventKind::Created(info), Some(id)) => {
                let origin = info.route.target.origin().to_string();
                let version = info.protocol.map_or("", report::version);
                self.connections.insert(id, Open { exchanges: 0, origin, version });
            }
            (EventKind::Draining(_) | EventKind::Closed(_), Some(id)) => {
                self.connections.remove(&id);
            }
            _ => {}
        }
        let call = event.call?;
        if let (EventKind::Acquired(how), Some(id)) = (&event.kind, event.connection) {
            self.seize(call, id, *how);
            return Some((self.connections.get(&id)?.version, self.requests.get(&call)?.clone()));
        }
        self.calls.entry(call).or_default().note(event);
        None
    }

    fn seize(&mut self, call: CallId, id: ConnectionId, how: Acquired) {
        let open = self.connections.entry(id).or_default();
        let exchange = open.exchanges;
        open.exchanges += 1;
        let origin = open.origin.clone();
        let others = self.connections.iter().any(|(other, open)| *other != id && open.origin == origin);
        let seen = self.calls.entry(call).or_default();
        let reason = match how {
            Acquired::Reused if exchange > 0 => "was open",
            Acquired::Reused => "was free",
            Acquired::Coalesced => "same address and certificate",
            Acquired::Joined => "was being opened",
            _ if seen.acquired.is_some() => "the one before was lost",
            _ if others => "all others were busy",
            _ => "no connection",
        };
        seen.acquired = Some(Seized { id, how, exchange, reason });
    }
}

impl Seen {
    fn note(&mut self, event: &Event<'_>) {
        match &event.kind {
            EventKind::CallStarted => self.started = self.started.or(Some(event.at)),
            EventKind::PhaseStarted(phase) => self.spans.push((*phase, event.at, None)),
            EventKind::PhaseEnded(phase, _) | EventKind::PhaseFailed(phase, ..) | EventKind::PhaseDropped(phase, _) => {
                let open = |span: &&mut (Phase, Instant, Option<Instant>)| span.0 == *phase && span.2.is_none();
                if let Some(span) = self.spans.iter_mut().rev().find(open) {
                    span.2 = Some(event.at);
                }
            }
            EventKind::Created(info) => {
                self.connects += 1;
                self.made = Some((*info).clone());
            }
            EventKind::RetryDecided { again: true, .. } => self.retries += 1,
            _ => {}
        }
    }

    /// When a phase of the last exchange took place.
    pub(crate) fn span(&self, phase: Phase) -> Option<Span> {
        let (_, start, end) = self.spans.iter().rev().find(|span| span.0 == phase)?;
        Some(Span { start: *start, end: end.or(self.ended)? })
    }

    /// The phase that was entered last, whatever became of it.
    pub(crate) fn deepest(&self) -> Option<Phase> {
        let entered = self.spans.iter().filter(|span| span.0 != Phase::Acquire && span.0 != Phase::Call);
        entered.max_by_key(|span| span.1).map(|span| span.0).or_else(|| self.spans.last().map(|span| span.0))
    }

    /// Every attempt to connect, of each search in turn.
    pub(crate) fn attempts(&self) -> Vec<AttemptReport> {
        self.trails.iter().flat_map(AttemptLog::reports).collect()
    }
}

/// A dialer that tells the witness of each attempt.
#[derive(Clone)]
pub(crate) struct Watched<D> {
    dialer: D,
    witness: Arc<Witness>,
}

impl<D: Dialer> Watched<D> {
    pub(crate) fn new(dialer: D, witness: Arc<Witness>) -> Self {
        Self { dialer, witness }
    }
}

impl<D: Dialer> Service<Attempt> for Watched<D> {
    type Response = Link<D::Io>;
    type Error = D::Error;
    type Future = D::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), D::Error>> {
        self.dialer.poll_ready(cx)
    }

    fn call(&mut self, attempt: Attempt) -> D::Future {
        self.witness.dials(&attempt);
        self.dialer.dial(attempt)
    }
}
