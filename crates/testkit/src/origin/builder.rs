#[cfg(feature = "tls")]
use super::acceptor::OriginTls;
use super::{
    Origin,
    answer::Answer,
    connection::{Order, Served},
    requests::Record,
    serving::Serving,
};
use crate::{
    net::{self, Network},
    tasks::Owner,
};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use skybridge_core::BoxError;
use std::{fmt, future::Future, net::SocketAddr, sync::Arc};
use tokio::{net::TcpListener, sync::watch};

/// An origin to be started.
#[derive(Clone)]
pub struct Builder {
    pub(super) serving: Serving,
    answers: Vec<Answer>,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<OriginTls>,
}

// === impl Builder ===

impl Builder {
    pub(super) fn new(http2: bool) -> Self {
        Self {
            serving: Serving { http2, handle: None, requests: usize::MAX, streams: None },
            answers: Vec::new(),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Answers the next request so: see [`Origin::enqueue`].
    pub fn enqueue(mut self, answer: impl Into<Answer>) -> Self {
        self.answers.push(answer.into());
        self
    }

    /// How requests are answered that no [answer](Self::enqueue) waits for (default: the body is read, the answer is
    /// 200 with `hello`).
    pub fn handle<F, Fut, B>(mut self, handle: F) -> Self
    where
        F: Fn(Request<Incoming>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        self.serving.handle = Some(Arc::new(move |request| {
            let response = handle(request);
            Box::pin(async move { response.await.map(|body| body.map_err(Into::into).boxed_unsync()) })
        }));
        self
    }

    /// Drains a connection after this many requests (default: never), as nginx's `keepalive_requests` does.
    pub fn requests_per_connection(mut self, requests: usize) -> Self {
        self.serving.requests = requests;
        self
    }

    /// SETTINGS_MAX_CONCURRENT_STREAMS, of h2c.
    pub fn max_concurrent_streams(mut self, streams: u32) -> Self {
        self.serving.streams = Some(streams);
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

    /// Serves a name of the in-memory network, such as `a.test`, at the port of its scheme. A name that has no address
    /// is given one. Then [`Origin::url`] has the name.
    ///
    /// # Panics
    /// When the address is already listened to.
    pub fn serve_at(self, net: &Network, name: &str) -> Origin {
        let port = if self.scheme() == "https" { 443 } else { 80 };
        let mut origin = self.serve_on(net.listen_at(name, port));
        origin.authority = name.to_owned();
        origin
    }

    #[cfg(feature = "tls")]
    fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    #[cfg(not(feature = "tls"))]
    #[expect(clippy::unused_self, reason = "with the feature it depends")]
    fn scheme(&self) -> &'static str {
        "http"
    }

    fn serve<F, Fut>(mut self, addr: SocketAddr, accept: F) -> Origin
    where
        F: FnOnce(Served) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let (tasks, record) = (Owner::default(), Arc::new(Record::new(std::mem::take(&mut self.answers))));
        let orders = watch::Sender::new(Order::Serve);
        let scheme = self.scheme();
        #[cfg(feature = "tls")]
        let root = self.tls.as_ref().and_then(|tls| tls.root.clone());
        let served = Served {
            #[cfg(feature = "tls")]
            tls: self.tls.as_ref().map(OriginTls::acceptor),
            serving: Arc::new(self.serving),
            tasks: tasks.0.clone(),
            record: Arc::clone(&record),
            orders: orders.clone(),
        };
        tasks.0.spawn(accept(served));
        Origin {
            addr,
            scheme,
            authority: addr.to_string(),
            #[cfg(feature = "tls")]
            root,
            record,
            orders,
            _tasks: tasks,
        }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("http2", &self.serving.http2)
            .field("scheme", &self.scheme())
            .finish_non_exhaustive()
    }
}
