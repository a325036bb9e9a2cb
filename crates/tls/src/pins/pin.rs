use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr};

const PREFIX: &str = "sha256/";

/// The SHA-256 of a public key (its DER SubjectPublicKeyInfo), written `sha256/` and base64: what a certificate keeps when it is renewed with
/// the same key.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Pin([u8; 32]);

/// Why something is no pin.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PinError {
    /// Neither a host, nor `*.` or `**.` and a host.
    Pattern(Box<str>),
    /// A pattern with a name that is not ASCII: convert it with IDNA first.
    NotAscii(Box<str>),
    /// Of another hash than SHA-256, or of none. SHA-1 isn't enough.
    Hash(Box<str>),
    /// Not the base64 of 32 bytes.
    Base64(Box<str>),
}

// === impl Pin ===

impl Pin {
    /// The pin of a public key, in several parts.
    pub(crate) fn of_key(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        parts.iter().for_each(|part| hash.update(part));
        Self(hash.finalize().into())
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
                write!(f, "`{pattern}` is neither a host, nor `*.` (one more label) or `**.` (any) and a host")
            }
            Self::NotAscii(pattern) => write!(f, "pattern `{pattern}` is not ASCII: convert it with IDNA first"),
            Self::Hash(pin) => write!(f, "pin `{pin}` doesn't begin with `{PREFIX}`"),
            Self::Base64(pin) if is_curls(pin) => {
                write!(
                    f,
                    "pin `{pin}` has two slashes, as curl writes pins: here it is `{PREFIX}` and the base64 of 32 bytes"
                )
            }
            Self::Base64(pin) => write!(f, "pin `{pin}` is not `{PREFIX}` and the base64 of 32 bytes"),
        }
    }
}

impl std::error::Error for PinError {}

/// A pin in all but the second slash of `sha256//`.
fn is_curls(pin: &str) -> bool {
    let base64 = pin.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix('/'));
    base64.is_some_and(|base64| format!("{PREFIX}{base64}").parse::<Pin>().is_ok())
}
