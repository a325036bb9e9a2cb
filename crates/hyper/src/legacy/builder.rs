use crate::legacy::{
    body::Body,
    client::Client,
    dial::Dial,
    error::Error,
    response_future::ResponseFuture,
    runtime::HyperRuntime,
    settings::{Http1Settings, Http2Settings},
    tracked::Tracking,
};
use http::Uri;
use http_body::Body as HttpBody;
use hyper::rt::{Executor, Read, Timer, Write};
use hyper_util::client::legacy::connect::{Connection, HttpConnector};
use skybridge_core::{BoxError, BoxFuture, ConnectOptions, HttpVersions};
use skybridge_negotiate::NegotiateLayer;
use skybridge_pool::{PoolConfig, PoolLayer};
use skybridge_retry::RetryLayer;
use skybridge_route::RouteLayer;
use std::{fmt, sync::Arc, time::Duration};
use tower_layer::Layer;
use tower_service::Service;

/// Configures a [`Client`]. The names and defaults are hyper-util's, where nothing else is said.
#[derive(Clone)]
pub struct Builder {
    runtime: HyperRuntime,
    pool: PoolConfig,
    http2_only: bool,
    retry: bool,
    http1: Http1Settings,
    http2: Http2Settings,
}

impl Client<(), ()> {
    /// A builder of clients whose tasks run on this executor. Time is that of the tokio runtime in which requests are
    /// made, unless there is a [timer](Builder::timer).
    pub fn builder<E>(executor: E) -> Builder
    where
        E: Executor<BoxFuture<()>> + Send + Sync + Clone + 'static,
    {
        Builder::new(executor)
    }
}

impl Builder {
    /// As [`Client::builder`].
    pub fn new<E>(executor: E) -> Self
    where
        E: Executor<BoxFuture<()>> + Send + Sync + Clone + 'static,
    {
        // Another origin's connection is never used: what the connector does for one origin it need not for another.
        let pool = PoolConfig::new().idle_timeout(Duration::from_secs(90)).max_idle(usize::MAX).coalesce(false);
        Self {
            runtime: HyperRuntime::new(executor),
            pool,
            http2_only: false,
            retry: true,
            http1: Http1Settings::default(),
            http2: Http2Settings::default(),
        }
    }

    /// How long a connection may be idle (default: 90 s; `None` is no limit).
    pub fn pool_idle_timeout(&mut self, timeout: impl Into<Option<Duration>>) -> &mut Self {
        self.pool.idle_timeout = timeout.into().unwrap_or(Duration::MAX);
        self
    }

    /// Idle connections per origin (default: no limit, as `usize::MAX` is). With 0 each request has a connection of its
    /// own.
    pub fn pool_max_idle_per_host(&mut self, connections: usize) -> &mut Self {
        self.pool.max_idle_per_origin = connections;
        self.pool.max_requests = if connections == 0 { 1 } else { u64::MAX };
        self
    }

    /// The clock and the timers of everything: pool, HTTP/2, limits (default: tokio's; outside of a tokio runtime there
    /// are none, and nothing times out).
    pub fn timer(&mut self, timer: impl Timer + Send + Sync + 'static) -> &mut Self {
        self.runtime.timer = Some(Arc::new(timer));
        self
    }

    /// The same as [`timer`](Self::timer): a stack has one clock.
    pub fn pool_timer(&mut self, timer: impl Timer + Clone + Send + Sync + 'static) -> &mut Self {
        self.timer(timer)
    }

    /// Whether a request that was not sent, as its connection turned out to be dead, is sent on another (default:
    /// true).
    pub fn retry_canceled_requests(&mut self, retry: bool) -> &mut Self {
        self.retry = retry;
        self
    }

    /// HTTP/1.1: writes header names in title case (default: false).
    pub fn http1_title_case_headers(&mut self, title_case: bool) -> &mut Self {
        self.http1.title_case = title_case;
        self
    }

    /// HTTP/1.1: how many fields a response may have (default: the stack's; at most 24,000).
    pub fn http1_max_headers(&mut self, fields: usize) -> &mut Self {
        self.http1.max_headers = Some(fields);
        self
    }

    /// HTTP/1.1: skips lines of a response's head that are no valid fields (default: false).
    pub fn http1_ignore_invalid_headers_in_responses(&mut self, ignore: bool) -> &mut Self {
        self.http1.ignore_invalid = ignore;
        self
    }

    /// Whether HTTP/2 is the only version, in cleartext by prior knowledge (default: false, and HTTP/2 is what the
    /// connector says was negotiated).
    pub fn http2_only(&mut self, only: bool) -> &mut Self {
        self.http2_only = only;
        self
    }

    /// HTTP/2: the window of a stream in bytes, which is then not adaptive (default, and `None`: the stack's).
    pub fn http2_initial_stream_window_size(&mut self, bytes: impl Into<Option<u32>>) -> &mut Self {
        self.http2.stream_window = bytes.into();
        self
    }

