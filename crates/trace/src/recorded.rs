use crate::Facts;
use http::{Method, StatusCode, Version};
use skybridge_core::{
    Acquired, AddressSource, AttemptId, CallId, CloseReason, ConnectionId, Delivery, Endpoint, ErrorCode, Event,
    EventKind, Phase, PinsNotEnforced, ProxyStep, Search, root_reason,
};
use std::{
    error::Error,
    fmt::Write,
    sync::Arc,
    time::{Duration, Instant},
};

/// An event, owned.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Recorded {
    /// When it happened, by the runtime's clock.
    pub at: Instant,
    /// The call it was for.
    pub call: Option<CallId>,
    /// The attempt it belongs to.
    pub attempt: Option<AttemptId>,
    /// The connection it is about.
    pub connection: Option<ConnectionId>,
    /// The endpoint of its attempt.
    pub endpoint: Option<Endpoint>,
    /// The route of its attempt, as text: `a.test:443 via http://proxy.test:3128`.
    pub route: Option<Arc<str>>,
    /// Its name: [`EventKind::name`].
    pub name: &'static str,
    /// What happened.
    pub kind: RecordedKind,
}

/// An [`EventKind`], owned.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RecordedKind {
    /// A call began.
    CallStarted {
        /// The method of its request.
        method: Method,
        /// The URL of its request, without secrets.
        url: Box<str>,
    },
    /// A call has its response, or failed.
    CallEnded(Option<Failure>),
    /// A phase began.
    Started(Phase),
    /// A phase ended well.
    Ended(Phase, Duration),
    /// A phase failed.
    Failed(Phase, Duration, Failure),
    /// A phase was dropped.
    Dropped(Phase, Duration),
    /// What follows of this attempt's TLS and tunnels is with this proxy, which is written without credentials.
    AtProxy(Box<str>),
    /// A step on the way to a tunnel.
    ProxyStep {
        /// The proxy, written without credentials.
        proxy: Box<str>,
        /// What it is asked for, or in words what is said; `None` where the status says it.
        text: Option<Box<str>>,
        /// The status of its answer.
        status: Option<StatusCode>,
    },
    /// The peer of an attempt was not verified.
    TlsUnverified {
        /// Its name.
        name: Box<str>,
    },
    /// The handshake of an attempt failed, and another follows by another spec.
    TlsFallback {
        /// The spec that failed.
        from: Box<str>,
        /// The one that follows.
        to: Box<str>,
        /// How it failed.
        failure: Failure,
    },
    /// A peer was let through without pins of its host.
    PinsNotEnforced(PinsNotEnforced),
    /// Addresses of a host are known.
    AddressesFound {
        /// The host.
        host: Box<str>,
        /// The addresses.
        endpoints: Box<[Endpoint]>,
        /// How many there are besides.
        more: usize,
        /// Where they come from.
        source: AddressSource,
    },
    /// Resolved addresses exceed the limit, and won't be tried.
    LeftOut {
        /// How many.
        addresses: usize,
        /// The limit.
        limit: usize,
    },
    /// An address is tried after others, as it failed recently.
    Postponed {
        /// The address.
        endpoint: Endpoint,
        /// How it failed.
        failure: String,
    },
    /// A pool has looked for a connection: why others were passed over, or what the request waits for.
    Searched(Box<Search>),
    /// A connection is established.
    Created(Arc<Facts>),
    /// A request has acquired its connection.
    Acquired(Acquired),
    /// The head of a response is here.
    ResponseHead {
        /// Its status.
        status: StatusCode,
        /// The version of HTTP.
        version: Version,
    },
    /// A request's body was sent: so many bytes, where its length was declared.
    RequestBody(Option<u64>),
    /// So many bytes of a response's body were read.
    ResponseBody(u64),
    /// An exchange is over.
    Released,
    /// GOAWAY was sent on a connection.
    GoAway {
        /// Whether the peer has sent it.
        by_peer: bool,
        /// The error code.
        code: ErrorCode,
        /// The last stream that is processed.
        last_stream: u32,
        /// What the peer says about it, without secrets.
        debug_data: Box<str>,
    },
    /// RST_STREAM was sent on a stream of the call.
    StreamReset {
        /// Whether the peer has sent it.
        by_peer: bool,
        /// The error code.
        code: ErrorCode,
        /// The stream.
        stream: u32,
    },
    /// A connection takes no more requests.
    Draining(CloseReason),
    /// A connection is closed.
    Closed(CloseReason),
    /// It was decided about a failed request.
    Retry {
        /// Whether it is retried.
        again: bool,
        /// Whether it may have been processed, by this try or an earlier one.
        delivery: Delivery,
        /// How this try failed.
        failure: Failure,
    },
    /// A kind of event that this version doesn't know.
    Other,
}

/// An error, as text.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Failure {
    /// The messages of the error and its sources, the outermost first.
    pub message: Box<str>,
    /// The message of the innermost source.
    pub cause: Box<str>,
}

// === impl Recorded ===

