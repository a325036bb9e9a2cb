use crate::{H2Error, chunk::Chunk, head::strip_trailers, tie::Tie, unsent::Unsent};
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

/// For how long a body of which there is no copy waits for room on a stream that is open. A peer that refuses the
/// stream does so in about the time that its answer takes to get here; and a body that has no data, or fails, needs no
/// room to say so.
const PATIENCE: Duration = Duration::from_millis(100);

/// The request half of an exchange: pumps a body into its stream.
///
/// ```text
/// Waiting for capacity, body unpolled -> Polling the body <-> Waiting for capacity, one piece in hand
///                                    Polling the body  -> Handed over, not all of it sent -> Over
///                                    Polling the body  -> Failed, the response being read -> Over
/// ```
///
/// It is polled by the exchange until that is answered, and then, if it isn't over, runs on as a task of its own. Its box is used again.
#[pin_project(PinnedDrop)]
pub(crate) struct Upload<B: Body> {
    #[pin]
    body: Option<B>,
    /// The body until it is first polled: movable, so that it can be given back.
    unpolled: Option<B>,
    /// Whether it stays unpolled until the peer has room for its data,
    patient: bool,
    /// or until this is over.
    patience: Option<Pin<Box<dyn Sleep>>>,
    /// How long the body must be.
    length: Option<BodyLength>,
    stream: Option<SendStream<Chunk<B::Data>>>,
    piece: Option<B::Data>,
    /// What the h2 crate still has of it.
    unsent: Arc<Unsent>,
    /// The body failed, and the stream is still open.
    failed: bool,
    tie: Option<Arc<Tie>>,
}

/// How a step of an upload went wrong.
enum Stop {
    /// The stream is over for the peer's reasons: those are told by the response.
    Stream,
    /// For ours.
    Body(H2Error),
}

impl<B: Body> Upload<B> {
    pub(crate) fn idle() -> Self {
        Self {
            body: None,
            unpolled: None,
            patient: false,
            patience: None,
            length: None,
            stream: None,
            piece: None,
            unsent: Arc::default(),
            failed: false,
            tie: None,
        }
    }

    /// Takes up a body. `patient`: there is no copy of it.
    pub(crate) fn begin(
        self: Pin<&mut Self>,
        body: B,
        length: Option<BodyLength>,
        stream: SendStream<Chunk<B::Data>>,
        patient: bool,
    ) {
        let this = self.project();
        *this.unpolled = Some(body);
        *this.length = length;
        *this.patient = patient;
        *this.stream = Some(stream);
    }

    /// Whether it waits for room, without end so far.
    pub(crate) fn is_patient(&self) -> bool {
        self.patient && self.unpolled.is_some() && self.patience.is_none()
    }

    /// The stream is open: there may never be room on it.
    #[cold]
    pub(crate) fn opened(self: Pin<&mut Self>, runtime: &dyn Runtime) {
        *self.project().patience = Some(runtime.sleep_until(runtime.now() + PATIENCE));
    }

    pub(crate) fn is_unpolled(&self) -> bool {
        self.unpolled.is_some()
    }

    /// The body, if it was never polled.
    pub(crate) fn take_unpolled(self: Pin<&mut Self>) -> Option<B> {
        self.project().unpolled.take()
    }

    /// Forgets the exchange. A stream that isn't over is reset by this.
    pub(crate) fn clear(self: Pin<&mut Self>) {
        let mut this = self.project();
        this.body.set(None);
        *this.unpolled = None;
        *this.patience = None;
        *this.failed = false;
        *this.stream = None;
        *this.piece = None;
        if !this.unsent.is_none() {
            // Of a stream that was reset: the next exchange need not wait for it.
            *this.unsent = Arc::default();
        }
    }

    /// Runs on alone, as long as somebody holds the tie.
    pub(crate) fn untether(self: Pin<&mut Self>, tie: &Arc<Tie>) {
        let this = self.project();
        *this.tie = Some(Arc::clone(tie));
        // Answered, it can't be refused any more.
        *this.patient = false;
    }

    /// The body failed: its stream is reset when what is here of the response was read.
    pub(crate) fn fail(self: Pin<&mut Self>, error: H2Error) {
        let this = self.project();
        *this.failed = true;
        if let Some(tie) = this.tie {
            tie.fail(error);
        }
    }

