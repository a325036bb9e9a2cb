use crate::{H2Error, chunk::Chunk, head::strip_trailers, unsent::UnsentPieces, upload_control::UploadControl};
use h2::{Reason, SendStream};
use http::HeaderMap;
use http_body::{Body, Frame};
use pin_project::{pin_project, pinned_drop};
use skybridge_core::{BodyLength, BoxError, Runtime, Sleep};
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

/// How long a body that can't be copied waits for the window of an open stream. A peer that refuses the stream does so
/// within about a round trip; and a body without data, or one that fails, needs no window.
const WINDOW_TIMEOUT: Duration = Duration::from_millis(100);

/// The request half of an exchange: sends a body on its stream.
///
/// ```text
/// Waiting for capacity, body unpolled -> Polling the body <-> Waiting for capacity, one piece in hand
///                                    Polling the body  -> Handed over, not all of it sent -> Over
///                                    Polling the body  -> Failed, the response being read -> Over
/// ```
/// The exchange polls it until the response's head arrives; if it isn't finished then, it goes on as a task of its own.
/// Its box is reused.
#[pin_project(PinnedDrop)]
pub(crate) struct Upload<B: Body> {
    #[pin]
    body: Option<B>,
    /// The body until it is first polled: not pinned yet, so that it can be given back.
    unpolled: Option<B>,
    /// Whether the body stays unpolled until the window allows data,
    awaits_window: bool,
    /// or until this timer fires.
    window_timeout: Option<Pin<Box<dyn Sleep>>>,
    /// The length that the body must have.
    length: Option<BodyLength>,
    stream: Option<SendStream<Chunk<B::Data>>>,
    piece: Option<B::Data>,
    /// The pieces that the h2 crate has not sent yet.
    unsent: Arc<UnsentPieces>,
    /// The body failed, and the stream is still open.
    failed: bool,
    control: Option<Arc<UploadControl>>,
}

/// Why an upload stopped.
enum Stop {
    /// The peer ended the stream: the response says why.
    Stream,
    /// The body failed.
    Body(H2Error),
}

impl<B: Body> Upload<B> {
    pub(crate) fn idle() -> Self {
        Self {
            body: None,
            unpolled: None,
            awaits_window: false,
            window_timeout: None,
            length: None,
            stream: None,
            piece: None,
            unsent: Arc::default(),
            failed: false,
            control: None,
        }
    }

    /// Starts with a body. `awaits_window`: it can't be copied, and stays unpolled until the window allows data.
    pub(crate) fn start(
        self: Pin<&mut Self>,
        body: B,
        length: Option<BodyLength>,
        stream: SendStream<Chunk<B::Data>>,
        awaits_window: bool,
    ) {
        let this = self.project();
        *this.unpolled = Some(body);
        *this.length = length;
        *this.awaits_window = awaits_window;
        *this.stream = Some(stream);
    }

    /// Whether it waits for the window, without a timer so far.
    pub(crate) fn is_awaiting_window(&self) -> bool {
        self.awaits_window && self.unpolled.is_some() && self.window_timeout.is_none()
    }

    /// The stream is open: starts the timer, as its window may stay closed.
    #[cold]
    pub(crate) fn opened(self: Pin<&mut Self>, runtime: &dyn Runtime) {
        *self.project().window_timeout = Some(runtime.sleep_until(runtime.now() + WINDOW_TIMEOUT));
    }

    /// How many bytes the h2 crate has taken for the peer; `None` when those were all. Else this task is woken then.
    pub(crate) fn sent(&self, cx: &Context<'_>) -> Option<u64> {
        let all_given = self.body.is_none() && self.unpolled.is_none() && self.piece.is_none();
        (!all_given || self.unsent.poll_empty(cx).is_pending()).then(|| self.unsent.taken())
    }

    pub(crate) fn is_unpolled(&self) -> bool {
        self.unpolled.is_some()
    }

    /// The body, if it was never polled.
    pub(crate) fn take_unpolled(self: Pin<&mut Self>) -> Option<B> {
        self.project().unpolled.take()
    }

