use std::{fmt, time::SystemTime};

/// Pins name a host, and its peer was let through without them.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct PinsNotEnforced {
    /// The host.
    pub host: Box<str>,
    /// Why they don't hold.
    pub why: NotEnforced,
    /// The keys on the path that was verified (`sha256/...`), the peer's own first.
    pub path: Box<[Box<str>]>,
    /// The keys that the host should have.
    pub pinned: Box<[Box<str>]>,
}

/// Why pins were not enforced.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum NotEnforced {
    /// None of them is on the path, and that is only to be reported.
    ReportOnly,
    /// They were to hold until this time. Whether one is on the path wasn't asked.
    Expired(SystemTime),
}

impl PinsNotEnforced {
    /// Made by the TLS layer.
    pub fn new(host: &str, why: NotEnforced, path: &[Box<str>], pinned: &[Box<str>]) -> Self {
        Self { host: host.into(), why, path: path.into(), pinned: pinned.into() }
    }
}

impl NotEnforced {
    /// For logs and reports, in snake case.
    pub fn name(self) -> &'static str {
        match self {
            Self::ReportOnly => "report_only",
            Self::Expired(_) => "expired",
        }
    }
}

impl fmt::Display for PinsNotEnforced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, why, path, pinned } = self;
        let pinned = pinned.join(", ");
        match why {
            NotEnforced::ReportOnly => {
                write!(f, "the peer of {host} has none of its pins, which is only reported: ")?;
                write!(f, "the path has {}; pinned: {pinned}", path.join(", "))
            }
            NotEnforced::Expired(_) => write!(f, "the pins of {host} have expired, and don't hold any more: {pinned}"),
        }
    }
}
