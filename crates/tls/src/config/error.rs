use crate::{PinError, SkippedRoot, SpecError, words};
use rustls::pki_types::pem;
use std::{error::Error as StdError, fmt, io, path::PathBuf, sync::Arc};

/// Why a [`TlsConfig`](crate::TlsConfig) can't be built.
#[non_exhaustive]
pub enum TlsConfigError {
    /// No cryptography provider was given, the process has no default, and this crate was built without one.
    NoProvider,
    /// There is no root certificate to trust.
    NoRoots,
    /// The same, and this is why the system's are none: none of them can be read.
    UnreadableRoots(Arc<[SkippedRoot]>),
    /// A root certificate can't be parsed.
    Root {
        /// Which of those that were given, or of all PEMs together: 1 is the first.
        number: usize,
        /// Why it can't be parsed.
        source: webpki::Error,
    },
    /// A PEM file can't be parsed, or doesn't contain what it should.
    Pem {
        /// What it should contain: a `root certificate`, a `client certificate`, a `client's private key` or a `list of
        /// revoked certificates`.
        what: &'static str,
        /// Which one of them in the PEM: 1 is the first.
        number: usize,
        /// Why it can't be parsed.
        source: pem::Error,
    },
    /// A list of revoked certificates can't be read.
    Crl {
        /// Which one of all that were given: 1 is the first.
        number: usize,
        /// Why it can't be read.
        source: webpki::Error,
    },
    /// Each certificate must be on a list of its issuer, and there is no list.
    NoCrls,
    /// There are lists of revoked certificates, or a staple is required, and a verifier that does neither: the
    /// system's, or a user's.
    CrlsOfPlatform,
    /// The intermediates of a path are limited, and a verifier doesn't tell the path: the system's, or a user's.
    IntermediatesOfPlatform,
    /// The client's private key is encrypted, and no password is asked for.
    EncryptedKey,
    /// The hosts that a client certificate is for are no pattern.
    IdentityHost(PinError),
    /// The client's private key is none that the provider can use.
    Key(rustls::Error),
    /// The client's certificate is malformed, or doesn't belong to its key.
    Identity(rustls::Error),
    /// A pin is malformed.
    Pin(PinError),
    /// The hosts whose certificates aren't to be verified are no pattern.
    InsecureFor(PinError),
    /// The hosts that keys of Encrypted Client Hello were given for are no pattern.
    EchHost(PinError),
    /// No key of Encrypted Client Hello can be used: the `ECHConfigList` is malformed, all of it is of unknown kinds,
    /// this crate was built without `aws-lc-rs`, or TLS 1.3 isn't offered.
    Ech(rustls::Error),
    /// The provider has no cipher suite for the TLS versions.
    Versions(rustls::Error),
    /// There is no spec that speaks TLS.
    NoSpec,
    /// A spec can't be used.
    Spec {
        /// Its name.
        spec: Box<str>,
        /// Why it can't be used.
        source: SpecError,
    },
    /// The file that the secrets of connections are to be written to can't be opened.
    KeyLog {
        /// Its path.
        path: PathBuf,
        /// Why it can't be opened.
        source: io::Error,
    },
    /// FIPS 140-3 is [required](crate::TlsConfigBuilder::require_fips), and something is set that it doesn't approve.
    NotFips {
        /// What it is, in words.
        what: Box<str>,
    },
    /// The system's verifier isn't available.
    Platform(rustls::Error),
}

impl fmt::Display for TlsConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProvider => f.write_str(
                "no cryptography provider: set one, install a process default, or enable feature `aws-lc-rs` or `ring`",
            ),
            Self::NoRoots => f.write_str("there is no root certificate to trust"),
            Self::UnreadableRoots(_) => {
                f.write_str("there is no root certificate to trust, as the system's can't be read")
            }
            Self::Root { number, source } => {
                write!(f, "root certificate {number} can't be used: {}", words::of_webpki(source))
            }
            Self::Pem { what, source: pem::Error::NoItemsFound, .. } => write!(f, "there is no {what} in the PEM"),
            Self::Pem { what, number, source } => {
                write!(f, "{what} {number} in the PEM can't be read: {}", words::of_pem(source))
            }
            Self::Crl { number, source } => {
                write!(f, "list {number} of revoked certificates can't be used: {}", words::of_crl(source))
            }
            Self::NoCrls => f.write_str("there is no list of revoked certificates, and one of each issuer is required"),
            Self::CrlsOfPlatform => {
                f.write_str("this verifier takes no lists of revoked certificates, and requires no staple")
            }
            Self::IntermediatesOfPlatform => {
                f.write_str("this verifier doesn't tell by which path it trusts a server: its length can't be limited")
            }
            Self::EncryptedKey => f.write_str(
                "the client's private key is encrypted, and its password is not asked for: decrypt it before, for \
                 example by `openssl pkey`",
            ),
            Self::IdentityHost(_) => f.write_str("a client certificate is given for no host"),
            Self::Key(error) => write!(f, "the client's private key can't be used: {}", words::of_handshake(error)),
            Self::Identity(error) => {
                write!(f, "the client's certificate and key can't be used: {}", words::of_handshake(error))
            }
            Self::Pin(_) => f.write_str("invalid pin"),
            Self::InsecureFor(_) => f.write_str("certificates would be left unverified for no host"),
            Self::EchHost(_) => f.write_str("keys of Encrypted Client Hello are given for no host"),
            Self::Ech(error) => {
                write!(f, "the keys of Encrypted Client Hello can't be used: {}", words::of_ech_keys(error))
            }
            Self::Versions(error) => {
                let why = words::of_handshake(error);
                write!(f, "the cryptography provider doesn't support these TLS versions: {why}")
            }
            Self::NoSpec => f.write_str("none of the connection specs speaks TLS"),
            Self::Spec { spec, .. } => write!(f, "the connection spec {spec} can't be used"),
            Self::KeyLog { path, .. } => write!(f, "the key log {} can't be opened", path.display()),
            Self::NotFips { what } => write!(f, "FIPS 140-3 is required, and doesn't approve {what}"),
            Self::Platform(_) => f.write_str("the system's certificate verifier isn't available"),
        }
    }
}

impl fmt::Debug for TlsConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&skybridge_core::OneLine(self), f)
    }
}

impl StdError for TlsConfigError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::NoProvider | Self::NoRoots | Self::NoSpec | Self::EncryptedKey => None,
            Self::NotFips { .. } | Self::NoCrls | Self::CrlsOfPlatform | Self::IntermediatesOfPlatform => None,
            // Their words are this level's: what they print themselves is for programs.
            Self::Root { .. } | Self::Pem { .. } | Self::Crl { .. } | Self::Key(_) | Self::Identity(_) => None,
            Self::Ech(_) | Self::Versions(_) => None,
            Self::UnreadableRoots(skipped) => skipped.first().map(|first| first as _),
            Self::Spec { source, .. } => Some(source),
            Self::KeyLog { source, .. } => Some(source),
            Self::Pin(error) | Self::EchHost(error) | Self::IdentityHost(error) | Self::InsecureFor(error) => {
                Some(error)
            }
            Self::Platform(error) => Some(error),
        }
    }
}
