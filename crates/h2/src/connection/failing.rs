//! What becomes of an exchange without a response: its error, and its request if it may be sent again.

use super::{Exchange, Http2, Stop};
use crate::{H2Body, H2Error, classify, strikes};
use h2::RecvStream;
use http::{Request, Response};
use http_body::Body;
use skybridge_core::{Advice, BoxError, Cause, Delivery, Error, Failed, Phase, ResponseResult};
use std::task::Poll;

impl<B: Body> Http2<B> {
    #[cold]
    pub(super) fn error(&self, delivery: Delivery, phase: Phase, cause: Cause) -> Error {
        let is_other = matches!(cause, Cause::Protocol(_)) && self.shared.wire.ending().speaks_no_http2();
        let error = Error::of(delivery, phase, cause).on(&self.shared.info);
        if is_other { error.advise(Advice::NotHttp2) } else { error }
    }

    /// The error, with the request if it may be sent again.
    pub(super) fn failed(&mut self, error: Error, unpolled: Option<B>) -> Failed<Request<B>> {
        let again = match error.delivery() {
            Delivery::Unsent | Delivery::Refused => true,
            _ => self.saved.may_repeat(),
        };
        match self.saved.restore(unpolled).filter(|_| again) {
            Some(request) => Failed::with(error, request),
            None => Failed::lost(error),
        }
    }
}

impl<B> Http2<B>
where
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    /// There is no response. One that had arrived would take precedence over a failure of the request.
    #[cold]
    pub(super) fn poll_stopped(
        &mut self,
        polled: Poll<Result<Response<RecvStream>, h2::Error>>,
    ) -> Poll<ResponseResult<B, H2Body>> {
        let failed = match &mut self.exchange {
            Exchange::Waiting { failed, .. } => failed.take(),
            _ => None,
        };
        let stop = match (polled, failed) {
            (_, Some(error)) => Stop::Body(error),
            (Poll::Ready(Err(error)), None) => Stop::Stream(error),
            _ => return Poll::Pending,
        };
        Poll::Ready(Err(self.make_failed(stop)))
    }

    pub(super) fn make_failed(&mut self, stop: Stop) -> Failed<Request<B>> {
        let exchange = std::mem::replace(&mut self.exchange, Exchange::Idle);
        let (mut upload, writes) = match exchange {
            Exchange::Waiting { response, upload, writes, .. } => {
                self.shared.wire.close_stream();
                if let Stop::Stream(error) = &stop
                    && strikes::is_refusal(error)
                {
                    self.shared.refused(response.stream_id().into());
                }
                (upload, writes)
            }
            Exchange::Failed(failed) => return failed,
            Exchange::Idle | Exchange::Uploading(_) | Exchange::AwaitingSettings(_) => (None, 0),
        };
        let failed = match stop {
            Stop::Stream(error) => {
                let unpolled = upload.as_mut().and_then(|upload| upload.as_mut().take_unpolled());
                let delivery = classify::delivery(&error, writes == self.shared.wire.attempts());
                let ending = self.shared.wire.ending();
                let cause = ending.cause(error, false);
                let unread = matches!(&cause, Cause::Tls(alert) if ending.is_refused_by(&self.shared.info, alert));
                let delivery = if unread { Delivery::Unsent } else { delivery };
                let error = self.error(delivery, ending.phase(Phase::Wait), cause);
                self.failed(error, unpolled)
            }
            Stop::Body(error) => {
                if let Some(upload) = &mut upload {
                    upload.as_mut().reset();
                }
                Failed::lost(self.error(Delivery::Unknown, Phase::Send, Cause::RequestBody(error.into())))
            }
            Stop::NotStarted => {
                let cause = Cause::Exchange(H2Error::NotStarted.into());
                Failed::lost(self.error(Delivery::Unsent, Phase::Wait, cause))
            }
            Stop::Interim(max) => {
                let cause = Cause::Protocol(H2Error::InterimResponses(max).into());
                Failed::lost(self.error(Delivery::Unknown, Phase::Wait, cause))
            }
        };
        self.recycle(upload);
        failed
    }
}
