//! The one place that reads meaning into the errors of the h2 crate.

use h2::{Error, Reason};
use skybridge_core::{CloseReason, Delivery};
use std::io;

/// Whether the origin can have processed a stream that failed before its response.
///
/// REFUSED_STREAM says it didn't (RFC 9113, section 8.7). So does a GOAWAY of the peer, whatever its code: the h2 crate fails with it
/// only streams above the last id that the peer will process (section 6.8).
pub(crate) fn delivery(error: &Error) -> Delivery {
    let unprocessed = error.is_go_away() || (error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM));
    if error.is_remote() && unprocessed { Delivery::Refused } else { Delivery::Unknown }
}

/// Whether a connection takes no more streams because the peer asked for it.
pub(crate) fn is_going_away(error: &Error) -> bool {
    error.is_go_away() && error.is_remote()
}

/// Why a connection ended: by what it returned, whether the peer had sent GOAWAY, and whether any handle was left.
pub(crate) fn close_reason(ended: Result<(), &Error>, going_away: bool, wanted: bool) -> CloseReason {
    match ended {
        _ if going_away => CloseReason::PeerGoAway,
        Err(error) if is_going_away(error) => CloseReason::PeerGoAway,
        Err(error) if is_eof(error) => CloseReason::PeerFin,
        Err(_) => CloseReason::Protocol,
        Ok(()) if wanted => CloseReason::PeerFin,
        Ok(()) => CloseReason::Shutdown,
    }
}

fn is_eof(error: &Error) -> bool {
    error.get_io().is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
}