    /// HTTP/2: the window of a connection in bytes, which is then not adaptive (default, and `None`: the stack's).
    pub fn http2_initial_connection_window_size(&mut self, bytes: impl Into<Option<u32>>) -> &mut Self {
        self.http2.connection_window = bytes.into();
        self
    }

    /// HTTP/2: whether the windows grow with the bandwidth, which overrides their sizes (default: true, unless a window
    /// is set).
    pub fn http2_adaptive_window(&mut self, adaptive: bool) -> &mut Self {
        self.http2.adaptive_window = Some(adaptive);
        self
    }

    /// HTTP/2: how many streams a connection carries before its peer has said how many it takes (default, and `None`:
    /// the stack's).
    pub fn http2_initial_max_send_streams(&mut self, streams: impl Into<Option<usize>>) -> &mut Self {
        self.http2.initial_max_send_streams = streams.into();
        self
    }

    /// HTTP/2: the largest frame that is taken, in bytes (default, and `None`: 16 KiB).
    pub fn http2_max_frame_size(&mut self, bytes: impl Into<Option<u32>>) -> &mut Self {
        self.http2.max_frame_size = bytes.into();
        self
    }

    /// HTTP/2: the largest head of a response, in bytes (default: the stack's, 256 KiB).
    pub fn http2_max_header_list_size(&mut self, bytes: u32) -> &mut Self {
        self.http2.max_header_list_size = Some(bytes);
        self
    }

    /// HTTP/2: how often a ping asks whether the peer is alive (default, and `None`: never).
    pub fn http2_keep_alive_interval(&mut self, interval: impl Into<Option<Duration>>) -> &mut Self {
        self.http2.keep_alive_interval = interval.into();
        self
    }

    /// HTTP/2: how long such a ping may be unanswered (default: 20 s).
    pub fn http2_keep_alive_timeout(&mut self, timeout: Duration) -> &mut Self {
        self.http2.keep_alive_timeout = timeout;
        self
    }

    /// HTTP/2: whether idle connections are pinged too (default: false).
    pub fn http2_keep_alive_while_idle(&mut self, while_idle: bool) -> &mut Self {
        self.http2.keep_alive_while_idle = while_idle;
        self
    }

    /// HTTP/2: how much of a request may wait to be sent on each stream, in bytes (default: 1 MiB).
    ///
    /// # Panics
    /// With more than `u32::MAX`, as hyper-util's does.
    pub fn http2_max_send_buf_size(&mut self, bytes: usize) -> &mut Self {
        assert!(u32::try_from(bytes).is_ok(), "a send buffer has at most u32::MAX bytes");
        self.http2.send_buffer = u32::try_from(bytes).ok();
        self
    }

    /// A client over hyper-util's `HttpConnector`, with keep-alive of TCP after the idle timeout, as hyper-util's has.
    pub fn build_http<B>(&self) -> Client<HttpConnector, B>
    where
        B: HttpBody<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        let mut connector = HttpConnector::new();
        let idle_timeout = self.pool.idle_timeout;
        if self.pool.max_idle_per_origin > 0 && idle_timeout != Duration::MAX {
            connector.set_keepalive(Some(idle_timeout));
        }
        self.build(connector)
    }

    /// A client over this connector, which is called with the scheme and the authority of a request, and runs TLS for
    /// `https`: **if it doesn't, requests for `https` leave in cleartext**, as with hyper-util.
    pub fn build<C, T, B>(&self, connector: C) -> Client<C, B>
    where
        C: Service<Uri, Response = T> + Clone + Send + 'static,
        C::Error: Into<BoxError> + Send,
        C::Future: Send,
        T: Read + Write + Connection + Unpin + Send + 'static,
        B: HttpBody<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        let mut options = ConnectOptions::default();
        if self.http2_only {
            options.http_versions = HttpVersions::Http2;
        }
        let mut pool_config = self.pool.clone();
        self.http2.of_pool(&mut pool_config);
        let connections = NegotiateLayer::new(self.http1.handshake(), self.http2.handshake());
        let connections = Tracking::<_, B>::new(connections.layer(Dial::new(connector)));
        let pool = PoolLayer::new(self.runtime.clone()).config(pool_config).connect_options(options);
        let pool = pool.layer(RouteLayer::unresolved().layer(connections));
        let retry = RetryLayer::unsent().max_tries(if self.retry { u32::MAX } else { 1 });
        let stack = retry.runtime(Arc::new(self.runtime.clone())).layer(pool);
        Client::new(move |request| {
            let mut stack = stack.clone();
            ResponseFuture::new(async move {
                let response = stack.call(request).await.map_err(Error::of_request)?;
                Ok(response.map(Body::new))
            })
        })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("pool", &self.pool)
            .field("http2_only", &self.http2_only)
            .field("retry", &self.retry)
            .field("http1", &self.http1)
            .field("http2", &self.http2)
            .finish_non_exhaustive()
    }
}
