use crate::{Http1, head::shared_host, settings::Settings};
use http_body::Body;
use skybridge_core::{BoxError, ConnectError, Ctx, Handshake, Io, Link, Phase, Protocol};
use std::{
    fmt,
    future::{Future, Ready, ready},
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

/// Makes HTTP/1.1 connections for requests with a body of type `B`, which is inferred from the requests.
///
/// | setting | default |
/// |---|---|
/// | [`head_limit`](Self::head_limit) | 256 KiB |
/// | [`max_headers`](Self::max_headers) | 2,000 |
/// | [`max_informational`](Self::max_informational) | 64 |
/// | [`continue_delay`](Self::continue_delay) | 1 s |
/// | [`drain`](Self::drain) | 64 KiB in 100 ms |
/// | [`title_case`](Self::title_case) | off |
/// | [`keep_case`](Self::keep_case) | off |
/// | [`ignore_invalid_headers`](Self::ignore_invalid_headers) | off |
/// | [`http1_0`](Self::http1_0) | off |
pub struct H1<B> {
    settings: Settings,
    _request: PhantomData<fn(B)>,
}

/// An HTTP/1.1 connection in the making. It waits for nothing.
#[must_use = "futures do nothing unless polled"]
pub struct Handshaking<B: Body>(Ready<Result<Http1<B>, ConnectError>>);

// === impl H1 ===

impl<B> H1<B> {
    /// With the settings above.
    pub fn new() -> Self {
        Self { settings: Settings::default(), _request: PhantomData }
    }

    /// The most that a response's head (or trailers) may have, in bytes; beyond, the exchange fails and the connection
    /// closes.
    pub fn head_limit(mut self, bytes: usize) -> Self {
        self.settings.limits.head_bytes = bytes;
        self
    }

    /// How many headers a response (or its trailers) may have: 24,000 at most.
    pub fn max_headers(mut self, headers: usize) -> Self {
        self.settings.limits.fields = headers.min(24_000);
        self
    }

    /// How many interim responses (1xx) may come before a response.
    pub fn max_informational(mut self, responses: u32) -> Self {
        self.settings.interim = responses;
        self
    }

    /// How long the body of a request with `expect: 100-continue` waits for the peer to want it. Then it is sent (RFC
    /// 9110, section 10.1.1).
    pub fn continue_delay(mut self, delay: Duration) -> Self {
        self.settings.continue_delay = delay;
        self
    }

    /// How much of a response that was dropped unread is read by `poll_ready` to keep the connection: so many bytes, in
    /// so long a time. The time also limits the wait for an answer, or for more of one, once the request could not be
    /// written to its end.
    pub fn drain(mut self, bytes: u64, time: Duration) -> Self {
        (self.settings.drain_bytes, self.settings.drain_time) = (bytes, time);
        self
    }

    /// Writes header names as `Content-Type`, for servers that don't know that case means nothing (RFC 9110, section
    /// 5.1).
    pub fn title_case(mut self) -> Self {
        self.settings.title_case = true;
        self
    }

    /// Keeps how a response's header names were spelled, and all of its head as it came, as
    /// [`FieldSpelling`](crate::FieldSpelling) in its extensions.
    pub fn keep_case(mut self) -> Self {
        self.settings.keep_case = true;
        self
    }

    /// Leaves headers of a response out that are not valid, where they are an error otherwise. The connection is not
    /// used again after such a response.
    pub fn ignore_invalid_headers(mut self) -> Self {
        self.settings.ignore_invalid = true;
        self
    }

    /// Says HTTP/1.0 in each request, for servers that know nothing later (RFC 9110, section 2.5). A connection then
    /// carries one request, which asks for no more of the next hop (`expect: 100-continue`, `te`, `upgrade`), and fails
    /// unsent where its body's length isn't known: chunks are of HTTP/1.1. What is asked for over HTTP/2 stays that.
    pub fn http1_0(mut self) -> Self {
        self.settings.http1_0 = true;
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

    fn handshake(&self, link: Link<I>, _: &Ctx) -> Handshaking<B> {
        let guard = link.phase(Phase::Handshake);
        let Link { io, mut info, .. } = link;
        if let Err(unfit) = info.fit_for_version(Protocol::Http1) {
            return Handshaking(ready(Err(guard.fail(ConnectError::from(unfit).in_phase(Phase::Handshake)))));
        }
        let host = match shared_host(info.route.target.origin().authority()) {
            Ok(host) => host,
            Err(error) => return Handshaking(ready(Err(guard.fail(ConnectError::new(Phase::Handshake, error))))),
        };
        info.timings.set(Phase::Handshake, guard.done());
        let info = info.freeze(Protocol::Http1);
        Handshaking(ready(Ok(Http1::new(io, Arc::new(self.settings), host, info))))
    }
}

impl<B> Clone for H1<B> {
    fn clone(&self) -> Self {
        Self { settings: self.settings, _request: PhantomData }
    }
}

impl<B> Default for H1<B> {
    fn default() -> Self {
        Self::new()
    }
}

impl<B> fmt::Debug for H1<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("H1").field("settings", &self.settings).finish_non_exhaustive()
    }
}

// === impl Handshaking ===

impl<B: Body> Future for Handshaking<B> {
    type Output = Result<Http1<B>, ConnectError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<B: Body> fmt::Debug for Handshaking<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshaking").finish_non_exhaustive()
    }
}
