//! Reads `notAfter`, the one field of a certificate that webpki checks but doesn't expose.

use rustls::pki_types::UnixTime;
use std::time::Duration;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// When a certificate expires (RFC 5280, section 4.1); `None` when it can't be read.
pub(crate) fn not_after(certificate: &[u8]) -> Option<UnixTime> {
    let mut certificate = Reader(certificate).inside(SEQUENCE)?;
    let mut to_be_signed = certificate.inside(SEQUENCE)?;
    if to_be_signed.0.first() == Some(&VERSION) {
        to_be_signed.next()?;
    }
    for _serial_algorithm_issuer in 0..3 {
        to_be_signed.next()?;
    }
    let mut validity = to_be_signed.inside(SEQUENCE)?;
    validity.next()?;
    let (tag, text) = validity.next()?;
    time(tag, text)
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

    fn inside(&mut self, tag: u8) -> Option<Self> {
        let (found, content) = self.next()?;
        (found == tag).then_some(Self(content))
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
    let days = days(year, part(0), part(1))?;
    Some(UnixTime::since_unix_epoch(Duration::from_secs(days * 86_400 + part(2) * 3_600 + part(3) * 60 + part(4))))
}

/// From 1970-01-01 to a day of the Gregorian calendar; `None` before it. Years are counted from March, so that the leap
/// day ends them.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || year < 1970 {
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
        ];
        for (tag, text, expected) in rows {
            assert_eq!(time(*tag, text.as_bytes()).map(|time| time.as_secs()), *expected, "{text}");
        }
    }

    #[test]
    fn what_is_cut_off_is_not_read() {
        let whole = [0x30, 3, 0x30, 1, 0];
        for length in 0..whole.len() {
            assert_eq!(not_after(&whole[..length]), None);
        }
    }

    #[test]
    fn headers_of_sequences() {
        assert_eq!(sequence_header(0x7f), [0x30, 0x7f]);
        assert_eq!(sequence_header(0x80), [0x30, 0x81, 0x80]);
        assert_eq!(sequence_header(0x123), [0x30, 0x82, 0x01, 0x23]);
    }
}
