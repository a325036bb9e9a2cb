use crate::PinError;
use rustls::pki_types::pem;
use std::{error::Error as StdError, fmt};

/// Why a configuration can't be. Nothing was connected.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsConfigError {
    /// No provider of cryptography was given, the process has no default, and this crate was built without one.
    NoProvider,
    /// There is nobody to trust.
    NoRoots,
    /// What should be a root can't be read.
    Root(webpki::Error),
    /// What should be PEM isn't.
    Pem {
        /// What it should be: a `root certificate`, a `client certificate` or a `client's private key`.
        what: &'static str,
        /// What is wrong.
        source: pem::Error,
    },
    /// The client's certificate and key don't belong together, or the provider can't use them.
    Identity(rustls::Error),
    /// A pin is none.
    Pin(PinError),
    /// The provider has no cipher suite for the versions.
    Versions(rustls::Error),
    /// The system's verifier can't be used.
    Platform(rustls::Error),
}

impl fmt::Display for TlsConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProvider => f.write_str(
                "no provider of cryptography: give one, install a default one, or build with feature `aws-lc-rs` or `ring`",
            ),
            Self::NoRoots => f.write_str("there is no root certificate to trust"),
            Self::Root(_) => f.write_str("a root certificate can't be read"),
            Self::Pem { what, .. } => write!(f, "there is no {what} in the PEM"),
            Self::Identity(_) => f.write_str("the client's certificate and key can't be used"),
            Self::Pin(_) => f.write_str("a pin can't be used"),
            Self::Versions(_) => f.write_str("the provider can't speak these versions of TLS"),
            Self::Platform(_) => f.write_str("the system's verifier can't be used"),
        }
    }
}

impl StdError for TlsConfigError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::NoProvider | Self::NoRoots => None,
            Self::Root(error) => Some(error),
            Self::Pem { source, .. } => Some(source),
            Self::Pin(error) => Some(error),
            Self::Identity(error) | Self::Versions(error) | Self::Platform(error) => Some(error),
        }
    }
}
