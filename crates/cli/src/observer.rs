//! Observes the client's events, and keeps for each call what the report, `-w` and `-v` print.

use crate::{
    proxied::{self, Proxied},
    secrets::Secrets,
    verbose,
};
use bytes::Bytes;
use skybridge::types::sync::Mutex;
use skybridge::{
    Cause, ConnInfo, Event, EventKind, Observe, Phase, Protocol,
    tower::Service,
    types::{Acquired, Attempt, AttemptLog, AttemptReport, CallId, ConnectionId, Dialer, Link, Runtime, Search, Span},
};
use std::{
    collections::HashMap,
    sync::{Arc, MutexGuard},
    task::{Context, Poll},
    time::Instant,
};

/// How many searches of one call are kept.
const MOST_SEARCHES: usize = 16;

/// The observer of the client.
pub(crate) struct CallObserver {
    pub(crate) runtime: Arc<dyn Runtime>,
    secrets: Secrets,
    verbose: bool,
    others: Vec<Arc<dyn Observe>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    calls: HashMap<CallId, CallRecord>,
    /// Those that are open.
    connections: HashMap<ConnectionId, Open>,
    /// With `-v`: requests to be printed when they are sent.
    requests: HashMap<CallId, Vec<String>>,
}

#[derive(Default)]
struct Open {
    exchanges: u64,
    origin: String,
    version: &'static str,
}

/// What was observed of one call.
#[derive(Clone, Default)]
pub(crate) struct CallRecord {
    pub(crate) started: Option<Instant>,
    pub(crate) ended: Option<Instant>,
    pub(crate) acquired: Option<Acquisition>,
    /// The facts of the last connection that was made for it.
    pub(crate) made: Option<ConnInfo>,
    pub(crate) connects: u32,
    /// What its searches for a connection came to.
    pub(crate) searches: Vec<Search>,
    /// The last retry was asked for by an answer: nothing was lost.
    answered: bool,
    pub(crate) retries: u32,
    /// The phases of its exchanges, and of its connects so far.
    spans: Vec<(Phase, Instant, Option<Instant>)>,
    attempt_logs: Vec<AttemptLog>,
    /// The proxies that it has come to.
    pub(crate) proxied: Vec<Proxied>,
}

/// How a call acquired its connection.
#[derive(Clone, Debug)]
pub(crate) struct Acquisition {
    pub(crate) id: ConnectionId,
    pub(crate) how: Acquired,
    pub(crate) exchange: u64,
    /// One of a fixed list of words.
    pub(crate) reason: &'static str,
}

impl CallObserver {
    pub(crate) fn new(runtime: Arc<dyn Runtime>, secrets: Secrets, verbose: bool) -> Self {
        Self { runtime, secrets, verbose, others: Vec::new(), state: Mutex::default() }
    }

    /// Passes every event on to these observers, too.
    pub(crate) fn also_notify(mut self, others: impl IntoIterator<Item = Arc<dyn Observe>>) -> Self {
        self.others.extend(others);
        self
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Prints this request each time that it is sent on a connection.
    pub(crate) fn announce(&self, call: CallId, request: Vec<String>) {
        self.state().requests.insert(call, request);
    }

    /// The heads with which proxies have answered this call's requests for tunnels so far.
    pub(crate) fn proxies_heads(&self, call: CallId) -> Vec<Bytes> {
        let state = self.state();
        let proxied = state.calls.get(&call).into_iter().flat_map(|record| &record.proxied);
        proxied.flat_map(Proxied::heads).cloned().collect()
    }

    /// What was observed of a call so far.
    pub(crate) fn so_far(&self, call: CallId) -> CallRecord {
        let known = self.state().calls.get(&call).cloned();
        CallRecord { ended: Some(self.runtime.now()), ..known.unwrap_or_default() }
    }

    /// Returns what was observed of a call, which is over.
    pub(crate) fn finish(&self, call: CallId) -> CallRecord {
        let mut state = self.state();
        state.requests.remove(&call);
        let mut record = state.calls.remove(&call).unwrap_or_default();
        record.ended = Some(self.runtime.now());
        record
    }

    /// A socket is about to be opened.
    fn note_dial(&self, attempt: &Attempt) {
        let Some(call) = attempt.route.ctx().call() else { return };
        if self.verbose {
            verbose::dial(attempt);
        }
        if attempt.id.0 == 1 {
            self.state().calls.entry(call).or_default().attempt_logs.push(attempt.route.ctx().attempt_log().clone());
        }
    }
}

impl Observe for CallObserver {
    fn observe(&self, event: &Event<'_>) {
        let request = self.state().note(event, self.secrets);
        for other in &self.others {
            other.observe(event);
        }
        // Printed once everybody knows it: whoever reads it may end the program, and then what is drawn has it too.
        if self.verbose {
            verbose::event(event, self.secrets, &*self.runtime);
        }
        if let Some((version, request)) = request {
            verbose::request(version, &request);
        }
    }
}

impl State {
    /// Notes an event. Returns the request that is sent now, if it is to be printed.
    fn note(&mut self, event: &Event<'_>, secrets: Secrets) -> Option<(&'static str, Vec<String>)> {
        match (&event.kind, event.connection) {
            (EventKind::Created(info), Some(id)) => {
                let origin = info.route.target.origin().to_string();
                let version = info.protocol.map_or("", version);
                self.connections.insert(id, Open { exchanges: 0, origin, version });
            }
            (EventKind::Draining(_) | EventKind::Closed(_), Some(id)) => {
                self.connections.remove(&id);
            }
            _ => {}
        }
        let call = event.call?;
        if let (EventKind::Acquired(how), Some(id)) = (&event.kind, event.connection) {
            self.note_acquired(call, id, *how);
            return Some((self.connections.get(&id)?.version, self.requests.get(&call)?.clone()));
        }
        self.calls.entry(call).or_default().note(event, secrets);
        None
    }

