//! What webpki checks of a certificate but doesn't expose.

use super::{
    fields::{Fields, inside},
    name,
};
use const_oid::db::rfc5280::{ID_CE_BASIC_CONSTRAINTS, ID_CE_EXT_KEY_USAGE, ID_CE_KEY_USAGE, ID_KP_SERVER_AUTH};
use der::{
    Decode, Encode, Header, Length, Reader, SliceReader, Tag,
    asn1::{BitStringRef, GeneralizedTime, ObjectIdentifier, UtcTime},
};
use rustls::pki_types::UnixTime;

/// From when to when a certificate is valid, both inclusive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Validity {
    pub(crate) not_before: UnixTime,
    pub(crate) not_after: UnixTime,
}

/// When a certificate is valid (RFC 5280, section 4.1.2.5); `None` when it can't be read.
pub(crate) fn validity(certificate: &[u8]) -> Option<Validity> {
    let mut times = element(Fields::of(certificate).ok()?.validity)?;
    let validity = Validity { not_before: time(&mut times)?, not_after: time(&mut times)? };
    times.is_finished().then_some(validity)
}

pub(super) fn time(times: &mut SliceReader<'_>) -> Option<UnixTime> {
    let since_epoch = match Tag::peek(times).ok()? {
        Tag::UtcTime => times.decode::<UtcTime>().ok()?.to_unix_duration(),
        Tag::GeneralizedTime => times.decode::<GeneralizedTime>().ok()?.to_unix_duration(),
        _ => return None,
    };
    Some(UnixTime::since_unix_epoch(since_epoch))
}

/// What the issuer of a certificate calls itself: its common name, or else its organization (RFC 5280, section
/// 4.1.2.4); at most 64 characters, which is what the RFC allows.
pub(crate) fn issuer(certificate: &[u8]) -> Option<String> {
    name::shortest(Fields::of(certificate).ok()?.issuer)
}

/// What a certificate allows its key to be used for. Each is true when the certificate doesn't restrict it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// To sign or key a TLS handshake: digitalSignature, keyEncipherment or keyAgreement.
    pub(crate) handshakes: bool,
    /// To authenticate a server.
    pub(crate) servers: bool,
    /// To sign certificates. From version 3 on, certificates must say so.
    pub(crate) certificates: bool,
}

/// digitalSignature, keyEncipherment and keyAgreement, and keyCertSign (RFC 5280, section 4.2.1.3).
const HANDSHAKES: &[usize] = &[0, 2, 4];
const KEY_CERT_SIGN: &[usize] = &[5];

/// What a certificate's key is for; `None` when it can't be read.
pub(crate) fn usage(certificate: &[u8]) -> Option<Usage> {
    let fields = Fields::of(certificate).ok()?;
    let (mut says_ca, mut may_sign) = (!fields.has_version, true);
    let mut usage = Usage { handshakes: true, servers: true, certificates: true };
    for extension in fields.extensions() {
        let extension = extension.ok()?;
        let value = extension.value;
        match extension.id {
            ID_CE_BASIC_CONSTRAINTS => says_ca = is_ca(value)?,
            ID_CE_KEY_USAGE => {
                usage.handshakes = allows(HANDSHAKES, value)?;
                may_sign = allows(KEY_CERT_SIGN, value)?;
            }
            ID_CE_EXT_KEY_USAGE => usage.servers = allows_servers(value)?,
            _ => {}
        }
    }
    usage.certificates = says_ca && may_sign;
    Some(usage)
}

/// What basic constraints say (section 4.2.1.9); FALSE is the default.
pub(super) fn is_ca(basic_constraints: &[u8]) -> Option<bool> {
    Some(element(basic_constraints)?.decode::<Option<bool>>().ok()?.unwrap_or(false))
}

/// What is in a SEQUENCE.
fn element(sequence: &[u8]) -> Option<SliceReader<'_>> {
    inside(&mut SliceReader::new(sequence).ok()?, Tag::Sequence).ok()
}

/// Whether a key usage has any of these bits.
fn allows(usages: &[usize], key_usage: &[u8]) -> Option<bool> {
    let bits = BitStringRef::from_der(key_usage).ok()?;
    Some(usages.iter().any(|usage| bits.get(*usage) == Some(true)))
}

