//! How an exchange fails: what is known of its request, and whether that comes back.

use super::{Handle, Step};
use crate::H1Error;
use http::Request;
use http_body::Body;
use skybridge_core::{Advice, BoxError, Cause, CloseReason, Delivery, Error, Failed, Phase};
use skybridge_h1_codec::HeadError;

impl<B: Body> Handle<B> {
    pub(super) fn error(&self, delivery: Delivery, phase: Phase, error: H1Error) -> Error {
        let advice = advice(&error);
        advised(Error::of(delivery, phase, error.into()).on(&self.info), advice)
    }

    /// The socket takes no more of the request. An answer that is on its way says more than that, and if there is none,
    /// its end is not far.
    #[cold]
    pub(super) fn broken(&mut self, error: H1Error) {
        self.timer.stop();
        self.upload.broken();
        self.step = Step::Broken(error);
    }
}

impl<B> Handle<B>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    /// No exchange was begun.
    #[cold]
    pub(super) fn not_begun(&mut self) -> Failed<Request<B>> {
        let error = match std::mem::replace(&mut self.step, Step::Idle) {
            Step::Invalid(error) => Error::from(error).on(&self.info),
            Step::NotOpen(error) => self.error(Delivery::Unsent, Phase::Send, error),
            _ => self.error(Delivery::Unsent, Phase::Send, H1Error::NotStarted),
        };
        self.given_back(error)
    }

    /// An answer, and nothing of the request has left: whatever it answers, it isn't this request.
    #[cold]
    pub(super) fn unsolicited(&mut self) -> Failed<Request<B>> {
        self.shared.close(CloseReason::Unsolicited);
        let error = self.error(Delivery::Unsent, Phase::Send, H1Error::NotOpen(CloseReason::Unsolicited));
        self.given_back(error)
    }

    /// A body that was declared to be empty isn't. The peer would take the request for a whole one, so it is not
    /// written, and the connection is as it was.
    #[cold]
    pub(super) fn not_written(&mut self, error: H1Error) -> Failed<Request<B>> {
        self.upload.discard();
        let effects = self.shared.lock().cancel();
        self.shared.apply(effects);
        let error = self.error(Delivery::Unsent, Phase::Send, error);
        self.given_back(error)
    }

    /// The peer doesn't know `100-continue`: the request is to be sent without it, elsewhere, as this peer may wait for
    /// the body.
    #[cold]
    pub(super) fn expectation_failed(&mut self) -> Failed<Request<B>> {
        let error = self.error(Delivery::Refused, Phase::Wait, H1Error::ExpectationFailed);
        let request = self.sent.take(false).map(|mut request| {
            request.headers_mut().remove(http::header::EXPECT);
            Box::new(request)
        });
        self.shared.close(CloseReason::Unread);
        self.over();
        Failed::new(error, request)
    }

    #[cold]
    pub(super) fn failed(&mut self, error: H1Error) -> Failed<Request<B>> {
        // Why it couldn't be sent says more than that nothing came, unless the peer has said why it closes.
        let error = match std::mem::replace(&mut self.step, Step::Idle) {
            Step::Broken(why) if matches!(error, H1Error::Closed { .. } | H1Error::Read(_)) && !error.is_alert() => why,
            _ => error,
        };
        let phase = match error {
            H1Error::Write(_) | H1Error::RequestBody(_) | H1Error::BodySize(_) | H1Error::ForbiddenTrailer(_) => {
                Phase::Send
            }
            _ => Phase::Wait,
        };
        // A TLS stream that fails to write may have sent a record before.
        let in_records = self.info.tls.is_some() || self.info.proxies_passed > 0;
        let may_have_left = matches!(error, H1Error::Write(_)) && in_records;
        let unsent = self.upload.is_untouched() && !may_have_left || self.is_unread(&error);
        let delivery = if unsent { Delivery::Unsent } else { Delivery::Unknown };
        let stale = self.is_stale(&error);
        self.shared.close(error.close_reason());
        // An answer that can't be understood is an answer: the request is not to be sent again.
        if error.is_answer() {
            self.sent.clear();
        }
        let advice = advice(&error);
        let received = self.interim > 0 || self.shared.lock().has_read();
        let mut cause = if received { error.in_response() } else { error.into() };
        if stale && delivery == Delivery::Unknown {
            cause = Cause::Stale(Box::new(cause));
        }
        self.given_back(advised(Error::of(delivery, phase, cause).on(&self.info), advice))
    }

    /// Whether a used connection ended without a byte of an answer.
    fn is_stale(&self, error: &H1Error) -> bool {
        let ended = matches!(error, H1Error::Write(_) | H1Error::Read(_) | H1Error::Closed { received: 0 });
        self.used && ended && self.interim == 0 && !self.shared.lock().has_read()
    }

    /// Whether the peer says by how it ends TLS that it has read nothing of the request.
    fn is_unread(&self, error: &H1Error) -> bool {
        let unanswered = !self.used && self.interim == 0 && !self.shared.lock().has_read();
        unanswered && error.alert().is_some_and(|alert| self.info.is_refused_by(&alert))
    }

    fn given_back(&mut self, error: Error) -> Failed<Request<B>> {
        let processed = error.delivery() == Delivery::Unknown;
        let failed = Failed::new(error, self.sent.take(processed).map(Box::new));
        self.over();
        failed
    }
}

/// What helps, if more is known than that the response can't be read.
fn advice(error: &H1Error) -> Option<Advice> {
    match error {
        H1Error::UnaskedHttp2 => Some(Advice::WantsHttp2),
        H1Error::Head(HeadError::NotHttp1 { looks_like, .. }) => Some(match looks_like {
            Some("TLS") => Advice::WantsTls,
            Some("HTTP/2") => Advice::WantsHttp2,
            _ => Advice::NotHttp,
        }),
        H1Error::Head(HeadError::TooLarge { .. } | HeadError::TooManyFields { .. }) => Some(Advice::HeadTooLarge),
        _ => None,
    }
}

fn advised(error: Error, advice: Option<Advice>) -> Error {
    match advice {
        Some(advice) => error.advise(advice),
        None => error,
    }
}