impl Recorded {
    /// Whether it happened to a connection, and so to all that used it.
    pub(crate) fn is_of_connection(&self) -> bool {
        matches!(self.kind, RecordedKind::GoAway { .. } | RecordedKind::Draining(_) | RecordedKind::Closed(_))
    }
}

impl From<&Event<'_>> for Recorded {
    fn from(event: &Event<'_>) -> Self {
        let connection = match &event.kind {
            EventKind::Created(info) => event.connection.or(info.id),
            _ => event.connection,
        };
        Self {
            at: event.at,
            call: event.call,
            attempt: event.attempt,
            connection,
            endpoint: event.report.map(|report| report.endpoint.clone()),
            route: event.report.map(|report| Arc::clone(&report.route)),
            name: event.kind.name(),
            kind: RecordedKind::from(&event.kind),
        }
    }
}

impl From<&EventKind<'_>> for RecordedKind {
    fn from(kind: &EventKind<'_>) -> Self {
        match *kind {
            EventKind::CallStarted { method, uri } => {
                Self::CallStarted { method: method.clone(), url: uri.to_string().into() }
            }
            EventKind::CallEnded(error) => Self::CallEnded(error.map(|error| Failure::of(error))),
            EventKind::PhaseStarted(phase) => Self::Started(phase),
            EventKind::PhaseEnded(phase, elapsed) => Self::Ended(phase, elapsed),
            EventKind::PhaseFailed(phase, elapsed, error) => Self::Failed(phase, elapsed, Failure::of(error)),
            EventKind::PhaseDropped(phase, elapsed) => Self::Dropped(phase, elapsed),
            EventKind::AtProxy(proxy) => Self::AtProxy(proxy.to_string().into()),
            EventKind::ProxyStep(proxy, ref step) => Self::step(proxy.to_string().into(), step),
            EventKind::TlsUnverified { name } => Self::TlsUnverified { name: name.into() },
            EventKind::TlsFallback { from, to, error } => {
                Self::TlsFallback { from: from.into(), to: to.into(), failure: Failure::of(error) }
            }
            EventKind::PinsNotEnforced(told) => Self::PinsNotEnforced(told.clone()),
            EventKind::AddressesFound { host, endpoints, more, source } => {
                Self::AddressesFound { host: host.into(), endpoints: endpoints.into(), more, source }
            }
            EventKind::GoAway { by_peer, code, last_stream, debug_data } => {
                Self::GoAway { by_peer, code, last_stream, debug_data: debug_data.into() }
            }
            EventKind::StreamReset { by_peer, code, stream } => Self::StreamReset { by_peer, code, stream },
            EventKind::LeftOut { addresses, limit } => Self::LeftOut { addresses, limit },
            EventKind::Postponed(endpoint, failure) => {
                Self::Postponed { endpoint: endpoint.clone(), failure: failure.to_string() }
            }
            EventKind::Searched(search) => Self::Searched(Box::new(search.clone())),
            EventKind::Created(info) => Self::Created(Arc::new(Facts::of(info))),
            EventKind::Acquired(how) => Self::Acquired(how),
            EventKind::ResponseHead { status, version } => Self::ResponseHead { status, version },
            EventKind::RequestBody(bytes) => Self::RequestBody(bytes),
            EventKind::ResponseBody(bytes) => Self::ResponseBody(bytes),
            EventKind::Released => Self::Released,
            EventKind::Draining(reason) => Self::Draining(reason),
            EventKind::Closed(reason) => Self::Closed(reason),
            EventKind::RetryDecided { again, delivery, error } => {
                Self::Retry { again, delivery, failure: Failure::of(error) }
            }
            _ => Self::Other,
        }
    }
}

// === impl RecordedKind ===

impl RecordedKind {
    /// Fields of proxies and credentials are left out.
    fn step(proxy: Box<str>, step: &ProxyStep<'_>) -> Self {
        let (text, status) = match step {
            ProxyStep::Request { target, .. } => (Some((*target).into()), None),
            ProxyStep::Response { status, .. } => (None, Some(*status)),
            ProxyStep::Socks(step) => (Some(step.to_string().into()), None),
            _ => (None, None),
        };
        Self::ProxyStep { proxy, text, status }
    }
}

// === impl Failure ===

impl Failure {
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        let mut message = error.to_string();
        // One of the stack is a whole sentence by itself.
        let is_whole = skybridge_core::Error::from_dyn(error).is_some();
        let mut innermost = error;
        while let Some(source) = innermost.source() {
            innermost = source;
            if !is_whole {
                // Writing to a string doesn't fail.
                let _ = write!(message, ": {source}");
            }
        }
        let cause = match skybridge_core::Error::from_dyn(innermost) {
            Some(error) => error.reason(),
            None => root_reason(innermost),
        };
        Self { message: message.into(), cause: cause.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_cause_of_the_operating_systems_is_said_without_its_number() {
        let failure = Failure::of(&std::io::Error::from_raw_os_error(111));
        assert_eq!(&*failure.cause, "connection refused");
        assert_eq!(&*failure.message, "Connection refused (os error 111)");
    }
}