    /// Ends the stream: what the h2 crate still has of the body is thrown away.
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
    /// Sends what there is to send. Ready when this half of the exchange is over, with an error only if that is the
    /// body's: then the stream is still open, and to be [reset](Self::reset).
    ///
    /// As long as it isn't untethered it wakes nobody when the last of it has left: that matters only once the response is here.
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

    /// Ready when what was handed over has left.
    fn poll_sent(&self, cx: &Context<'_>) -> Poll<()> {
        match &self.tie {
            _ if self.unsent.is_none() => Poll::Ready(()),
            Some(_) => self.unsent.poll_none(cx),
            None => Poll::Pending,
        }
    }

    /// One piece further. True when all is handed over.
    fn poll_step(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<bool, Stop>> {
        if self.piece.is_some() {
            ready!(self.as_mut().poll_room(cx))?;
            let this = self.project();
            let piece = Chunk::new(this.piece.take(), this.unsent.hold());
            return Poll::Ready(send(this.stream, cx, |stream| stream.send_data(piece, false)).map(|()| false));
        }
        if self.unpolled.is_some() {
            ready!(self.as_mut().poll_begin(cx))?;
        }
        let mut this = self.as_mut().project();
        let Some(body) = this.body.as_mut().as_pin_mut() else { return Poll::Ready(Ok(true)) };
        let frame = match body.poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => return poll_gone(this.stream, cx),
        };
        let frame = frame.transpose().map_err(|error| Stop::Body(H2Error::RequestBody(error.into())))?;
        if let Some(length) = this.length {
            count(length, frame.as_ref()).map_err(Stop::Body)?;
        }
        match frame {
            None => {
                let end = Chunk::new(None, this.unsent.hold());
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

    /// The last piece goes at once: the h2 crate holds it back as well as we would, and it can share a write with the head. Others
    /// wait here for room, and the body with them.
    fn piece(self: Pin<&mut Self>, data: B::Data, cx: &mut Context<'_>) -> Result<bool, Stop> {
        let this = self.project();
        let last = this.body.as_ref().as_pin_ref().is_none_or(|body| body.is_end_stream());
        if last {
            this.length.map_or(Ok(()), |length| length.end()).map_err(|error| Stop::Body(error.into()))?;
            let data = Chunk::new(Some(data), this.unsent.hold());
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
        if self.patient {
            if let Some(stream) = self.as_mut().project().stream {
                stream.reserve_capacity(1);
            }
            match self.as_mut().poll_room(cx) {
                Poll::Ready(capacity) => capacity?,
                Poll::Pending => match self.as_mut().project().patience {
                    Some(patience) => ready!(patience.as_mut().poll(cx)),
                    None => return Poll::Pending,
                },
            }
            if let Some(stream) = self.as_mut().project().stream {
                stream.reserve_capacity(0);
            }
        }
        let mut this = self.project();
        *this.patience = None;
        let body = this.unpolled.take();
        this.body.set(body);
        Poll::Ready(Ok(()))
    }

    fn poll_room(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Stop>> {
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

/// Measures what comes of a body. Trailers are its end too.
fn count<D: bytes::Buf>(length: &mut BodyLength, frame: Option<&Frame<D>>) -> Result<(), H2Error> {
    match frame.and_then(Frame::data_ref) {
        Some(data) => length.add(data.remaining()),
        None => length.end(),
    }
    .map_err(H2Error::from)
}

/// Pending as long as the peer has not reset the stream.
fn poll_gone<D: bytes::Buf>(
    stream: &mut Option<SendStream<Chunk<D>>>,
    cx: &mut Context<'_>,
) -> Poll<Result<bool, Stop>> {
    match stream {
        Some(stream) => stream.poll_reset(cx).map(|_| Err(Stop::Stream)),
        None => Poll::Ready(Err(Stop::Stream)),
    }
}

/// Sends, and tells apart a stream that is gone from something that it can't send.
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
        let Some(tie) = self.tie.clone() else { return Poll::Ready(()) };
        loop {
            if tie.is_cancelled(cx) {
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
        *self.as_mut().project().tie = None;
        tie.end();
        Poll::Ready(())
    }
}

#[pinned_drop]
impl<B: Body> PinnedDrop for Upload<B> {
    fn drop(self: Pin<&mut Self>) {
        let this = self.project();
        if let Some(tie) = this.tie.take() {
            *this.stream = None;
            tie.end();
        }
    }
}
