//! The one place that knows hyper's errors.

use super::error::HyperH1Error;
use skybridge_core::{CloseReason, Delivery, Error, Phase};
use std::error::Error as _;

/// Nothing of the request reached the wire: hyper had not begun with it.
pub(crate) fn unsent(error: hyper::Error) -> Error {
    Error::new(Delivery::Unsent, Phase::Send, error)
}

/// The request's head was written, perhaps only into a buffer: nobody knows how far it got. `body` is how its body
/// failed, if it did.
pub(crate) fn unknown(error: hyper::Error, body: Option<HyperH1Error>, driver_gone: bool) -> Error {
    match body {
        Some(body) => Error::new(Delivery::Unknown, Phase::Send, body),
        None if error.is_user() && driver_gone => Error::new(Delivery::Unknown, Phase::Wait, HyperH1Error::DriverGone),
        None => Error::new(Delivery::Unknown, Phase::Wait, error),
    }
}

/// Why the connection ended, by the error it ended with.
pub(crate) fn close_reason(error: &hyper::Error) -> CloseReason {
    if error.is_canceled() {
        // A request that waited in line was given back: the reason, if there is one, is below.
        let below = error.source().and_then(|source| source.downcast_ref());
        return below.map_or(CloseReason::PeerFin, close_reason);
    }
    if error.is_incomplete_message() || error.is_closed() || error.is_shutdown() {
        return CloseReason::PeerFin;
    }
    if error.is_user() {
        return CloseReason::Poisoned;
    }
    // What hyper calls an unexpected message has no predicate of its own. It is what remains without a cause.
    if error.is_parse() || error.source().is_some() { CloseReason::Protocol } else { CloseReason::Unsolicited }
}
