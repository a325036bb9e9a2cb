//! What a client must know of its own certificate and key.

use super::fields::{Fields, inside};
use der::{SliceReader, Tag};

/// The public key of a certificate, as DER, if it is of X.509 version 1.
pub(crate) fn key_of_version_1(certificate: &[u8]) -> Option<&[u8]> {
    Fields::of(certificate).ok().filter(|fields| !fields.has_version).map(|fields| fields.key)
}

/// Whether this is a private key that is encrypted by PKCS#8 (RFC 5958, section 3). One that isn't begins with its
/// version.
pub(crate) fn is_encrypted_key(key: &[u8]) -> bool {
    let of = |key| -> der::Result<bool> {
        let mut key = inside(&mut SliceReader::new(key)?, Tag::Sequence)?;
        let is_algorithm = Tag::peek(&inside(&mut key, Tag::Sequence)?)? == Tag::ObjectIdentifier;
        Ok(is_algorithm && Tag::peek(&key)? == Tag::OctetString)
    };
    of(key).unwrap_or(false)
}
