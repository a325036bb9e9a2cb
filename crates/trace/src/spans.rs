use crate::{Failure, clean::clean, facts, json, otel};
use http::{Method, StatusCode, Version};
use skybridge_core::{
    Acquired, AttemptId, AttemptReport, CallId, ConnInfo, ConnectionId, Endpoint, Error, Event, EventKind, Observe,
    OriginRef, Phase, RedactedUri, sync::Mutex,
};
use std::{
    collections::HashMap,
    fmt,
    net::SocketAddr,
    sync::{Arc, MutexGuard},
    time::{Duration, Instant},
};
use tracing::{Level, Span, field::Empty};

/// Tells [`tracing`] of calls and connections: spans with the names and attributes of OpenTelemetry's conventions for
/// HTTP clients, and one line of text for each call and each connection.
///
/// | target | level | what |
/// |---|---|---|
/// | `skybridge::call` | `INFO` | a span for each call, within the span that is current where it is made |
/// | `skybridge::call` | `DEBUG` | a line when a call is over, and one for each try that is repeated |
/// | `skybridge::attempt` | `DEBUG` | a span for each attempt to connect, within that of its call |
/// | `skybridge::phase` | `DEBUG` | a span for each phase, within that of its attempt or call |
/// | `skybridge::connection` | `WARN` | a line when a peer is not verified, its pins don't count, or TLS falls back |
/// | `skybridge::connection` | `DEBUG` | a line when a connection is made, takes no more requests, is closed |
///
/// A call's span has `http.request.method`, `url.full` without secrets, `server.address`, `server.port`,
/// `network.peer.address`, `network.peer.port`, `network.protocol.version`, `http.response.status_code`,
/// `http.request.resend_count` and `error.type`, the span of a look-up `dns.question.name` and `dns.answers`, and for
/// exporters `otel.name`, `otel.kind` and `otel.status_code`. Where no subscriber wants the target `skybridge::call`,
/// nothing is kept of a call.
///
/// One is for one client: calls are told apart by their numbers, which each client counts for itself.
#[derive(Default)]
pub struct Spans {
    calls: Mutex<HashMap<CallId, Arc<OpenCall>>>,
    /// Where the open connections lead.
    peers: Mutex<HashMap<ConnectionId, SocketAddr>>,
}

/// A call that isn't over.
struct OpenCall {
    span: Span,
    method: Method,
    url: String,
    began: Instant,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    /// Shared, as a span must outlive the making of one within it.
    attempts: Vec<(AttemptId, Arc<Span>)>,
    phases: Vec<(Option<AttemptId>, Phase, Span)>,
    answer: Option<(StatusCode, Version)>,
    acquired: Option<(ConnectionId, Acquired)>,
    resends: u64,
}

/// A span for a phase: `tracing` wants each name as a literal.
macro_rules! phase_span {
    ($phase:expr, $parent:expr, $($variant:ident => $name:literal),* $(,)?) => {
        match $phase {
            $(Phase::$variant => tracing::debug_span!(
                target: "skybridge::phase", parent: $parent, $name, "error.type" = Empty, otel.status_code = Empty,
                dns.question.name = Empty, dns.answers = Empty
            ),)*
            Phase::Other(name) => tracing::debug_span!(
                target: "skybridge::phase", parent: $parent, "other", skybridge.phase = name.as_str(),
                "error.type" = Empty, otel.status_code = Empty
            ),
            _ => Span::none(),
        }
    };
}

// === impl Spans ===

impl Spans {
    /// An observer for one client.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    fn calls(&self) -> MutexGuard<'_, HashMap<CallId, Arc<OpenCall>>> {
        // A panic can't have left it inconsistent.
        self.calls.lock()
    }

    fn open(&self, event: &Event<'_>) -> Option<Arc<OpenCall>> {
        self.calls().get(&event.call?).cloned()
    }

    /// What it was told of a call is dropped outside the lock: a subscriber may do anything when a span ends.
    fn over(&self, event: &Event<'_>) -> Option<Arc<OpenCall>> {
        self.calls().remove(&event.call?)
    }
}

