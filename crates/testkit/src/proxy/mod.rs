//! Proxies: HTTP (CONNECT and forwarding) and SOCKS (4, 4a, 5), on loopback or on the in-memory network. They record
//! their requests.
//!
//! ```
//! use skybridge_testkit::{origin::Origin, proxy::ProxyServer};
//! use tokio::{io::{AsyncReadExt, AsyncWriteExt}, net::TcpStream};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let origin = Origin::h1().start().await;
//! let proxy = ProxyServer::http().user("alice", "secret").host("a.test", origin.addr()).start().await;
//!
//! let mut conn = TcpStream::connect(proxy.addr()).await?;
//! conn.write_all(b"CONNECT a.test:80 HTTP/1.1\r\nproxy-authorization: Basic YWxpY2U6c2VjcmV0\r\n\r\n").await?;
//! conn.read_exact(&mut [0; "HTTP/1.1 200 OK\r\n\r\n".len()]).await?;
//! conn.write_all(b"GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n").await?;
//! let mut answer = String::new();
//! conn.read_to_string(&mut answer).await?;
//! assert!(answer.ends_with("hello"));
//! assert_eq!((proxy.connections(), origin.connections()), (1, 1));
//! assert_eq!(proxy.requests()[0].line, "CONNECT a.test:80 HTTP/1.1");
//! # Ok(())
//! # }
//! ```

mod builder;
mod forward;
mod http;
mod reach;
mod requests;
mod served;
mod socks;

pub use self::{builder::Builder, reach::Stream, requests::ProxyRequest};
use self::{requests::Record, served::Kind};
use crate::tasks::Owner;
use std::{net::SocketAddr, sync::Arc};

/// A proxy. Dropping it stops listening, closes its connections and aborts its tasks.
#[derive(Debug)]
pub struct ProxyServer {
    addr: SocketAddr,
    scheme: &'static str,
    record: Arc<Record>,
    _tasks: Owner,
}

// === impl Proxy ===

impl ProxyServer {
    /// An HTTP/1.1 proxy: tunnels CONNECT, and forwards requests in absolute form.
    pub fn http() -> Builder {
        Builder::new(Kind::Http)
    }

    /// A SOCKS5 proxy.
    pub fn socks5() -> Builder {
        Builder::new(Kind::Socks5)
    }

    /// A SOCKS4 and 4a proxy.
    pub fn socks4() -> Builder {
        Builder::new(Kind::Socks4)
    }

    /// The address that it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its URL without credentials, such as `http://127.0.0.1:3128`: `https` with TLS, `socks5h`, `socks4a`.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.addr)
    }

    /// Connections ever accepted.
    pub fn connections(&self) -> usize {
        self.record.connections()
    }

    /// Connections that are open now.
    pub fn open(&self) -> usize {
        self.record.open()
    }

    /// The requests in order, for tunnels and to be forwarded, refused ones too.
    pub fn requests(&self) -> Vec<ProxyRequest> {
        self.record.requests()
    }
}
