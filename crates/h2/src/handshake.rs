use crate::{
    H2Error, Http2,
    driver::Driver,
    ending::Ending,
    preface_io::{PrefaceIo, WriteCounter},
    settings::{FRAME_SIZES, MAX_WINDOW, Settings},
    shared::Shared,
    stream_limit::StreamLimit,
};
use http_body::Body;
use skybridge_core::{BoxError, BoxFuture, ConnectError, Ctx, Handshake, Io, Link, Phase, Protocol, TlsAlert};
use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// The HTTP/2 handshake on a link, for ALPN `h2` and for prior knowledge (RFC 9113, section 3.3).
///
/// | setting | default |
/// |---|---|
/// | [`stream_window`](Self::stream_window) | 2 MiB |
/// | [`connection_window`](Self::connection_window) | 5 MiB |
/// | [`max_frame_size`](Self::max_frame_size) | 16 KiB |
/// | [`max_header_list_size`](Self::max_header_list_size) | 256 KiB |
/// | [`send_buffer`](Self::send_buffer) | 1 MiB |
/// | [`initial_max_send_streams`](Self::initial_max_send_streams) | off |
///
/// Server push is switched off (RFC 9113, section 8.4).
pub struct H2<B> {
    settings: Settings,
    _request: PhantomData<fn(B)>,
}

/// The future of [`H2`].
pub struct Handshaking<B: Body>(BoxFuture<Result<Http2<B>, ConnectError>>);

// === impl H2 ===

impl<B> H2<B> {
    /// With the settings above.
    pub fn new() -> Self {
        Self { settings: Settings::default(), _request: PhantomData }
    }

    /// The initial window of each stream, in bytes: how much of a response's body the peer may send ahead of its
    /// reader. At most 2^31 - 1.
    pub fn stream_window(mut self, bytes: u32) -> Self {
        self.settings.stream_window = bytes.min(MAX_WINDOW);
        self
    }

    /// The connection's window, in bytes, for all bodies together. From 64 KiB to 2^31 - 1.
    pub fn connection_window(mut self, bytes: u32) -> Self {
        self.settings.connection_window = bytes.clamp(u16::MAX.into(), MAX_WINDOW);
        self
    }

    /// The largest frame that the peer may send, in bytes. From 2^14 to 2^24 - 1.
    pub fn max_frame_size(mut self, bytes: u32) -> Self {
        self.settings.max_frame_size = bytes.clamp(FRAME_SIZES.0, FRAME_SIZES.1);
        self
    }

    /// The largest head or trailers of a response, in bytes as RFC 9113, section 6.5.2 counts them. A larger one resets
    /// its stream, and affects no other.
    pub fn max_header_list_size(mut self, bytes: u32) -> Self {
        self.settings.max_header_list_size = bytes;
        self
    }

    /// How many bytes of each request's body may be buffered for the socket.
    pub fn send_buffer(mut self, bytes: u32) -> Self {
        self.settings.send_buffer = bytes;
        self
    }

    /// How many streams to assume until the peer's SETTINGS have arrived. By default the capacity is unknown until
    /// then. Streams that the peer then refuses come back as refused.
    pub fn initial_max_send_streams(mut self, streams: u32) -> Self {
        self.settings.initial_max_send_streams = Some(streams);
        self
    }
}

impl<B> Default for H2<B> {
    fn default() -> Self {
        Self::new()
    }
}

impl<B> Clone for H2<B> {
    fn clone(&self) -> Self {
        Self { settings: self.settings, _request: PhantomData }
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
    if let Err(unfit) = link.info.fit_for_http() {
        return Err(phase.fail(unfit));
    }
    let mut info = link.info;
    let (writes, ending) = (WriteCounter::default(), Ending::default());
    let io = PrefaceIo::new(link.io, writes.clone(), ending.clone(), Arc::clone(ctx.runtime()));
    let (send, connection) = match h2.settings.builder().handshake(io).await {
        Ok(opened) => opened,
        Err(error) => return Err(phase.fail(failed(ending.error(error)))),
    };
    info.timings.set(Phase::Handshake, phase.done());
    let (info, runtime) = (info.freeze(Protocol::Http2), Arc::clone(ctx.runtime()));
    let capacity = StreamLimit::new(h2.settings.initial_max_send_streams);
    let shared = Arc::new(Shared::new(info, runtime, capacity, writes, ending, send.clone()));
    ctx.runtime().spawn(Box::pin(Driver::new(connection, Arc::clone(&shared))));
    Ok(Http2::new(send, shared))
}

fn failed(error: H2Error) -> ConnectError {
    let error = ConnectError::new(Phase::Handshake, error);
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
