//! Tunnels through the proxies of a route: HTTP CONNECT, SOCKS4, SOCKS4a, SOCKS5 and SOCKS5h, in any order.
//!
//! [`TunnelLayer`] stands above whatever connects to the first proxy and below TLS to the origin. A route without
//! proxies passes through, as the same type and without a box.
//!
//! ```
//! use skybridge_core::{Connector, Proxy};
//! use skybridge_testkit::{executor::Executor, h1::Script, net::Network, fixtures};
//! use skybridge_tunnel::TunnelLayer;
//! use tower::Layer;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (executor, net) = (Executor::new(), Network::new());
//! let listener = net.listen("192.0.2.1:3128".parse()?);
//! let mut connector = TunnelLayer::new().layer(net.connector());
//!
//! let mut route = fixtures::route("https://a.test", ["192.0.2.1:3128"], executor.ctx());
//! route.proxies = [Proxy::parse("http://alice:secret@proxy.test:3128")?].into();
//! let proxy = async {
//!     let mut proxy = Script::new(listener.accept().await.0);
//!     let request = proxy.request().await;
//!     assert_eq!(request.line(), "CONNECT a.test:443 HTTP/1.1");
//!     assert_eq!(request.header("proxy-authorization"), Some("Basic YWxpY2U6c2VjcmV0"));
//!     proxy.send("HTTP/1.1 200 OK\r\n\r\n").await;
//! };
//! let (link, ()) = tokio::join!(connector.connect(route), proxy);
//! assert!(link?.info.tunnelled);
//! # Ok(())
//! # }
//! ```

mod connect;
mod error;
mod establish;
mod hop;
mod http2;
mod io;
mod layer;
mod no_tls;
mod offered_schemes;
#[cfg(feature = "digest")]
mod password_auth;
mod proxy_target;
mod service;
mod settings;
mod socks4;
mod socks5;
mod socks_reply;

#[cfg(feature = "digest")]
pub use self::password_auth::PasswordAuth;
pub use self::{
    error::TunnelError,
    io::{BoxedIo, TunnelIo},
    layer::TunnelLayer,
    no_tls::NoTls,
    service::{Tunnel, Tunnelling},
    socks_reply::SocksReply,
};
/// User and password for a proxy.
pub use skybridge_core::BasicAuth;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
