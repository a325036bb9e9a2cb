use crate::{
    Forwarded, Forwarding, ProxiedBody, fields, forwarding::Asked, max_forwards, stall::Exchange, upstream::Upstream,
    websocket,
};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header, uri::Authority};
use http_body::Body;
use hyper::upgrade::OnUpgrade;
use skybridge_core::{BoxError, Error, OriginError, RequestOptions, Runtime};
use skybridge_runtime::TokioRuntime;
use std::{
    convert::Infallible,
    fmt,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tower_service::Service;

/// Sends each request to an upstream, by a service of requests such as `skybridge::Client`, and answers with what comes
/// back: see [this crate](crate).
pub struct ReverseProxy<S> {
    service: S,
    /// Why the service isn't ready, for the next request to be answered with.
    broken: Option<Error>,
    settings: Arc<Settings>,
}

#[derive(Clone)]
struct Settings {
    upstream: Upstream,
    forwarded: Forwarded,
    keep_host: bool,
    head_limit: Option<Duration>,
    body_idle_limit: Duration,
    upgrade_idle_limit: Duration,
    runtime: Arc<dyn Runtime>,
}

// === impl ReverseProxy ===

impl<S> ReverseProxy<S> {
    /// How long the upstream may take for the head of its response, from the end of the request: 60 s.
    pub const HEAD_LIMIT: Duration = Duration::from_secs(60);

    /// How long nothing may pass of the bodies of a request and its response, either way: 1 h.
    pub const BODY_IDLE_LIMIT: Duration = Duration::from_secs(60 * 60);

    /// How long nothing may pass of what was upgraded, either way: 1 h.
    pub const UPGRADE_IDLE_LIMIT: Duration = Duration::from_secs(60 * 60);

    /// Leads to an upstream: `http://127.0.0.1:3000`, or `https://a.test/api` for all that is below `/api` there.
    ///
    /// What was upgraded is copied by tasks of the tokio runtime that this is called in.
    ///
    /// # Errors
    /// When the URL names no origin.
    ///
    /// # Panics
    /// Outside of a tokio runtime. [`with_runtime`](Self::with_runtime) takes one from elsewhere.
    #[track_caller]
    pub fn new(service: S, upstream: Uri) -> Result<Self, OriginError> {
        Self::with_runtime(service, upstream, Arc::new(TokioRuntime::current()))
    }

    /// As [`new`](Self::new), with a runtime that others have too.
    ///
    /// # Errors
    /// When the URL names no origin.
    pub fn with_runtime(service: S, upstream: Uri, runtime: Arc<dyn Runtime>) -> Result<Self, OriginError> {
        let settings = Settings {
            upstream: Upstream::new(upstream)?,
            forwarded: Forwarded::none(),
            keep_host: false,
            head_limit: Some(Self::HEAD_LIMIT),
            body_idle_limit: Self::BODY_IDLE_LIMIT,
            upgrade_idle_limit: Self::UPGRADE_IDLE_LIMIT,
            runtime,
        };
        Ok(Self { service, broken: None, settings: Arc::new(settings) })
    }

    /// What the upstream is told of the client. Default: nothing.
    #[must_use]
    pub fn forwarded(self, forwarded: Forwarded) -> Self {
        self.with(|settings| settings.forwarded = forwarded)
    }

    /// Asks for the host that the client has asked for. Default: for that of the upstream's URL.
    #[must_use]
    pub fn keep_host(self) -> Self {
        self.with(|settings| settings.keep_host = true)
    }

    /// How long the upstream may take for the head of its response, from the end of the request. It goes before a limit
    /// of the client; `None` leaves it to that. Default: [60 s](Self::HEAD_LIMIT).
    #[must_use]
    pub fn head_limit(self, limit: impl Into<Option<Duration>>) -> Self {
        self.with(|settings| settings.head_limit = limit.into())
    }

    /// How long nothing may pass of the bodies of a request and its response, either way, while one of them is under
    /// way; `Duration::MAX` is no limit. Whoever is waited for, the exchange ends then: the client's request with a 408
    /// if it has no answer yet, its response as one that broke off, and the upstream's connection is closed, or its
    /// stream reset. A client that doesn't read its response lets go of the upstream so, once the server in front has
    /// buffered what it will; that client's own connection is left to the server. Streams of which one side says
    /// something now and then are never idle. Default: [1 h](Self::BODY_IDLE_LIMIT).
    #[must_use]
    pub fn body_idle_limit(self, limit: Duration) -> Self {
        self.with(|settings| settings.body_idle_limit = limit)
    }

    /// How long nothing may pass of what was upgraded, either way, before both sides are closed; `Duration::MAX` is no
    /// limit. Peers that ping each other, as those of most WebSockets do, are never idle. Default:
    /// [1 h](Self::UPGRADE_IDLE_LIMIT).
    #[must_use]
    pub fn upgrade_idle_limit(self, limit: Duration) -> Self {
        self.with(|settings| settings.upgrade_idle_limit = limit)
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<S, B, R> Service<Request<B>> for ReverseProxy<S>
where
    S: Service<Request<ProxiedBody<B>>, Response = Response<R>, Error: Into<BoxError>>,
    B: Body<Data = Bytes>,
    R: Body<Data = Bytes>,
{
    type Response = Response<ProxiedBody<R>>;
    type Error = Infallible;
    type Future = Forwarding<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(cx).map(|ready| {
            self.broken = ready.err().map(|error| Error::from(error.into()));
            Ok(())
        })
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if let Some(error) = self.broken.take() {
            return Forwarding::failed(error);
        }
        let version = request.version();
        match self.settings.prepare(&mut request) {
            Ok(asked) => {
                let is_websocket = asked.as_ref().is_some_and(|asked| asked.websocket.is_some());
                let exchange = Exchange::new(&self.settings.runtime, self.settings.body_idle_limit);
                let body = |body| match version {
                    _ if is_websocket => ProxiedBody::own(""),
                    Version::HTTP_2 => ProxiedBody::resettable(body, &exchange),
                    _ => ProxiedBody::of_request(body, &exchange),
                };
                Forwarding::sent(self.service.call(request.map(body)), asked, exchange)
            }
            Err(status) => Forwarding::answered(status),
        }
    }
}

impl<S: Clone> Clone for ReverseProxy<S> {
    fn clone(&self) -> Self {
        Self { service: self.service.clone(), broken: None, settings: Arc::clone(&self.settings) }
    }
}

impl<S: fmt::Debug> fmt::Debug for ReverseProxy<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { upstream, forwarded, keep_host, head_limit, body_idle_limit, upgrade_idle_limit, runtime: _ } =
            &*self.settings;
        f.debug_struct("ReverseProxy")
            .field("service", &self.service)
            .field("upstream", upstream)
            .field("forwarded", forwarded)
            .field("keep_host", keep_host)
            .field("head_limit", head_limit)
            .field("body_idle_limit", body_idle_limit)
            .field("upgrade_idle_limit", upgrade_idle_limit)
            .finish_non_exhaustive()
    }
}

