use crate::{
    AddressSource, AttemptId, AttemptReport, CallId, CloseReason, ConnInfo, ConnectError, ConnectionId, Delivery,
    Endpoint, Error, ErrorCode, Phase, PinsNotEnforced, Proxy, ProxyStep, RecentFailure, Reference, Search,
};
use http::{Method, StatusCode, Uri, Version};
use std::{
    fmt,
    time::{Duration, Instant},
};

/// Observes the events of a client. It has one method with one enum, so that a new kind of event breaks no
/// implementation.
///
/// Called by the task in which the event happens, never under a lock. It must not block.
///
/// ```
/// use skybridge_core::{Event, EventKind, Observe};
/// use std::sync::Arc;
///
/// /// Tells of what may be an attack.
/// struct Alarm;
///
/// impl Observe for Alarm {
///     fn observe(&self, event: &Event<'_>) {
///         match &event.kind {
///             EventKind::TlsFallback { from, to, error } => eprintln!("{from} to {to}: {:?}", error.reason()),
///             EventKind::PinsNotEnforced(told) => eprintln!("{told}"),
///             EventKind::TlsUnverified { name } => eprintln!("{name} is not verified"),
///             _ => {}
///         }
///     }
/// }
///
/// let observer: Arc<dyn Observe> = Arc::new(Alarm); // for `Client::builder().observer(observer)`
/// # let _ = observer;
/// ```
///
/// A request may have an observer of its own ([`RequestOptions`](crate::RequestOptions)), in place of the client's:
/// that one is told of the request, and of what is done for it. What happens to a connection
/// ([`Created`](EventKind::Created), [`Draining`](EventKind::Draining), [`Closed`](EventKind::Closed)) is told to one
/// observer for as long as it lives: that of the request for which it was opened, or else the client's. Requests that
/// use it later, of other origins too, tell theirs of it by its number alone ([`Acquired`](EventKind::Acquired),
/// [`Released`](EventKind::Released)).
pub trait Observe: Send + Sync + 'static {
    /// Called for each event.
    fn observe(&self, event: &Event<'_>);
}

/// An event: what happened, when, and to what.
#[derive(Debug)]
#[non_exhaustive]
pub struct Event<'a> {
    /// When it happened, on the runtime's clock.
    pub at: Instant,
    /// The call that it belongs to, if that is known.
    pub call: Option<CallId>,
    /// The attempt that it belongs to, if it is part of one.
    pub attempt: Option<AttemptId>,
    /// The connection that it concerns, if there is one.
    pub connection: Option<ConnectionId>,
    /// The state of that attempt.
    pub report: Option<&'a AttemptReport>,
    /// What happened.
    pub kind: EventKind<'a>,
}

impl<'a> Event<'a> {
    /// An event, without a report.
    pub fn new(
        at: Instant,
        call: Option<CallId>,
        attempt: Option<AttemptId>,
        connection: Option<ConnectionId>,
        kind: EventKind<'a>,
    ) -> Self {
        Self { at, call, attempt, connection, report: None, kind }
    }
}

/// A URI whose `Display` and `Debug` leave out its secrets - userinfo, query and fragment - as a [`Reference`]'s do.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct RedactedUri<'a>(pub &'a Uri);

/// How a request got its connection.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Acquired {
    /// It was opened for this request.
    New,
    /// It was in the pool, opened for the same key, and idle or with a free stream.
    Reused,
    /// It was in the pool, opened for another origin: it is shared with that (RFC 9113, section 9.1.1), or leads to the
    /// proxy that forwards the requests of both.
    Coalesced,
    /// It was being opened for another request, and this one waited for it.
    Joined,
}

