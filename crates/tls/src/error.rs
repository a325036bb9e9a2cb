use crate::{Pin, PinMismatch};
use skybridge_core::BoxError;
use std::{error::Error as StdError, fmt, io, time::Duration};

/// Why a link could not be sealed. No request was sent.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificate is issued by nobody who is trusted.
    UnknownIssuer {
        /// Whose certificate.
        name: Box<str>,
    },
    /// The certificate is somebody else's.
    NotValidForName {
        /// Whose it should be.
        name: Box<str>,
        /// Whose it is.
        presented: Box<[Box<str>]>,
        /// Its key.
        leaf: Pin,
    },
    /// A certificate on the path is too old.
    Expired {
        /// Whose certificate.
        name: Box<str>,
        /// How long it is over.
        ago: Duration,
    },
    /// A certificate on the path is too new, or the clock is wrong.
    NotYetValid {
        /// Whose certificate.
        name: Box<str>,
        /// How long it takes until it is valid.
        ahead: Duration,
    },
    /// The certificate is no good otherwise: malformed, badly signed, for another purpose.
    Certificate {
        /// Whose certificate.
        name: Box<str>,
        /// What is wrong.
        source: BoxError,
    },
    /// No key on the verified path is pinned.
    PinMismatch(PinMismatch),
    /// The peer chose a protocol by ALPN that it was not offered.
    UnknownProtocol,
    /// HTTP/2 is wanted, and the peer chose nothing by ALPN.
    NoHttp2,
    /// What is to be verified is neither a name nor an address.
    NotAName(Box<str>),
    /// The two ends did not agree: an alert, a version, a cipher, a client's certificate, or not TLS at all.
    Handshake(rustls::Error),
    /// The stream broke.
    Io(io::Error),
}

impl TlsError {
    /// True when the peer is not who it should be, by its certificate.
    pub fn is_certificate(&self) -> bool {
        matches!(
            self,
            Self::UnknownIssuer { .. }
                | Self::NotValidForName { .. }
                | Self::Expired { .. }
                | Self::NotYetValid { .. }
                | Self::Certificate { .. }
        )
    }

    /// True when the peer is not who it should be, by its pins.
    pub fn is_pin(&self) -> bool {
        matches!(self, Self::PinMismatch(_))
    }

    /// Whether no other route would help: whoever else answers for this name must not be asked either.
    pub(crate) fn is_fatal(&self) -> bool {
        !matches!(self, Self::Handshake(_) | Self::Io(_))
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownIssuer { name } => write!(f, "nobody who is trusted has issued the certificate of {name}"),
            Self::NotValidForName { name, presented, leaf } => {
                write!(f, "the certificate is not valid for {name}, but for ")?;
                for (i, name) in presented.iter().enumerate() {
                    write!(f, "{}{name}", if i == 0 { "" } else { ", " })?;
                }
                write!(f, "{} ({leaf})", if presented.is_empty() { "no name" } else { "" })
            }
            Self::Expired { name, ago } => write!(f, "the certificate of {name} expired {} ago", Age(*ago)),
            Self::NotYetValid { name, ahead } => {
                write!(f, "the certificate of {name} will be valid only in {}", Age(*ahead))
            }
            Self::Certificate { name, .. } => write!(f, "the certificate of {name} is no good"),
            Self::PinMismatch(_) => f.write_str("the peer has none of the keys it should have"),
            Self::UnknownProtocol => f.write_str("the peer chose a protocol by ALPN that it was not offered"),
            Self::NoHttp2 => f.write_str("HTTP/2 is wanted, and the peer did not choose it by ALPN"),
            Self::NotAName(name) => write!(f, "`{name}` is no name that a certificate could have"),
            Self::Handshake(rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)) => {
                f.write_str("the peer does not speak TLS")
            }
            Self::Handshake(_) => f.write_str("the two ends did not agree"),
            Self::Io(_) => f.write_str("the stream broke during the handshake"),
        }
    }
}

impl StdError for TlsError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Certificate { source, .. } => Some(&**source),
            Self::PinMismatch(mismatch) => Some(mismatch),
            Self::Handshake(error) => Some(error),
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

/// In the largest unit of which there is one.
struct Age(Duration);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
        let fits = |(length, _): &&(u64, &str)| seconds >= *length;
        let (length, unit) = units.iter().find(fits).copied().unwrap_or((1, "second"));
        let count = seconds / length;
        write!(f, "{count} {unit}{}", if count == 1 { "" } else { "s" })
    }
}
