//! A connection under its lock: its socket, and how far the exchange on it is.

pub(super) mod drain;
mod read;
mod request_failed;
mod unasked;

use self::request_failed::RequestFailed;
use super::{
    closed_io::ClosedIo,
    effects::{Closed, Effects},
    idle::IdleWatch,
    read_buffer::ReadBuffer,
    reuse::Reuse,
    stage::Stage,
};
use crate::H1Error;
use bytes::Bytes;
use skybridge_core::{CloseReason, Io};
use skybridge_h1_codec::{BodyDecoder, Framing, HeadDecoder, Limits, ResponseHead};
use std::{pin::Pin, sync::Arc, task::Waker, time::Duration};

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
    reuse: Reuse,
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
    /// How the socket failed while no exchange was there to say so. Behind a box, as above.
    broke: Option<Box<H1Error>>,
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
            broke: None,
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

    /// Why no exchange can begin.
    #[cold]
    pub(super) fn not_open(&self, reason: CloseReason) -> H1Error {
        self.broke.as_deref().cloned().unwrap_or(H1Error::NotOpen(reason))
    }

    /// Whether there are bytes of a response that nobody has taken.
    pub(super) fn has_read(&self) -> bool {
        !self.read.is_empty()
    }

    /// A request is about to be written. What the peer has said by now, it hasn't said of this request: so the socket
    /// is read before, whether or not it has woken the watch. Whoever has to wake that may have had no turn.
    ///
    /// # Errors
    /// When the connection isn't idle.
    #[inline]
    pub(super) fn begin(&mut self, wanted: bool) -> (Result<(), H1Error>, Effects) {
        let effects = self.look_idle();
        let begun = match self.state {
            State::Idle => {
                self.state = State::Exchange { request: Half::Driven, response: Half::Driven };
                self.watch.stage.set(Stage::Sending);
                self.reuse = Reuse { wanted, ..Reuse::open() };
                Ok(())
            }
            State::Closed(reason) => Err(self.not_open(reason)),
            State::Exchange { .. } => Err(H1Error::NotOpen(CloseReason::Unread)),
        };
        (begun, effects)
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

    /// The response's head is here, and the request is written to its end or not.
    #[inline]
    pub(super) fn answered(&mut self, head: &ResponseHead, is_whole: bool) -> Effects {
        if is_whole {
            self.end_request(true);
        }
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
        self.end_request(whole);
        self.exchange_over()
    }

    #[inline]
    fn end_request(&mut self, whole: bool) {
        if let State::Exchange { request, .. } = &mut self.state {
            *request = Half::Over;
            self.watch.stage.set(Stage::Sent);
            self.reuse.written &= whole;
            self.uploader = None;
        }
    }

    /// The request could not be written to its end. What is read of its response may stall for as long as `limit`.
    #[cold]
    pub(super) fn request_failed(&mut self, error: H1Error, limit: Duration) -> Effects {
        self.failed = Some(RequestFailed::new(error, limit));
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
        self.failed = Some(RequestFailed::new(error, Duration::ZERO));
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

    /// Closes it; the first reason stays.
    pub(super) fn close(&mut self, reason: CloseReason) -> Effects {
        if let State::Closed(_) = self.state {
            return Effects::default();
        }
        self.state = State::Closed(reason);
        self.watch.stage.set(Stage::Closed);
        let io = std::mem::replace(&mut self.io, Box::pin(ClosedIo));
        Effects { closed: Some(Closed { reason, io }), wakers: [self.over.take(), self.uploader.take()] }
    }

    /// Closes it, as its socket has said this while no exchange listened.
    #[cold]
    pub(super) fn broke(&mut self, error: H1Error) -> Effects {
        let reason = error.close_reason();
        self.broke.get_or_insert_with(|| Box::new(error));
        self.close(reason)
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
