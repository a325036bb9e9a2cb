//! The one place that knows hyper's errors.

use super::error::HyperH1Error;
use skybridge_core::{Cause, CloseReason, Delivery, Error, Phase};
use std::{error::Error as _, io};

/// Nothing of the request reached the wire: hyper had not begun with it.
pub(crate) fn unsent(error: hyper::Error) -> Error {
    Error::of(Delivery::Unsent, Phase::Send, cause(error))
}

/// The request's head was written, perhaps only into a buffer: nobody knows how far it got. `body` is how its body
/// failed, if it did.
pub(crate) fn unknown(error: hyper::Error, body: Option<HyperH1Error>, driver_gone: bool) -> Error {
    match body {
        Some(body) => Error::of(Delivery::Unknown, Phase::Send, Cause::RequestBody(body.into())),
        None if error.is_user() && driver_gone => Error::new(Delivery::Unknown, Phase::Wait, HyperH1Error::DriverGone),
        None => Error::of(Delivery::Unknown, Phase::Wait, cause(error)),
    }
}

/// What the connection did. hyper doesn't say how much of an answer there was.
fn cause(error: hyper::Error) -> Cause {
    if error.is_parse() {
        Cause::Protocol(error.into())
    } else if error.is_incomplete_message() {
        Cause::Incomplete(error.into())
    } else if error.is_user() {
        Cause::RequestBody(error.into())
    } else if io(&error).is_some() {
        Cause::of_io(error)
    } else {
        Cause::Exchange(error.into())
    }
}

/// The failure of the socket, if it is that.
fn io(error: &hyper::Error) -> Option<&io::Error> {
    error.source().and_then(|source| source.downcast_ref())
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
        return CloseReason::RequestFailed;
    }
    if !error.is_parse()
        && let Some(error) = io(error)
    {
        return Cause::of_io(io::Error::from(error.kind())).close_reason();
    }
    // What hyper calls an unexpected message has no predicate of its own. It is what remains without a cause.
    if error.is_parse() || error.source().is_some() { CloseReason::Protocol } else { CloseReason::Unsolicited }
}
