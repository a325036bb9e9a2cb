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
//! use skybridge_core::{KeyRef, OriginRef, Terms};
//!
//! let uri = "http://Example.com:80/a".parse::<http::Uri>()?;
//! let terms = Terms::default();
//! let key = KeyRef::of(OriginRef::of(&uri)?, &terms).to_owned()?;
//! assert_eq!(key.origin.to_string(), "http://example.com");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod basic;
mod below;
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
mod hop;
mod hop_by_hop;
mod hop_url;
mod host;
mod info;
mod key;
mod limits;
mod link;
mod may_carry;
mod origin;
mod phase;
mod plan;
mod query;
mod reference;
mod replays;
mod request;
mod route;
mod runtime;
mod trail;
mod watch;
mod wish;
mod write_failure;

pub use self::{
    basic::BasicAuth,
    below::{Above, Below, stack},
    body_length::BodyLength,
    connect::{Connector, Dialer, Io},
    connection::{Answered, Connection, Room},
    ctx::{CallId, ConnectionId, Ctx, Ids},
    delivery::Delivery,
    egress::NotPublic,
    endpoint::Endpoint,
    endpoints::{Endpoints, EndpointsFeed},
    error::{BoxError, Cause, ConnectError, Error, Failed, Overloaded, TimedOut},
    event::{Acquired, Event, EventKind, Observe},
    fit::Unfit,
    handshake::{Handshake, Seal},
    hop::{Hop, HopKind, ProxyAuth, ProxyCredentials},
    hop_by_hop::{NextHop, is_hop_by_hop, strip_hop_by_hop},
    hop_url::HopError,
    host::Host,
    info::{ConnInfo, Covers, Protocol, Timings, TlsInfo, Trust},
    key::{Egress, Key, KeyRef, Partition, Target, Terms, Want},
    limits::{Limits, SharedLimits, limited, within},
    link::Link,
    may_carry::{NotCarried, may_carry, may_still_carry},
    origin::{Origin, OriginError, OriginRef, Scheme},
    phase::{Phase, PhaseGuard, Span},
    plan::{Plan, Planner},
    query::{Answer, Families, Query, Resolver},
    reference::Reference,
    replays::{Asking, Replay, Replays},
    request::{RequestError, check, host_field},
    route::{Attempt, FirstExchange, Route, Verdict},
    runtime::{BoxFuture, Runtime, Sleep},
    trail::{AttemptId, AttemptReport, Outcome, Trail},
    watch::{CloseReason, News, NewsDesk, Watch},
    wish::Wish,
    write_failure::WriteFailure,
};
