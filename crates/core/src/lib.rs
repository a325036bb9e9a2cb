//! The nouns and the contracts of skybridge. No IO, no policy.
//!
//! Every other crate of the stack is one *verb* over these nouns and sees nothing else of its siblings:
//!
//! ```text
//! Request ─ pool ─▶ Target ─ route ─▶ Route ─ negotiate, tls, tunnel, race ─▶ Attempt ─ tcp
//!    questions narrow on the way down           facts (ConnInfo) grow on the way up
//! ```
//!
//! *Wishes go down, facts go up*: what one connection should be is in its [`Target`], what was learned of it is in the
//! [`ConnInfo`] of its [`Link`]. A [`Target`] without its [`Ctx`] is a [`Key`]: what may share a connection.
//!
//! ```
//! use skybridge_core::{KeyRef, OriginRef, ConnectOptions};
//!
//! let uri = "http://Example.com:80/a".parse::<http::Uri>()?;
//! let connect_options = ConnectOptions::default();
//! let key = KeyRef::of(OriginRef::of(&uri)?, &connect_options).to_owned()?;
//! assert_eq!(key.origin.to_string(), "http://example.com");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod connection;
mod context;
mod contract;
mod error;
mod observe;
mod proxy;
mod request;
mod route;
mod target;

pub use self::{
    connection::{
        CertificateScope, CloseReason, ConnInfo, ConnectionStatus, Link, Lost, NotCoalesced, Protocol, StatusListener,
        StatusSender, Timings, TlsInfo, Trust, Unfit, WriteFailure, can_coalesce, can_still_coalesce,
    },
    context::{CallId, ConnectionId, Ctx, Ids, SharedTimeouts, Timeouts, phase_timeout, timeout},
    contract::{
        Below, BoxFuture, Capacity, Connection, Connector, Deferred, Dialer, Handshake, Io, Plan, Planner, Resolver,
        ResponseResult, Runtime, Sleep, TlsConnect, stack,
    },
    error::{BoxError, Cause, ConnectError, Delivery, Error, Failed, Overloaded, TimedOut},
    observe::{
        Acquired, AttemptId, AttemptLog, AttemptReport, Event, EventKind, Observe, Outcome, Phase, PhaseGuard, Span,
    },
    proxy::{BasicAuth, Proxy, ProxyAuth, ProxyCredentials, ProxyError, ProxyKind},
    request::{
        Asked, Asking, BodyLength, NextHop, Replay, Replays, RequestError, RequestOptions, check, host_field,
        is_hop_by_hop, strip_hop_by_hop,
    },
    route::{
        Answer, Attempt, Endpoint, Endpoints, EndpointsFeed, Families, FirstExchange, Query, Route, RouteFeedback,
    },
    target::{
        ConnectOptions, Egress, Host, HttpVersions, Key, KeyRef, NotPublic, Origin, OriginError, OriginRef, Partition,
        Reference, Scheme, Target,
    },
};
