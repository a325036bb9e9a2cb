//! What the head of a response means for its exchange.

use super::{
    super::{body::H1Body, upload::Upload, upload_task::UploadTask},
    Handle, Step,
};
use crate::{H1Error, head};
use http::{Method, StatusCode};
use http_body::Body;
use skybridge_core::{BoxError, FollowUp, OnInformational, ResponseResult, Upgrade, Upgraded};
use skybridge_h1_codec::{BodyDecoder, Framing, ResponseHead};
use std::{sync::Arc, task::Context};

impl<B> Handle<B>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    #[cold]
    pub(super) fn interim(&mut self, head: ResponseHead) -> Result<(), H1Error> {
        self.interim += 1;
        if self.interim > self.settings.interim {
            return Err(H1Error::InterimResponses { limit: self.settings.interim });
        }
        if head.status == StatusCode::CONTINUE && matches!(self.step, Step::Held) {
            self.timer.stop();
            self.step = Step::Open;
        }
        if let Some(on) = self.sent.extensions().and_then(|extensions| extensions.get::<OnInformational>()).cloned() {
            on.call(head::response(head, ()));
        }
        Ok(())
    }

    #[inline]
    pub(super) fn answered(
        &mut self,
        head: ResponseHead,
        is_whole: bool,
        cx: &mut Context<'_>,
    ) -> ResponseResult<B, H1Body> {
        if head.framing == Framing::Upgrade {
            return self.upgraded(head);
        }
        if FollowUp::may_follow(head.status) {
            return self.answered_to_follow_up(head, is_whole, cx);
        }
        self.answered_in_full(head, is_whole, cx)
    }

    /// The request is given up with its response, so that whoever is above decides whether it is sent again.
    #[cold]
    fn answered_to_follow_up(
        &mut self,
        head: ResponseHead,
        is_whole: bool,
        cx: &mut Context<'_>,
    ) -> ResponseResult<B, H1Body> {
        let request = if FollowUp::is_wanted::<B>(head.status) { self.sent.take(false) } else { None };
        let mut response = self.answered_in_full(head, is_whole, cx)?;
        if let Some(request) = request {
            FollowUp::challenged(request, self.fixed.credentials.as_ref(), &self.info, &mut response);
        }
        Ok(response)
    }

    #[inline]
    fn answered_in_full(
        &mut self,
        head: ResponseHead,
        is_whole: bool,
        cx: &mut Context<'_>,
    ) -> ResponseResult<B, H1Body> {
        if !is_whole {
            let held = matches!(self.step, Step::Held);
            if held && head.status == StatusCode::EXPECTATION_FAILED {
                return Err(self.expectation_failed());
            }
            self.goes_on(held, &head, cx);
        }
        let body = BodyDecoder::new(head.framing);
        let body = if body.is_done() { H1Body::default() } else { H1Body::new(Arc::clone(&self.shared), body) };
        self.used = true;
        self.over();
        Ok(head::response(head, body))
    }

    /// There is an answer, and the request isn't written to its end.
    #[cold]
    fn goes_on(&mut self, held: bool, head: &ResponseHead, cx: &mut Context<'_>) {
        let effects = self.shared.lock().answered(head, false);
        self.shared.apply(effects);
        // A peer that closes wants no more of it (RFC 9112, section 9.6). One that was asked whether it wants it has
        // said no.
        let failed = match &self.step {
            Step::Broken(error) => Some(error.clone()),
            _ => None,
        };
        if held || !head.is_keep_alive() || failed.is_some() {
            self.upload.abandon();
            let mut inner = self.shared.lock();
            let effects = match failed {
                Some(error) => inner.request_failed(error, self.settings.drain_time),
                None => inner.request_over(false),
            };
            drop(inner);
            return self.shared.apply(effects);
        }
        let upload = std::mem::replace(&mut self.upload, Upload::new());
        let upload_task = UploadTask::new(&self.shared, upload, self.settings.drain_time);
        self.shared.lock().uploads(cx.waker());
        self.info.route.ctx().runtime().spawn(Box::pin(upload_task));
    }

    #[cold]
    fn upgraded(&mut self, head: ResponseHead) -> ResponseResult<B, H1Body> {
        let connect = *self.sent.method() == Method::CONNECT;
        if !connect && !self.upgrade {
            return Err(self.failed(H1Error::UnaskedUpgrade));
        }
        if !self.upload.is_written() {
            return Err(self.failed(H1Error::EarlyUpgrade));
        }
        let (io, read, effects) = self.shared.lock().upgrade();
        self.shared.apply(effects);
        self.over();
        let mut response = head::response(head, H1Body::default());
        response.extensions_mut().insert(Upgrade::new(Upgraded::new(io, read)));
        Ok(response)
    }
}
