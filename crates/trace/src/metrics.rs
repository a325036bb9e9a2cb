use crate::{facts, json, otel};
use http::{Method, StatusCode, Version};
use metrics::{Label, Unit};
use skybridge_core::{
    CallId, ConnInfo, ConnectionId, Error, Event, EventKind, Observe, OriginRef, Phase, RedactedUri, sync::Mutex,
};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, MutexGuard},
    time::{Duration, Instant},
};

const REQUEST_DURATION: &str = "http.client.request.duration";
const ACTIVE_REQUESTS: &str = "http.client.active_requests";
const OPEN_CONNECTIONS: &str = "http.client.open_connections";
const CONNECTION_DURATION: &str = "http.client.connection.duration";
const ACQUIRE_DURATION: &str = "skybridge.acquire.duration";
const ACQUISITIONS: &str = "skybridge.acquisitions";
const PHASE_DURATION: &str = "skybridge.connect.phase.duration";
const TLS_FALLBACKS: &str = "skybridge.tls.fallbacks";
const PINS_NOT_ENFORCED: &str = "skybridge.tls.pins_not_enforced";
const RETRIES: &str = "skybridge.retries";
const CLOSED: &str = "skybridge.connections.closed";

/// Feeds the facade [`metrics`], with OpenTelemetry's names where it has one. Durations are in seconds.
///
/// | metric | kind | labels |
/// |---|---|---|
/// | `http.client.request.duration` | histogram | method, server, status, version, `error.type` |
/// | `http.client.active_requests` | gauge | method, server |
/// | `http.client.open_connections` | gauge | server, `http.connection.state` (`active`, `idle`) |
/// | `http.client.connection.duration` | histogram | server |
/// | `skybridge.acquire.duration` | histogram | `outcome` (`ok`, `failed`, `dropped`) |
/// | `skybridge.acquisitions` | counter | `how` (`new`, `reused`, `coalesced`, `joined`): their ratio is that of reuse |
/// | `skybridge.connect.phase.duration` | histogram | `phase`, `outcome` |
/// | `skybridge.tls.fallbacks` | counter | `from`, `to`: the [specs](skybridge_core::TlsInfo::spec) |
/// | `skybridge.tls.pins_not_enforced` | counter | `why` (`report_only`, `expired`) |
/// | `skybridge.retries` | counter | `error.type` |
/// | `skybridge.connections.closed` | counter | `reason` ([`CloseReason`](skybridge_core::CloseReason)) |
///
/// Method is `http.request.method`, server `server.address` and `server.port`, status `http.response.status_code`, and
/// version `network.protocol.version`. A connection that is lent to another origin counts for the one that it was
/// opened for.
///
/// One is for one client, and is to be made after the recorder is installed, which is told the units then.
pub struct Metrics {
    calls: Mutex<HashMap<CallId, OpenCall>>,
    connections: Mutex<HashMap<ConnectionId, OpenConnection>>,
}

/// A call that isn't over.
struct OpenCall {
    method: &'static str,
    server: Server,
    began: Instant,
    answer: Option<(StatusCode, Version)>,
}

struct OpenConnection {
    server: Server,
    began: Instant,
    exchanges: usize,
}

/// The host and port of an origin.
#[derive(Clone)]
struct Server {
    address: Arc<str>,
    port: u16,
}

// === impl Metrics ===

impl Metrics {
    /// An observer for one client.
    pub fn new() -> Arc<Self> {
        describe();
        Arc::new(Self { calls: Mutex::default(), connections: Mutex::default() })
    }

    fn calls(&self) -> MutexGuard<'_, HashMap<CallId, OpenCall>> {
        // A panic can't have left it inconsistent.
        self.calls.lock()
    }

    fn call_started(&self, id: CallId, method: &Method, uri: RedactedUri<'_>, at: Instant) {
        let Ok(origin) = OriginRef::of(uri.0) else { return };
        let server = Server { address: origin.host().to_string().into(), port: origin.port() };
        let call = OpenCall { method: otel::method(method), server, began: at, answer: None };
        metrics::gauge!(ACTIVE_REQUESTS, call.labels()).increment(1);
        self.calls().insert(id, call);
    }

    fn call_ended(&self, id: CallId, at: Instant, error_type: Option<&'static str>) {
        let Some(call) = self.calls().remove(&id) else { return };
        let mut labels = call.labels();
        metrics::gauge!(ACTIVE_REQUESTS, labels.clone()).decrement(1);
        let mut failed = error_type.map(str::to_owned);
        if let Some((status, version)) = call.answer {
            labels.push(Label::new("http.response.status_code", status.as_str().to_owned()));
            labels.push(Label::from_static_parts("network.protocol.version", facts::protocol_version(version)));
            let is_error = status.is_client_error() || status.is_server_error();
            failed = failed.or_else(|| is_error.then(|| status.as_str().to_owned()));
        }
        labels.extend(failed.map(|failed| Label::new("error.type", failed)));
        metrics::histogram!(REQUEST_DURATION, labels).record(at.saturating_duration_since(call.began));
    }

    fn connection_created(&self, id: ConnectionId, info: &ConnInfo, at: Instant) {
        let origin = info.route.target.origin();
        let server = Server { address: origin.host().into(), port: origin.port() };
        open_connections(&server, "idle", 1.0);
        self.connections.lock().insert(id, OpenConnection { server, began: at, exchanges: 0 });
    }

    /// One more exchange, or one less: with the first it is active, with the last idle.
    fn exchanges(&self, id: ConnectionId, more: bool) {
        let changed = {
            let mut connections = self.connections.lock();
            let Some(connection) = connections.get_mut(&id) else { return };
            let before = connection.exchanges;
            connection.exchanges = if more { before + 1 } else { before.saturating_sub(1) };
            let changed = (before == 0) != (connection.exchanges == 0);
            changed.then(|| connection.server.clone())
        };
        if let Some(server) = changed {
            open_connections(&server, "active", if more { 1.0 } else { -1.0 });
            open_connections(&server, "idle", if more { -1.0 } else { 1.0 });
        }
    }

    fn connection_closed(&self, id: ConnectionId, at: Instant) {
        let Some(connection) = self.connections.lock().remove(&id) else { return };
        let OpenConnection { server, began, exchanges } = connection;
        open_connections(&server, if exchanges == 0 { "idle" } else { "active" }, -1.0);
        metrics::histogram!(CONNECTION_DURATION, server.labels()).record(at.saturating_duration_since(began));
    }
}

