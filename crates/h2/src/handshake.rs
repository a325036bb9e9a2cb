use crate::{
    H2Error, Http2,
    classify::Limits,
    driver::Driver,
    preface_io::PrefaceIo,
    settings::{FRAME_SIZES, MAX_WINDOW, Settings},
    shared::Shared,
    stream_limit::StreamLimit,
    wire::Wire,
};
use http_body::Body;
use skybridge_core::{Advice, BoxError, BoxFuture, ConnectError, Ctx, Handshake, Io, Link, Phase, Protocol, TlsAlert};
use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

/// The shortest interval of keep-alive: less would be all PINGs.
const MIN_INTERVAL: Duration = Duration::from_millis(10);

/// The HTTP/2 handshake on a link, for ALPN `h2` and for prior knowledge (RFC 9113, section 3.3).
///
/// | setting | default |
/// |---|---|
/// | [`stream_window`](Self::stream_window) | 16 MiB |
/// | [`connection_window`](Self::connection_window) | 64 MiB |
/// | [`adaptive_window`](Self::adaptive_window) | on |
/// | [`max_frame_size`](Self::max_frame_size) | 16 KiB |
/// | [`max_header_list_size`](Self::max_header_list_size) | 256 KiB |
/// | [`send_buffer`](Self::send_buffer) | 1 MiB |
/// | [`initial_max_send_streams`](Self::initial_max_send_streams) | off |
/// | [`max_informational`](Self::max_informational) | 64 |
/// | [`settings_timeout`](Self::settings_timeout) | 10 s |
/// | [`keep_alive_interval`](Self::keep_alive_interval) | off |
/// | [`keep_alive_timeout`](Self::keep_alive_timeout) | 5 s |
/// | [`keep_alive_while_idle`](Self::keep_alive_while_idle) | off |
///
/// Server push is switched off (RFC 9113, section 8.4).
///
#[doc = include_str!("../docs/limits.md")]
pub struct H2<B> {
    /// Shared: each connect has a clone of its layers.
    settings: Arc<Settings>,
    _request: PhantomData<fn(B)>,
}

/// The future of [`H2`].
pub struct Handshaking<B: Body>(BoxFuture<Result<Http2<B>, ConnectError>>);

// === impl H2 ===

impl<B> H2<B> {
    /// With the settings above.
    pub fn new() -> Self {
        Self { settings: Arc::default(), _request: PhantomData }
    }

    /// The window of a stream that is alone on its connection, in bytes: how much of a response's body the peer may
    /// send ahead of its reader. At most 2^31 - 1.
    pub fn stream_window(mut self, bytes: u32) -> Self {
        self.settings_mut().stream_window = bytes.min(MAX_WINDOW);
        self
    }

    /// The connection's window, in bytes: the most that lies unread of all its responses together. From 64 KiB to
    /// 2^31 - 1.
    pub fn connection_window(mut self, bytes: u32) -> Self {
        self.settings_mut().connection_window = bytes.clamp(u16::MAX.into(), MAX_WINDOW);
        self
    }

    /// Whether the windows of the streams change (RFC 9113, section 6.9.2), unless
    /// [`stream_window`](Self::stream_window) is below 16 KiB.
    ///
    /// They shrink as more streams are open, so that responses nobody reads leave the others a part of the connection's
    /// window: 256 unread responses are within it, however long they are. And that of a single stream grows to twice
    /// the bandwidth-delay product, measured by PING, up to 3/8 of the connection's. If it is off, each stream has
    /// [`stream_window`](Self::stream_window), and the connection's window should be as many times larger as there may
    /// be responses unread.
    pub fn adaptive_window(mut self, on: bool) -> Self {
        self.settings_mut().adaptive_window = on;
        self
    }

    /// The largest frame that the peer may send, in bytes. From 2^14 to 2^24 - 1.
    pub fn max_frame_size(mut self, bytes: u32) -> Self {
        self.settings_mut().max_frame_size = bytes.clamp(FRAME_SIZES.0, FRAME_SIZES.1);
        self
    }

    /// The largest head or trailers of a response, in bytes as RFC 9113, section 6.5.2 counts them. A larger one resets
    /// its stream, and affects no other.
    pub fn max_header_list_size(mut self, bytes: u32) -> Self {
        self.settings_mut().max_header_list_size = bytes;
        self
    }

    /// How many bytes of each request's body may be buffered for the socket.
    pub fn send_buffer(mut self, bytes: u32) -> Self {
        self.settings_mut().send_buffer = bytes;
        self
    }

    /// How many streams to assume until the peer's SETTINGS have arrived. By default the capacity is unknown until
    /// then. Streams that the peer then refuses come back as refused.
    pub fn initial_max_send_streams(mut self, streams: u32) -> Self {
        self.settings_mut().initial_max_send_streams = Some(streams);
        self
    }