impl Observe for Spans {
    fn observe(&self, event: &Event<'_>) {
        match event.kind {
            EventKind::CallStarted { method, uri } => {
                let Some(id) = event.call.filter(|_| tracing::enabled!(target: "skybridge::call", Level::INFO)) else {
                    return;
                };
                let call = Arc::new(OpenCall::begin(method, uri, event.at));
                let _replaced = self.calls().insert(id, call);
            }
            EventKind::CallEnded(error) => {
                if let Some(call) = self.over(event) {
                    call.end(event.at, error);
                }
            }
            EventKind::PhaseDropped(Phase::Call, elapsed) => {
                if let Some(call) = self.over(event) {
                    call.cancelled(elapsed);
                }
            }
            EventKind::Created(info) => {
                let id = event.connection.or(info.id);
                if let (Some(id), Some(peer)) = (id, info.remote.inet()) {
                    self.peers.lock().insert(id, peer);
                }
                connection_created(id, info);
            }
            EventKind::TlsUnverified { name } => tracing::warn!(
                target: "skybridge::connection", parent: None, "the certificate of {name} was not verified"
            ),
            EventKind::TlsFallback { from, to, error } => tracing::warn!(
                target: "skybridge::connection", parent: None, "TLS fallback from {from} to {to}: {error}"
            ),
            EventKind::PinsNotEnforced(told) => tracing::warn!(
                target: "skybridge::connection", parent: None, "{told}"
            ),
            EventKind::GoAway { by_peer, code, last_stream, debug_data } => tracing::debug!(
                target: "skybridge::connection", parent: None,
                "connection {}: GOAWAY {}: {code}, last stream {last_stream}{}",
                shown(event.connection), sender(by_peer), quoted(debug_data)
            ),
            EventKind::StreamReset { by_peer, code, stream } => tracing::debug!(
                target: "skybridge::connection", parent: None,
                "connection {}: stream {stream} of call {} reset {}: {code}",
                shown(event.connection), event.call.map_or(0, |call| call.0), sender(by_peer)
            ),
            EventKind::Draining(reason) => tracing::debug!(
                target: "skybridge::connection", parent: None,
                "connection {} takes no more requests: {} ({reason})", shown(event.connection), reason.sentence()
            ),
            EventKind::Closed(reason) => {
                if let Some(id) = event.connection {
                    self.peers.lock().remove(&id);
                }
                tracing::debug!(
                    target: "skybridge::connection", parent: None,
                    "connection {} closed: {} ({reason})", shown(event.connection), reason.sentence()
                );
            }
            EventKind::Acquired(how) => {
                if let (Some(call), Some(id)) = (self.open(event), event.connection) {
                    call.acquired(id, how, self.peers.lock().get(&id).copied());
                }
            }
            _ => {
                if let Some(call) = self.open(event) {
                    call.observe(event);
                }
            }
        }
    }
}

impl fmt::Debug for Spans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spans").field("calls", &self.calls().len()).finish()
    }
}

fn connection_created(id: Option<ConnectionId>, info: &ConnInfo) {
    if tracing::enabled!(target: "skybridge::connection", Level::DEBUG) {
        let facts = facts::Facts::of(info);
        tracing::debug!(
            target: "skybridge::connection", parent: None,
            "connection {} to {}: {facts}", shown(id), facts.origin
        );
    }
}

fn sender(by_peer: bool) -> &'static str {
    if by_peer { "by the peer" } else { "by us" }
}

/// What the peer says about a GOAWAY, if anything.
fn quoted(debug_data: &str) -> String {
    if debug_data.is_empty() { String::new() } else { format!(", saying \"{}\"", clean(debug_data)) }
}

fn shown(id: Option<ConnectionId>) -> impl fmt::Display {
    id.map_or(0, |id| id.0)
}

// === impl OpenCall ===

impl OpenCall {
    fn begin(method: &Method, uri: RedactedUri<'_>, began: Instant) -> Self {
        let (url, origin) = (uri.to_string(), OriginRef::of(uri.0).ok());
        let span = tracing::info_span!(
            target: "skybridge::call",
            "http request",
            otel.name = otel::method(method),
            otel.kind = "client",
            otel.status_code = Empty,
            http.request.method = otel::method(method),
            url.full = %url,
            server.address = Empty,
            server.port = Empty,
            network.peer.address = Empty,
            network.peer.port = Empty,
            network.protocol.version = Empty,
            http.response.status_code = Empty,
            http.request.resend_count = Empty,
            "error.type" = Empty,
        );
        if let Some(origin) = origin {
            span.record("server.address", tracing::field::display(origin.host()));
            span.record("server.port", origin.port());
        }
        Self { span, method: method.clone(), url, began, progress: Mutex::default() }
    }

    fn observe(&self, event: &Event<'_>) {
        match event.kind {
            EventKind::PhaseStarted(phase) => self.phase_started(event, phase),
            EventKind::AddressesFound { host, endpoints, .. } => self.addresses_found(host, endpoints),
            EventKind::PhaseEnded(phase, _) => {
                let ended = self.take_phase(event.attempt, phase);
                // The last phase of an attempt.
                let _attempt =
                    ended.filter(|_| phase == Phase::Handshake).and_then(|_| self.take_attempt(event.attempt));
            }
            EventKind::PhaseFailed(phase, ..) => self.phase_over(event, phase, phase.as_str()),
            EventKind::PhaseDropped(phase, _) => self.phase_over(event, phase, "cancelled"),
            EventKind::ResponseHead { status, version } => self.progress.lock().answer = Some((status, version)),
            EventKind::RetryDecided { again: true, error, .. } => {
                self.progress.lock().resends += 1;
                tracing::debug!(target: "skybridge::call", parent: None, "{} {} is sent again: {error}", self.method, self.url);
            }
            _ => {}
        }
    }

    fn acquired(&self, id: ConnectionId, how: Acquired, peer: Option<SocketAddr>) {
        self.progress.lock().acquired = Some((id, how));
        if let Some(peer) = peer {
            self.span.record("network.peer.address", tracing::field::display(peer.ip()));
            self.span.record("network.peer.port", peer.port());
        }
    }

