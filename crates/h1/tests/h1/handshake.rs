//! The connection under test, and what its errors say.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test may panic")]

use http_body::Body;
use skybridge_core::{Error, RequestError, Upgrade, Upgraded};
use skybridge_h1::{BodyError, H1Error, HeadError};
pub(crate) use skybridge_h1::{H1, H1Body, Http1};
use std::error::Error as StdError;

/// What failed in an exchange.
pub(crate) fn cause(error: &Error) -> &H1Error {
    error.source().unwrap().downcast_ref().unwrap()
}

/// The peer closed the connection, and had sent nothing.
pub(crate) fn is_closed_without_answer(error: &Error) -> bool {
    matches!(cause(error), H1Error::Closed { received: 0 })
}

/// The head of the response can't be understood.
pub(crate) fn is_malformed(error: &Error) -> bool {
    matches!(cause(error), H1Error::Head(_))
}

/// The head of the response is larger than this many bytes.
pub(crate) fn is_head_too_large(error: &Error, limit: usize) -> bool {
    matches!(cause(error), H1Error::Head(HeadError::TooLarge { limit: told }) if *told == limit)
}

/// How the request's own body failed.
pub(crate) fn request_body(error: &Error) -> Option<&(dyn StdError + 'static)> {
    match cause(error) {
        error @ H1Error::RequestBody(_) => error.source(),
        _ => None,
    }
}

/// The request's body has another length than was declared.
pub(crate) fn body_size(error: &Error) -> Option<&RequestError> {
    match cause(error) {
        H1Error::BodySize(error) => Some(error),
        _ => None,
    }
}

/// No request was started.
pub(crate) fn is_not_started(error: &Error) -> bool {
    matches!(cause(error), H1Error::NotStarted)
}

/// The connection ended before the body did, of which so many bytes were missing.
pub(crate) fn is_incomplete(error: &<H1Body as Body>::Error, missing: u64) -> bool {
    matches!(cause(error), H1Error::Body(BodyError::Incomplete { missing: Some(told) }) if *told == missing)
}

/// The stream of a connection that became another protocol's.
pub(crate) async fn upgraded(response: &mut http::Response<H1Body>) -> Upgraded {
    response.extensions_mut().remove::<Upgrade>().unwrap().take().unwrap()
}