// === impl Settings ===

impl Settings {
    /// Makes a request that was received one to the upstream; with the upgrade that it asks for. Otherwise, what it is
    /// answered with.
    fn prepare<B>(&self, request: &mut Request<B>) -> Result<Option<Box<Asked>>, StatusCode> {
        let is_websocket = websocket::is_asked(request) && request.extensions().get::<OnUpgrade>().is_some();
        let is_other = [Method::CONNECT, Method::TRACE].contains(request.method()) && !is_websocket;
        if is_other || request.uri().path() == "*" {
            return Err(StatusCode::NOT_IMPLEMENTED);
        }
        let method = request.method().clone();
        if max_forwards::ends_here(&method, request.headers_mut()) {
            return Err(StatusCode::NO_CONTENT);
        }
        if fields::is_loop(request.headers()) {
            return Err(StatusCode::LOOP_DETECTED);
        }
        if fields::is_coded(request.headers()) {
            return Err(StatusCode::NOT_IMPLEMENTED);
        }
        let host = asked_host(request)?;
        *request.uri_mut() = self.upstream.uri(request.uri()).ok_or(StatusCode::BAD_REQUEST)?;
        let received = std::mem::replace(request.version_mut(), Version::HTTP_11);

        let client = request.extensions_mut().remove::<OnUpgrade>();
        let can_upgrade = client.is_some() && !is_websocket;
        let mut upgrade = fields::towards_upstream(request.headers_mut(), received, can_upgrade);
        let websocket = is_websocket.then(|| {
            let protocol = upgrade.insert(HeaderValue::from_static("websocket"));
            fields::ask(request.headers_mut(), protocol.clone());
            websocket::ask(request)
        });
        let extensions = std::mem::take(request.extensions_mut());
        self.forwarded.apply(request.headers_mut(), &extensions, host.as_ref());
        *request.extensions_mut() = extensions;
        match host.filter(|_| self.keep_host) {
            Some(host) => request.headers_mut().insert(header::HOST, host),
            None => request.headers_mut().remove(header::HOST),
        };
        if let Some(limit) = self.head_limit {
            request
                .extensions_mut()
                .get_or_insert_default::<RequestOptions>()
                .timeouts
                .response_head
                .get_or_insert(limit);
        }
        let asked = upgrade.zip(client).map(|(protocols, client)| {
            let (idle_limit, runtime) = (self.upgrade_idle_limit, Arc::clone(&self.runtime));
            Box::new(Asked { protocols, websocket, client, idle_limit, runtime })
        });
        Ok(asked)
    }
}

/// The host that a request is for (RFC 9110, section 7.2): that of its URI, as in HTTP/2, and then the field has no say
/// (RFC 9112, section 3.2.2). Fields of which the upstream could take another host are refused.
fn asked_host<B>(request: &Request<B>) -> Result<Option<HeaderValue>, StatusCode> {
    let mut fields = request.headers().get_all(header::HOST).iter();
    let field = fields.next();
    let is_host = |field: &HeaderValue| {
        field.is_empty() || Authority::try_from(field.as_bytes()).is_ok_and(|host| !host.as_str().contains('@'))
    };
    if fields.next().is_some() || !field.is_none_or(is_host) {
        return Err(StatusCode::BAD_REQUEST);
    }
    let Some(authority) = request.uri().authority() else { return Ok(field.cloned()) };
    // Not the user and the password, if it has them.
    let host = authority.as_str().rsplit('@').next().unwrap_or_default();
    HeaderValue::from_str(host).map(Some).map_err(|_| StatusCode::BAD_REQUEST)
}
