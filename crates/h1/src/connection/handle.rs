//! The only handle of a connection: it carries one exchange at a time, and goes on with it when it is polled.

mod exchange;
mod failure;
mod ready;
mod request;
mod response;

use super::{idle::IdleWatch, sent::Sent, shared::Shared, timer::Timer, upload::Upload};
use crate::{
    H1Error,
    head::{Fixed, shared_host},
    settings::Settings,
};
use http::HeaderValue;
use http_body::Body;
use skybridge_core::{CloseReason, ConnInfo, Io, RequestError};
use skybridge_h1_codec::HeadDecoder;
use std::sync::Arc;

pub(super) struct Handle<B: Body> {
    pub(super) shared: Arc<Shared>,
    upload: Upload<B>,
    /// The request, as long as it can be given back.
    sent: Sent<B>,
    /// It asked for another protocol.
    upgrade: bool,
    /// It has carried an exchange before.
    used: bool,
    pub(super) step: Step,
    interim: u32,
    timer: Timer,
    drain_budget: u64,
    settings: Arc<Settings>,
    fixed: Fixed,
    pub(super) info: Arc<ConnInfo>,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// No request is under way, as far as this handle is concerned.
    Idle,
    /// The request can't be sent, here or elsewhere.
    Invalid(RequestError),
    /// The connection was closed before the request was started.
    NotOpen(H1Error),
    /// The body is held back until the peer wants it, or has said nothing for a while (RFC 9110, section 10.1.1).
    Held,
    /// The request goes out, and the response is waited for.
    Open,
    /// The request can't go on. There may be an answer all the same, that says why.
    Broken(H1Error),
}

impl<B: Body> Handle<B> {
    pub(super) fn new(io: impl Io, settings: Arc<Settings>, host: HeaderValue, info: Arc<ConnInfo>) -> Self {
        let decoder =
            HeadDecoder::default().keep_spelling(settings.keep_case).ignore_invalid_fields(settings.ignore_invalid);
        let idle = IdleWatch::new(Arc::clone(info.route.ctx().runtime()));
        let shared = Shared::new(io, decoder, settings.limits, idle);
        Self {
            shared,
            upload: Upload::new(),
            sent: Sent::Nothing,
            upgrade: false,
            used: false,
            step: Step::Idle,
            interim: 0,
            timer: Timer::default(),
            drain_budget: settings.drain_bytes,
            settings,
            fixed: Fixed { host, credentials: None },
            info,
        }
    }

    /// How many bytes of the request have left us; `None` for all of them.
    pub(super) fn sent_bytes(&self) -> Option<u64> {
        (!self.upload.is_written()).then(|| self.upload.taken())
    }

    /// Between two exchanges: what is sent from now on is for another origin.
    #[cold]
    pub(super) fn forward_to(&mut self, info: &Arc<ConnInfo>) -> bool {
        let Ok(host) = shared_host(info.route.target.origin().authority()) else { return false };
        let may = self.info.forwarded && info.forwarded && matches!(self.step, Step::Idle);
        if may {
            (self.fixed, self.info) = (Fixed { host, credentials: None }, Arc::clone(info));
        }
        may
    }

    /// Nothing of the exchange is this handle's any more.
    #[inline]
    fn over(&mut self) {
        self.step = Step::Idle;
        self.sent.clear();
        // A body may outlive its request: one whose length is reached, and that hasn't said that it is over.
        self.upload.abandon();
        self.upload.rest();
        self.timer.stop();
        self.drain_budget = self.settings.drain_bytes;
    }
}

impl<B: Body> Drop for Handle<B> {
    fn drop(&mut self) {
        // Between a request and its response nobody else could go on with it.
        if !matches!(self.step, Step::Idle | Step::Invalid(_) | Step::NotOpen(_)) {
            self.shared.close(CloseReason::Cancelled);
        }
    }
}
