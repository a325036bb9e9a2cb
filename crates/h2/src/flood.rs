use std::{error::Error, fmt, time::Duration};

/// A peer sent more frames of a kind than it may, and the connection was ended by GOAWAY with ENHANCE_YOUR_CALM (RFC
/// 9113, section 10.5).
#[derive(Clone, Copy, Eq, PartialEq)]
#[non_exhaustive]
pub struct Flood {
    /// What there were too many of.
    pub what: &'static str,
    /// How many were allowed.
    pub limit: usize,
    /// In this time; `None` if one after the other, or as many as there may be at all.
    pub within: Option<Duration>,
}

impl fmt::Display for Flood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the peer sent more than {} {}", self.limit, self.what)?;
        self.within.map_or(Ok(()), |within| write!(f, " in {within:?}"))
    }
}

impl fmt::Debug for Flood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&skybridge_core::OneLine(self), f)
    }
}

impl Error for Flood {}
