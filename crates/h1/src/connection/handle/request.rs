//! A request's way into the connection: its head, and its body when it is wanted.

use super::{super::upload::Fetched, Handle, Step};
use crate::{H1Error, head};
use http::Request;
use http_body::Body;
use skybridge_core::{BoxError, ProxyAnswer};
use std::task::{Context, Poll};

impl<B> Handle<B>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    /// Puts the head where it can be written from. Nothing is written before the first poll.
    #[inline]
    pub(in crate::connection) fn start(&mut self, request: Request<B>) {
        if self.info.forwarded {
            self.fixed.credentials = ProxyAnswer::credentials(&request, &self.info);
        }
        let out = self.upload.begin();
        let written = match head::encode(&request, &self.fixed, &self.info, &self.settings, out) {
            Ok(written) => written,
            Err(error) => {
                self.upload.abandon();
                self.sent.begin(request);
                self.step = Step::Invalid(error);
                return;
            }
        };
        self.upload.body(written.framing, written.length);
        self.upgrade = written.upgrade;
        self.sent.begin(request);
        self.interim = 0;
        let (begun, effects) = self.shared.lock().begin(!written.close);
        self.shared.apply(effects);
        self.step = match begun {
            Err(error) => Step::NotOpen(error),
            Ok(()) if written.expects_continue && !self.upload.is_fetched() => Step::Held,
            Ok(()) => Step::Open,
        };
    }

    /// What there is of the body, unless it has to wait.
    pub(super) fn poll_body(&mut self, cx: &mut Context<'_>) -> Result<Fetched, H1Error> {
        if let Step::Broken(error) = &self.step {
            let error = error.clone();
            return match self.timer.poll(self.settings.drain_time, self.info.route.ctx().runtime(), cx) {
                Poll::Ready(()) => Err(error),
                Poll::Pending => Ok(Fetched::Pending),
            };
        }
        if let Step::Held = self.step {
            if self.timer.poll(self.settings.continue_delay, self.info.route.ctx().runtime(), cx).is_pending() {
                return Ok(Fetched::Pending);
            }
            self.step = Step::Open;
        }
        if self.upload.wants_body() {
            match self.sent.take_body() {
                Some(body) => self.upload.give_body(body),
                // invariant: a body is taken once, and given at once.
                None => return Ok(Fetched::Pending),
            }
        }
        self.upload.poll_body(cx)
    }
}
