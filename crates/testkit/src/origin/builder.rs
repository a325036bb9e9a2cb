use super::{
    Origin,
    connection::{Order, Served},
    requests::Record,
    tls::{ONLY_1_2, OriginTls},
};
use crate::{
    certs::{Ca, Cert},
    ech::EchKeys,
    net,
    tasks::Owner,
};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use skybridge_core::{BoxError, BoxFuture};
use std::{fmt, future::Future, net::SocketAddr, sync::Arc};
use tokio::{net::TcpListener, sync::watch};

/// The body of an origin's response.
pub type ResponseBody = UnsyncBoxBody<Bytes, BoxError>;

pub(super) type Handle = Arc<dyn Fn(Request<Incoming>) -> BoxFuture<Response<ResponseBody>> + Send + Sync>;

/// An origin to be started.
#[derive(Clone)]
pub struct Builder {
    pub(super) http2: bool,
    pub(super) handle: Handle,
    pub(super) requests: usize,
    pub(super) streams: Option<u32>,
    tls: Option<OriginTls>,
}

// === impl Builder ===

impl Builder {
    pub(super) fn new(http2: bool) -> Self {
        let handle: Handle = Arc::new(|request| Box::pin(hello(request)));
        Self { http2, handle, requests: usize::MAX, streams: None, tls: None }
    }

    /// How requests are answered (default: the body is read, the answer is 200 with `hello`).
    pub fn handle<F, Fut, B>(mut self, handle: F) -> Self
    where
        F: Fn(Request<Incoming>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        self.handle = Arc::new(move |request| {
            let response = handle(request);
            Box::pin(async move { response.await.map(|body| body.map_err(Into::into).boxed_unsync()) })
        });
        self
    }

    /// Drains a connection after this many requests (default: never), as nginx's `keepalive_requests` does.
    pub fn requests_per_connection(mut self, requests: usize) -> Self {
        self.requests = requests;
        self
    }

    /// SETTINGS_MAX_CONCURRENT_STREAMS, of h2c.
    pub fn max_concurrent_streams(mut self, streams: u32) -> Self {
        self.streams = Some(streams);
        self
    }

    /// Serves over TLS 1.2 and 1.3, with this certificate. The ALPN protocols are HTTP/1.1 for an h1 origin, and HTTP/2
    /// and HTTP/1.1, in this order, for an h2 origin.
    pub fn tls(mut self, cert: &Cert) -> Self {
        self.tls = Some(OriginTls::new(cert, self.http2));
        self
    }

    /// Requires client certificates of this CA.
    ///
    /// # Panics
    /// Before [`tls`](Self::tls).
    pub fn require_client_cert(self, ca: &Ca) -> Self {
        self.with_tls(|tls| tls.require_client(ca))
    }

    /// Selects from these ALPN protocols alone; with none it doesn't answer ALPN. Any but `h2` is served in HTTP/1.1.
    ///
    /// # Panics
    /// Before [`tls`](Self::tls).
    pub fn alpn<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.with_tls(|tls| tls.alpn = names.into_iter().map(str::to_owned).collect())
    }

    /// Supports TLS 1.2 alone.
    ///
    /// # Panics
    /// Before [`tls`](Self::tls).
    pub fn tls12(self) -> Self {
        self.with_tls(|tls| tls.versions = &ONLY_1_2)
    }

    /// Serves Encrypted Client Hello (RFC 9849) with these keys, and TLS 1.3 alone. Who shows the public name and has
    /// other keys is answered by this certificate, and given these keys.
    ///
    /// # Panics
    /// Before [`tls`](Self::tls).
    pub fn ech(self, keys: &EchKeys, public: &Cert) -> Self {
        self.with_tls(|tls| tls.ech = Some((keys.clone(), public.clone(), keys.list())))
    }

    /// Gives this `ECHConfigList` instead of its own keys; an empty one is none.
    ///
    /// # Panics
    /// Before [`ech`](Self::ech).
    pub fn ech_retry_configs(self, list: &[u8]) -> Self {
        self.with_tls(|tls| tls.ech.as_mut().unwrap_or_else(|| panic!("`ech` comes first")).2 = list.to_vec())
    }

    fn with_tls(mut self, change: impl FnOnce(&mut OriginTls)) -> Self {
        change(self.tls.as_mut().unwrap_or_else(|| panic!("`tls` comes first")));
        self
    }

    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start(self) -> Origin {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap_or_else(|error| panic!("bind: {error}"));
        let addr = listener.local_addr().unwrap_or_else(|error| panic!("local address: {error}"));
        self.serve(addr, async move |served| {
            loop {
                // A connection that broke before it was accepted is none.
                if let Ok((io, _)) = listener.accept().await {
                    // Small answers are not held back for more.
                    let _ = io.set_nodelay(true);
                    served.spawn(io);
                }
            }
        })
    }

    /// Serves a listener of the in-memory network.
    pub fn serve_on(self, listener: net::Listener) -> Origin {
        self.serve(listener.local_addr(), async move |served| {
            loop {
                served.spawn(listener.accept().await.0);
            }
        })
    }

    fn serve<F, Fut>(self, addr: SocketAddr, accept: F) -> Origin
    where
        F: FnOnce(Served) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let (tasks, record) = (Owner::default(), Arc::new(Record::default()));
        let orders = watch::Sender::new(Order::Serve);
        let tls = self.tls.as_ref().map(OriginTls::acceptor);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let served = Served {
            tls,
            builder: Arc::new(self),
            tasks: tasks.0.clone(),
            record: Arc::clone(&record),
            orders: orders.clone(),
        };
        tasks.0.spawn(accept(served));
        Origin { addr, scheme, record, orders, _tasks: tasks }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("http2", &self.http2).field("tls", &self.tls.is_some()).finish_non_exhaustive()
    }
}

async fn hello(request: Request<Incoming>) -> Response<ResponseBody> {
    // A request that breaks off is answered too; nobody reads it.
    let _ = request.into_body().collect().await;
    Response::new(Full::from("hello").map_err(Into::into).boxed_unsync())
}
