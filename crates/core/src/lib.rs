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

mod alias;
mod attempt_log;
mod basic;
mod body_length;
mod can_coalesce;
mod connect;
mod connection;
mod ctx;
mod deferred;
mod delivery;
mod egress;
mod endpoint;
mod endpoints;
mod error;
mod event;
mod fit;
mod handshake;
mod hop_by_hop;
mod host;
mod info;
mod key;
mod link;
mod origin;
mod phase;
mod plan;
mod proxy;
mod proxy_url;
mod query;
mod reference;
mod replays;
mod request;
mod request_options;
mod route;
mod runtime;
mod status;
pub mod sync;
mod timeouts;
mod write_failure;

pub use self::{
    attempt_log::{AttemptId, AttemptLog, AttemptReport, Outcome},
    basic::BasicAuth,
    body_length::BodyLength,
    can_coalesce::{NotCoalesced, can_coalesce, can_still_coalesce},
    connect::{Connector, Dialer, Io},
    connection::{Capacity, Connection, ResponseResult},
    ctx::{CallId, ConnectionId, Ctx, Ids},
    deferred::{Below, Deferred, stack},
    delivery::Delivery,
    egress::NotPublic,
    endpoint::Endpoint,
    endpoints::{Endpoints, EndpointsFeed},
    error::{BoxError, Cause, ConnectError, Error, Failed, Overloaded, TimedOut},
    event::{Acquired, Event, EventKind, Observe},
    fit::{Lost, Unfit},
    handshake::{Handshake, TlsConnect},
    hop_by_hop::{NextHop, is_hop_by_hop, strip_hop_by_hop},
    host::Host,
    info::{CertificateScope, ConnInfo, Protocol, Timings, TlsInfo, Trust},
    key::{ConnectOptions, Egress, HttpVersions, Key, KeyRef, Partition, Target},
    link::Link,
    origin::{Origin, OriginError, OriginRef, Scheme},
    phase::{Phase, PhaseGuard, Span},
    plan::{Plan, Planner},
    proxy::{Proxy, ProxyAuth, ProxyCredentials, ProxyKind},
    proxy_url::ProxyError,
    query::{Answer, Families, Query, Resolver},
    reference::Reference,
    replays::{Asked, Asking, Replay, Replays},
    request::{RequestError, check, host_field},
    request_options::RequestOptions,
    route::{Attempt, FirstExchange, Route, RouteFeedback},
    runtime::{BoxFuture, Runtime, Sleep},
    status::{CloseReason, ConnectionStatus, StatusListener, StatusSender},
    timeouts::{SharedTimeouts, Timeouts, phase_timeout, timeout},
    write_failure::WriteFailure,
};
