//! Tunnels through the proxies of a route: HTTP CONNECT, SOCKS4, SOCKS4a, SOCKS5 and SOCKS5h, in any order.
//!
//! [`TunnelLayer`] stands above whatever connects to the first proxy and below TLS to the origin. A route without
//! proxies passes through, as the same type and without a box.
//!
//! ```
//! use skybridge_core::{ConnectError, Connector, Proxy, Route, Target};
//! use skybridge_runtime::TokioRuntime;
//! use skybridge_tunnel::TunnelLayer;
//! use tokio::{io::{AsyncReadExt, AsyncWriteExt}, net::{TcpListener, TcpStream}};
//! use tower::{Layer, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let listener = TcpListener::bind("127.0.0.1:0").await?; // a proxy, in place of yours
//! let address = listener.local_addr()?;
//! let below = service_fn(move |route: Route| async move {
//!     let stream = TcpStream::connect(address).await?;
//!     Ok::<_, ConnectError>(route.link(stream, address))
//! });
//!
//! let target = Target::of(&"https://a.test/".parse()?, TokioRuntime::ctx())?;
//! let mut route = Route::to(target, [address]);
//! route.proxies = [Proxy::parse("http://alice:secret@proxy.test:3128")?].into();
//! let mut connector = TunnelLayer::new().layer(below);
//! let proxy = async {
//!     let (mut stream, mut request) = (listener.accept().await?.0, Vec::new());
//!     while !request.ends_with(b"\r\n\r\n") {
//!         stream.read_buf(&mut request).await?;
//!     }
//!     stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
//!     Ok::<_, std::io::Error>(String::from_utf8_lossy(&request).into_owned())
//! };
//! let (link, request) = tokio::join!(connector.connect(route), proxy);
//! assert!(link?.info.tunnelled);
//! let request = request?;
//! assert!(request.starts_with("CONNECT a.test:443 HTTP/1.1\r\n"));
//! assert!(request.contains("proxy-authorization: Basic YWxpY2U6c2VjcmV0\r\n"));
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
