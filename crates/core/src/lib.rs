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
//! | here | is | in OkHttp | in hyper, hyper-util |
//! |---|---|---|---|
//! | [`Origin`] | scheme, host and port of a URL (RFC 9110, 4.3.1) | part of `Address` | `Uri`'s scheme and authority |
//! | [`ConnectOptions`] | what else makes a connection different | part of `Address` | the connector's settings |
//! | [`Key`] | origin and connect options: what may share a connection | `Address` | `PoolKey` |
//! | [`Target`] | a key, and for whom | `Address`, `RealCall` | `Uri` |
//! | [`RequestOptions`] | what one request asks for, in its extensions | `Chain.withConnectTimeout`, tags | none |
//! | [`Partition`] | keeps connections of equal origins apart | one `ConnectionPool` each | one `Client` each |
//! | [`Proxy`] | one proxy on the way | `java.net.Proxy` | `client::proxy::matcher::Intercept` |
//! | [`Endpoint`] | where to connect: an address, a Unix socket, or a name for who looks it up | `InetSocketAddress` | `SocketAddr` |
//! | [`Query`], [`Answer`], [`Resolver`] | a look-up of a name | `Dns.lookup` | `dns::Name`, `Service<dns::Name>` |
//! | [`ServiceBinding`] | what an HTTPS record (RFC 9460) says of endpoints | `ServiceMetadata` | none |
//! | [`Route`] | one decided way: proxies, and endpoints of the first hop | `Route` (of one address) | none |
//! | [`RouteFeedback`] | what is remembered of failed routes | `RouteDatabase` | none |
//! | [`Plan`], [`Planner`] | a decided connection that isn't open yet | `RoutePlanner.Plan` (of one route, or ready), `RoutePlanner` | none |
//! | [`Attempt`] | one try at one endpoint of a route | `ConnectPlan` | none |
//! | [`Dialer`] | opens a stream to one endpoint | `SocketFactory` | `HttpConnector` |
//! | [`Connector`] | opens a stream by a route | `ConnectPlan.connectTcp`, `connectTlsEtc` | `Connect`, `Service<Uri>` |
//! | [`RouteConnector`] | opens a connection by a route | `ConnectPlan` | none |
//! | [`Link`] | a byte stream, and what is known of it | `BufferedSocket` | I/O that is `connect::Connection` |
//! | [`ConnInfo`] | the facts of one connection | `Connection`, `Handshake` | `Connected`, `HttpInfo` |
//! | [`Handshake`] | makes an HTTP connection of a link | `RealConnection.start` | `Builder::handshake` |
//! | [`Connection`] | an HTTP connection as a pool sees it | `RealConnection` | `SendRequest` |
//! | [`Capacity`] | how many exchanges it takes at once | `allocationLimit` | `http2::SendRequest::current_max_send_streams` |
//! | [`ConnectionStatus`], [`StatusListener`] | what a connection reports of itself | `Http2Connection.Listener`, `noNewExchanges` | none |
//! | exchange | one request and its response on a connection | `Exchange` | the future of `send_request` |
//! | lease | a connection on loan to an exchange | `RealConnection.calls` | `Pooled` |
//! | [`Certificate`] | what a peer's certificate says | `Handshake.peerCertificates` | none |
//! | coalescing | a connection of one origin carries another's requests | coalesced connections | none |
//! | [`Delivery`] | can the origin have processed a request? | `RetryAndFollowUpInterceptor.recover` | `Error::is_canceled` |
//! | [`Cause`] | why a request has no response, as the layer that knows it says | the class of the `IOException` | `Error::is_timeout` and others |
//! | [`CloseReason`] | why a connection takes no more exchanges, or is closed | none | none |
//! | [`GoAway`], [`Reset`], [`ErrorCode`] | how a peer ends a connection or a stream of HTTP/2 | `ConnectionShutdownException`, `StreamResetException`, `ErrorCode` | `h2::Error`, `h2::Reason` |
//! | [`TlsAlert`] | how a peer ends TLS after the handshake | `SSLException` | `rustls::Error::AlertReceived` |
//! | [`Failed`] | an error that may still hold the request | none | `hyper::client::conn::TrySendError` |
//! | [`Replays`], [`Replay`] | which requests are of use if they come back | `retryOnConnectionFailure`, `RequestBody.isOneShot` | none |
//! | [`FollowUp`] | the request of a response that asks for it again | `followUpRequest` | none |
//! | [`Phase`], [`Event`], [`Observe`] | steps of a request's trip, and who is notified | `EventListener` | none |
//! | [`Deadline`] | when the call must be over that is being polled | `AsyncTimeout` | none |
//! | [`Timeouts`] | time limits | `connectTimeout`, `callTimeout` and others | `set_connect_timeout` |
//! | [`Ctx`], [`Runtime`] | clock, timers, tasks, observer | `RealCall`, `TaskRunner` | `rt::Executor`, `Timer` |
//!
//! # Rules that are here
//!
//! Some functions here decide something. They stay because two crates that don't know each other must decide alike:
//! [`is_hop_by_hop`] and [`strip_hop_by_hop`], [`BodyLength`], [`host_field`] and [`WriteFailure`] are used by HTTP/1.1
//! and HTTP/2, [`Egress::check`] by sockets and proxies, the checks that return [`Unfit`] by every layer that uses a
//! link, [`phase_timeout`] by every layer with a time limit, and [`Reference`] by everything that prints a URL.
//! [`can_coalesce`] and [`can_forward`] are pure functions of the types here, so that they can be read, and tested rule
//! by rule, beside them.
//! [`BasicAuth`] is what [`Proxy::parse`] makes of the userinfo of a URL.

