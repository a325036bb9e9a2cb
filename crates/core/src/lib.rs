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

mod basic;
mod deferred;
mod body_length;
mod connect;
mod connection;
mod ctx;
mod delivery;
mod egress;
mod endpoint;
mod endpoints;
mod error;
mod event;
mod fit;
mod handshake;
mod proxy;
mod hop_by_hop;
mod proxy_url;
mod host;
mod info;
mod key;
mod timeouts;
mod link;
mod can_coalesce;
mod origin;
mod phase;
mod plan;
mod query;
mod reference;
mod replays;
mod request;
mod route;
mod runtime;
mod attempt_log;
mod status;
mod request_options;
mod write_failure;

pub use self::{
    basic::BasicAuth,
    deferred::{Deferred, Below, stack},
    body_length::BodyLength,
    connect::{Connector, Dialer, Io},
    connection::{ResponseResult, Connection, Capacity},
    ctx::{CallId, ConnectionId, Ctx, Ids},
    delivery::Delivery,
    egress::NotPublic,
    endpoint::Endpoint,
    endpoints::{Endpoints, EndpointsFeed},
    error::{BoxError, Cause, ConnectError, Error, Failed, Overloaded, TimedOut},
    event::{Acquired, Event, EventKind, Observe},
    fit::Unfit,
    handshake::{Handshake, TlsConnect},
    proxy::{Proxy, ProxyKind, ProxyAuth, ProxyCredentials},
    hop_by_hop::{NextHop, is_hop_by_hop, strip_hop_by_hop},
    proxy_url::ProxyError,
    host::Host,
    info::{ConnInfo, CertificateScope, Protocol, Timings, TlsInfo, Trust},
    key::{Egress, Key, KeyRef, Partition, Target, ConnectOptions, HttpVersions},
    timeouts::{Timeouts, SharedTimeouts, phase_timeout, timeout},
    link::Link,
    can_coalesce::{NotCoalesced, can_coalesce, can_still_coalesce},
    origin::{Origin, OriginError, OriginRef, Scheme},
    phase::{Phase, PhaseGuard, Span},
    plan::{Plan, Planner},
    query::{Answer, Families, Query, Resolver},
    reference::Reference,
    replays::{Asked, Asking, Replay, Replays},
    request::{RequestError, check, host_field},
    route::{Attempt, FirstExchange, Route, RouteFeedback},
    runtime::{BoxFuture, Runtime, Sleep},
    attempt_log::{AttemptId, AttemptReport, Outcome, AttemptLog},
    status::{CloseReason, ConnectionStatus, StatusSender, StatusListener},
    request_options::RequestOptions,
    write_failure::WriteFailure,
};
