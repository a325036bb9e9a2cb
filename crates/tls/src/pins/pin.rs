use crate::x509;
use base64::{Engine, engine::general_purpose::STANDARD};
use rustls::pki_types::{SubjectPublicKeyInfoDer, pem::PemObject};
use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr};

const PREFIX: &str = "sha256/";

/// The SHA-256 of a public key (its DER SubjectPublicKeyInfo), written as `sha256/` and base64. It stays the same when
/// a certificate is renewed with the same key.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Pin([u8; 32]);

/// Why a pin or its pattern is malformed.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub enum PinError {
    /// The pattern is neither a host, nor `*.` or `**.` followed by a host.
    Pattern(Box<str>),
    /// The pattern's name is not ASCII, and the feature `idn`, which would convert it, is off.
    NotAscii(Box<str>),
    /// The pin doesn't begin with `sha256/`. Other hashes, SHA-1 among them, aren't supported.
    Hash(Box<str>),
    /// The pin's hash is not the base64 of 32 bytes.
    Base64(Box<str>),
    /// It is no pin as curl writes it: `sha256//` and base64.
    Curl(Box<str>),
    /// It is no public key, neither PEM nor DER.
    PublicKey,
}

// === impl Pin ===

impl Pin {
    /// The pin of a public key, given in several parts.
    pub(crate) fn of_key(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        parts.iter().for_each(|part| hash.update(part));
        Self(hash.finalize().into())
    }
}

impl Pin {
    /// The pin of a public key (SubjectPublicKeyInfo), as PEM (`BEGIN PUBLIC KEY`) or DER: what `openssl pkey -pubout`
    /// writes, and curl's `--pinnedpubkey` reads.
    ///
    /// # Errors
    /// When it is none: [`PinError::PublicKey`].
    pub fn of_public_key(key: &[u8]) -> Result<Self, PinError> {
        let pem = SubjectPublicKeyInfoDer::from_pem_slice(key);
        let key = pem.as_ref().map_or(key, |pem| pem.as_ref());
        if x509::is_public_key(key) { Ok(Self::of_key(&[key])) } else { Err(PinError::PublicKey) }
    }
}

impl FromStr for Pin {
    type Err = PinError;

    fn from_str(text: &str) -> Result<Self, PinError> {
        let base64 = text.strip_prefix(PREFIX).ok_or_else(|| PinError::Hash(text.into()))?;
        let bytes = STANDARD.decode(base64).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| PinError::Base64(text.into()))
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// === impl PinError ===

impl fmt::Display for PinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pattern(pattern) => {
                write!(
                    f,
                    "pattern `{pattern}` is neither a host, nor `*.` (one more label) or `**.` (any number) and a host"
                )
            }
            Self::NotAscii(pattern) => {
                let how = "write it as IDNA does (xn--...), or turn on the feature `idn`";
                write!(f, "pattern `{pattern}` is not ASCII: {how}")
            }
            Self::Hash(pin) => write!(f, "pin `{pin}` doesn't begin with `{PREFIX}`"),
            Self::Base64(pin) if has_curl_prefix(pin) => {
                write!(
                    f,
                    "pin `{pin}` has two slashes, as curl writes pins: write `{PREFIX}` and the base64 of 32 bytes"
                )
            }
            Self::Curl(pin) => write!(f, "pin `{pin}` doesn't begin with `sha256//`, as curl writes pins"),
            Self::PublicKey => f.write_str("it is no public key, neither PEM (`BEGIN PUBLIC KEY`) nor DER"),
            Self::Base64(pin) => write!(f, "pin `{pin}` is not `{PREFIX}` and the base64 of 32 bytes"),
        }
    }
}

impl fmt::Debug for PinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&skybridge_core::OneLine(self), f)
    }
}

impl std::error::Error for PinError {}

/// Whether it would be a pin without the second slash of curl's `sha256//`.
fn has_curl_prefix(pin: &str) -> bool {
    let base64 = pin.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix('/'));
    base64.is_some_and(|base64| format!("{PREFIX}{base64}").parse::<Pin>().is_ok())
}