    fn phase_started(&self, event: &Event<'_>, phase: Phase) {
        if !tracing::enabled!(target: "skybridge::phase", Level::DEBUG) {
            return;
        }
        let attempt = event.attempt.map(|id| self.attempt(id, event.report));
        let parent = attempt.as_deref().unwrap_or(&self.span);
        let span = phase_span!(phase, parent,
            Backoff => "backoff", LookupQueue => "lookup queue", Resolve => "resolve", Tcp => "tcp", Tunnel => "tunnel",
            Tls => "tls", Handshake => "handshake", Acquire => "acquire", Send => "send", Wait => "wait", Body => "body",
        );
        self.progress.lock().phases.push((event.attempt, phase, span));
    }

    fn attempt(&self, id: AttemptId, report: Option<&AttemptReport>) -> Arc<Span> {
        let known =
            self.progress.lock().attempts.iter().find(|(other, _)| *other == id).map(|(_, span)| Arc::clone(span));
        known.unwrap_or_else(|| {
            let span = Arc::new(tracing::debug_span!(
                target: "skybridge::attempt", parent: &self.span, "attempt",
                attempt = id.0,
                network.peer.address = report.map(|report| tracing::field::display(&report.endpoint)),
                route = report.map(|report| &*report.route),
                "error.type" = Empty,
                otel.status_code = Empty,
            ));
            self.progress.lock().attempts.push((id, Arc::clone(&span)));
            span
        })
    }

    /// The span of the look-up, which is about to end, has them.
    fn addresses_found(&self, host: &str, endpoints: &[Endpoint]) {
        let progress = self.progress.lock();
        let looks_up = progress.phases.iter().rfind(|(_, phase, _)| *phase == Phase::Resolve);
        let Some(span) = looks_up.map(|(_, _, span)| span.clone()) else { return };
        drop(progress);
        let answers: Vec<_> = endpoints.iter().filter_map(|endpoint| endpoint.inet().map(|at| at.ip())).collect();
        span.record("dns.question.name", host);
        span.record("dns.answers", tracing::field::debug(answers));
    }

    fn phase_over(&self, event: &Event<'_>, phase: Phase, error_type: &str) {
        let spans = [self.take_phase(event.attempt, phase).map(Arc::new), self.take_attempt(event.attempt)];
        spans.into_iter().flatten().for_each(|span| failed(&span, error_type));
    }

    fn take_phase(&self, attempt: Option<AttemptId>, phase: Phase) -> Option<Span> {
        let phases = &mut self.progress.lock().phases;
        let at = phases.iter().rposition(|(of, other, _)| (*of, *other) == (attempt, phase))?;
        Some(phases.swap_remove(at).2)
    }

    fn take_attempt(&self, attempt: Option<AttemptId>) -> Option<Arc<Span>> {
        let attempts = &mut self.progress.lock().attempts;
        let at = attempts.iter().position(|(id, _)| Some(*id) == attempt)?;
        Some(attempts.swap_remove(at).1)
    }

    fn end(&self, at: Instant, error: Option<&Error>) {
        let Progress { answer, acquired, resends, .. } = std::mem::take(&mut *self.progress.lock());
        if let Some((status, version)) = answer.filter(|_| error.is_none()) {
            self.span.record("http.response.status_code", status.as_u16());
            self.span.record("network.protocol.version", facts::protocol_version(version));
            if status.is_client_error() || status.is_server_error() {
                failed(&self.span, status.as_str());
            }
        }
        if resends > 0 {
            self.span.record("http.request.resend_count", resends);
        }
        if let Some(error) = error {
            failed(&self.span, otel::error_type(error));
        }
        let took = took(at.saturating_duration_since(self.began));
        let Self { method, url, .. } = self;
        match (error, answer) {
            (Some(error), _) => tracing::debug!(
                target: "skybridge::call", parent: None, "{method} {url} failed after {took}: {}", Failure::of(error).message
            ),
            (None, Some((status, version))) => {
                let how = How(acquired);
                tracing::debug!(
                    target: "skybridge::call", parent: None,
                    "{method} {url}: {} in {took}, HTTP/{}{how}", status.as_u16(), facts::protocol_version(version)
                );
            }
            // A layer above the pool has answered.
            (None, None) => {
                tracing::debug!(target: "skybridge::call", parent: None, "{method} {url}: answered in {took}")
            }
        }
    }

    fn cancelled(&self, elapsed: Duration) {
        failed(&self.span, "cancelled");
        tracing::debug!(
            target: "skybridge::call", parent: None,
            "{} {} was given up after {}", self.method, self.url, took(elapsed)
        );
    }
}

fn failed(span: &Span, error_type: &str) {
    span.record("error.type", error_type);
    span.record("otel.status_code", "ERROR");
}

fn took(elapsed: Duration) -> impl fmt::Display {
    format!("{:.1} ms", elapsed.as_secs_f64() * 1e3)
}

/// On which connection, and how a call came by it.
struct How(Option<(ConnectionId, Acquired)>);

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((id, how)) = self.0 else { return Ok(()) };
        write!(f, " on connection {id} ({})", json::acquired(how))
    }
}
