//! Certificates and keys in DER, as PEM (RFC 7468): `--cert-type DER` and `--key-type DER`.

use base64::{Engine, engine::general_purpose::STANDARD};

/// How a certificate or a key is encoded.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Encoding {
    #[default]
    Pem,
    Der,
}

impl std::str::FromStr for Encoding {
    type Err = &'static str;

    /// As curl takes them, in either case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            _ if text.eq_ignore_ascii_case("PEM") => Ok(Self::Pem),
            _ if text.eq_ignore_ascii_case("DER") => Ok(Self::Der),
            _ => Err("nearest: PEM or DER"),
        }
    }
}

impl Encoding {
    pub(crate) fn certificate(self, bytes: Vec<u8>) -> Vec<u8> {
        self.armoured("CERTIFICATE", bytes)
    }

    pub(crate) fn key(self, bytes: Vec<u8>) -> Vec<u8> {
        self.armoured(kind(&bytes), bytes)
    }

    fn armoured(self, label: &str, bytes: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Pem => bytes,
            Self::Der => {
                format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(bytes)).into_bytes()
            }
        }
    }
}

/// Which kind of key this is, by how it begins: PKCS#8 (RFC 5958), which may be encrypted, PKCS#1 (RFC 8017, appendix
/// A.1.2) or SEC1 (RFC 5915). What is none of them is for whoever reads it to refuse.
fn kind(der: &[u8]) -> &'static str {
    const INTEGER: u8 = 2;
    const OCTET_STRING: u8 = 4;
    const SEQUENCE: u8 = 0x30;
    let length = match der.get(1) {
        Some(long @ 0x80..) => 1 + usize::from(long & 0x7f),
        _ => 1,
    };
    match der.get(1 + length..).unwrap_or_default() {
        [SEQUENCE, ..] => "ENCRYPTED PRIVATE KEY",
        [INTEGER, 1, _, INTEGER, ..] => "RSA PRIVATE KEY",
        [INTEGER, 1, _, OCTET_STRING, ..] => "EC PRIVATE KEY",
        _ => "PRIVATE KEY",
    }
}
