//! Origins on hyper's server, h1 and h2, in cleartext or over TLS, on loopback or on the in-memory network. They record
//! every exchange.
//!
//! Exchanges are named by connection and place on it: `c0e1` is the second exchange on the first connection. A test
//! that asserts these names asserts how connections were used.
//!
//! ```
//! use skybridge_testkit::origin::Origin;
//! use tokio::{io::{AsyncReadExt, AsyncWriteExt}, net::TcpStream};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let origin = Origin::h1()
//!     .handle(|request| async move { http::Response::new(format!("you asked for {}", request.uri().path())) })
//!     .start()
//!     .await;
//! let mut conn = TcpStream::connect(origin.addr()).await?;
//! conn.write_all(b"GET /cat HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n").await?;
//! let mut answer = String::new();
//! conn.read_to_string(&mut answer).await?;
//! assert!(answer.ends_with("you asked for /cat"));
//! assert_eq!(origin.exchanges(), ["c0e0"]);
//! assert_eq!(origin.requests()[0].line(), "GET /cat HTTP/1.1");
//! # Ok(())
//! # }
//! ```

mod builder;
mod connection;
mod requests;
mod tls;

pub use self::{
    builder::{Builder, ResponseBody},
    requests::OriginRequest,
    tls::Handshake,
};
use self::{connection::Order, requests::Record};
use crate::tasks::Owner;
/// The body of a request, as a [handler](Builder::handle) gets it.
pub use hyper::body::Incoming;
use std::{net::SocketAddr, sync::Arc};
use tokio::sync::watch;

/// A server. Dropping it stops listening, closes its connections, aborts its tasks, and raises a panic of its handler.
#[derive(Debug)]
pub struct Origin {
    addr: SocketAddr,
    scheme: &'static str,
    record: Arc<Record>,
    orders: watch::Sender<Order>,
    _tasks: Owner,
}

// === impl Origin ===

impl Origin {
    /// Speaks HTTP/1.1.
    pub fn h1() -> Builder {
        Builder::new(false)
    }

    /// Speaks HTTP/2: in cleartext by prior knowledge; over TLS by ALPN, and HTTP/1.1 too.
    pub fn h2c() -> Builder {
        Builder::new(true)
    }

    /// The address that it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://` or `https://`, its address, and a path that begins with `/`.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.addr)
    }

    /// Connections ever accepted.
    pub fn connections(&self) -> usize {
        self.record.connections()
    }

    /// Connections that are open now.
    pub fn open(&self) -> usize {
        self.record.open()
    }

    /// Waits until this many connections are open.
    pub async fn until_open(&self, connections: usize) {
        self.record.until_open(connections).await;
    }

    /// The names of the exchanges, in the order in which they started.
    pub fn exchanges(&self) -> Vec<String> {
        self.requests().iter().map(OriginRequest::name).collect()
    }

    /// The heads of the requests, in order of arrival.
    pub fn requests(&self) -> Vec<OriginRequest> {
        self.record.requests()
    }

    /// The completed TLS handshakes, in order.
    pub fn handshakes(&self) -> Vec<Handshake> {
        self.record.handshakes()
    }

    /// What clients have shown, of an origin with [`ech`](Builder::ech), in order.
    pub fn outer_hellos(&self) -> Vec<crate::ech::OuterHello> {
        self.record.hellos()
    }

    /// Drains every connection: by `connection: close` or GOAWAY.
    pub fn drain(&self) {
        self.orders.send_modify(|order| *order = Order::Drain);
    }

    /// Closes every connection at once.
    pub fn close_all(&self) {
        self.orders.send_modify(|order| *order = Order::HangUp);
    }
}