mod connection;
mod context;
mod contract;
mod error;
mod observe;
mod proxy;
mod rare;
mod request;
mod route;
pub mod sync;
mod target;

pub use self::{
    connection::{
        Certificate, CertificateKey, CertificateScope, CloseReason, ConnInfo, ConnectionStatus, EchStatus, Link, Lost,
        NotCoalesced, NotForwarded, Protocol, ProxySettings, StatusListener, StatusSender, SubjectName, Timings,
        TlsInfo, Trust, Unfit, Upgrade, Upgraded, WriteFailure, can_coalesce, can_forward, can_still_coalesce,
    },
    context::{CallId, ConnectionId, Ctx, Ids, SharedTimeouts, Timeout, Timeouts, phase_timeout, timeout},
    contract::{
        Below, BoxFuture, Capacity, Connection, ConnectionBody, ConnectionExchange, ConnectionService, Connector,
        Deferred, Dialer, Handshake, HandshakeFuture, HandshakeService, Io, Outline, Plan, Planner, Resolver,
        ResponseResult, RouteConnector, Runtime, Sleep, TlsConnect, stack,
    },
    error::{
        Advice, BoxError, Cause, ConnectError, Delivery, Error, ErrorCode, Failed, GoAway, OneLine, Overloaded, Report,
        Reset, Rounded, TimedOut, TlsAlert, root_reason,
    },
    observe::{
        Acquired, AddressSource, AttemptId, AttemptLog, AttemptReport, Differs, Event, EventKind, Found, NotEnforced,
        NotUsed, Observe, Outcome, PassedOver, Phase, PhaseGuard, PhaseName, PinsNotEnforced, ProxyStep, RedactedUri,
        Search, SocksStep, Span, Waits, notify,
    },
    proxy::{
        BasicAuth, IntoProxyChain, Proxy, ProxyAnswer, ProxyAuth, ProxyCredentials, ProxyError, ProxyHeaderError,
        ProxyHeaders, ProxyKind, ProxyRequest,
    },
    rare::Rare,
    request::{
        Asked, Asking, BodyLength, ConnectProtocol, Deadline, FollowUp, NextHop, OnInformational, Replay, Replays,
        RequestError, RequestOptions, host_field, is_hop_by_hop, strip_hop_by_hop, validate_request,
    },
    route::{
        Answer, Attempt, Endpoint, Endpoints, EndpointsFeed, Families, FirstExchange, Query, RecentFailure, Route,
        RouteFeedback, ServiceBinding,
    },
    target::{
        Cleartext, ConnectOptions, Dial, EchMode, Egress, EgressReason, EgressRefused, EgressRule, EgressRuleError,
        Host, HttpVersions, Key, KeyRef, Network, NetworkError, Origin, OriginError, OriginRef, Partition, Reference,
        Scheme, Target, ascii_host,
    },
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