    /// Clears the upload for reuse. A stream that isn't over is reset by this.
    pub(crate) fn clear(self: Pin<&mut Self>) {
        let mut this = self.project();
        this.body.set(None);
        *this.unpolled = None;
        *this.window_timeout = None;
        *this.failed = false;
        *this.stream = None;
        *this.piece = None;
        if !this.unsent.is_empty() {
            // The stream was reset: the next exchange need not wait for its pieces.
            *this.unsent = Arc::default();
        }
    }

    /// Lets the upload run as a task, until it is finished or cancelled.
    pub(crate) fn detach(self: Pin<&mut Self>, control: &Arc<UploadControl>) {
        let this = self.project();
        *this.control = Some(Arc::clone(control));
        // Once answered, the stream can't be refused any more.
        *this.awaits_window = false;
    }

    /// The body failed: its stream is reset when the response was read as far as it has arrived.
    pub(crate) fn fail(self: Pin<&mut Self>, error: H2Error) {
        let this = self.project();
        *this.failed = true;
        if let Some(control) = this.control {
            control.fail(error);
        }
    }

    /// Resets the stream: the h2 crate drops what it has not sent.
    pub(crate) fn reset(self: Pin<&mut Self>) {
        if let Some(stream) = self.project().stream {
            stream.send_reset(Reason::CANCEL);
        }
    }
}

