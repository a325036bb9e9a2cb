//! Reads the fields of a certificate that webpki checks but doesn't expose.

use rustls::pki_types::UnixTime;
use std::time::Duration;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const BOOLEAN: u8 = 0x01;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// id-at-commonName and id-at-organizationName (RFC 5280, appendix A.1).
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];

/// id-ce-basicConstraints, id-ce-keyUsage and id-ce-extKeyUsage (RFC 5280, sections 4.2.1.9, 4.2.1.3 and 4.2.1.12), and
/// id-kp-serverAuth in the last.
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
const SERVER_AUTH: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];

/// From when to when a certificate is valid, both inclusive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Validity {
    pub(crate) not_before: UnixTime,
    pub(crate) not_after: UnixTime,
}

/// When a certificate is valid (RFC 5280, section 4.1.2.5); `None` when it can't be read.
pub(crate) fn validity(certificate: &[u8]) -> Option<Validity> {
    let mut validity = fields_from_validity(certificate)?.inside(SEQUENCE)?;
    let mut next = || validity.next().and_then(|(tag, text)| time(tag, text));
    let times = Validity { not_before: next()?, not_after: next()? };
    validity.0.is_empty().then_some(times)
}

/// What the issuer of a certificate calls itself: its common name, or else its organization (RFC 5280, section
/// 4.1.2.4); at most 64 characters, which is what the RFC allows.
pub(crate) fn issuer(certificate: &[u8]) -> Option<String> {
    let mut fields = Reader(certificate).inside(SEQUENCE)?.inside(SEQUENCE)?;
    if fields.0.first() == Some(&VERSION) {
        fields.next()?;
    }
    for _serial_algorithm in 0..2 {
        fields.next()?;
    }
    let (mut name, mut organization) = (fields.inside(SEQUENCE)?, None);
    while let Some((_set, attributes)) = name.next_or_end()? {
        let mut attributes = Reader(attributes);
        while let Some((_sequence, attribute)) = attributes.next_or_end()? {
            let mut attribute = Reader(attribute);
            let id = attribute.content(OBJECT_IDENTIFIER)?;
            let (_kind, value) = attribute.next()?;
            let text = || String::from_utf8_lossy(value).chars().take(64).collect();
            match id {
                COMMON_NAME => return Some(text()),
                ORGANIZATION => organization = Some(text()),
                _ => {}
            }
        }
    }
    organization
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

/// What a certificate's key is for; `None` when it can't be read.
pub(crate) fn usage(certificate: &[u8]) -> Option<Usage> {
    let (mut says_ca, mut may_sign) = (!has_version(certificate)?, true);
    let mut usage = Usage { handshakes: true, servers: true, certificates: true };
    let mut fields = fields_from_validity(certificate)?;
    for _validity_subject_key in 0..3 {
        fields.next()?;
    }
    while let Some((tag, content)) = fields.next_or_end()? {
        if tag != EXTENSIONS {
            continue;
        }
        let mut extensions = Reader(content).inside(SEQUENCE)?;
        while let Some((tag, extension)) = extensions.next_or_end()? {
            let mut extension = (tag == SEQUENCE).then_some(Reader(extension))?;
            let id = extension.content(OBJECT_IDENTIFIER)?;
            if extension.0.first() == Some(&BOOLEAN) {
                extension.next()?;
            }
            let value = extension.content(OCTET_STRING)?;
            match id {
                BASIC_CONSTRAINTS => says_ca = is_ca(value)?,
                KEY_USAGE => {
                    usage.handshakes = allows(HANDSHAKES, value)?;
                    may_sign = allows(KEY_CERT_SIGN, value)?;
                }
                EXTENDED_KEY_USAGE => usage.servers = allows_servers(value)?,
                _ => {}
            }
        }
    }
    usage.certificates = says_ca && may_sign;
    Some(usage)
}

/// digitalSignature, keyEncipherment and keyAgreement: bits 0, 2 and 4, counted from the highest.
const HANDSHAKES: u8 = 0b1010_1000;
/// keyCertSign: bit 5.
const KEY_CERT_SIGN: u8 = 0b0000_0100;

/// Whether a key usage has any of these bits.
fn allows(usages: u8, key_usage: &[u8]) -> Option<bool> {
    let (_unused, bits) = Reader(key_usage).content(BIT_STRING)?.split_first()?;
    Some(bits.first().is_some_and(|bits| bits & usages != 0))
}

/// What basic constraints say; FALSE is the default.
fn is_ca(basic_constraints: &[u8]) -> Option<bool> {
    let mut constraints = Reader(basic_constraints).inside(SEQUENCE)?;
    match constraints.next_or_end()? {
        Some((BOOLEAN, value)) => Some(value == [0xff]),
        _ => Some(false),
    }
}

/// Whether a certificate says which version it is. The first has no field for that, nor any extensions.
fn has_version(certificate: &[u8]) -> Option<bool> {
    let fields = Reader(certificate).inside(SEQUENCE)?.inside(SEQUENCE)?;
    Some(fields.0.first() == Some(&VERSION))
}

fn allows_servers(extended_key_usage: &[u8]) -> Option<bool> {
    let mut purposes = Reader(extended_key_usage).inside(SEQUENCE)?;
    while let Some((tag, purpose)) = purposes.next_or_end()? {
        if tag == OBJECT_IDENTIFIER && purpose == SERVER_AUTH {
            return Some(true);
        }
    }
    Some(false)
}

/// What is signed of a certificate, and its signature; `None` when it can't be read.
pub(crate) fn signed(certificate: &[u8]) -> Option<(&[u8], &[u8])> {
    let content = Reader(certificate).content(SEQUENCE)?;
    let mut certificate = Reader(content);
    certificate.inside(SEQUENCE)?;
    let to_be_signed = &content[..content.len() - certificate.0.len()];
    certificate.inside(SEQUENCE)?;
    match certificate.content(BIT_STRING)?.split_first()? {
        (0, signature) => Some((to_be_signed, signature)),
        _unused_bits => None,
    }
}

/// The fields of what is signed of a certificate, from its validity on (RFC 5280, section 4.1).
fn fields_from_validity(certificate: &[u8]) -> Option<Reader<'_>> {
    let mut fields = Reader(certificate).inside(SEQUENCE)?.inside(SEQUENCE)?;
    if fields.0.first() == Some(&VERSION) {
        fields.next()?;
    }
    for _serial_algorithm_issuer in 0..3 {
        fields.next()?;
    }
    Some(fields)
}