    fn note_acquired(&mut self, call: CallId, id: ConnectionId, how: Acquired) {
        let open = self.connections.entry(id).or_default();
        let exchange = open.exchanges;
        open.exchanges += 1;
        let origin = open.origin.clone();
        let others = self.connections.iter().any(|(other, open)| *other != id && open.origin == origin);
        let record = self.calls.entry(call).or_default();
        let reason = match how {
            Acquired::Reused if exchange > 0 => "was open",
            Acquired::Reused => "was free",
            Acquired::Coalesced => "same address and certificate",
            Acquired::Joined => "was being opened",
            _ if record.acquired.is_some() && !record.answered => "the one before was lost",
            _ if others => "all others were busy",
            _ => "no connection",
        };
        record.acquired = Some(Acquisition { id, how, exchange, reason });
    }
}

impl CallRecord {
    fn note(&mut self, event: &Event<'_>, secrets: Secrets) {
        match &event.kind {
            EventKind::ProxyStep(proxy, step) => proxied::note(&mut self.proxied, proxy, step, secrets),
            EventKind::CallStarted { .. } => self.started = self.started.or(Some(event.at)),
            EventKind::PhaseStarted(phase) => self.spans.push((*phase, event.at, None)),
            EventKind::PhaseEnded(phase, _) | EventKind::PhaseFailed(phase, ..) | EventKind::PhaseDropped(phase, _) => {
                let open = |span: &&mut (Phase, Instant, Option<Instant>)| span.0 == *phase && span.2.is_none();
                if let Some(span) = self.spans.iter_mut().rev().find(open) {
                    span.2 = Some(event.at);
                }
            }
            EventKind::Searched(search) if self.searches.len() < MOST_SEARCHES => {
                self.searches.push((*search).clone());
            }
            EventKind::Created(info) => {
                self.connects += 1;
                self.made = Some((*info).clone());
            }
            EventKind::RetryDecided { again: true, error, .. } => {
                self.retries += 1;
                self.answered = matches!(error.cause(), Cause::Answered(_));
            }
            _ => {}
        }
    }

    /// When the last occurrence of a phase began and ended.
    pub(crate) fn span(&self, phase: Phase) -> Option<Span> {
        let (_, start, end) = self.spans.iter().rev().find(|span| span.0 == phase)?;
        Some(Span { start: *start, end: end.or(self.ended)? })
    }

    /// The phase that the call is in, or was in at its end. A connect that was begun for it may go on for others, once
    /// it has a connection.
    pub(crate) fn last_phase(&self) -> Option<Phase> {
        let steps = self.spans.iter().filter(|span| (Phase::Acquire..Phase::Call).contains(&span.0));
        let step = steps.max_by_key(|span| span.1);
        if let Some((phase, ..)) = step.filter(|span| span.0 != Phase::Acquire) {
            return Some(*phase);
        }
        let since = step.map(|span| span.1);
        let entered = self.spans.iter().filter(|span| span.0 < Phase::Acquire && Some(span.1) >= since);
        entered.max_by_key(|span| span.1).or(step).map(|span| span.0)
    }

    /// All attempts to connect, in order.
    pub(crate) fn attempts(&self) -> Vec<AttemptReport> {
        self.attempt_logs.iter().flat_map(AttemptLog::reports).collect()
    }
}

/// The version of HTTP, as reports and `-w` print it.
pub(crate) fn version(protocol: Protocol) -> &'static str {
    if protocol == Protocol::Http2 { "2" } else { "1.1" }
}

/// A dialer that notes each attempt with the observer.
#[derive(Clone)]
pub(crate) struct ObservedDialer<D> {
    dialer: D,
    observer: Arc<CallObserver>,
}

impl<D: Dialer> ObservedDialer<D> {
    pub(crate) fn new(dialer: D, observer: Arc<CallObserver>) -> Self {
        Self { dialer, observer }
    }
}

impl<D: Dialer> Service<Attempt> for ObservedDialer<D> {
    type Response = Link<D::Io>;
    type Error = D::Error;
    type Future = D::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), D::Error>> {
        self.dialer.poll_ready(cx)
    }

    fn call(&mut self, attempt: Attempt) -> D::Future {
        self.observer.note_dial(&attempt);
        self.dialer.dial(attempt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "any time will do")]
    fn a_call_is_in_its_own_phase_and_not_in_that_of_a_connect_which_others_get() {
        use Phase::{Acquire, Handshake, Resolve, Send, Tcp, Wait};
        let start = Instant::now();
        let last = |phases: &[Phase]| {
            let entered = phases.iter().zip(0..).map(|(phase, ms)| (*phase, start + Duration::from_millis(ms), None));
            CallRecord { spans: entered.collect(), ..CallRecord::default() }.last_phase()
        };
        assert_eq!(last(&[Acquire, Resolve, Tcp]), Some(Tcp));
        assert_eq!(last(&[Acquire, Tcp, Send, Wait, Handshake]), Some(Wait));
        // Tried again: what was before is over.
        assert_eq!(last(&[Acquire, Tcp, Send, Wait, Acquire]), Some(Acquire));
        assert_eq!(last(&[Acquire, Tcp, Send, Wait, Acquire, Tcp]), Some(Tcp));
        assert_eq!(last(&[]), None);
    }
}