    /// How many interim responses (1xx, RFC 9110, section 15.2) may come before a response.
    pub fn max_informational(mut self, responses: u32) -> Self {
        self.settings_mut().max_informational = responses;
        self
    }

    /// How long the peer's SETTINGS may take (RFC 9113, section 3.4). Then the connection is closed, and its requests
    /// fail with [`H2Error::SettingsTimeout`]. `Duration::MAX` is no limit. A pool may end the wait of a request
    /// before, by what is left of its limits of connecting.
    pub fn settings_timeout(mut self, limit: Duration) -> Self {
        self.settings_mut().settings_timeout = limit;
        self
    }

    /// A PING is sent each time this has passed while requests are under way, as a sign of life for what is in between,
    /// and to find a peer that is gone. At least 10 ms; `Duration::MAX` is never.
    pub fn keep_alive_interval(mut self, interval: Duration) -> Self {
        self.settings_mut().keep_alive_interval = interval.max(MIN_INTERVAL);
        self
    }

    /// How long the peer may take to answer a PING, counted anew when something else comes. Then the connection is
    /// closed, and its requests fail with [`H2Error::PingTimeout`]. This holds for keep-alive, and for the PING that is
    /// sent after the [response timeout](skybridge_core::Timeouts::response_head) of a request.
    pub fn keep_alive_timeout(mut self, limit: Duration) -> Self {
        self.settings_mut().keep_alive_timeout = limit;
        self
    }

    /// Whether an idle connection is kept alive by PINGs too. Some servers take that for abuse.
    pub fn keep_alive_while_idle(mut self, on: bool) -> Self {
        self.settings_mut().keep_alive_while_idle = on;
        self
    }
}

impl<B> H2<B> {
    fn settings_mut(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.settings)
    }
}

impl<B> Default for H2<B> {
    fn default() -> Self {
        Self::new()
    }
}

impl<B> Clone for H2<B> {
    fn clone(&self) -> Self {
        Self { settings: Arc::clone(&self.settings), _request: PhantomData }
    }
}

impl<B> fmt::Debug for H2<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("H2").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl<I, B> Handshake<I> for H2<B>
where
    I: Io,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    type Connection = Http2<B>;
    type Future = Handshaking<B>;

    fn handshake(&self, link: Link<I>, ctx: &Ctx) -> Handshaking<B> {
        Handshaking(Box::pin(handshake(self.clone(), link, ctx.clone())))
    }
}

async fn handshake<I, B>(h2: H2<B>, link: Link<I>, ctx: Ctx) -> Result<Http2<B>, ConnectError>
where
    I: Io,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let phase = link.phase(Phase::Handshake);
    if let Err(unfit) = link.info.fit_for_version(Protocol::Http2) {
        return Err(phase.fail(unfit));
    }
    let mut info = link.info;
    let wire = Wire::new(Limits::of(&h2.settings), ctx.is_observed());
    let io = PrefaceIo::new(link.io, wire.clone(), Arc::clone(ctx.runtime()), h2.settings.max_informational);
    let (send, connection) = match h2.settings.builder().handshake(io).await {
        Ok(opened) => opened,
        Err(error) => return Err(phase.fail(failed(wire.ending().error(error)))),
    };
    info.timings.set(Phase::Handshake, phase.done());
    let (info, runtime) = (info.freeze(Protocol::Http2), Arc::clone(ctx.runtime()));
    let capacity = StreamLimit::new(h2.settings.initial_max_send_streams, h2.settings.stream_ids());
    let shared = Arc::new(Shared::new(info, runtime, capacity, wire, send.clone(), h2.settings.max_informational));
    ctx.runtime().spawn(Box::pin(Driver::new(connection, Arc::clone(&shared), &h2.settings)));
    Ok(Http2::new(send, shared))
}

fn failed(error: H2Error) -> ConnectError {
    let is_other = matches!(error, H2Error::FirstFrame);
    let error = ConnectError::new(Phase::Handshake, error);
    let error = if is_other { error.advise(Advice::NotHttp2) } else { error };
    // The peer wants another certificate than it gets, on every route.
    let is_fatal = error.source_as().is_some_and(TlsAlert::is_certificate);
    if is_fatal { error.fatal() } else { error }
}

// === impl Handshaking ===

