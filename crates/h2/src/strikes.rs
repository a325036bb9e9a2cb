use h2::{Error, Reason};
use std::sync::atomic::{AtomicU64, Ordering};

/// The connection has carried a response at some time.
const ANSWERED: u64 = 1;
/// And since then a stream was refused.
const STRUCK: u64 = 2;
/// From here on: the newest stream when it was.
const NEWEST: u32 = 32;

/// Whether the peer answers, or refuses one request after the other. The first stream that it refuses or resets before
/// a response says little: a server that waits for the acknowledgement of its SETTINGS refuses what comes before. A
/// second one that was opened after that, without a response in between, says that the connection is of no more use.
#[derive(Debug, Default)]
pub(crate) struct Strikes(AtomicU64);

impl Strikes {
    /// The connection has carried a response.
    #[inline]
    pub(crate) fn answered(&self) {
        // Loaded first, so that the cache line stays shared once it is written.
        if self.0.load(Ordering::Relaxed) != ANSWERED {
            self.0.store(ANSWERED, Ordering::Relaxed);
        }
    }

    /// Whether it ever has.
    pub(crate) fn has_answered(&self) -> bool {
        self.0.load(Ordering::Relaxed) & ANSWERED != 0
    }

    /// The peer has refused this stream; `newest` may be the id of the newest that there is. True if that is the second
    /// time.
    #[cold]
    pub(crate) fn refused(&self, stream: u32, newest: u32) -> bool {
        let first =
            |before: u64| (before & STRUCK == 0).then(|| u64::from(newest) << NEWEST | STRUCK | before & ANSWERED);
        match self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, first) {
            Ok(_) => false,
            Err(before) => u64::from(stream) > before >> NEWEST,
        }
    }
}

/// Whether the peer ended a stream in a way that says that it can't, or won't, process requests now.
pub(crate) fn is_refusal(error: &Error) -> bool {
    let reason = matches!(error.reason(), Some(Reason::REFUSED_STREAM | Reason::INTERNAL_ERROR | Reason::CANCEL));
    reason && error.is_reset() && error.is_remote()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_counts_that_was_opened_after_the_first_was_seen() {
        let strikes = Strikes::default();
        assert!(!strikes.refused(1, 5));
        assert!(!strikes.refused(3, 7) && !strikes.refused(5, 7));
        assert!(strikes.refused(7, 7));
    }

    #[test]
    fn a_response_in_between_begins_anew() {
        let strikes = Strikes::default();
        assert!(!strikes.has_answered() && !strikes.refused(1, 1) && !strikes.has_answered());
        strikes.answered();
        assert!(!strikes.refused(5, 5) && strikes.has_answered());
        assert!(strikes.refused(7, 7));
    }
}
