use crate::request_body::Stream;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use skybridge_core::{BoxError, RequestError};
use std::task::{Context, Poll, Waker};

type Item = Option<Result<Frame<Bytes>, BoxError>>;

/// A streamed body whose request declares its length: fails where it turns out to be longer or shorter.
///
/// HTTP/1.1 writes no more than was declared, and asks for no more: so what follows the last byte is looked at before that is given away, if it
/// is there already. It is not waited for: a body may stay open until it is answered.
pub(crate) struct Measured {
    body: Stream,
    declared: u64,
    seen: u64,
    /// What was found behind the last byte.
    next: Option<Item>,
}

impl Measured {
    pub(crate) fn new(body: Stream, declared: u64) -> Self {
        let mut measured = Self { body, declared, seen: 0, next: None };
        if declared == 0 {
            measured.look();
        }
        measured
    }

    /// HTTP/1.1 asks nothing of a body that is declared to be none: what is there already is looked at before that, and its size tells.
    fn look(&mut self) {
        if let Err(error) = self.poll_behind(&mut Context::from_waker(Waker::noop())) {
            self.next = Some(Some(Err(error)));
        }
    }

    /// The next frame that says something.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Item> {
        if let Some(next) = self.next.take() {
            return Poll::Ready(next);
        }
        loop {
            match self.body.as_mut().poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) if frame.data_ref().is_some_and(Bytes::is_empty) => {}
                polled => return polled,
            }
        }
    }

    fn too_long(&self) -> BoxError {
        RequestError::BodySize { declared: self.declared, at_least: self.seen, at_most: None }.into()
    }

    fn too_short(&self) -> BoxError {
        RequestError::BodySize { declared: self.declared, at_least: self.seen, at_most: Some(self.seen) }.into()
    }

    /// Looks behind the last byte.
    fn poll_behind(&mut self, cx: &mut Context<'_>) -> Result<(), BoxError> {
        match self.poll_body(cx) {
            Poll::Pending => Ok(()),
            Poll::Ready(Some(Err(error))) => Err(error),
            Poll::Ready(Some(Ok(frame))) if frame.is_data() => {
                self.count(&frame);
                Err(self.too_long())
            }
            Poll::Ready(next) => {
                self.next = Some(next);
                Ok(())
            }
        }
    }

    fn count(&mut self, frame: &Frame<Bytes>) {
        self.seen += frame.data_ref().map_or(0, |data| data.len() as u64);
    }

    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Item> {
        let frame = match self.poll_body(cx) {
            Poll::Ready(Some(Ok(frame))) => frame,
            Poll::Ready(None) if self.seen < self.declared => return Poll::Ready(Some(Err(self.too_short()))),
            polled => return polled,
        };
        self.count(&frame);
        Poll::Ready(Some(match () {
            () if self.seen > self.declared => Err(self.too_long()),
            // Trailers are the end too.
            () if !frame.is_data() && self.seen < self.declared => Err(self.too_short()),
            () if frame.is_data() && self.seen == self.declared => self.poll_behind(cx).map(|()| frame),
            () => Ok(frame),
        }))
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        match &self.next {
            Some(next) => next.is_none(),
            // Where it is too short, that is yet to be told.
            None => self.seen >= self.declared && self.body.is_end_stream(),
        }
    }

    /// Not what it has at most: a pool takes little for something that is at hand, and over as soon as it is answered. Nobody knows when this comes.
    pub(crate) fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(if self.seen > self.declared { self.seen } else { self.body.size_hint().lower() });
        hint
    }
}
