use rustls::pki_types::UnixTime;
use std::fmt;

/// What is wrong with a staple.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum StapleFault {
    Revoked(UnixTime),
    Unknown,
    Expired,
    NotYet,
    NotSigned,
    Another,
    Malformed,
    /// There is none that says that it is good, and one is required.
    Missing,
    /// The same, and the certificate itself requires it.
    Promised,
}

impl fmt::Display for StapleFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Revoked(_) => "it was revoked",
            Self::Unknown => "what the server has stapled to it (OCSP) says that its issuer doesn't know it",
            Self::Expired => "what the server has stapled to it (OCSP) has expired",
            Self::NotYet => "what the server has stapled to it (OCSP) is not valid yet",
            Self::NotSigned => "the issuer hasn't signed what the server has stapled to it (OCSP)",
            Self::Another => "what the server has stapled to it (OCSP) is about another certificate",
            Self::Malformed => "what the server has stapled to it (OCSP) is malformed",
            Self::Missing | Self::Promised => "the server has stapled nothing to it (OCSP) that says so",
        })
    }
}

impl std::error::Error for StapleFault {}
