use super::{closed_io::ClosedIo, idle::IdleWatch, read_buffer::ReadBuffer, reuse::Reuse, timer::Timer};
use crate::H1Error;
use bytes::Bytes;
use http::Method;
use skybridge_core::{CloseReason, Io};
use skybridge_h1_codec::{BodyDecoder, Framing, HeadDecoder, Limits, Piece, ResponseHead};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};
use tokio::io::ReadBuf;

/// One connection: its socket, and how far the exchange on it is.
///
/// ```text
///            begin              both halves are over, and `Reuse` holds
///   Idle ──────────▶ Exchange ───────────────────────────────────────────▶ Idle
///    │                  │
///    └──────────────────┴──────▶ Closed   (the first reason stays)
/// ```
pub(super) struct Inner {
    pub(super) io: Pin<Box<dyn Io>>,
    read: ReadBuffer,
    decoder: HeadDecoder,
    limits: Limits,
    state: State,
    pub(super) reuse: Reuse,
    /// Looks when something happens on an idle connection, and how to wake it.
    watch: Arc<IdleWatch>,
    idle: Waker,
    /// Who waits for the exchange to be over.
    over: Option<Waker>,
    /// Who writes what is left of the request.
    uploader: Option<Waker>,
    /// Who reads the response while the request is still being written.
    reader: Option<Waker>,
    /// The request could not be written to its end, and its response has begun. Behind a box, as it is rare.
    failed: Option<Box<RequestFailed>>,
}

/// Why a request could not be written to its end. The peer may wait for the rest of it, so that the response is read
/// as long as it comes, and not waited for.
struct RequestFailed {
    error: H1Error,
    /// How long the response may stall.
    limit: Duration,
    timer: Timer,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Idle,
    Exchange { request: Half, response: Half },
    Closed(CloseReason),
}

/// One direction of an exchange.
#[derive(Clone, Copy, Debug)]
enum Half {
    /// Somebody reads or writes it.
    Driven,
    /// Nobody reads the rest of it any more: it may be thrown away.
    Unread(BodyDecoder),
    Over,
}

/// What a step leaves to be done without the lock.
#[derive(Default)]
#[must_use = "it is to be settled without the lock"]
pub(super) struct Effects {
    pub(super) closed: Option<Closed>,
    pub(super) wakers: [Option<Waker>; 2],
}

/// A connection that was closed just now. Dropped, its peer is told, as far as that needs no waiting.
pub(super) struct Closed {
    pub(super) reason: CloseReason,
    io: Pin<Box<dyn Io>>,
}

/// Where an exchange is that nobody drives but who waits for its end.
pub(super) enum Ending {
    /// The connection may carry another.
    Idle,
    /// It may not.
    Closed(CloseReason),
    /// Somebody reads the response: nobody knows for how long.
    Read,
    /// Nobody reads the response any more, and it isn't over.
    Unread,
    /// The response is over, and the request isn't.
    Unwritten,
}

impl Effects {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.closed.is_none() && self.wakers[0].is_none() && self.wakers[1].is_none()
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        let _ = self.io.as_mut().poll_shutdown(&mut Context::from_waker(Waker::noop()));
    }
}

impl Inner {
    pub(super) fn new(io: Pin<Box<dyn Io>>, decoder: HeadDecoder, limits: Limits, watch: &Arc<IdleWatch>) -> Self {
        Self {
            io,
            read: ReadBuffer::new(),
            decoder,
            limits,
            state: State::Idle,
            reuse: Reuse::open(),
            watch: Arc::clone(watch),
            idle: Waker::from(Arc::clone(watch)),
            over: None,
            uploader: None,
            reader: None,
            failed: None,
        }
    }

    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    #[inline]
    pub(super) fn closed(&self) -> Option<CloseReason> {
        match self.state {
            State::Closed(reason) => Some(reason),
            _ => None,
        }
    }

