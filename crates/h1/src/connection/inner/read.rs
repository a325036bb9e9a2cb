//! The response, as far as it has arrived.

use super::Inner;
use crate::H1Error;
use http::Method;
use skybridge_core::CloseReason;
use skybridge_h1_codec::{BodyDecoder, Piece, ResponseHead};
use std::{
    sync::Arc,
    task::{Context, Poll, ready},
};

impl Inner {
    /// The next head, interim or not.
    #[inline]
    pub(in crate::connection) fn poll_head(
        &mut self,
        method: &Method,
        cx: &mut Context<'_>,
    ) -> Poll<Result<ResponseHead, H1Error>> {
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
    pub(in crate::connection) fn poll_piece(
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
                failed.goes_on();
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
            (Some(failed), _) => failed.error().clone(),
            (None, reason) => self.not_open(reason.unwrap_or(CloseReason::Shutdown)),
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
        failed.poll(self.watch.runtime(), cx).map(Err)
    }
}
