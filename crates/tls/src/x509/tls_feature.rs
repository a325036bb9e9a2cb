use super::{fields::inside, parts::extension};
use der::{Decode, Reader, SliceReader, Tag, asn1::ObjectIdentifier};

/// id-pe-tlsfeature (RFC 7633, section 6).
const ID_PE_TLS_FEATURE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.24");
/// The number of the extension `status_request` of TLS, by which a staple is asked for (RFC 6066, section 8).
const STATUS_REQUEST: u64 = 5;

/// Whether it says of itself that its server staples to it (RFC 7633), which is called must-staple. Other extensions
/// of TLS that it may name are none that we offer. What can't be read of it might be that one.
pub(crate) fn must_be_stapled(certificate: &[u8]) -> bool {
    let Some(value) = extension(certificate, ID_PE_TLS_FEATURE) else { return false };
    names_status_request(value).unwrap_or(true)
}

fn names_status_request(value: &[u8]) -> der::Result<bool> {
    let mut features = inside(&mut SliceReader::new(value)?, Tag::Sequence)?;
    while !features.is_finished() {
        if u64::decode(&mut features)? == STATUS_REQUEST {
            return Ok(true);
        }
    }
    Ok(false)
}