    /// Whether there are bytes of a response that nobody has taken.
    pub(super) fn has_read(&self) -> bool {
        !self.read.is_empty()
    }

    /// Whether nobody writes a request.
    #[inline]
    pub(super) fn is_sent(&self) -> bool {
        !matches!(self.state, State::Exchange { request: Half::Driven, .. })
    }

    /// A request is about to be written.
    ///
    /// # Errors
    /// When the connection isn't idle.
    #[inline]
    pub(super) fn begin(&mut self, wanted: bool) -> Result<(), CloseReason> {
        match self.state {
            State::Idle => {
                self.watch.pause();
                self.state = State::Exchange { request: Half::Driven, response: Half::Driven };
                self.reuse = Reuse { wanted, ..Reuse::open() };
                Ok(())
            }
            State::Closed(reason) => Err(reason),
            State::Exchange { .. } => Err(CloseReason::Unread),
        }
    }

    /// Nothing of the request was written, nor will be.
    #[cold]
    pub(super) fn cancel(&mut self) -> Effects {
        if let State::Exchange { .. } = self.state {
            self.state = State::Idle;
        }
        if !self.read.is_empty() {
            return self.close(CloseReason::Unsolicited);
        }
        self.look_idle()
    }

    // === reading ===

    /// The next head, interim or not.
    #[inline]
    pub(super) fn poll_head(&mut self, method: &Method, cx: &mut Context<'_>) -> Poll<Result<ResponseHead, H1Error>> {
        loop {
            if !self.read.is_empty()
                && let Some(head) =
                    self.decoder.decode(self.read.bytes(), method, &self.limits).map_err(H1Error::Head)?
            {
                // Of interim ones too: who takes one for a response, or sees a body behind it, is out of step.
                self.reuse.offered &= head.is_keep_alive();
                self.reuse.strict &= head.is_strict();
                return Poll::Ready(Ok(head));
            }
            match ready!(self.read.poll_fill(&mut self.io, cx)) {
                Ok(0) => return Poll::Ready(Err(self.head_broke_off())),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(H1Error::Read(Arc::new(error)))),
            }
        }
    }

    #[cold]
    fn head_broke_off(&mut self) -> H1Error {
        let received = self.read.bytes();
        match self.decoder.eof(received, &self.limits) {
            Ok(()) => H1Error::Closed { received: received.len() },
            Err(error) => H1Error::Head(error),
        }
    }

    /// The next piece of a body; `None` at its end.
    #[inline]
    pub(super) fn poll_piece(
        &mut self,
        body: &mut BodyDecoder,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Piece>, H1Error>> {
        loop {
            match body.decode(self.read.bytes(), &self.limits) {
                Ok(None) if !body.is_done() => {}
                piece => return Poll::Ready(piece.map_err(H1Error::Body)),
            }
            let Poll::Ready(read) = self.read.poll_fill(&mut self.io, cx) else { return self.poll_stalled(cx) };
            if let Some(failed) = &mut self.failed {
                failed.timer.stop();
            }
            match read {
                // Its socket is gone by our doing: nobody knows whether the peer has ended the body.
                Ok(0) if self.closed().is_some() => return Poll::Ready(Err(self.why_closed())),
                Ok(0) => {
                    self.reuse.read = false;
                    body.eof().map_err(H1Error::Body)?;
                }
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(H1Error::Read(Arc::new(error)))),
            }
        }
    }

    #[cold]
    fn why_closed(&self) -> H1Error {
        match (&self.failed, self.closed()) {
            (Some(failed), _) => failed.error.clone(),
            (None, reason) => H1Error::NotOpen(reason.unwrap_or(CloseReason::Shutdown)),
        }
    }

    /// The response doesn't go on at the moment.
    #[inline]
    fn poll_stalled<T>(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, H1Error>> {
        let Some(failed) = &mut self.failed else {
            if self.uploader.is_some() {
                self.reader = Some(cx.waker().clone());
            }
            return Poll::Pending;
        };
        ready!(failed.timer.poll(failed.limit, self.watch.runtime(), cx));
        Poll::Ready(Err(failed.error.clone()))
    }

    // === the halves ===

    /// The response's head is here.
    #[inline]
    pub(super) fn answered(&mut self, head: &ResponseHead) -> Effects {
        match head.framing {
            Framing::Empty => self.response_over(),
            Framing::UntilClose => {
                self.reuse.read = false;
                Effects::default()
            }
            Framing::Length(_) | Framing::Chunked | Framing::Upgrade => Effects::default(),
        }
    }

    /// The request was written to its end, or will go no further.
    #[inline]
    pub(super) fn request_over(&mut self, whole: bool) -> Effects {
        if let State::Exchange { request, .. } = &mut self.state {
            *request = Half::Over;
            self.reuse.written &= whole;
            self.uploader = None;
        }
        self.exchange_over()
    }

    /// The request could not be written to its end. What is read of its response may stall for as long as `limit`.
    #[cold]
    pub(super) fn request_failed(&mut self, error: H1Error, limit: Duration) -> Effects {
        self.failed = Some(Box::new(RequestFailed { error, limit, timer: Timer::default() }));
        // Who reads it waits without a limit so far.
        let reader = self.reader.take();
        let mut effects = self.request_over(false);
        effects.wakers[1] = effects.wakers[1].take().or(reader);
        effects
    }

    /// Nobody goes on with a request that isn't written to its end.
    #[cold]
    pub(super) fn request_aborted(&mut self, error: H1Error) -> Effects {
        let reason = error.close_reason();
        self.failed = Some(Box::new(RequestFailed { error, limit: Duration::ZERO, timer: Timer::default() }));
        // It is the one that has gone.
        self.uploader = None;
        let reader = self.reader.take();
        let mut effects = self.close(reason);
        effects.wakers[1] = reader;
        effects
    }

    /// The response was read to its end.
    #[inline]
    pub(super) fn response_over(&mut self) -> Effects {
        if let State::Exchange { response, .. } = &mut self.state {
            *response = Half::Over;
        }
        if self.uploader.is_some() {
            // From now on it watches the socket.
            return Effects { wakers: [None, self.uploader.take()], ..Effects::default() };
        }
        self.exchange_over()
    }

    /// Nobody reads the rest of the response.
    pub(super) fn response_unread(&mut self, body: BodyDecoder) -> Effects {
        if let State::Exchange { response, .. } = &mut self.state {
            *response = Half::Unread(body);
        }
        Effects { wakers: [self.over.take(), None], ..Effects::default() }
    }

    #[inline]
    fn exchange_over(&mut self) -> Effects {
        let State::Exchange { request: Half::Over, response: Half::Over } = self.state else {
            return Effects::default();
        };
        if let Some(reason) = self.reuse.refused() {
            return self.close(reason);
        }
        if !self.read.is_empty() {
            return self.close(CloseReason::Unsolicited);
        }
        self.state = State::Idle;
        self.read.rest();
        let mut effects = self.watch_idle();
        effects.wakers[0] = effects.wakers[0].take().or(self.over.take());
        effects
    }

    /// Waits for the end of an exchange that nobody reads any more, and throws away up to `budget` bytes of its
    /// response.
    pub(super) fn poll_over(&mut self, budget: &mut u64, cx: &mut Context<'_>) -> (Ending, Effects) {
        let mut effects = Effects::default();
        if let State::Exchange { response: Half::Unread(mut body), .. } = self.state {
            effects = self.poll_unread(&mut body, budget, cx);
        }
        match self.state {
            State::Idle => (Ending::Idle, effects),
            State::Closed(reason) => (Ending::Closed(reason), effects),
            State::Exchange { response, .. } => {
                self.over = Some(cx.waker().clone());
                let ending = match response {
                    Half::Driven => Ending::Read,
                    Half::Unread(_) => Ending::Unread,
                    Half::Over => Ending::Unwritten,
                };
                (ending, effects)
            }
        }
    }

    fn poll_unread(&mut self, body: &mut BodyDecoder, budget: &mut u64, cx: &mut Context<'_>) -> Effects {
        // What can't end in time, or would end with the connection, isn't worth reading.
        if self.reuse.refused().is_some() || body.remaining().is_some_and(|left| left > *budget) {
            return self.close(CloseReason::Unread);
        }
        loop {
            match self.poll_piece(body, cx) {
                Poll::Ready(Ok(Some(Piece::Data(data)))) => match budget.checked_sub(data.len() as u64) {
                    Some(left) => *budget = left,
                    None => return self.close(CloseReason::Unread),
                },
                Poll::Ready(Ok(Some(Piece::Trailers(_)))) => {}
                Poll::Ready(Ok(None)) => return self.response_over(),
                Poll::Ready(Err(error)) => return self.close(error.close_reason()),
                Poll::Pending => return self.response_unread(*body),
            }
            if body.is_done() {
                return self.response_over();
            }
        }
    }

    /// A response is over whose request is still being written: whatever the peer says now ends the connection, and
    /// the request with it.
    pub(super) fn watch_upload(&mut self, cx: &mut Context<'_>) -> Effects {
        match self.state {
            State::Exchange { response: Half::Over, .. } if !self.read.is_empty() => {
                self.close(CloseReason::Unsolicited)
            }
            State::Exchange { response: Half::Over, .. } => match poll_unasked(&mut self.io, cx) {
                Poll::Pending => Effects::default(),
                Poll::Ready(reason) => self.close(reason),
            },
            _ => Effects::default(),
        }
    }

    // === idle ===

    /// Asks the socket to wake the watch. Whatever it has to say at once ends the connection.
    #[inline]
    pub(super) fn watch_idle(&mut self) -> Effects {
        self.watch.resume();
        match poll_unasked(&mut self.io, &mut Context::from_waker(&self.idle)) {
            Poll::Pending => Effects::default(),
            Poll::Ready(reason) => self.close(reason),
        }
    }

    /// Looks what woke the watch, if the connection is still idle.
    pub(super) fn look_idle(&mut self) -> Effects {
        if self.is_idle() { self.watch_idle() } else { Effects::default() }
    }

    // === ends ===

    /// Closes it; the first reason stays.
    pub(super) fn close(&mut self, reason: CloseReason) -> Effects {
        if let State::Closed(_) = self.state {
            return Effects::default();
        }
        self.state = State::Closed(reason);
        let io = std::mem::replace(&mut self.io, Box::pin(ClosedIo));
        Effects { closed: Some(Closed { reason, io }), wakers: [self.over.take(), self.uploader.take()] }
    }

    /// It becomes another protocol's: the socket, and what was read of it already.
    pub(super) fn upgrade(&mut self) -> (Pin<Box<dyn Io>>, Bytes, Effects) {
        let io = std::mem::replace(&mut self.io, Box::pin(ClosedIo));
        let rest = std::mem::take(self.read.bytes()).freeze();
        let effects = self.close(CloseReason::Upgraded);
        (io, rest, effects)
    }

    /// Who writes the rest of the request is woken when the connection closes.
    pub(super) fn uploads(&mut self, waker: &Waker) {
        self.uploader = Some(waker.clone());
    }
}

/// Waits for what nobody has asked the peer for: its end, bytes or an error, each of which ends the connection.
#[inline]
fn poll_unasked(io: &mut Pin<Box<dyn Io>>, cx: &mut Context<'_>) -> Poll<CloseReason> {
    let mut byte = [0];
    let mut read = ReadBuf::new(&mut byte);
    io.as_mut().poll_read(cx, &mut read).map(|outcome| match outcome {
        Ok(()) if read.filled().is_empty() => CloseReason::PeerFin,
        Ok(()) => CloseReason::Unsolicited,
        Err(error) => H1Error::Read(Arc::new(error)).close_reason(),
    })
}
