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

//! Who comes from MockWebServer enqueues answers and takes requests. An [`Answer`] also says how fast it comes, and
//! what becomes of its socket and when:
//!
//! ```
//! use skybridge::{Client, Roots, TlsConfig, TlsLayer};
//! use skybridge_testkit::origin::{Answer, Origin, SocketEffect};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let origin = Origin::h2c().https(["a.test"]).start().await;
//! origin.enqueue(Answer::new("").on_response_start(SocketEffect::Close));
//! origin.enqueue(Answer::new("at last").header("x-try", "2"));
//!
//! let tls = TlsConfig::builder().roots(Roots::Given(vec![origin.root()])).build()?;
//! let client = Client::builder().tls(TlsLayer::new(tls)).build();
//! assert_eq!(client.get(origin.url("/")).await?.into_body().text().await?, "at last");
//!
//! let (first, second) = (origin.take_request().await, origin.take_request().await);
//! assert_eq!((first.connection, second.connection), (0, 1)); // c0e0, c1e0
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "tls")]
mod acceptor;
mod answer;
mod answer_body;
mod builder;
mod connection;
mod requests;
mod serving;
mod socket;
mod socket_effect;
#[cfg(feature = "tls")]
mod tls;

#[cfg(feature = "tls")]
pub use self::acceptor::Handshake;
pub use self::{
    answer::Answer, builder::Builder, requests::OriginRequest, serving::ResponseBody, socket_effect::SocketEffect,
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
    authority: String,
    #[cfg(feature = "tls")]
    root: Option<rustls::pki_types::CertificateDer<'static>>,
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

    /// `http://` or `https://`, its address (or its name: [`Builder::serve_at`]), and a path that begins with `/`.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.authority)
    }

    /// Answers the next request so, whichever it is, in place of the [handler](Builder::handle). Answers are given in
    /// the order in which they were enqueued; when none is left, the handler answers again.
    pub fn enqueue(&self, answer: impl Into<Answer>) {
        self.record.enqueue(answer.into());
    }

    /// The next request that has arrived, in order, and each but once: with its body, its connection and its index on
    /// that. Waits until there is one.
    pub async fn take_request(&self) -> OriginRequest {
        self.record.take().await
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

    /// Drains every connection: by `connection: close` or GOAWAY.
    pub fn drain(&self) {
        self.orders.send_modify(|order| *order = Order::Drain);
    }

    /// Closes every connection at once.
    pub fn close_all(&self) {
        self.orders.send_modify(|order| *order = Order::HangUp);
    }
}
