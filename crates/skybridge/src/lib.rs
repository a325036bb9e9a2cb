//! The connection machinery of an HTTP client as a stack of tower layers.
//!
//! [`Client`] is for everybody: it finds, opens, shares and reuses connections, and sends again what may safely be sent
//! again.
//!
//! ```
//! # use skybridge_testkit::origin::Origin;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), skybridge::Error> {
//! # let origin = Origin::h1().handle(|_| async { http::Response::new("hello".to_owned()) }).start().await;
//! # let url = origin.url("/");
//! let client = skybridge::Client::new();
//! assert_eq!(client.get(&url).await?.into_body().text().await?, "hello");
//! # Ok(())
//! # }
//! ```
//!
//! It is one expression, and each line of it is a crate that stands alone, so another client is another expression. All
//! limits and their values are in [one table](defaults), and the [guide] has a chapter for each thing one does.
//!
//! ```
//! # use skybridge_testkit::origin::Origin;
//! use skybridge::{*, tower::{ServiceBuilder, ServiceExt}};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Error> {
//! # let origin = Origin::h1().handle(|_| async { http::Response::new("hello".to_owned()) }).start().await;
//! # let url = origin.url("/");
//! let (runtime, resolver, tls) = (TokioRuntime::current(), System::new(), TlsLayer::native());
//! let client = ServiceBuilder::new()
//!     .layer(RetryLayer::safe())                             // send again what may safely be sent again
//!     .layer(PoolLayer::new(runtime))                        // on a pooled connection, or a new one
//!     .layer(RouteLayer::new(resolver))                      // found by address, or through proxies
//!     .layer(NegotiateLayer::new(H1::new(), H2::new()))      // that speaks HTTP/2 or HTTP/1.1
//!     .layer(tls.clone())                                    // encrypted and verified
//!     .layer(TunnelLayer::new().proxy_tls(tls.proxy_connector())) // through HTTP and SOCKS proxies
//!     .layer(RaceLayer::happy_eyeballs())                    // over whichever address answers first
//!     .service(Tcp::new());                                  // by a socket
//!
//! let request = http::Request::get(&url).body(RequestBody::empty()).expect("a URL");
//! assert_eq!(client.oneshot(request).await?.status(), 200);
//! # Ok(())
//! # }
//! ```
//!
//! A connection that becomes another protocol's leaves the pool: [`Upgrade`], in the extensions of the response, gives
//! the stream. Only HTTP/1.1 can be asked so, and bytes that came right behind the head are read first. HTTP/2 has
//! streams of other protocols beside its requests: [`ConnectProtocol`].
//!
//! ```
//! # use skybridge_testkit::h1::Script;
//! use skybridge::{Client, RequestBody, Upgrade};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! # let url = format!("http://{}/", listener.local_addr()?);
//! # let server = async {
//! #     let mut peer = Script::new(listener.accept().await.unwrap().0);
//! #     peer.request().await;
//! #     peer.send("HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\n\r\n").await;
//! #     peer.expect("meow").await;
//! #     peer.send("meow").await;
//! # };
//! # let call = async {
//! let request = http::Request::get(&url)
//!     .header("connection", "upgrade")
//!     .header("upgrade", "echo")
//!     .body(RequestBody::empty())?;
//! let mut response = Client::new().request(request).await?;
//! let upgrade = response.extensions_mut().remove::<Upgrade>().ok_or("not upgraded")?;
//! let mut stream = upgrade.take().ok_or("taken before")?;
//! stream.write_all(b"meow").await?;
//! let mut echo = [0; 4];
//! stream.read_exact(&mut echo).await?;
//! assert_eq!(&echo, b"meow");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # };
//! # tokio::join!(call, server).0
//! # }
//! ```
//!
//! # Names, proxies, and where connections may go
//!
//! | what for | what there is |
//! |---|---|
//! | who is asked for addresses | [`System`]; `Hickory` with the feature `hickory`: given DNS servers, over TLS and HTTPS too (`ClientBuilder::dns_over_https`), and HTTPS records; [`CacheLayer`] and [`OverridesLayer`] over any: [`resolver`](ClientBuilder::resolver) |
//! | another host or address than the URL says | [`RequestOptions::connect_to`], [`RequestOptions::dial`] |
//! | the same proxies for all, the next ones where these fail | [`proxies`](ClientBuilder::proxies) |
//! | proxies by origin | [`proxy_selector`](ClientBuilder::proxy_selector), or those of the environment: [`proxies_from_env`](ClientBuilder::proxies_from_env) |
//! | user and password for a proxy | in its URL ([`Proxy::parse`]) or [`Proxy::auth`]: [`BasicAuth`](types::BasicAuth) says them at once, `PasswordAuth` (feature `digest`) when asked |
//! | header fields for a proxy alone | [`Proxy::headers`] |
//! | whether `http` URLs may be fetched | [`ClientBuilder::cleartext`](ClientBuilder::cleartext), [`ClientBuilder::https_only`](ClientBuilder::https_only) |
//! | which addresses may be connected to | [`Egress`](types::Egress), for a client by [`ConnectOptions::egress`], for a request by [`RequestOptions::egress`] |
//!
//! ```no_run
//! use http::{HeaderMap, HeaderValue};
//! use skybridge::{
//!     Client, ConnectOptions, Proxy, RequestBody, RequestOptions,
//!     types::{Egress, EgressRule, ProxyHeaders},
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut fields = HeaderMap::new();
//! fields.insert("x-session", HeaderValue::from_static("7"));
//! // It is trusted to refuse what we would: else it would be asked for no name.
//! let proxy = Proxy::parse("http://alice:secret@192.0.2.7:3128")?.filters_egress();
//! let proxy = proxy.headers(ProxyHeaders::new(&fields)?);
//!
//! let egress = Egress::public()
//!     .allow(EgressRule::new().network("10.1.0.0/16".parse()?).port(443))
//!     .allow_proxy(EgressRule::new().network("192.0.2.7".parse()?))
//!     .deny(EgressRule::new().port(25));
//! let client = Client::builder().proxies([[proxy]]).connect_options(ConnectOptions::new().egress(egress)).build();
//!
//! let mut request = http::Request::get("https://a.test/").body(RequestBody::empty())?;
//! request.extensions_mut().insert(RequestOptions::new().connect_to("canary.a.test", 8443)?);
//! let response = client.request(request).await?;
//! # let _ = response;
//! # Ok(())
//! # }
//! ```
//!
//! DNS over TLS, verified by the system's roots, with a cache, and so with the HTTPS records of `https` origins:
//!
#![cfg_attr(all(feature = "hickory", feature = "native-roots"), doc = "```no_run")]
#![cfg_attr(not(all(feature = "hickory", feature = "native-roots")), doc = "```ignore")]
//! use skybridge::{CacheLayer, Client, Hickory, TlsLayer, tower::Layer};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let tls = TlsLayer::native().proxy_connector().no_alpn();
//! let servers = Hickory::over_tls([("192.0.2.1:853".parse()?, "dns.test".into())], tls)?;
//! let client = Client::builder().resolver(CacheLayer::new().layer(servers)).build();
//! # let _ = client;
//! # Ok(())
//! # }
//! ```
//!
//! # What stays outside
//!
//! | what | whose it is |
//! |---|---|
//! | a base URL | a layer above retry, of one line: below |
//! | redirects, decompression, authorization, request ids | the layers of `tower-http`, [above retry](ClientBuilder::above_retry) |
//! | cookies | a jar of the `cookie_store` crate, in a layer of one's own that sets `cookie` and reads `set-cookie` |
//! | multipart bodies | a crate that makes an [`http_body::Body`] or a stream of them, given to [`RequestBody::wrap`] |
//! | blocking calls | `tokio::runtime::Runtime::block_on`; without an async runtime at all, the `ureq` crate |
//! | WebAssembly in a browser | there are no sockets: `gloo-net`, or `reqwest`, ask the browser's `fetch` |
//!
//! ```
//! # use skybridge_testkit::origin::Origin;
//! use http::{Request, Uri};
//! use skybridge::{Client, RequestBody, tower::util::MapRequestLayer};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let origin = Origin::h1().start().await;
//! # let authority = origin.addr().to_string();
//! let at_base = move |mut request: Request<RequestBody>| {
//!     let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
//!     let uri = Uri::builder().scheme("http").authority(&*authority).path_and_query(format!("/v1{path}")).build();
//!     *request.uri_mut() = uri.unwrap_or_default();
//!     request
//! };
//! let client = Client::builder().above_retry(MapRequestLayer::new(at_base)).build();
//! client.get("/users?page=2").await?;
//! assert_eq!(origin.requests()[0].line(), "GET /v1/users?page=2 HTTP/1.1");
//! # Ok(())
//! # }
//! ```
//!
//! # tower's layers
//!
//! Which of tower's and tower-http's layers goes where, and what goes wrong in the other order, is in [`layers`].
//!
//! # Seeing what happens
//!
//! | to see | there is |
//! |---|---|
//! | why a request failed: each attempt, and what to do | `{error:#}` ([`Error::report`]); what each error means is [one table](errors) |
//! | by which connection a response came | [`ResponseExt::connection`] |
//! | what a request would come to, before it is sent | [`Client::explain`] |
//! | a line of a log for each call and connection, spans for OpenTelemetry | `Spans`, with the feature `tracing` |
//! | what the client does right now, on a page | `inspect`, with the feature `inspect` |
//! | waterfalls, JSON lines, HTTP Archives, metrics | the crate [`skybridge-trace`](https://docs.rs/skybridge-trace), whose types are observers as `Spans` is |
//! | every event, in code of one's own | [`Observe`] |
//!
//! Without an [observer](ClientBuilder::observer) nothing is written anywhere, whatever the subscriber of `tracing`
//! asks for. With this one, `RUST_LOG=skybridge=debug` has a line for each call and each connection:
//!
#![cfg_attr(feature = "tracing", doc = "```")]
#![cfg_attr(not(feature = "tracing"), doc = "```ignore")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! // In main: tracing_subscriber::fmt::init();
//! let client = skybridge::Client::builder().observer(skybridge::Spans::new()).build();
//! # let _ = client;
//! # }
//! ```
//!
//! # Features
//!
//! | feature | on by default | gives |
//! |---|---|---|
//! | `tls` | yes, by those below | TLS, which needs one of the two cryptographies |
//! | `aws-lc-rs` | yes | TLS with the cryptography of AWS-LC |
//! | `fips` | no | the same by the module that FIPS 140-3 approves; takes cmake and Go to build |
//! | `ring` | no | TLS with that of *ring*, which is lighter to build |
//! | `native-roots` | yes | the roots that the system trusts |
//! | `webpki-roots` | no | the roots that Mozilla trusts |
//! | `platform-verifier` | no | the system's own verifier |
//! | `hickory` | no | `Hickory`, which asks DNS servers itself |
//! | `idn` | no | hosts that aren't ASCII, in URLs and wherever one is given: see [`ascii_host`](types::ascii_host) |
//! | `digest` | no | `PasswordAuth`, which answers the challenges of proxies |
//! | `inspect` | no | `inspect`, a page that shows what a client does |
//! | `json` | no | `json`, `form` and `query` of a [`RequestBuilder`], `json` of a [`Body`] |
//! | `tracing` | no | `Spans`, lines and spans for subscribers of the `tracing` crate |
//! | `balance` | no | `balance::BalanceLayer`, which spreads requests over the servers of a name |
//!
//! Without any there is no TLS, and no C compiler is needed.

