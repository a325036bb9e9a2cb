//! Reuses, shares and coalesces HTTP connections: [`PoolLayer`] turns a service that plans connections, a
//! [`Planner`](skybridge_core::Planner), into one that sends requests, a [`Pool`].
//!
//! It stands between `skybridge-retry` and `skybridge-route`: requests come from above and go out on a connection that
//! is there, or on one that a [`Plan`](skybridge_core::Plan) of the layer below opens. The response's body,
//! [`PooledBody`], gives it back. The crate depends on `skybridge-core` alone and opens no socket, so the same pool
//! works over a fake in a test and over TCP in a client. Its limits are a [`PoolConfig`].
//!
//! ```
//! use skybridge_core::{ConnectError, Route};
//! use skybridge_h1::H1;
//! use skybridge_h2::H2;
//! use skybridge_negotiate::NegotiateLayer;
//! use skybridge_pool::PoolLayer;
//! use skybridge_route::RouteLayer;
//! use skybridge_runtime::TokioRuntime;
//! use tokio::{io::{AsyncReadExt, AsyncWriteExt}, net::{TcpListener, TcpStream}};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let listener = TcpListener::bind("127.0.0.1:0").await?; // a server, in place of yours
//! let address = listener.local_addr()?;
//! let pool = ServiceBuilder::new()
//!     .layer(PoolLayer::new(TokioRuntime::current()))
//!     .layer(RouteLayer::unresolved())
//!     .layer(NegotiateLayer::new(H1::new(), H2::new()))
//!     .service(service_fn(move |route: Route| async move {
//!         let stream = TcpStream::connect(address).await?;
//!         Ok::<_, ConnectError>(route.link(stream, address))
//!     }));
//! let call = pool.clone().oneshot(http::Request::get("http://a.test/").body(String::new())?);
//! let server = async {
//!     let mut stream = listener.accept().await?.0;
//!     stream.read(&mut [0; 1024]).await?;
//!     stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await?;
//!     Ok::<_, std::io::Error>(stream)
//! };
//! let (response, _stream) = tokio::join!(call, server);
//! assert_eq!(response.map_err(|failed| failed.error)?.status(), 204);
//! assert_eq!(pool.stats().idle, 1);
//! # Ok(())
//! # }
//! ```
//!
//! # Words
//!
//! - An *exchange* is a request with its response. An *exclusive* connection (HTTP/1.1) carries one at a time, a
//!   *shared* one (HTTP/2) one on each stream.
//! - A *key* decides which connections may carry a request: an origin (scheme, host and port) with the
//!   [options](skybridge_core::ConnectOptions) for connecting to it. Limits *per origin* are per key.
//! - A *lease* is an exchange's hold on its connection, or on its stream of a shared one.
//! - To *coalesce* is to use a connection of one host for another that it is valid for too (RFC 9113, section 9.1.1).
//! - A connection that *drains* takes no more requests, and closes when those that it carries are over.
//! - The *reaper* is the pool's task that closes what has been idle for too long, or is too old.
//!
//! # How a request gets its connection
//!
//! 1. **Find the origin.** By the spelling of its URI, without parsing; else by its key.
//! 2. **Take what is free.** Of the shared connections the one with the fewest streams, else the exclusive one
//!    that was used last. That is a hit: it allocates nothing. What is free while others wait is theirs.
//! 3. **Wait in the queue**, first come first served, unless it is full ([`PoolConfig::max_waiting_per_origin`]).
//! 4. **Connect, or join a connect.** HTTP/1.1 begins one for each request that waits; HTTP/2, and an origin that isn't
//!    known yet, one that all join. The limits per origin and of the whole pool decide whether one may begin now; a
//!    connect is a task of the pool's own, so that it outlives the request that began it. It
//!    - waits, if the last ones failed, until the origin has been left alone for long enough;
//!    - waits for a connection of its own whose peer allows no streams yet, if there is one;
//!    - plans, which looks up names and chooses proxies; connections to addresses that the origin no longer has drain,
//!      if that is wanted ([`PoolConfig::drain_moved`]);
//!    - looks, at each address that becomes known, for a shared connection of another name that may carry this one, or
//!      an idle one of another origin to the proxy that would forward this one's requests too: its peer is the proxy,
//!      so it changes its origin, and keeps its age and what else its limits count;
//!    - connects. One that takes long gets a second one beside it ([`PoolConfig::backup_connect`]); whoever waits is
//!      served by the first that comes, and fails when both have failed.
//! 5. **Serve the queue** with whatever comes first: the new connection, a stream or an exclusive connection that came
//!    free. A connect that fails fails those who had joined it, with one shared error; but where there was no file
//!    descriptor for its socket, and the pool has others, they wait as at a limit ([`PoolConfig::max_total`]). While
//!    connects fail one after the other, there is one at a time, which all join, with a pause before it
//!    ([`PoolConfig::connect_backoff`]).
//! 6. **Make it ready.** A connection that is found dead now has carried nothing of the request: back to 2, a few
//!    times. How it ended is in the error of a request that fails in the end, and the route layer is told, which may
//!    choose another address next time.
//! 7. **Exchange.** The response goes up with the connection in its body. If it fails, what that says of other
//!    connections is put to use: one that was dead when it was used again takes those with it that have been idle for
//!    longer, and of one whose peer refuses every request the route layer is told, so that the next goes to another
//!    address.
//! 8. **Give it back.** A body that is read to its end ends its lease; if the request is still being sent, a task waits
//!    for that first. Then an exclusive connection goes to the first in the queue, or among the idle ones, or is
//!    closed; a shared one loses a stream, which the first who waits for it gets.
//! 9. **Drain what nobody reads.** A body that is dropped before its end is read as far as it has arrived (HTTP/1.1:
//!    64 KiB, 16 frames). If that isn't the end, a task has the lease, and waits until the connection is ready again:
//!    until it has read the rest, within limits of its own, and has sent the request. Then as in 8. When
//!    [`PoolConfig::unread_grace`] is over, or the pool is, the connection is closed. It is closed at once if it is
//!    draining, has carried its last request, or 256 others wait like that. A shared connection loses the stream at
//!    once.
//!
//! # When the machine has slept
//!
//! The runtime's clock stands still while a machine sleeps, on most systems, so no limit comes nearer, and peers or
//! what is on the way to them may have forgotten the connections. A wall clock that is suddenly ahead by more than 5 s
//! says so. The clocks are compared by the reaper whenever it looks, with each new connection, by the first request of
//! an origin since the reaper's last look, and by each request for which the clock is read anyway: one with options,
//! limits or an observer. Then exclusive connections that are idle are closed
//! ([`CloseReason::Stale`](skybridge_core::CloseReason::Stale)), and shared ones [ask their
//! peers](skybridge_core::Connection::suspect), and are used again once those have answered. Exchanges under way go on.
//!
//! So a request without options can be sent on a connection from before the sleep only if its origin was used shortly
//! before that: within a sixteenth of [`PoolConfig::idle_timeout`], or 20 s. The reaper finds it out within the same
//! time, and the peer of a shared connection is asked then.
//!
//! # The modules
//!
//! From here on it is for those who read or change the code: none of these names is public.
//!
//! Whoever stands above knows those below, and not the other way round; where one below has to call one above, it
//! calls a trait of its own.
//!
//! | module | has | calls above by |
//! |---|---|---|
//! | `pool`, `layer` | the face | |
//! | `exchange` | one request: its steps, its lease, its body, its time limits, its events | |
//! | `connect` | one connect: the task of a miss | |
//! | `registry` | all origins, by key, by URI, by address; eviction, expiry, the end | `Connect` |
//! | `origin` | one origin: the machine behind its lock, and the hands that do what it says; the waiters | `Host` |
//! | `connection` | one connection: its streams in one atomic word, its handles, the names that use it | `ConnectionUser` |
//! | `machine` | **decides**, for one origin, who is served next and what ends: pure, by keys | `Environment` |
//! | `shared` | settings, clock, permits for sockets, the idle count, the reaper | `PermitWaiter`, `Expire` |
//!
//! Within one origin only `machine` decides, and only `OriginPool::step` lets it: it locks, asks, unlocks, and does
//! what was answered. Between origins decide the line of a coalesced connection (`connection`), the permits for
//! sockets (`shared`) and eviction (`registry`).
//!
//! # Who is served
//!
//! ```text
//!                    enqueue                 connects are missing
//!   request ──────────────────────> waiting ──────────────────────> joined a connect ──> failed
//!      │ take                          │ ^                              │
//!      v            serve              │ └──────────────────────────────┤ it ended otherwise
//!   granted <──────────────────────────┴────────────────────────────────┘
//!      │                                                  (dropped at any time: cancel, then serve)
//!      v
//!   exchange ──> complete ──> put back / stream released ──> serve
//!
//!   connection:  connecting ──> idle <──> in use ──> draining ──> closed
//!                                 └──────────────────────^   (each begins once, with the first reason given)
//! ```
//!
//! # Locks
//!
//! Taken in this order, never two of a kind, never across an await, and nothing of others - wakers, drivers, observers,
//! drops of connections - runs under one, but for `Connection::share`, `CertificateScope::is_current`, the clone of a
//! waker and that of the planner, which must not call the pool:
//!
//! 1. a shard of `ByKey` or of `UriCache` (read-locked by a hit);
//! 2. the machine of one `OriginPool`;
//! 3. what belongs to one connection: its `Handles`, its `CoalescedNames`, its `Misdirected`;
//! 4. `ByAddress`;
//! 5. `SocketPermits`, or a connect's `ConnectTimeouts`.
//!
//! By themselves: a `Waiter`'s slot, a `Notify`'s waker, `UnfinishedExchanges`, the planner. A hit takes 1, 2 and, for
//! a stream, the `Handles`.
//!
//! Tasks and origins hold the pool weakly, so it ends with its last handle and the last request under way: `Registry`
//! closes every origin then, and a lease that ends later finds its origin closed.

#[cfg(all(test, not(loom)))]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]
mod bounds;
mod config;
mod connect;
mod connection;
mod exchange;
mod explanation;
#[cfg(all(test, loom))]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]
mod interleavings;
mod layer;
mod machine;
#[cfg(all(test, not(loom)))]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]
mod model;
mod origin;
mod pool;
mod registry;
mod shared;
mod snapshot;
mod stats;

pub use self::{
    config::{AtConnectionLimit, AtStreamLimit, PoolConfig},
    exchange::{Exchange, body::PooledBody},
    explanation::Explanation,
    layer::PoolLayer,
    pool::Pool,
    snapshot::{ConnectSnapshot, ConnectionSnapshot, ConnectionState, OriginSnapshot, PoolSnapshot, WaitingSnapshot},
    stats::PoolStats,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