/// The DER header of a SEQUENCE with content of this many bytes.
pub(crate) fn sequence_header(length: usize) -> Vec<u8> {
    let mut header = vec![SEQUENCE];
    let bytes = length.to_be_bytes();
    let significant = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => header.push(short),
        _ => {
            header.push(0x80 | significant.len() as u8);
            header.extend_from_slice(significant);
        }
    }
    header
}

/// Reads DER elements, one after another.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, length], rest) = self.0.split_first_chunk()?;
        let (length, rest) = match length {
            0..=0x7f => (usize::from(length), rest),
            _ => {
                let (bytes, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
                if bytes.is_empty() || bytes.len() > 4 {
                    return None;
                }
                (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
            }
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    /// The next element, or `Some(None)` where there is none.
    fn next_or_end(&mut self) -> Option<Option<(u8, &'a [u8])>> {
        if self.0.is_empty() { Some(None) } else { self.next().map(Some) }
    }

    fn content(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, content) = self.next()?;
        (found == tag).then_some(content)
    }

    fn inside(&mut self, tag: u8) -> Option<Self> {
        self.content(tag).map(Self)
    }
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ` (RFC 5280, section 4.1.2.5).
fn time(tag: u8, text: &[u8]) -> Option<UnixTime> {
    let digits = text.strip_suffix(b"Z")?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |digits: &[u8]| digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => match number(&digits[..2]) {
            year @ 50.. => (1900 + year, &digits[2..]),
            year => (2000 + year, &digits[2..]),
        },
        (GENERALIZED_TIME, 14) => (number(&digits[..4]), &digits[4..]),
        _ => return None,
    };
    let part = |i: usize| number(&rest[2 * i..2 * i + 2]);
    let (days, [hours, minutes, seconds]) = (days(year, part(0), part(1))?, [2, 3, 4].map(part));
    let seconds = (hours < 24 && minutes < 60 && seconds < 60).then_some(hours * 3_600 + minutes * 60 + seconds)?;
    Some(UnixTime::since_unix_epoch(Duration::from_secs(days * 86_400 + seconds)))
}

/// From 1970-01-01 to a day of the Gregorian calendar; `None` before it, and if there is no such day. Years are counted
/// from March, so that the leap day ends them.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let last = match month {
        2 => 28 + u64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=last).contains(&day) || year < 1970 {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    (365 * year + year / 4 - year / 100 + year / 400 + day_of_year).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(time(*tag, text.as_bytes()).map(|time| time.as_secs()), *expected, "{text}");
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
        let element = |tag, content: &[u8]| [&[tag, u8::try_from(content.len()).unwrap()], content].concat();
        let certificate = |times: &[u8]| {
            let serial_algorithm_issuer = element(SEQUENCE, &[]).repeat(3);
            let fields = [serial_algorithm_issuer, element(SEQUENCE, times)].concat();
            element(SEQUENCE, &element(SEQUENCE, &fields))
        };
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
