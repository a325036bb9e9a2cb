//! How a connect ends where no layer below says how.

use skybridge_core::TimedOut;
use std::fmt;

/// How the task of a connect ended without a result.
#[derive(Debug)]
pub(super) enum Ended {
    /// A layer below panicked.
    Panic,
    /// It was dropped by its runtime, or the pool was.
    Runtime,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Panic => "what makes the connection panicked",
            Self::Runtime => "the runtime that made the connection has ended",
        })
    }
}

impl std::error::Error for Ended {}

/// The peer has allowed no streams for as long as connecting may take.
#[derive(Debug)]
pub(super) struct NoStreams(pub(super) TimedOut);

impl fmt::Display for NoStreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the peer allows no streams: it has announced a limit of 0")
    }
}

impl std::error::Error for NoStreams {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}