impl<B: Body> Future for Handshaking<B> {
    type Output = Result<Http2<B>, ConnectError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<B: Body> fmt::Debug for Handshaking<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshaking").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::{Request, StatusCode};
    use http_body_util::{BodyExt, Empty};
    use skybridge_core::{
        Capacity, Cause, CloseReason, Connection, ConnectionStatus, Connector, Delivery, HttpVersions, RequestOptions,
        StatusListener, sync::Mutex,
    };
    use skybridge_h1::H1;
    use skybridge_negotiate::NegotiateLayer;
    use skybridge_pool::PoolLayer;
    use skybridge_retry::RetryLayer;
    use skybridge_route::RouteLayer;
    use skybridge_tcp::RaceLayer;
    use skybridge_testkit::{
        executor::{Executor, run_until_idle},
        fixtures,
        h2::{Frame, Peer, code},
        net::Network,
        origin::Origin,
    };
    use std::future::poll_fn;
    use tower::{ServiceBuilder, ServiceExt};

    #[derive(Default)]
    struct Notes(Mutex<Vec<ConnectionStatus>>);

    impl StatusListener for Notes {
        fn notify(&self, status: ConnectionStatus) {
            self.0.lock().push(status);
        }
    }

    /// RFC 9113, section 5.1.1: the ids of streams are never used again.
    #[tokio::test(start_paused = true)]
    async fn a_connection_whose_stream_ids_are_used_up_drains() {
        let (net, executor) = (Network::new(), Executor::new());
        let listener = net.listen("192.0.2.1:80".parse().unwrap());
        let route = fixtures::route("http://a.test", ["192.0.2.1:80"], executor.ctx());
        let link = net.connector().connect(route).await.unwrap();
        let mut h2 = H2::<Empty<Bytes>>::new();
        h2.settings_mut().first_stream = Some(u32::MAX >> 1);
        let mut connection = h2.handshake(link, &executor.ctx()).await.unwrap();
        let notes = Arc::new(Notes::default());
        connection.subscribe(notes.clone());
        let mut peer = Peer::accept(listener.accept().await.0).await;
        poll_fn(|cx| connection.poll_ready(cx)).await.unwrap();
        connection.start(Request::get("http://a.test/").body(Empty::new()).unwrap());
        let server = async {
            let stream = peer.request().await.stream;
            peer.respond(stream, 204, "").await;
        };
        let (response, ()) = tokio::join!(poll_fn(|cx| connection.poll_response(cx)), server);
        assert_eq!(response.unwrap().status(), StatusCode::NO_CONTENT);
        run_until_idle().await;
        let draining = ConnectionStatus::Draining(CloseReason::MaxRequests);
        assert_eq!((notes.0.lock().last(), connection.capacity()), (Some(&draining), Capacity::None));
        let error = poll_fn(|cx| connection.poll_ready(cx)).await.unwrap_err();
        assert_eq!(error.delivery(), Delivery::Unsent);
        assert!(matches!(error.cause(), Cause::ConnectionClosed(CloseReason::MaxRequests)), "{error:?}");
        drop(connection);
        peer.expect_close().await;
        let bye = |frame: &Frame| matches!(frame, Frame::GoAway { code: code::NO_ERROR, .. });
        assert!(peer.received().iter().any(bye));
        let closed = ConnectionStatus::Closed(CloseReason::MaxRequests);
        assert_eq!(notes.0.lock().last(), Some(&closed));
    }

    /// So do the requests, which notice nothing: each of these connections has a single id left.
    #[tokio::test(start_paused = true)]
    async fn requests_move_on_when_stream_ids_are_used_up() {
        let (net, executor) = (Network::new(), Executor::new());
        net.host("a.test", ["192.0.2.1".parse().unwrap()]);
        let origin = Origin::h2c().serve_on(net.listen("192.0.2.1:80".parse().unwrap()));
        let mut h2 = H2::<Empty<Bytes>>::new();
        h2.settings_mut().first_stream = Some(u32::MAX >> 1);
        let stack = ServiceBuilder::new()
            .layer(RetryLayer::unsent())
            .layer(PoolLayer::shared(executor.runtime()))
            .layer(RouteLayer::new(net.resolver()))
            .layer(NegotiateLayer::new(H1::new(), h2))
            .layer(RaceLayer::happy_eyeballs())
            .service(net.dialer());
        let call = || {
            let options = RequestOptions::new().http_versions(HttpVersions::Http2);
            let request = Request::post("http://a.test/").extension(options).body(Empty::new()).unwrap();
            stack.clone().oneshot(request)
        };
        for _ in 0..3 {
            let response = call().await.unwrap();
            assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");
        }
        // All at once, too: none is sent twice.
        let (a, b, c) = tokio::join!(call(), call(), call());
        assert!([a, b, c].iter().all(Result::is_ok));
        assert_eq!(origin.requests().len(), 6);
        assert_eq!(origin.connections(), 6);
        run_until_idle().await;
        assert_eq!(origin.open(), 0, "each said goodbye");
    }
}
