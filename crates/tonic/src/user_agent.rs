//! Who speaks: the program by its own name, then this implementation of gRPC.

use http::{HeaderMap, HeaderValue, header::USER_AGENT};

/// As the gRPC specification wants it: the language, and the implementation.
const OURS: &str = concat!("grpc-rust-skybridge/", env!("CARGO_PKG_VERSION"));

pub(crate) fn ours() -> HeaderValue {
    HeaderValue::from_static(OURS)
}

/// `first`, a blank, `then`.
pub(crate) fn joined(first: &HeaderValue, then: &HeaderValue) -> HeaderValue {
    let bytes = [first.as_bytes(), b" ", then.as_bytes()].concat();
    // Both are values, so this is one too.
    HeaderValue::from_bytes(&bytes).unwrap_or_else(|_| then.clone())
}

/// Puts it into a request, behind what that says itself.
pub(crate) fn put(headers: &mut HeaderMap, user_agent: &HeaderValue) {
    let value = match headers.get(USER_AGENT) {
        Some(own) => joined(own, user_agent),
        None => user_agent.clone(),
    };
    headers.insert(USER_AGENT, value);
}
