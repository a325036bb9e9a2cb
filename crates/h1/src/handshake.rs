use crate::{Http1, driver::Driver, sending::Shared, wire::Wire};
use http::HeaderValue;
use http_body::Body;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use skybridge_core::{BoxError, BoxFuture, ConnectError, Ctx, Handshake, Io, Link, Phase, Protocol};
use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// The most that a response's head may have, in bytes.
const HEAD_LIMIT: usize = 256 * 1024;

/// Makes HTTP/1.1 connections for requests with a body of type `B`, which is inferred from the requests.
///
/// | setting | default |
/// |---|---|
/// | [`head_limit`](Self::head_limit) | 256 KiB |
/// | [`max_headers`](Self::max_headers) | 100 |
/// | [`title_case`](Self::title_case) | off |
/// | [`ignore_invalid_headers`](Self::ignore_invalid_headers) | off |
///
/// A request's body is held to its `content-length`, or to the size that it knows itself: where it turns out to be
/// longer or shorter the exchange fails with [`ExchangeError::BodySize`](crate::ExchangeError::BodySize), and the
/// connection closes. What follows the last byte is looked at as far as it is there already.
pub struct H1<B> {
    settings: http1::Builder,
    _request: PhantomData<fn(B)>,
}

/// An HTTP/1.1 connection in the making. It waits for nothing from the peer.
#[must_use = "futures do nothing unless polled"]
pub struct Handshaking<B>(BoxFuture<Result<Http1<B>, ConnectError>>);

// === impl H1 ===

impl<B> H1<B> {
    /// With the settings above.
    pub fn new() -> Self {
        let mut settings = http1::Builder::new();
        settings.max_header_size(HEAD_LIMIT);
        Self { settings, _request: PhantomData }
    }

    /// The most that a response's head (or trailers) may have, in bytes; beyond, the exchange fails and the connection
    /// closes.
    pub fn head_limit(mut self, bytes: usize) -> Self {
        self.settings.max_header_size(bytes);
        self
    }

    /// How many headers a response may have. More than 100 cost an allocation for each response.
    pub fn max_headers(mut self, headers: usize) -> Self {
        self.settings.max_headers(headers);
        self
    }

    /// Writes header names as `Content-Type`, for servers that don't know that case means nothing (RFC 9110, section
    /// 5.1).
    pub fn title_case(mut self) -> Self {
        self.settings.title_case_headers(true);
        self
    }

    /// Skips a response's unreadable headers instead of failing.
    pub fn ignore_invalid_headers(mut self) -> Self {
        self.settings.ignore_invalid_headers_in_responses(true);
        self
    }
}

impl<I, B> Handshake<I> for H1<B>
where
    I: Io,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Connection = Http1<B>;
    type Future = Handshaking<B>;

    fn handshake(&self, link: Link<I>, ctx: &Ctx) -> Handshaking<B> {
        Handshaking(Box::pin(open(self.clone(), link, ctx.clone())))
    }
}

async fn open<I, B>(h1: H1<B>, link: Link<I>, ctx: Ctx) -> Result<Http1<B>, ConnectError>
where
    I: Io,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let guard = link.phase(Phase::Handshake);
    if let Err(unfit) = link.info.fit_for_http() {
        return Err(guard.fail(unfit));
    }
    let Link { io, mut info, .. } = link;
    let host = match shared_host(info.route.target.origin().authority()) {
        Ok(host) => host,
        Err(error) => return Err(guard.fail(ConnectError::new(Phase::Handshake, error))),
    };
    let shared = Arc::new(Shared::new());
    let (sender, connection) = match h1.settings.handshake(TokioIo::new(Wire::new(io, Arc::clone(&shared)))).await {
        Ok(pair) => pair,
        Err(error) => return Err(guard.fail(ConnectError::new(Phase::Handshake, error))),
    };
    info.timings.set(Phase::Handshake, guard.done());
    ctx.runtime().spawn(Box::pin(Driver::new(connection.with_upgrades(), Arc::clone(&shared))));
    Ok(Http1::new(sender, host, info.freeze(Protocol::Http1), shared))
}

/// The first clone of fresh bytes allocates their reference count: done here, each request finds them shared.
fn shared_host(authority: String) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    let host = HeaderValue::try_from(authority)?;
    drop(host.clone());
    Ok(host)
}

impl<B> Clone for H1<B> {
    fn clone(&self) -> Self {
        Self { settings: self.settings.clone(), _request: PhantomData }
    }
}

impl<B> Default for H1<B> {
    fn default() -> Self {
        Self::new()
    }
}

impl<B> fmt::Debug for H1<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("H1").finish_non_exhaustive()
    }
}

// === impl Handshaking ===

impl<B> Future for Handshaking<B> {
    type Output = Result<Http1<B>, ConnectError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<B> fmt::Debug for Handshaking<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshaking").finish_non_exhaustive()
    }
}
