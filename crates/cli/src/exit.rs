//! Exit codes: curl's, for the last URL that failed.

use std::{fmt, process::ExitCode};

/// An exit code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Exit(pub(crate) u8);

#[rustfmt::skip]
impl Exit {
    pub(crate) const OK: Self             = Self(0);
    /// What answers speaks no HTTP, or none that is spoken here; or a URL is of another scheme, or of a forbidden one.
    pub(crate) const UNSUPPORTED: Self    = Self(1);
    /// A check of the tour failed.
    #[cfg(feature = "tour")]
    pub(crate) const TOUR: Self           = Self(1);
    pub(crate) const USAGE: Self          = Self(2);
    pub(crate) const URL: Self            = Self(3);
    pub(crate) const RESOLVE_PROXY: Self  = Self(5);
    pub(crate) const RESOLVE: Self        = Self(6);
    pub(crate) const CONNECT: Self        = Self(7);
    /// An answer of HTTP/1.1 whose head is malformed.
    pub(crate) const WEIRD_ANSWER: Self   = Self(8);
    pub(crate) const HTTP2: Self          = Self(16);
    pub(crate) const PARTIAL: Self        = Self(18);
    pub(crate) const STATUS: Self         = Self(22);
    pub(crate) const WRITE: Self          = Self(23);
    pub(crate) const UPLOAD: Self         = Self(25);
    pub(crate) const READ_FILE: Self      = Self(26);
    pub(crate) const TIMEOUT: Self        = Self(28);
    /// The rest of a file can't be had (`-C`).
    pub(crate) const RANGE: Self          = Self(33);
    pub(crate) const TLS: Self            = Self(35);
    pub(crate) const INTERFACE: Self      = Self(45);
    pub(crate) const REDIRECTS: Self      = Self(47);
    pub(crate) const EMPTY: Self          = Self(52);
    pub(crate) const SEND: Self           = Self(55);
    pub(crate) const RECEIVE: Self        = Self(56);
    pub(crate) const IDENTITY: Self       = Self(58);
    pub(crate) const CERTIFICATE: Self    = Self(60);
    pub(crate) const ENCODING: Self       = Self(61);
    pub(crate) const REWIND: Self         = Self(65);
    pub(crate) const ROOTS: Self          = Self(77);
    /// A list of revoked certificates can't be used.
    pub(crate) const CRL: Self            = Self(82);
    pub(crate) const PIN: Self            = Self(90);
    /// What is stapled to a certificate says that it is revoked, or isn't there (`--cert-status`).
    pub(crate) const STAPLE: Self         = Self(91);
    pub(crate) const STREAM: Self         = Self(92);
    pub(crate) const PROXY: Self          = Self(97);
    pub(crate) const ECH: Self            = Self(101);
    /// As a shell says of what SIGINT ended.
    pub(crate) const INTERRUPTED: Self    = Self(130);
    /// And of what SIGTERM did.
    pub(crate) const TERMINATED: Self     = Self(143);
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.0)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
