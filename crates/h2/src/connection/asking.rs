//! Responses that ask for their request again, if they can have it.

use super::{Exchange, Http2};
use crate::H2Body;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body::Body;
use skybridge_core::{BoxError, Cause, Delivery, Error, Failed, FollowUp, Phase};

impl<B> Http2<B>
where
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    /// A 421 (RFC 9110, section 15.5.20) on a connection that was opened for another origin: the request goes back, to
    /// be sent on another connection. Where a proxy forwards it is about the proxy's, and not this one.
    fn misdirected(&mut self) -> Option<Failed<Request<B>>> {
        if self.shared.info.forwarded {
            return None;
        }
        let own = self.shared.info.route.target.origin().as_ref();
        if self.saved.origin().is_none_or(|origin| origin == own) {
            return None;
        }
        let unpolled = match &mut self.exchange {
            Exchange::Waiting { upload: Some(upload), .. } => upload.as_mut().take_unpolled(),
            _ => None,
        };
        let request = self.saved.restore(unpolled)?;
        let error = Error::of(Delivery::Refused, Phase::Wait, Cause::Misdirected).on(&self.shared.info);
        Some(Failed::with(error, request))
    }

    /// What such a response asks for, if it can be had: the request, with what it has shown to a proxy, for a layer
    /// above that wants to decide it. A 421 may give the request back at once.
    #[cold]
    #[expect(clippy::type_complexity, reason = "it is named nowhere else")]
    pub(super) fn take_again(
        &mut self,
        status: StatusCode,
    ) -> Result<Option<Box<(Request<B>, Option<HeaderValue>)>>, Failed<Request<B>>> {
        if status == StatusCode::MISDIRECTED_REQUEST
            && let Some(failed) = self.misdirected()
        {
            self.cancel_exchange();
            return Err(failed);
        }
        if !FollowUp::is_wanted::<B>(status) {
            return Ok(None);
        }
        let shown = self.saved.shown().cloned();
        Ok(self.saved.restore(None).map(|request| Box::new((request, shown))))
    }

    #[cold]
    pub(super) fn attach(
        &self,
        (request, shown): (Request<B>, Option<HeaderValue>),
        mut response: Response<H2Body>,
    ) -> Response<H2Body> {
        FollowUp::challenged(request, shown.as_ref(), &self.shared.info, &mut response);
        response
    }
}