/// The kind of an [`Event`]. Phases are balanced: each that starts ends, fails or is dropped.
#[derive(Debug)]
#[non_exhaustive]
pub enum EventKind<'a> {
    /// A call began.
    CallStarted {
        /// The method of its request.
        method: &'a Method,
        /// The URI of its request.
        uri: RedactedUri<'a>,
    },
    /// A call has its response, its body included if that is read to its end; or it has failed with this error.
    CallEnded(Option<&'a Error>),
    /// A phase began.
    PhaseStarted(Phase),
    /// A phase succeeded, after this time.
    PhaseEnded(Phase, Duration),
    /// A phase failed, after this time.
    PhaseFailed(Phase, Duration, &'a (dyn std::error::Error + 'static)),
    /// A phase was dropped after this time: the call was cancelled, or another attempt was faster.
    PhaseDropped(Phase, Duration),
    /// An attempt has come to this proxy: its phases of TLS and of tunnels from here on are with it, until that tunnel
    /// is there.
    AtProxy(&'a Proxy),
    /// What is said to this proxy on the way to a tunnel, and what it says.
    ProxyStep(&'a Proxy, ProxyStep<'a>),
    /// The TLS handshake of this attempt failed, and another follows on a connection of its own, by a weaker spec.
    /// Whoever can write to the connection can force this: where nobody expects it, it may be an attack.
    TlsFallback {
        /// The name of the spec that failed, such as `modern`.
        from: &'a str,
        /// The name of the one that follows.
        to: &'a str,
        /// How it failed: [`reason`](ConnectError::reason) says it in short.
        error: &'a ConnectError,
    },
    /// The peer of this attempt was let through without pins that name its host: they have expired, or a peer without
    /// them is only to be reported.
    PinsNotEnforced(&'a PinsNotEnforced),
    /// The peer of this attempt was not verified, as the configuration has it: whoever is on the path can be it.
    TlsUnverified {
        /// The name of the peer, an origin or a proxy.
        name: &'a str,
    },
    /// These addresses are known of a host from now on, in the order in which they came: those of the origin, of what
    /// is connected to in its place, or of a proxy. Those of a look-up come right before its phase ends, and later ones
    /// after that.
    AddressesFound {
        /// The host, as it was looked up; or the address that it is.
        host: &'a str,
        /// The first of them: at most [`AddressSource::MOST`].
        endpoints: &'a [Endpoint],
        /// How many there are besides.
        more: usize,
        /// Where they come from.
        source: AddressSource,
    },
    /// Addresses won't be tried: an answer had more than are taken, or the connect has made all attempts that it may.
    LeftOut {
        /// How many.
        addresses: usize,
        /// The limit that they exceed.
        limit: usize,
    },
    /// This address is tried after others that were found with it, as it failed recently in this way.
    Postponed(&'a Endpoint, &'a RecentFailure),
    /// A pool has looked for a connection, and something is to be said about that: connections were passed over, one of
    /// another origin is used, or the request waits.
    Searched(&'a Search),
    /// A connection was made. Observed before any request uses it.
    Created(&'a ConnInfo),
    /// A request has its connection.
    Acquired(Acquired),
    /// The head of a final response is here.
    ResponseHead {
        /// Its status.
        status: StatusCode,
        /// The version of HTTP that it came by.
        version: Version,
    },
    /// A request's body was sent, to its end: so many bytes; `None` where its length was not declared.
    RequestBody(Option<u64>),
    /// A response's body is over, or given up: so many bytes of it were read. Without any there is no such event.
    ResponseBody(u64),
    /// An exchange has ended and released its connection.
    Released,
    /// The peer of a connection has sent GOAWAY (HTTP/2, RFC 9113, section 6.8), or this side has. It is told of the
    /// call that opened the connection.
    GoAway {
        /// Whether the peer has sent it.
        by_peer: bool,
        /// The error code.
        code: ErrorCode,
        /// The last stream that is processed, of those that the receiver has opened.
        last_stream: u32,
        /// What the peer says about it, as [`GoAway::debug_text`](crate::GoAway::debug_text) has it, without what may
        /// be a secret; of this side's own nothing.
        debug_data: &'a str,
    },
    /// RST_STREAM was sent (HTTP/2, RFC 9113, section 6.4), by the peer or by this side, on a stream of this call. As
    /// it is told by the connection's task, it may come after the call's end.
    StreamReset {
        /// Whether the peer has sent it.
        by_peer: bool,
        /// The error code.
        code: ErrorCode,
        /// The stream.
        stream: u32,
    },
    /// A connection takes no more requests; those on it continue.
    Draining(CloseReason),
    /// A connection was closed.
    Closed(CloseReason),
    /// The retry layer has decided whether a failed request is sent again.
    RetryDecided {
        /// Whether it is sent again.
        again: bool,
        /// Whether the origin can have processed it, in this try or an earlier one.
        delivery: Delivery,
        /// How this try failed.
        error: &'a Error,
    },
}

// === impl RedactedUri ===

impl fmt::Display for RedactedUri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Reference::parse(&self.0.to_string()).fmt(f)
    }
}

impl fmt::Debug for RedactedUri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// === impl EventKind ===

impl<'a> EventKind<'a> {
    /// These addresses of a host are known from now on.
    pub fn addresses_found(host: &'a str, endpoints: &'a [Endpoint], source: AddressSource) -> Self {
        let (told, more) = endpoints.split_at(endpoints.len().min(AddressSource::MOST));
        Self::AddressesFound { host, endpoints: told, more: more.len(), source }
    }
}

impl EventKind<'_> {
    /// The name for logs and reports, in snake case.
    pub fn name(&self) -> &'static str {
        match self {
            Self::CallStarted { .. } => "call_start",
            Self::CallEnded(None) => "call_end",
            Self::CallEnded(Some(_)) => "call_failed",
            Self::PhaseStarted(phase) => phase.names().0,
            Self::PhaseEnded(phase, _) => phase.names().1,
            Self::PhaseFailed(phase, ..) => phase.names().2,
            Self::PhaseDropped(phase, _) => phase.names().3,
            Self::AtProxy(_) => "at_proxy",
            Self::ProxyStep(_, step) => step.name(),
            Self::TlsFallback { .. } => "tls_fallback",
            Self::PinsNotEnforced(_) => "pins_not_enforced",
            Self::TlsUnverified { .. } => "tls_unverified",
            Self::AddressesFound { .. } => "addresses_found",
            Self::LeftOut { .. } => "addresses_left_out",
            Self::Postponed(..) => "address_postponed",
            Self::Searched(_) => "connection_search",
            Self::Created(_) => "connection_created",
            Self::Acquired(_) => "connection_acquired",
            Self::ResponseHead { .. } => "response_head",
            Self::RequestBody(_) => "request_body",
            Self::ResponseBody(_) => "response_body",
            Self::Released => "connection_released",
            Self::GoAway { by_peer: true, .. } => "goaway_received",
            Self::GoAway { by_peer: false, .. } => "goaway_sent",
            Self::StreamReset { by_peer: true, .. } => "reset_received",
            Self::StreamReset { by_peer: false, .. } => "reset_sent",
            Self::Draining(_) => "connection_draining",
            Self::Closed(_) => "connection_closed",
            Self::RetryDecided { .. } => "retry_decision",
        }
    }
}
