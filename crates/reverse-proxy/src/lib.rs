//! A reverse proxy (a gateway, RFC 9110, section 3.7) as a tower service: [`ReverseProxy`] sends what it is asked for
//! to an upstream, by any service of requests. It never fails: what goes wrong becomes a response. So axum mounts it by
//! `fallback_service` and `nest_service`, hyper serves it, and layers of tower go above it and below it.
//!
//! | | what becomes of it |
//! |---|---|
//! | bodies and trailers | streamed both ways, never collected; `expect: 100-continue` reaches the upstream |
//! | trailers that must not be such (RFC 9110, section 6.5.1), are of one hop, or claim where a client comes from | removed both ways |
//! | `upgrade`: WebSocket and others | passed on, over HTTP/1.1; after a 101 to what was asked for, bytes are copied both ways until both sides have ended, or nothing has passed for [1 h](ReverseProxy::upgrade_idle_limit) |
//! | `upgrade` to HTTP itself, or to TLS (`h2c`, `HTTP/2.0`, `TLS/1.0`) | not passed on: the client would speak with the upstream past all of this |
//! | WebSocket over HTTP/2 (RFC 8441) | asked of the upstream as an upgrade over HTTP/1.1, with a key of its own; a 101 with the right answer to that becomes the 200. The server has to allow it: hyper's by `enable_connect_protocol`, axum's does with its feature `http2` |
//! | fields of one hop (RFC 9110, section 7.6.1) | removed both ways: `connection` and what it names, `keep-alive`, `proxy-*`, `transfer-encoding`; of `te` only `trailers` is passed on |
//! | `host` | the upstream's, unless [`keep_host`](ReverseProxy::keep_host) |
//! | `via` | added both ways |
//! | `forwarded`, `x-forwarded-*`, `x-real-ip` of a client | removed, as anybody can write them, with `_` for `-` too; [`Forwarded`] adds what is true |
//! | `proxy` of a client (httpoxy) | removed: to CGI it would be the variable `HTTP_PROXY` |
//! | a client that is gone | hyper drops the request, and so its exchange upstream is cancelled; of a body that was reset, no end is passed on. A WebSocket whose stream is reset is closed upstream within a second; one of which only one half is closed goes on |
//! | an upstream that is silent | 504 after [`head_limit`](ReverseProxy::head_limit): 60 s |
//! | bodies that stand still, as nobody sends or nobody reads | ended both ways after [`body_idle_limit`](ReverseProxy::body_idle_limit): 1 h |
//! | `..` in a path, where the upstream's URL has one | 400: it would lead out of it; `%2e%2e` and `..;` too |
//! | `max-forwards` of OPTIONS | counted down, answered with 204 at 0 (section 7.6.2) |
//! | CONNECT (but to a WebSocket), TRACE, `OPTIONS *`, a transfer coding besides `chunked` | 501 |
//! | `host` twice, or none that can be | 400; an absolute URI goes before `host` |
//! | a request that has passed 16 of these proxies, by its `via` | 508: it goes round |
//!
//! Statuses of its own, each with nothing but the words of the status as its body:
//!
//! | status | when |
//! |---|---|
//! | 400 | the request is not valid, or its body failed |
//! | 408 | nothing came of the request's body for too long |
//! | 502 | no connection, or no valid response |
//! | 503 | a limit of this side, or the upstream has refused to process it: it may be sent again |
//! | 504 | a time limit |
//!
//! The [`Error`](skybridge_core::Error) itself, with addresses and names, is for those on this side: an
//! `Arc<Error>` in the extensions of the response.
//!
//! Three locks, for which nobody waits: one per WebSocket over HTTP/2, around the client's stream, one per exchange,
//! around the time when something passed, and one per response, around its body.
//!
//! ```
//! # use skybridge_testkit::origin::Origin;
//! use http::Request;
//! use skybridge::{Client, RequestBody, tower::ServiceExt};
//! use skybridge_reverse_proxy::ReverseProxy;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let origin = Origin::h1().handle(|_| async { http::Response::new("hello".to_owned()) }).start().await;
//! # let url = origin.url("/");
//! let proxy = ReverseProxy::new(Client::new(), url.parse()?)?;
//! let response = proxy.oneshot(Request::get("/cat").body(RequestBody::empty())?).await?;
//! assert_eq!(response.headers()["via"], "1.1 skybridge");
//! # Ok(())
//! # }
//! ```

mod answer;
mod body;
mod fields;
mod forwarded;
mod forwarding;
mod idle;
mod join;
mod max_forwards;
mod proxy;
mod reset;
mod stall;
mod trailers;
mod upstream;
mod websocket;

pub use self::{body::ProxiedBody, forwarded::Forwarded, forwarding::Forwarding, proxy::ReverseProxy};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
