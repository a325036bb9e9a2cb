use super::{
    ProxyServer, http,
    reach::{Reach, Stream},
    requests::Record,
    served::{Kind, Served, Serving},
    socks,
};
#[cfg(feature = "tls")]
use crate::certs::Cert;
use crate::{
    net::{self, Network},
    tasks::Owner,
};
use bytes::Bytes;
use skybridge_core::BoxFuture;
use std::{fmt, future::Future, io, net::SocketAddr, sync::Arc};
use tokio::net::TcpListener;
#[cfg(feature = "tls")]
use tokio_rustls::TlsAcceptor;

/// What is done with each accepted connection before it is served.
type Serve = Box<dyn Fn(Stream) + Send + Sync>;

type TlsConnect = Arc<dyn Fn(Stream) -> BoxFuture<io::Result<Stream>> + Send + Sync>;

/// A proxy to be started.
#[derive(Clone)]
pub struct Builder {
    serving: Serving,
    wrap: Option<TlsConnect>,
}

// === impl Builder ===

impl Builder {
    pub(super) fn new(kind: Kind) -> Self {
        let (reach, early) = (Reach::default(), Bytes::new());
        let serving = Serving { kind, reach, user: None, status: None, reply: None, interim: Vec::new(), early };
        Self { serving, wrap: None }
    }

    /// Requires these credentials: Basic (RFC 7617) or RFC 1929; for SOCKS4 the user alone. Others get a 407, or are
    /// refused.
    pub fn user(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.serving.user = Some((user.into(), password.into()));
        self
    }

    /// Resolves this host to this address, whatever the port. On the in-memory network, the network's names are known.
    pub fn host(mut self, name: impl Into<String>, addr: SocketAddr) -> Self {
        self.serving.reach.hosts.insert(name.into(), addr);
        self
    }

    /// For HTTP: answers CONNECT with this status and body. There is a tunnel only for 2xx, which has no body.
    pub fn status(mut self, status: u16, body: impl Into<Bytes>) -> Self {
        self.serving.status = Some((status, body.into()));
        self
    }

    /// For HTTP: answers CONNECT with these interim statuses first.
    pub fn interim(mut self, statuses: impl IntoIterator<Item = u16>) -> Self {
        self.serving.interim = statuses.into_iter().collect();
        self
    }

    /// For SOCKS: refuses with this reply.
    pub fn reply(mut self, reply: u8) -> Self {
        self.serving.reply = Some(reply);
        self
    }

    /// Sends these bytes together with the answer to a tunnel, as if the host behind it had sent them already.
    pub fn early(mut self, bytes: impl Into<Bytes>) -> Self {
        self.serving.early = bytes.into();
        self
    }

    /// Wraps each connection before it is served, in TLS for example. It is closed if that fails.
    pub fn wrapped<F, Fut>(mut self, wrap: F) -> Self
    where
        F: Fn(Stream) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<Stream>> + Send + 'static,
    {
        self.wrap = Some(Arc::new(move |stream| Box::pin(wrap(stream))));
        self
    }

    /// Serves over TLS with this certificate and the ALPN protocol HTTP/1.1.
    #[cfg(feature = "tls")]
    pub fn tls(self, cert: &Cert) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(cert.server(&["http/1.1"])));
        self.wrapped(move |stream| {
            let accepting = acceptor.accept(stream);
            async { Ok(Box::new(accepting.await?) as Stream) }
        })
    }

    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start(self) -> ProxyServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap_or_else(|error| panic!("bind: {error}"));
        let addr = listener.local_addr().unwrap_or_else(|error| panic!("local address: {error}"));
        self.serve(addr, async move |serve| {
            loop {
                // A connection that broke before it was accepted is none.
                if let Ok((io, _)) = listener.accept().await {
                    // Small answers are not held back for more.
                    let _ = io.set_nodelay(true);
                    serve(Box::new(io));
                }
            }
        })
    }

    /// Serves a listener of the in-memory network, and connects to its hosts.
    pub fn serve_on(mut self, listener: net::Listener, net: &Network) -> ProxyServer {
        self.serving.reach.net = Some(net.clone());
        self.serve(listener.local_addr(), async move |serve| {
            loop {
                serve(Box::new(listener.accept().await.0));
            }
        })
    }

    fn serve<F, Fut>(self, addr: SocketAddr, accept: F) -> ProxyServer
    where
        F: FnOnce(Serve) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let scheme = match self.serving.kind {
            Kind::Http if self.wrap.is_some() => "https",
            Kind::Http => "http",
            Kind::Socks5 => "socks5h",
            Kind::Socks4 => "socks4a",
        };
        let (owner, record) = (Owner::default(), Arc::new(Record::default()));
        let (tasks, opened) = (owner.0.clone(), Arc::clone(&record));
        let (serving, wrap) = (Arc::new(self.serving), self.wrap);
        owner.0.spawn(accept(Box::new(move |stream| {
            let served = Served { serving: Arc::clone(&serving), tasks: tasks.clone(), open: opened.opened() };
            tasks.spawn(serve(served, wrap.clone(), stream));
        })));
        ProxyServer { addr, scheme, record, _tasks: owner }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("kind", &self.serving.kind).finish_non_exhaustive()
    }
}

/// Errors are ignored: the client sees how its connection ends.
async fn serve(served: Served, wrap: Option<TlsConnect>, stream: Stream) {
    let stream = match wrap {
        Some(wrap) => wrap(stream).await,
        None => Ok(stream),
    };
    let Ok(stream) = stream else { return };
    let _ = match served.serving.kind {
        Kind::Http => http::serve(served, stream).await,
        Kind::Socks5 => socks::serve5(served, stream).await,
        Kind::Socks4 => socks::serve4(served, stream).await,
    };
}
