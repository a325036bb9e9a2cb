//! The words of OpenTelemetry's semantic conventions for HTTP, as spans and metrics have them in common.

use http::Method;
use skybridge_core::{Cause, Error, Phase};

/// The method, if it is one of RFC 9110 or PATCH; else `_OTHER`, so that metrics have a bound.
pub(crate) fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::CONNECT => "CONNECT",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::PATCH => "PATCH",
        _ => "_OTHER",
    }
}

/// `error.type` of a call: one of a short, closed list.
pub(crate) fn error_type(error: &Error) -> &'static str {
    match error.cause() {
        _ if error.is_timeout() => "timeout",
        Cause::Connect(error) => error.phase().map_or("connect", Phase::as_str),
        cause => cause_type(cause),
    }
}

fn cause_type(cause: &Cause) -> &'static str {
    match cause {
        Cause::Request(_) => "request",
        Cause::RequestBody(_) => "request_body",
        Cause::Cancelled => "cancelled",
        Cause::Overloaded(_) => "overloaded",
        Cause::Closed => "pool_closed",
        Cause::ConnectionClosed(_) | Cause::NoResponse(_) | Cause::Io(_) => "connection_lost",
        Cause::GoAway(_) => "goaway",
        Cause::Reset(_) => "stream_reset",
        Cause::Protocol(_) => "protocol",
        Cause::Tls(_) => "tls",
        Cause::Incomplete(_) => "incomplete",
        Cause::Stale(cause) => cause_type(cause),
        _ => "exchange",
    }
}
