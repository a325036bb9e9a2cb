//! The field `grpc-timeout`: a number of at most eight digits, and a unit.

use http::{HeaderMap, HeaderName, HeaderValue};
use std::time::Duration;
use tonic::Status;

pub(crate) const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// The units, the smallest first, with their length in nanoseconds.
const UNITS: [(u8, u64); 6] = [
    (b'n', 1),
    (b'u', 1_000),
    (b'm', 1_000_000),
    (b'S', 1_000_000_000),
    (b'M', 60_000_000_000),
    (b'H', 3_600_000_000_000),
];
const MAX_DIGITS: usize = 8;

/// The time limit that a call has.
///
/// # Errors
/// When the field can't be read: without it the call might never end. So too when there are several, of which the
/// server might read another one.
pub(crate) fn read(headers: &HeaderMap) -> Result<Option<Duration>, Status> {
    let mut values = headers.get_all(GRPC_TIMEOUT).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let limit = parse(value.as_bytes()).filter(|_| values.next().is_none());
    limit.map(Some).ok_or_else(|| Status::invalid_argument("grpc-timeout is malformed, or there are several"))
}

fn parse(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    let (_, nanos) = UNITS.iter().find(|(name, _)| name == unit)?;
    if digits.is_empty() || digits.len() > MAX_DIGITS || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
    Some(Duration::from_nanos(*nanos).saturating_mul(number))
}

/// A time limit as the field has it, in the smallest unit that it fits in; rounded up, so that the server is not the
/// first to give up.
pub(crate) fn write(limit: Duration) -> HeaderValue {
    let nanos = limit.as_nanos();
    let largest = 10_u128.pow(MAX_DIGITS as u32) - 1;
    let fitting = UNITS.iter().map(|(name, unit)| (*name, nanos.div_ceil(u128::from(*unit))));
    let (unit, number) = fitting.clone().find(|(_, number)| *number <= largest).unwrap_or((b'H', largest));
    let text = format!("{number}{}", char::from(unit));
    // Digits and a letter: it can't fail.
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("99999999H"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_read_in_each_unit_and_nothing_else_is() {
        let rows: [(&str, Option<Duration>); 15] = [
            ("7n", Some(Duration::from_nanos(7))),
            ("7u", Some(Duration::from_micros(7))),
            ("7m", Some(Duration::from_millis(7))),
            ("7S", Some(Duration::from_secs(7))),
            ("7M", Some(Duration::from_secs(420))),
            ("7H", Some(Duration::from_secs(25_200))),
            ("00000000S", Some(Duration::ZERO)),
            ("99999999H", Some(Duration::from_secs(99_999_999 * 3_600))),
            ("", None),
            ("S", None),
            ("7", None),
            ("7s", None),
            ("-7S", None),
            ("7 S", None),
            ("123456789S", None),
        ];
        for (text, limit) in rows {
            assert_eq!(parse(text.as_bytes()), limit, "{text}");
        }
    }

    #[test]
    fn a_limit_is_written_in_the_smallest_unit_it_fits_in() {
        let rows = [
            (Duration::ZERO, "0n"),
            (Duration::from_nanos(99_999_999), "99999999n"),
            (Duration::from_nanos(100_000_001), "100001u"),
            (Duration::from_secs(5), "5000000u"),
            (Duration::from_secs(100), "100000m"),
            (Duration::from_secs(86_400), "86400000m"),
            (Duration::from_secs(864_000), "864000S"),
            (Duration::MAX, "99999999H"),
        ];
        for (limit, text) in rows {
            assert_eq!(write(limit), text);
            if limit < Duration::MAX {
                assert!(parse(text.as_bytes()).is_some_and(|read| read >= limit));
            }
        }
    }
}
