//! The nouns and the contracts of skybridge. No IO, no policy.
//!
//! Every other crate of the stack is one *verb* over these nouns and sees nothing else of its siblings:
//!
//! ```text
//! Request ─ pool ─▶ Target ─ route ─▶ Route ─ negotiate, tls, tunnel, race ─▶ Attempt ─ tcp
//!    questions narrow on the way down           facts (ConnInfo) grow on the way up
//! ```
//!
//! *Options go down, facts go up*: what one connection should be is in its [`Target`], what was learned of it is in the
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
//! | [`Proxy`] | one proxy on the way | `java.net.Proxy` | `proxy::Tunnel`, `proxy::SocksV5` |
//! | [`Endpoint`] | where to connect: an address, or a Unix socket | `InetSocketAddress` | `SocketAddr` |
//! | [`Query`], [`Answer`], [`Resolver`] | a look-up of a name | `Dns.lookup` | `dns::Resolve`, `dns::Name` |
//! | [`Route`] | one decided way: proxies, and endpoints of the first hop | `Route` (of one address) | none |
//! | [`RouteFeedback`] | what is remembered of failed routes | `RouteDatabase` | none |
//! | [`Plan`], [`Planner`] | a decided connection that isn't open yet | `RoutePlanner.Plan`, `RoutePlanner` | none |
//! | [`Attempt`] | one try at one endpoint of a route | `ConnectPlan` | none |
//! | [`Dialer`] | opens a stream to one endpoint | `SocketFactory` | `HttpConnector` |
//! | [`Connector`] | opens a stream by a route | `ConnectPlan.connectTcp`, `connectTls` | `Connect`, `Service<Uri>` |
//! | [`Link`] | a byte stream, and what is known of it | `BufferedSocket` | `Connection`'s I/O |
//! | [`ConnInfo`] | the facts of one connection | `Connection`, `Handshake` | `Connected`, `HttpInfo` |
//! | [`Handshake`] | makes an HTTP connection of a link | `RealConnection.start` | `Builder::handshake` |
//! | [`Connection`] | an HTTP connection as a pool sees it | `RealConnection` | `SendRequest` |
//! | [`Capacity`] | how many exchanges it takes at once | `allocationLimit` | none |
//! | [`ConnectionStatus`], [`StatusListener`] | what its driver reports | `Http2Connection.Listener` | none |
//! | exchange | one request and its response on a connection | `Exchange` | the future of `send_request` |
//! | lease | a connection on loan to an exchange | `connection.calls` | `Pooled` |
//! | coalescing | a connection of one origin carries another's requests | coalesced connections | none |
//! | [`Delivery`] | can the origin have processed a request? | `recover` of its retries | `Error::is_canceled` |
//! | [`Failed`] | an error that may still hold the request | none | `TrySendError` |
//! | [`Replays`], [`Replay`] | which requests are of use if they come back | `RequestBody.isOneShot` | none |
//! | [`Phase`], [`Event`], [`Observe`] | steps of a request's trip, and who is told | `EventListener` | none |
//! | [`Timeouts`] | time limits | `connectTimeout`, `callTimeout` and others | `set_connect_timeout` |
//! | [`Ctx`], [`Runtime`] | clock, timers, tasks, observer | `RealCall`, `TaskRunner` | `rt::Executor`, `Timer` |

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

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
