//! The one place that reads meaning into the errors of the h2 crate.

use h2::{Error, Reason};
use skybridge_core::{CloseReason, Delivery};
use std::io;

/// Whether the origin can have processed a stream that failed before its response.
///
/// REFUSED_STREAM says it didn't (RFC 9113, section 8.7). So does a GOAWAY of the peer, whatever its code: the h2 crate fails with it
/// only streams above the last id that the peer will process (section 6.8).
///
/// And what failed before anything was written since it began has not left this side.
pub(crate) fn delivery(error: &Error, nothing_written: bool) -> Delivery {
    let unprocessed = error.is_go_away() || (error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM));
    if error.is_remote() && unprocessed {
        Delivery::Refused
    } else if nothing_written {
        Delivery::Unsent
    } else {
        Delivery::Unknown
    }
}

/// Whether the peer ends the connection as planned, and processes nothing of this stream.
pub(crate) fn is_planned(error: &Error) -> bool {
    is_going_away(error) && error.reason() == Some(Reason::NO_ERROR)
}

/// Why a connection that still runs takes no more streams: the peer asked for it, or their numbers are used up. `None` when it failed,
/// which its end will tell.
pub(crate) fn draining(error: &Error) -> Option<CloseReason> {
    match error {
        error if is_going_away(error) => Some(CloseReason::PeerGoAway),
        error if error.is_go_away() || error.is_io() || error.is_reset() => None,
        _ => Some(CloseReason::MaxRequests),
    }
}

fn is_going_away(error: &Error) -> bool {
    error.is_go_away() && error.is_remote()
}

/// Why a connection ended: by what it was draining for, what it returned, and whether any handle was left.
pub(crate) fn close_reason(draining: Option<CloseReason>, ended: Result<(), &Error>, wanted: bool) -> CloseReason {
    draining.unwrap_or(match ended {
        Err(error) if is_going_away(error) => CloseReason::PeerGoAway,
        Err(error) if is_eof(error) => CloseReason::PeerFin,
        Err(_) => CloseReason::Protocol,
        Ok(()) if wanted => CloseReason::PeerFin,
        Ok(()) => CloseReason::Shutdown,
    })
}

fn is_eof(error: &Error) -> bool {
    error.get_io().is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
}