impl<B> Upload<B>
where
    B: Body<Error: Into<BoxError>>,
{
    /// Sends as much as possible. Ready when this half of the exchange is over, with an error only if that is the
    /// body's: then the stream is still open, and to be [reset](Self::reset). Until it is detached it isn't woken when
    /// the last piece has left: that matters only once the response has arrived.
    pub(crate) fn poll_send(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), H2Error>> {
        loop {
            match ready!(self.as_mut().poll_step(cx)) {
                Ok(false) => {}
                Ok(true) => {
                    self.as_mut().project().body.set(None);
                    return self.poll_sent(cx).map(Ok);
                }
                Err(Stop::Stream) => return Poll::Ready(Ok(())),
                Err(Stop::Body(error)) => {
                    self.as_mut().project().body.set(None);
                    return Poll::Ready(Err(error));
                }
            }
        }
    }

    /// Ready when all pieces have left.
    fn poll_sent(&self, cx: &Context<'_>) -> Poll<()> {
        match &self.control {
            _ if self.unsent.is_empty() => Poll::Ready(()),
            Some(_) => self.unsent.poll_empty(cx),
            None => Poll::Pending,
        }
    }

    /// Sends one piece. True when all is given to the h2 crate.
    fn poll_step(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<bool, Stop>> {
        if self.piece.is_some() {
            ready!(self.as_mut().poll_capacity(cx))?;
            let this = self.project();
            let piece = Chunk::new(this.piece.take(), this.unsent.add());
            return Poll::Ready(send(this.stream, cx, |stream| stream.send_data(piece, false)).map(|()| false));
        }
        if self.unpolled.is_some() {
            ready!(self.as_mut().poll_begin(cx))?;
        }
        let mut this = self.as_mut().project();
        let Some(body) = this.body.as_mut().as_pin_mut() else { return Poll::Ready(Ok(true)) };
        let frame = match body.poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => return poll_reset(this.stream, cx),
        };
        let frame = frame.transpose().map_err(|error| Stop::Body(H2Error::RequestBody(error.into())))?;
        if let Some(length) = this.length {
            count(length, frame.as_ref()).map_err(Stop::Body)?;
        }
        match frame {
            None => {
                let end = Chunk::new(None, this.unsent.add());
                Poll::Ready(send(this.stream, cx, |stream| stream.send_data(end, true)).map(|()| true))
            }
            Some(frame) => Poll::Ready(match frame.into_data() {
                Ok(data) => self.piece(data, cx),
                Err(frame) => match frame.into_trailers() {
                    Ok(trailers) => self.trailers(trailers, cx).map(|()| true),
                    Err(_) => Ok(false),
                },
            }),
        }
    }

    /// The last piece goes at once: the h2 crate holds it back as well as we would, and it can share a write with the
    /// head. Others wait here for room, and the body with them.
    fn piece(self: Pin<&mut Self>, data: B::Data, cx: &mut Context<'_>) -> Result<bool, Stop> {
        let this = self.project();
        let last = this.body.as_ref().as_pin_ref().is_none_or(|body| body.is_end_stream());
        if last {
            this.length.map_or(Ok(()), |length| length.end()).map_err(|error| Stop::Body(error.into()))?;
            let data = Chunk::new(Some(data), this.unsent.add());
            return send(this.stream, cx, |stream| stream.send_data(data, true)).map(|()| true);
        }
        if bytes::Buf::has_remaining(&data) {
            *this.piece = Some(data);
            // As little as that: what is reserved and not used is taken from other streams.
            if let Some(stream) = this.stream {
                stream.reserve_capacity(1);
            }
        }
        Ok(false)
    }

    fn trailers(self: Pin<&mut Self>, mut trailers: HeaderMap, cx: &mut Context<'_>) -> Result<(), Stop> {
        strip_trailers(&mut trailers);
        send(self.project().stream, cx, |stream| stream.send_trailers(trailers))
    }

    /// From here on the body is polled, and can't be given back.
    fn poll_begin(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Stop>> {
        if self.awaits_window {
            if let Some(stream) = self.as_mut().project().stream {
                stream.reserve_capacity(1);
            }
            match self.as_mut().poll_capacity(cx) {
                Poll::Ready(capacity) => capacity?,
                Poll::Pending => match self.as_mut().project().window_timeout {
                    Some(window_timeout) => ready!(window_timeout.as_mut().poll(cx)),
                    None => return Poll::Pending,
                },
            }
            if let Some(stream) = self.as_mut().project().stream {
                stream.reserve_capacity(0);
            }
        }
        let mut this = self.project();
        *this.window_timeout = None;
        let body = this.unpolled.take();
        this.body.set(body);
        Poll::Ready(Ok(()))
    }

    fn poll_capacity(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Stop>> {
        let Some(stream) = self.project().stream else { return Poll::Ready(Err(Stop::Stream)) };
        while stream.capacity() == 0 {
            match ready!(stream.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Poll::Ready(Err(Stop::Stream)),
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// Counts the bytes of a body. Trailers end it too.
fn count<D: bytes::Buf>(length: &mut BodyLength, frame: Option<&Frame<D>>) -> Result<(), H2Error> {
    match frame.and_then(Frame::data_ref) {
        Some(data) => length.add(data.remaining()),
        None => length.end(),
    }
    .map_err(H2Error::from)
}

/// Ready when the peer has reset the stream.
fn poll_reset<D: bytes::Buf>(
    stream: &mut Option<SendStream<Chunk<D>>>,
    cx: &mut Context<'_>,
) -> Poll<Result<bool, Stop>> {
    match stream {
        Some(stream) => stream.poll_reset(cx).map(|_| Err(Stop::Stream)),
        None => Poll::Ready(Err(Stop::Stream)),
    }
}

/// Sends, and distinguishes a stream that is gone from something that can't be sent.
fn send<D: bytes::Buf>(
    stream: &mut Option<SendStream<Chunk<D>>>,
    cx: &mut Context<'_>,
    send: impl FnOnce(&mut SendStream<Chunk<D>>) -> Result<(), h2::Error>,
) -> Result<(), Stop> {
    let Some(stream) = stream else { return Err(Stop::Stream) };
    match send(stream) {
        Ok(()) => Ok(()),
        Err(_) if stream.poll_reset(cx).is_ready() => Err(Stop::Stream),
        Err(error) => Err(Stop::Body(H2Error::RequestBody(Box::new(H2Error::from(error))))),
    }
}

impl<B> Future for Upload<B>
where
    B: Body<Error: Into<BoxError>>,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(control) = self.control.clone() else { return Poll::Ready(()) };
        loop {
            if control.is_cancelled(cx) {
                self.as_mut().reset();
                break;
            }
            if self.failed {
                return Poll::Pending;
            }
            match ready!(self.as_mut().poll_send(cx)) {
                Ok(()) => break,
                Err(error) => self.as_mut().fail(error),
            }
        }
        self.as_mut().clear();
        *self.as_mut().project().control = None;
        control.end();
        Poll::Ready(())
    }
}

#[pinned_drop]
impl<B: Body> PinnedDrop for Upload<B> {
    fn drop(self: Pin<&mut Self>) {
        let this = self.project();
        if let Some(control) = this.control.take() {
            *this.stream = None;
            control.end();
        }
    }
}
