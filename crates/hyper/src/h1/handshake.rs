use super::{connection::HyperHttp1, driver::Driver, request_body::Shared, rewrite::shared_host, wire::Wire};
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

/// Makes HTTP/1.1 connections on hyper's `client::conn::http1`, for requests with a body of type `B`, which is inferred
/// from the requests.
///
/// It is a second [`Handshake`] for HTTP/1.1, in the place of `skybridge_h1::H1`: a stack doesn't know which of the two
/// it has, and one suite of tests is for both.
///
/// ```
/// use skybridge_core::{Connection, Handshake, Link};
/// use skybridge_hyper::HyperH1;
/// use skybridge_runtime::TokioRuntime;
/// use skybridge_testkit::h1::Script;
/// use std::future::poll_fn;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let ctx = TokioRuntime::ctx();
/// let (ours, theirs) = tokio::io::duplex(1024); // a socket, in its place
/// let link = Link::of(ours, &"http://a.test/".parse()?, ctx.clone())?;
///
/// let mut connection = HyperH1::new().handshake(link, &ctx).await?;
/// let client = async {
///     poll_fn(|cx| connection.poll_ready(cx)).await?;
///     connection.start(http::Request::get("http://a.test/cat").body(String::new()).unwrap());
///     poll_fn(|cx| connection.poll_response(cx)).await.map_err(|failed| failed.error)
/// };
/// let server = async {
///     let mut peer = Script::new(theirs);
///     peer.request().await;
///     peer.respond(200, "meow").await;
/// };
/// let (response, ()) = tokio::join!(client, server);
/// assert_eq!(response?.status(), 200);
/// # Ok(())
/// # }
/// ```
///
/// # Settings
///
/// | setting | default |
/// |---|---|
/// | [`head_limit`](Self::head_limit) | 256 KiB |
/// | [`max_headers`](Self::max_headers) | 100 |
/// | [`title_case`](Self::title_case) | off |
/// | [`ignore_invalid_headers`](Self::ignore_invalid_headers) | off |
///
/// A request's body is held to its `content-length`, or to the size that it knows itself: where it turns out to be
/// longer or shorter the exchange fails with [`HyperH1Error::BodySize`](super::error::HyperH1Error::BodySize), and the
/// connection closes. What follows the last byte is looked at as far as it is there already.
///
/// # How it differs from `skybridge_h1::H1`
///
/// | | here | why |
/// |---|---|---|
/// | who drives the connection | a task: it ends with its runtime, and so does the connection ([`RuntimeShutdown`](skybridge_core::CloseReason::RuntimeShutdown), [`DriverGone`](super::error::HyperH1Error::DriverGone)) | hyper's connection is a future by itself |
/// | a request that failed | comes back if hyper had not begun with it. Otherwise a copy comes back, which is made only if [`Replays`](skybridge_core::Replays) asks for it, and from the second exchange of a connection on; the same copy is what a response that asks for the request again ([`FollowUp`](skybridge_core::FollowUp)) has, so that is sent again from then on, and if its method is idempotent | hyper takes the head by value |
/// | errors | a [`hyper::Error`], or a [`HyperH1Error`](super::error::HyperH1Error) where the connection was not to blame. They don't say which limit was exceeded, or how much was missing | hyper's errors have no more to say |
/// | a used connection that ends without an answer | is a failed exchange, not a stale connection ([`Stale`](skybridge_core::Cause::Stale)) | hyper's errors don't say whether a part of the answer was there |
/// | a request's map of headers that is full | is refused: there is no place for `host` | hyper writes what is in the map |
/// | POST, PUT and PATCH without a body | have no `content-length: 0` | hyper writes none |
/// | crumbs of a cookie | stay apart | hyper writes each value as a line |
/// | trailers of a request | are sent if `trailer` announces them; those that must not be sent are left out, as far as hyper knows them, and are no error | hyper's rule |
/// | trailers of a response that RFC 9110, section 6.5.1, forbids | are trailers | hyper passes on what it reads |
/// | `OPTIONS *` through a proxy that forwards it | is sent for `/` | a URI with an authority has a path to hyper |
/// | `expect: 100-continue` | is sent as it is, and the body with it | hyper doesn't wait |
/// | interim responses | are dropped: [`OnInformational`](skybridge_core::OnInformational) isn't called | hyper's hook is another |
/// | a response with `content-length` and `transfer-encoding` | is read by its chunks, and the connection used again | hyper allows it |
/// | a folded header line, more than 100 headers | are refused | hyper's defaults |
/// | a response with `connection: close` before the request is written | lets the rest of it be written | hyper writes it to its end |
/// | a response that is dropped unread | closes the connection, unless the rest is here already | hyper doesn't wait for it |
/// | 101, and a 2xx for CONNECT | [`hyper::upgrade::on`] gives the stream, not [`Upgrade`](skybridge_core::Upgrade) in the extensions | hyper gives it when its task has ended |
pub struct HyperH1<B> {
    settings: http1::Builder,
    _request: PhantomData<fn(B)>,
}

/// An HTTP/1.1 connection in the making. It waits for nothing from the peer.
#[must_use = "futures do nothing unless polled"]
pub struct HyperH1Handshaking<B>(BoxFuture<Result<HyperHttp1<B>, ConnectError>>);

// === impl HyperH1 ===

impl<B> HyperH1<B> {
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

impl<I, B> Handshake<I> for HyperH1<B>
where
    I: Io,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Connection = HyperHttp1<B>;
    type Future = HyperH1Handshaking<B>;

    fn handshake(&self, link: Link<I>, ctx: &Ctx) -> HyperH1Handshaking<B> {
        HyperH1Handshaking(Box::pin(open(self.clone(), link, ctx.clone())))
    }
}

async fn open<I, B>(h1: HyperH1<B>, link: Link<I>, ctx: Ctx) -> Result<HyperHttp1<B>, ConnectError>
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
    Ok(HyperHttp1::new(sender, host, info.freeze(Protocol::Http1), shared))
}

impl<B> Clone for HyperH1<B> {
    fn clone(&self) -> Self {
        Self { settings: self.settings.clone(), _request: PhantomData }
    }
}

impl<B> Default for HyperH1<B> {
    fn default() -> Self {
        Self::new()
    }
}

impl<B> fmt::Debug for HyperH1<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HyperH1").finish_non_exhaustive()
    }
}

// === impl HyperH1Handshaking ===

impl<B> Future for HyperH1Handshaking<B> {
    type Output = Result<HyperHttp1<B>, ConnectError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<B> fmt::Debug for HyperH1Handshaking<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HyperH1Handshaking").finish_non_exhaustive()
    }
}
