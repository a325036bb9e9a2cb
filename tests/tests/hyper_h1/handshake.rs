//! The connection under test, and what its errors say.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test may panic")]

use http_body::Body;
use hyper_util::rt::TokioIo;
use skybridge_core::{Error, RequestError};
use skybridge_hyper::HyperH1Error;
pub(crate) use skybridge_hyper::{HyperH1 as H1, HyperH1Body as H1Body, HyperHttp1 as Http1};
use std::error::Error as StdError;

/// What failed in an exchange.
pub(crate) fn cause(error: &Error) -> &(dyn StdError + 'static) {
    error.source().unwrap()
}

fn by_hyper(error: &Error) -> &hyper::Error {
    cause(error).downcast_ref().unwrap()
}

fn by_us(error: &Error) -> &HyperH1Error {
    cause(error).downcast_ref().unwrap()
}

/// The peer closed the connection, and had sent nothing.
pub(crate) fn is_closed_without_answer(error: &Error) -> bool {
    by_hyper(error).is_incomplete_message()
}

/// The head of the response can't be understood.
pub(crate) fn is_malformed(error: &Error) -> bool {
    by_hyper(error).is_parse()
}

/// The head of the response is too large. hyper doesn't say what it may have.
pub(crate) fn is_head_too_large(error: &Error, _limit: usize) -> bool {
    by_hyper(error).is_parse_too_large()
}

/// How the request's own body failed.
pub(crate) fn request_body(error: &Error) -> Option<&(dyn StdError + 'static)> {
    match by_us(error) {
        error @ HyperH1Error::RequestBody(_) => error.source(),
        _ => None,
    }
}

/// The request's body has another length than was declared.
pub(crate) fn body_size(error: &Error) -> Option<&RequestError> {
    match by_us(error) {
        HyperH1Error::BodySize(error) => Some(error),
        _ => None,
    }
}

/// No request was started.
pub(crate) fn is_not_started(error: &Error) -> bool {
    matches!(by_us(error), HyperH1Error::NotStarted)
}

/// The connection ended before the body did. hyper doesn't say how much of it was missing.
pub(crate) fn is_incomplete(error: &<H1Body as Body>::Error, _missing: u64) -> bool {
    error.to_string().contains("body")
}

/// The stream of a connection that became another protocol's.
pub(crate) async fn upgraded(response: &mut http::Response<H1Body>) -> TokioIo<hyper::upgrade::Upgraded> {
    TokioIo::new(hyper::upgrade::on(response).await.unwrap())
}