impl Observe for Metrics {
    fn observe(&self, event: &Event<'_>) {
        let at = event.at;
        match (&event.kind, event.call, event.connection) {
            (EventKind::CallStarted { method, uri }, Some(id), _) => self.call_started(id, method, *uri, at),
            (EventKind::CallEnded(error), Some(id), _) => self.call_ended(id, at, error.map(otel::error_type)),
            (EventKind::PhaseDropped(Phase::Call, _), Some(id), _) => self.call_ended(id, at, Some("cancelled")),
            (EventKind::PhaseEnded(phase, elapsed), ..) => phase_over(*phase, *elapsed, "ok"),
            (EventKind::PhaseFailed(phase, elapsed, _), ..) => phase_over(*phase, *elapsed, "failed"),
            (EventKind::PhaseDropped(phase, elapsed), ..) => phase_over(*phase, *elapsed, "dropped"),
            (EventKind::TlsFallback { from, to, .. }, ..) => {
                metrics::counter!(TLS_FALLBACKS, "from" => (*from).to_owned(), "to" => (*to).to_owned()).increment(1);
            }
            (EventKind::PinsNotEnforced(told), ..) => {
                metrics::counter!(PINS_NOT_ENFORCED, "why" => told.why.name()).increment(1);
            }
            (EventKind::ResponseHead { status, version }, Some(id), _) => {
                if let Some(call) = self.calls().get_mut(&id) {
                    call.answer = Some((*status, *version));
                }
            }
            (EventKind::Created(info), _, id) => {
                if let Some(id) = id.or(info.id) {
                    self.connection_created(id, info, at);
                }
            }
            (EventKind::Acquired(how), _, id) => {
                metrics::counter!(ACQUISITIONS, "how" => json::acquired(*how)).increment(1);
                if let Some(id) = id {
                    self.exchanges(id, true);
                }
            }
            (EventKind::Released, _, Some(id)) => self.exchanges(id, false),
            (EventKind::Closed(reason), _, id) => {
                metrics::counter!(CLOSED, "reason" => reason.as_str()).increment(1);
                if let Some(id) = id {
                    self.connection_closed(id, at);
                }
            }
            (EventKind::RetryDecided { again: true, error, .. }, ..) => retried(error),
            _ => {}
        }
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("calls", &self.calls().len()).finish_non_exhaustive()
    }
}

fn describe() {
    metrics::describe_histogram!(REQUEST_DURATION, Unit::Seconds, "Calls, from their beginning to their end");
    metrics::describe_gauge!(ACTIVE_REQUESTS, Unit::Count, "Calls that aren't over");
    metrics::describe_gauge!(OPEN_CONNECTIONS, Unit::Count, "Connections that are open, idle or active");
    metrics::describe_histogram!(CONNECTION_DURATION, Unit::Seconds, "Connections, from their making to their end");
    metrics::describe_histogram!(ACQUIRE_DURATION, Unit::Seconds, "How long requests waited for their connection");
    metrics::describe_counter!(ACQUISITIONS, Unit::Count, "Requests that have got a connection, by how they got it");
    metrics::describe_histogram!(PHASE_DURATION, Unit::Seconds, "The phases of connecting");
    metrics::describe_counter!(TLS_FALLBACKS, Unit::Count, "TLS handshakes that were followed by one of another spec");
    metrics::describe_counter!(PINS_NOT_ENFORCED, Unit::Count, "Handshakes with hosts whose pins didn't hold");
    metrics::describe_counter!(RETRIES, Unit::Count, "Requests that were sent again, by what had failed");
    metrics::describe_counter!(CLOSED, Unit::Count, "Connections that were closed, by the reason");
}

fn phase_over(phase: Phase, elapsed: Duration, outcome: &'static str) {
    match phase {
        Phase::Acquire => metrics::histogram!(ACQUIRE_DURATION, "outcome" => outcome).record(elapsed),
        phase if phase < Phase::Acquire || matches!(phase, Phase::Other(_)) => {
            metrics::histogram!(PHASE_DURATION, "phase" => phase.as_str(), "outcome" => outcome).record(elapsed);
        }
        _ => {}
    }
}

fn open_connections(server: &Server, state: &'static str, change: f64) {
    let mut labels = server.labels();
    labels.push(Label::from_static_parts("http.connection.state", state));
    metrics::gauge!(OPEN_CONNECTIONS, labels).increment(change);
}

fn retried(error: &Error) {
    metrics::counter!(RETRIES, "error.type" => otel::error_type(error)).increment(1);
}

// === impl OpenCall ===

impl OpenCall {
    fn labels(&self) -> Vec<Label> {
        let mut labels = self.server.labels();
        labels.push(Label::from_static_parts("http.request.method", self.method));
        labels
    }
}

// === impl Server ===

impl Server {
    fn labels(&self) -> Vec<Label> {
        let address = Label::new("server.address", Arc::clone(&self.address));
        vec![address, Label::new("server.port", self.port.to_string())]
    }
}