fn allows_servers(extended_key_usage: &[u8]) -> Option<bool> {
    let mut purposes = element(extended_key_usage)?;
    while !purposes.is_finished() {
        if purposes.decode::<ObjectIdentifier>().ok()? == ID_KP_SERVER_AUTH {
            return Some(true);
        }
    }
    Some(false)
}

/// What is signed of a certificate, and its signature; `None` when it can't be read.
pub(crate) fn signed(certificate: &[u8]) -> Option<(&[u8], &[u8])> {
    let Fields { signed, mut signature, .. } = Fields::of(certificate).ok()?;
    inside(&mut signature, Tag::Sequence).ok()?;
    Some((signed, signature.decode::<BitStringRef<'_>>().ok()?.as_bytes()?))
}

/// The DER header of a SEQUENCE with content of this many bytes.
pub(crate) fn sequence_header(length: usize) -> Vec<u8> {
    // Lengths of certificates fit.
    let length = Length::try_from(length).unwrap_or(Length::MAX);
    let mut header = [0; 8];
    Header::new(Tag::Sequence, length).encode_to_slice(&mut header).map(<[u8]>::to_vec).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEQUENCE: u8 = 0x30;
    const UTC_TIME: u8 = 0x17;
    const GENERALIZED_TIME: u8 = 0x18;

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
    }

    /// With nothing but a validity.
    fn certificate(times: &[u8]) -> Vec<u8> {
        let empty = element(SEQUENCE, &[]);
        let fields = [empty.repeat(3), element(SEQUENCE, times), empty.repeat(2)].concat();
        element(SEQUENCE, &element(SEQUENCE, &fields))
    }

    #[test]
    fn times_of_certificates() {
        let rows: &[(u8, &str, Option<u64>)] = &[
            (UTC_TIME, "700101000000Z", Some(0)),
            (UTC_TIME, "700301000000Z", Some(59 * 86_400)),
            (UTC_TIME, "000229000000Z", Some(951_782_400)),
            (UTC_TIME, "491231235959Z", Some(2_524_607_999)),
            (GENERALIZED_TIME, "20500101000000Z", Some(2_524_608_000)),
            (GENERALIZED_TIME, "40960101000000Z", Some(67_090_118_400)),
            (GENERALIZED_TIME, "99991231235959Z", Some(253_402_300_799)),
            (GENERALIZED_TIME, "19691231235959Z", None),
            (UTC_TIME, "20500101000000Z", None),
            (UTC_TIME, "7001010000Z", None),
            (UTC_TIME, "700101000000+0100", None),
            (UTC_TIME, "701301000000Z", None),
            (UTC_TIME, "230228235959Z", Some(1_677_628_799)),
            (UTC_TIME, "230229000000Z", None),
            (UTC_TIME, "000230000000Z", None),
            (UTC_TIME, "230431000000Z", None),
            (UTC_TIME, "231231000000Z", Some(1_703_980_800)),
            (UTC_TIME, "230101240000Z", None),
            (UTC_TIME, "230101006000Z", None),
            (UTC_TIME, "230101000060Z", None),
            (GENERALIZED_TIME, "21000229000000Z", None),
        ];
        for (tag, text, expected) in rows {
            let times = [element(UTC_TIME, b"700101000000Z"), element(*tag, text.as_bytes())].concat();
            let found = validity(&certificate(&times)).map(|validity| validity.not_after.as_secs());
            assert_eq!(found, *expected, "{text}");
        }
    }

    #[test]
    fn what_is_cut_off_is_not_read() {
        let whole = [0x30, 3, 0x30, 1, 0];
        for length in 0..whole.len() {
            assert!(validity(&whole[..length]).is_none());
            assert!(usage(&whole[..length]).is_none());
            assert!(issuer(&whole[..length]).is_none());
            assert!(signed(&whole[..length]).is_none());
        }
    }

    #[test]
    fn a_validity_is_two_times() {
        let time = element(UTC_TIME, b"700101000000Z");
        for times in 0..4 {
            assert_eq!(validity(&certificate(&time.repeat(times))).is_some(), times == 2, "{times}");
        }
    }

    #[test]
    fn headers_of_sequences() {
        assert_eq!(sequence_header(0x7f), [0x30, 0x7f]);
        assert_eq!(sequence_header(0x80), [0x30, 0x81, 0x80]);
        assert_eq!(sequence_header(0x123), [0x30, 0x82, 0x01, 0x23]);
    }
}
