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
//! limits and their values are in [one table](defaults).
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

mod body;
mod builder;
mod call;
mod call_limit;
mod client;
mod collect;
pub mod defaults;
mod into_uri;
mod layered;
mod layered_body;
mod request_body;
mod response;
pub mod seams;
mod stack;
mod text;
mod tls;
mod with_body;

pub use self::{
    body::Body,
    builder::ClientBuilder,
    call::Call,
    client::Client,
    collect::{Collecting, TooLarge},
    into_uri::IntoUri,
    request_body::RequestBody,
    response::ResponseExt,
    text::Text,
};
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
pub use skybridge_h1::{BodyError, FieldSpelling, H1, H1Error, ReasonPhrase};
pub use skybridge_h2::{Flood, H2, H2Error};
pub use skybridge_negotiate::NegotiateLayer;
pub use skybridge_pool::{AtConnectionLimit, AtStreamLimit, PoolConfig, PoolLayer, PoolStats};
pub use skybridge_retry::{Budget, RetryLayer};
pub use skybridge_route::{
    EnvironmentProxies, NoAddresses, NoProxy, NothingSelected, ProxyOrder, ProxySelector, ProxyVariableError,
    RouteConfig, RouteLayer,
};
pub use skybridge_runtime::TokioRuntime;
pub use skybridge_tcp::{KeepAlive, NoLocalAddress, RaceLayer, SocketRefused, Tcp};
#[cfg(feature = "tls")]
pub use skybridge_tls::{Pins, Roots, TlsConfig, TlsConfigError, TlsConnector, TlsError, TlsLayer, TlsVersion};
#[cfg(feature = "digest")]
pub use skybridge_tunnel::PasswordAuth;
pub use skybridge_tunnel::{TunnelError, TunnelLayer};
pub use tower;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
