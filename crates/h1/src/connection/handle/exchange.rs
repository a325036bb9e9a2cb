//! Both halves of an exchange at once: the request is written, and the response's head read.

use super::{
    super::{body::H1Body, effects::Effects, upload::Fetched},
    Handle, Step,
};
use crate::H1Error;
use http_body::Body;
use skybridge_core::{BoxError, ResponseResult};
use skybridge_h1_codec::Framing;
use std::{
    sync::Arc,
    task::{Context, Poll},
};

impl<B> Handle<B>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    #[inline]
    pub(in crate::connection) fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<ResponseResult<B, H1Body>> {
        if let Step::Idle | Step::Invalid(_) | Step::NotOpen(_) = self.step {
            return Poll::Ready(Err(self.not_begun()));
        }
        loop {
            // Without the lock: a body is its user's code.
            let fetched = if self.upload.is_fetched() { Ok(Fetched::Pending) } else { self.poll_body(cx) };
            let fetched = match fetched {
                Err(error) if self.upload.is_declared_empty() => return Poll::Ready(Err(self.not_written(error))),
                fetched => fetched,
            };
            let mut inner = self.shared.lock();
            let written = self.upload.poll_write(&mut inner.io, cx);
            let head = inner.poll_head(self.sent.method(), cx);
            // As nearly all exchanges go: the request is over, and this is its response.
            let is_whole = fetched.is_ok() && !matches!(self.step, Step::Held) && self.upload.is_written();
            let effects = match &head {
                Poll::Ready(Ok(head)) if is_whole && !head.is_interim() && head.framing != Framing::Upgrade => {
                    inner.answered(head, true)
                }
                _ => Effects::default(),
            };
            drop(inner);
            self.shared.apply(effects);
            let fetched = match fetched {
                // A body that has failed isn't asked again, and what there is of the request is no whole one.
                Err(error) if matches!(head, Poll::Ready(Ok(_))) && !matches!(self.step, Step::Broken(_)) => {
                    self.broken(error);
                    Ok(Fetched::Pending)
                }
                fetched => fetched,
            };
            match head {
                Poll::Ready(Ok(_)) if self.upload.is_untouched() => return Poll::Ready(Err(self.unsolicited())),
                Poll::Ready(Ok(head)) if head.is_interim() => match self.interim(head) {
                    Ok(()) => continue,
                    Err(error) => return Poll::Ready(Err(self.failed(error))),
                },
                Poll::Ready(Ok(head)) => return Poll::Ready(self.answered(head, is_whole, cx)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(self.failed(error))),
                Poll::Pending => {}
            }
            match (fetched, written) {
                (Err(error), _) => return Poll::Ready(Err(self.failed(error))),
                (_, Poll::Ready(Err(error))) => self.broken(H1Error::Write(Arc::new(error))),
                (Ok(Fetched::Something), Poll::Ready(Ok(()))) => {}
                _ => return Poll::Pending,
            }
        }
    }
}
