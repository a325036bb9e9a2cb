use http::{HeaderName, Response, StatusCode, header::CONTENT_TYPE};
use skybridge::{Cause, Delivery, Error, Phase, types::ErrorCode};
use std::{error::Error as StdError, iter, sync::Arc};
use tonic::{Code, Status};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC: &[u8] = b"application/grpc";

/// How much of a content type a message quotes, in bytes.
const QUOTED: usize = 100;

/// The status of a call that failed with this error, which becomes its `source()`. Its message is the error's sentence.
pub fn status_of(error: Error) -> Status {
    let mut status = Status::new(code_of(&error), error.to_string());
    // What a layer above the pool, or the caller's own stream, has failed with stays what it is.
    if let Some(own) = own_status(&error) {
        status = own.clone();
    }
    status.set_source(Arc::new(error));
    status
}

/// The error of the stack behind a status; `None` for a status that the server sent, or that the call failed with
/// before it got here.
pub fn error_of(status: &Status) -> Option<&Error> {
    causes(status).find_map(Error::from_dyn)
}

/// The code of a call that failed with this error.
///
/// | [`Cause`] | code |
/// |---|---|
/// | no connection, one that ended or was closed, a silent peer, a GOAWAY | `UNAVAILABLE` |
/// | the limit of the call, `grpc-timeout` | `DEADLINE_EXCEEDED` |
/// | another time limit | `UNAVAILABLE` while nothing was sent, `DEADLINE_EXCEEDED` after |
/// | cancelled, the client is closed | `CANCELLED` |
/// | a full queue, or a limit of the client | `RESOURCE_EXHAUSTED` |
/// | the request is invalid, its body failed | `INTERNAL` |
/// | the peer violated HTTP/2, or doesn't speak it | `UNAVAILABLE` while nothing was sent, `INTERNAL` after |
/// | a reset stream: REFUSED_STREAM | `UNAVAILABLE` |
/// | CANCEL | `CANCELLED` |
/// | ENHANCE_YOUR_CALM, in a GOAWAY too | `RESOURCE_EXHAUSTED` |
/// | INADEQUATE_SECURITY, in a GOAWAY too | `PERMISSION_DENIED` |
/// | STREAM_CLOSED, HTTP_1_1_REQUIRED, and codes that the specification hasn't | `UNKNOWN` |
/// | other codes | `INTERNAL` |
/// | the status of an answer | as gRPC has it for HTTP's |
/// | anything else | `UNAVAILABLE` if it [can't have been processed](Error::delivery), `UNKNOWN` otherwise |
///
/// The codes of resets are those of the gRPC specification of HTTP/2, section "Errors".
pub fn code_of(error: &Error) -> Code {
    if let Some(status) = own_status(error) {
        return status.code();
    }
    of_cause(error.cause(), error)
}

fn of_cause(cause: &Cause, error: &Error) -> Code {
    match cause {
        Cause::TimedOut(limit) if limit.phase == Phase::Call => Code::DeadlineExceeded,
        Cause::TimedOut(_) if error.delivery() == Delivery::Unsent => Code::Unavailable,
        Cause::TimedOut(_) => Code::DeadlineExceeded,
        Cause::Cancelled | Cause::Closed => Code::Cancelled,
        Cause::Overloaded(_) => Code::ResourceExhausted,
        Cause::Protocol(_) if error.delivery() == Delivery::Unsent => Code::Unavailable,
        Cause::Request(_) | Cause::RequestBody(_) | Cause::Protocol(_) => Code::Internal,
        Cause::Answered(status) => of_http(*status),
        Cause::Reset(reset) => of_reset(reset.code()),
        Cause::GoAway(goaway) => match of_reset(goaway.code()) {
            code @ (Code::ResourceExhausted | Code::PermissionDenied) => code,
            _ => Code::Unavailable,
        },
        Cause::Stale(cause) => of_cause(cause, error),
        Cause::Connect(_)
        | Cause::ConnectionClosed(_)
        | Cause::ExpectationFailed
        | Cause::Misdirected
        | Cause::Tls(_)
        | Cause::Io(_)
        | Cause::NoResponse(_)
        | Cause::Incomplete(_)
        | Cause::Unresponsive(_) => Code::Unavailable,
        _ if error.is_timeout() => Code::DeadlineExceeded,
        _ if error.delivery() != Delivery::Unknown => Code::Unavailable,
        _ => Code::Unknown,
    }
}

/// The table of the gRPC specification of HTTP/2, section "Errors".
fn of_reset(code: ErrorCode) -> Code {
    match code.name() {
        Some("REFUSED_STREAM") => Code::Unavailable,
        Some("CANCEL") => Code::Cancelled,
        Some("ENHANCE_YOUR_CALM") => Code::ResourceExhausted,
        Some("INADEQUATE_SECURITY") => Code::PermissionDenied,
        Some("STREAM_CLOSED" | "HTTP_1_1_REQUIRED") | None => Code::Unknown,
        Some(_) => Code::Internal,
    }
}

/// gRPC's "HTTP to gRPC Status Code Mapping".
fn of_http(status: StatusCode) -> Code {
    match status.as_u16() {
        400 => Code::Internal,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 | 502 | 503 | 504 => Code::Unavailable,
        _ => Code::Unknown,
    }
}

/// The status of a response that isn't gRPC's: without `grpc-status`, it has another HTTP status than 200, or its
/// content is something else, as a page is of a proxy between.
pub(crate) fn not_grpc<B>(response: &Response<B>) -> Option<Status> {
    let headers = response.headers();
    if headers.contains_key(GRPC_STATUS) {
        return None;
    }
    let status = response.status();
    if status != StatusCode::OK {
        return Some(Status::new(of_http(status), format!("the server answered {status}, and not gRPC")));
    }
    let content = headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes).unwrap_or_default();
    if is_grpc(content) {
        return None;
    }
    let content = String::from_utf8_lossy(content.get(..QUOTED).unwrap_or(content));
    let what = format!("the server answered with content of the type {:?}, and not gRPC", &*content);
    Some(Status::unknown(what))
}

/// `application/grpc`, and what the encoding of its messages or a parameter adds. That of gRPC-Web is another one: its
/// trailers are in its body.
fn is_grpc(content: &[u8]) -> bool {
    content.split_at_checked(GRPC.len()).is_some_and(|(begin, rest)| {
        begin.eq_ignore_ascii_case(GRPC) && matches!(rest.trim_ascii_start().first(), None | Some(b'+' | b';'))
    })
}

/// A status among the sources: of a request's stream of messages, or of a layer below.
fn own_status(error: &Error) -> Option<&Status> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| (*error).source())
}