mod body;
mod builder;
mod call;
mod call_limit;
mod client;
mod collect;
mod conn_info_layer;
pub mod defaults;
pub mod errors;
mod explanation;
pub mod guide;
mod handles;
#[cfg(feature = "inspect")]
mod inspect;
mod into_uri;
#[cfg(feature = "json")]
mod json;
mod layered;
mod layered_body;
pub mod layers;
mod one_body;
mod request_body;
mod request_builder;
mod response;
pub mod seams;
mod stack;
mod stack_builder;
mod text;
mod tls;
mod with_body;

#[cfg(feature = "inspect")]
pub use self::inspect::inspect;
#[cfg(feature = "json")]
pub use self::json::Json;
pub use self::{
    body::Body,
    builder::ClientBuilder,
    call::Call,
    client::Client,
    collect::{Collecting, TooLarge},
    conn_info_layer::ConnInfoLayer,
    explanation::{Address, Explanation, Hop, Opening, ResolvedBy},
    into_uri::IntoUri,
    one_body::OneBody,
    request_body::RequestBody,
    request_builder::RequestBuilder,
    response::ResponseExt,
    stack_builder::StackBuilder,
    text::Text,
};
#[cfg(feature = "balance")]
pub use skybridge_balance as balance;
/// The types and the traits of the stack, for layers of one's own: all of `skybridge-core`.
pub use skybridge_core as types;
pub use skybridge_core::{
    Cause, ConnInfo, ConnectError, ConnectOptions, ConnectProtocol, Delivery, Endpoint, Error, Event, EventKind,
    HttpVersions, Observe, OnInformational, Partition, Phase, Protocol, Proxy, RequestError, RequestOptions, Timeouts,
    Upgrade, Upgraded, stack,
};
pub use skybridge_dns::{CacheLayer, OverridesLayer, ResolveError, System};
#[cfg(feature = "hickory")]
pub use skybridge_dns::{DohError, Hickory};
pub use skybridge_h1::{BodyError, FieldSpelling, H1, H1Error, HeadError, ReasonPhrase};
pub use skybridge_h2::{Flood, H2, H2Error};
#[cfg(feature = "inspect")]
pub use skybridge_inspect::Inspector;
pub use skybridge_negotiate::NegotiateLayer;
pub use skybridge_pool::{AtConnectionLimit, AtStreamLimit, Pool, PoolConfig, PoolLayer, PoolStats};
pub use skybridge_retry::{Budget, RetryLayer};
pub use skybridge_route::{
    EnvironmentProxies, NoAddresses, NoProxy, NothingSelected, OtherFamily, ProxyOrder, ProxySelector,
    ProxyVariableError, RouteConfig, RouteLayer, SelectorFailed,
};
pub use skybridge_runtime::TokioRuntime;
pub use skybridge_tcp::{KeepAlive, NoLocalAddress, RaceLayer, SocketRefused, Tcp};
#[cfg(feature = "tls")]
pub use skybridge_tls::{
    ClientIdentity, ConnectionSpec, EchOutline, FallbackFailed, IdentityRequest, OlderConnections, Pin, PinError,
    PinMismatch, Pins, Roots, Session, SessionPeer, SessionStore, SkippedRoot, SpecError, SpecOutline, TlsConfig,
    TlsConfigError, TlsConnector, TlsError, TlsHandle, TlsLayer, TlsOutline, TlsVersion, TrustOutline,
};
#[cfg(feature = "tracing")]
pub use skybridge_trace::Spans;
#[cfg(feature = "digest")]
pub use skybridge_tunnel::PasswordAuth;
pub use skybridge_tunnel::{TunnelError, TunnelLayer};
pub use tower;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
