//! The types and traits that all crates of skybridge share. No IO, no policy.
//!
//! Every other crate of the stack does *one* thing with these types, and knows none of the others:
//!
//! ```text
//! Request ─ pool ─▶ Target ─ route ─▶ Route ─ negotiate, tls, tunnel, race ─▶ Attempt ─ tcp
//!    what is asked for narrows on the way down        what is known (ConnInfo) grows on the way up
//! ```
//!
//! What is asked of one connection is in its [`Target`], and what is known of it in the [`ConnInfo`] of its [`Link`]. A
//! [`Target`] without its [`Ctx`] is a [`Key`], which decides what may share a connection.
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
//!
//! # Glossary
//!
//! | here | is | OkHttp | hyper, hyper-util |
//! |---|---|---|---|
//! | [`Origin`] | scheme, host and port of a request | `HttpUrl` of an `Address` | `PoolKey` |
//! | [`ConnectOptions`] | what a request asks of its connection besides the origin | the rest of `Address` | - |
//! | [`Key`] | both: who may share a connection | `Address` | `PoolKey` |
//! | [`Target`] | a key, on behalf of whom | `Address` and `Call` | `Uri` given to a connector |
//! | [`Ctx`] | runtime, observer, call and time limits | `RealCall` | - |
//! | [`RequestOptions`] | options of one request | a copy of the client with other settings | extensions |
//! | [`Query`], [`Answer`], [`Resolver`] | a DNS lookup, its result, who does it | `Dns` | `Name`, `GaiResolver` |
//! | [`Endpoint`], [`Endpoints`] | an address to connect to; a list that may grow | `InetSocketAddress` | `SocketAddr` |
//! | [`Proxy`], [`ProxyAuth`] | a proxy, and its credentials | `Proxy`, `Authenticator` | `Tunnel`, `SocksV5` |
//! | [`Route`] | one way to an origin: proxies and endpoints | `Route` | - |
//! | [`RouteFeedback`] | which endpoints failed recently | `RouteDatabase` | - |
//! | [`Attempt`], [`AttemptLog`] | one try to connect; all of them | `ConnectPlan` | - |
//! | [`Plan`] | a connection that is decided and not opened | `RoutePlanner.Plan` | - |
//! | [`Io`], [`Link`] | a byte stream; one with what is known of it | `Socket` | `Read` and `Write` |
//! | [`ConnInfo`] | what is known of a connection | `Connection`, `Handshake` | `Connected` |
//! | [`Dialer`], [`Connector`] | open a link to one endpoint; to a route | `SocketFactory` | `HttpConnector` |
//! | [`Handshake`] | makes an HTTP connection of a link | `Http2Connection.Builder` | `http1::handshake` |
//! | [`Connection`] | an HTTP connection as the pool sees it | `RealConnection` | `SendRequest` |
//! | [`Capacity`] | how many exchanges it may carry at once | `allocationLimit` | - |
//! | [`StatusListener`] | is notified when that changes, or it closes | `Http2Connection.Listener` | - |
//! | [`can_coalesce`] | whether it may carry another origin | `isEligible` | - |
//! | [`Phase`] | a step of a request, for time limits and events | names of `EventListener` | - |
//! | [`Observe`], [`Event`] | who observes a client, and what happens | `EventListener` | - |
//! | [`Timeouts`] | time limits | `connectTimeout`, `callTimeout`, ... | - |
//! | [`Runtime`] | clock, timers and tasks | `TaskRunner` | `Executor`, `Timer` |
//! | [`Error`], [`ConnectError`] | why there is no response; no connection | `IOException` | `Error` |
//! | [`Delivery`] | whether the origin can have processed a request | - | `is_canceled` |
//! | [`Failed`] | an error that may hold the request | - | `TrySendError` |
//! | [`Replays`] | which requests can be sent again | `isOneShot` | - |
//!
//! # Rules that are here
//!
//! Some functions here decide something. They stay because two crates that don't know each other must decide alike:
//! [`is_hop_by_hop`] and [`strip_hop_by_hop`], [`BodyLength`], [`host_field`] and [`WriteFailure`] are used by HTTP/1.1
//! and HTTP/2, [`Egress::check`] by sockets and proxies, the checks that return [`Unfit`] by every layer that uses a
//! link, [`phase_timeout`] by every layer with a time limit, and [`Reference`] by everything that prints a URL.
//! [`can_coalesce`] is a pure function of the types here, so that it can be read, and tested rule by rule, beside them.
//! [`BasicAuth`] is what [`Proxy::parse`] makes of the userinfo of a URL.

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
