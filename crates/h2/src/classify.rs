//! Interprets the errors of the h2 crate, here and nowhere else.

use crate::{
    flood::Flood,
    settings::{SMALL_FRAMES, Settings},
};
use h2::{Error, Reason};
use skybridge_core::{CloseReason, Delivery};

/// Whether the origin may have processed a stream that failed before its response.
///
/// REFUSED_STREAM says it didn't (RFC 9113, section 8.7). So does a GOAWAY of the peer, whatever its code: the h2 crate
/// fails with it only streams above the last id that the peer will process (section 6.8). A stream that failed before
/// anything was written since it was started has not left this side.
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

/// Why a connection takes no more streams while it still runs: GOAWAY, or its stream ids are used up. `None` if it
/// failed, which its end will report.
pub(crate) fn draining(error: &Error) -> Option<CloseReason> {
    match error {
        error if is_going_away(error) => Some(CloseReason::PeerGoAway),
        error if error.is_go_away() || error.is_io() || error.is_reset() => None,
        _ => Some(CloseReason::MaxRequests),
    }
}

/// The limits of the h2 crate that follow from settings.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    continuations: usize,
    header_list: usize,
}

impl Limits {
    pub(crate) fn of(settings: &Settings) -> Self {
        Self { continuations: settings.max_continuations(), header_list: settings.max_header_list_read() }
    }

    /// Which of its own limits the h2 crate has ended the connection for, if it has. It says so by the debug data of
    /// the GOAWAY that it sends, and that is in the error's text alone.
    #[cold]
    pub(crate) fn flood(self, error: &Error) -> Option<Flood> {
        if !error.is_go_away() || !error.is_library() || error.reason() != Some(Reason::ENHANCE_YOUR_CALM) {
            return None;
        }
        let text = error.to_string();
        let rows = [
            ("too_many_data_frames", "small DATA frames that were not read", SMALL_FRAMES),
            ("too_many_continuations", "CONTINUATION frames", self.continuations),
            ("header_list_way_too_large", "bytes of fields in a head", self.header_list),
        ];
        let (_, what, limit) = rows.into_iter().find(|(data, ..)| text.contains(data))?;
        Some(Flood { what, limit, within: None })
    }
}

fn is_going_away(error: &Error) -> bool {
    error.is_go_away() && error.is_remote()
}
