use crate::ProxiedBody;
use http::{HeaderValue, Response, StatusCode, header};
use skybridge_core::{Cause, Delivery, Error, TimedOut};
use std::{error::Error as StdError, iter, sync::Arc};

/// A response of the proxy's own. It says what the status says, and nothing of what is inside.
pub(crate) fn answer<B>(status: StatusCode) -> Response<ProxiedBody<B>> {
    let has_content = status != StatusCode::NO_CONTENT;
    let text = if has_content { format!("{status}\n") } else { String::new() };
    let mut response = Response::new(ProxiedBody::own(text));
    *response.status_mut() = status;
    if has_content {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    }
    response
}

/// The response to a request that failed. The error is in its extensions, for layers and logs on this side.
pub(crate) fn failed<B>(error: Error) -> Response<ProxiedBody<B>> {
    let mut response = answer(status(&error));
    response.extensions_mut().insert(Arc::new(error));
    response
}

fn status(error: &Error) -> StatusCode {
    match error.cause() {
        // Of the client, nothing came for too long.
        Cause::RequestBody(failed) if is_timed_out(&**failed) => StatusCode::REQUEST_TIMEOUT,
        Cause::Request(_) | Cause::RequestBody(_) => StatusCode::BAD_REQUEST,
        _ if error.is_timeout() => StatusCode::GATEWAY_TIMEOUT,
        Cause::Overloaded(_) | Cause::Closed => StatusCode::SERVICE_UNAVAILABLE,
        _ if error.is_out_of_descriptors() => StatusCode::SERVICE_UNAVAILABLE,
        // A layer that sheds load, or refuses a request for another reason.
        Cause::Exchange(_) if error.delivery() == Delivery::Unsent => StatusCode::SERVICE_UNAVAILABLE,
        _ if error.delivery() == Delivery::Refused => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_GATEWAY,
    }
}

fn is_timed_out<'a>(error: &'a (dyn StdError + 'static)) -> bool {
    let mut causes = iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| (*error).source());
    causes.any(|cause| cause.is::<TimedOut>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use skybridge_core::{BoxError, ConnectError, ErrorCode, Overloaded, Phase, RequestError, Reset};
    use std::io;

    #[test]
    fn the_status_tells_whose_fault_it_is_and_whether_it_may_be_sent_again() {
        let of = |delivery, cause| Error::of(delivery, Phase::Wait, cause);
        let io = |kind: io::ErrorKind| -> BoxError { io::Error::from(kind).into() };
        let limit = std::time::Duration::from_secs(1);
        let refused = || Reset::by_peer(ErrorCode::REFUSED_STREAM, io(io::ErrorKind::Other));
        for (error, expected) in [
            (Error::from(RequestError::Method("BREW".into())), 400),
            (of(Delivery::Unknown, Cause::RequestBody(io(io::ErrorKind::Other))), 400),
            (of(Delivery::Unknown, Cause::RequestBody(TimedOut { phase: Phase::Send, limit }.into())), 408),
            (Error::from(ConnectError::new(Phase::Tcp, io(io::ErrorKind::ConnectionRefused))), 502),
            (of(Delivery::Unknown, Cause::NoResponse(io(io::ErrorKind::UnexpectedEof))), 502),
            (of(Delivery::Unknown, Cause::Protocol(io(io::ErrorKind::Other))), 502),
            (of(Delivery::Unsent, Cause::Overloaded(Overloaded { what: "the queue", limit: 1 })), 503),
            (of(Delivery::Unsent, Cause::Closed), 503),
            (of(Delivery::Unsent, Cause::Exchange(io(io::ErrorKind::Other))), 503),
            (of(Delivery::Refused, Cause::Reset(refused())), 503),
            (of(Delivery::Unknown, Cause::Reset(refused())), 502),
            (Error::from(ConnectError::new(Phase::Tcp, io(io::ErrorKind::ConnectionRefused))).backing_off(), 502),
            (of(Delivery::Unknown, Cause::Exchange(io(io::ErrorKind::TimedOut))), 504),
            (of(Delivery::Unknown, Cause::Unresponsive(io(io::ErrorKind::Other))), 504),
        ] {
            assert_eq!(status(&error).as_u16(), expected, "{error}");
        }
    }
}
