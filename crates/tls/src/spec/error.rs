use std::{error::Error, fmt};

/// Why a [`ConnectionSpec`](crate::ConnectionSpec) can't be used.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub enum SpecError {
    /// No cipher suite that is spoken here has this name.
    CipherSuite(Box<str>),
    /// No key exchange group that is spoken here has this name.
    Group(Box<str>),
    /// It has no version of TLS, or none that [may be offered](crate::TlsConfigBuilder::versions).
    NoVersion,
    /// The provider has none of its cipher suites for any of its versions.
    NoCipherSuite,
    /// The provider has none of its key exchange groups for any of its versions.
    NoGroup,
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CipherSuite(name) => write!(f, "`{}` is no cipher suite that is spoken here", name.escape_debug()),
            Self::Group(name) => write!(f, "`{}` is no key exchange group that is spoken here", name.escape_debug()),
            Self::NoVersion => f.write_str("no version of TLS is left to offer"),
            Self::NoCipherSuite => {
                f.write_str("the cryptography provider has none of its cipher suites for any of its versions of TLS")
            }
            Self::NoGroup => {
                f.write_str("the cryptography provider has none of its key exchanges for any of its versions of TLS")
            }
        }
    }
}

impl fmt::Debug for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&skybridge_core::OneLine(self), f)
    }
}

impl Error for SpecError {}
