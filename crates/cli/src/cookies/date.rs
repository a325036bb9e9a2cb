//! When a cookie expires, as servers write it (RFC 6265, section 5.1.1).

/// What is longer is no date.
const LONGEST: usize = 80;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// In seconds since 1970; `None` if it is no date. What says another zone than UTC is taken for UTC, as there.
pub(crate) fn seconds(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() < LONGEST)?;
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    let is_delimiter = |c: char| !c.is_ascii_alphanumeric() && c != ':' && !('\u{7f}'..).contains(&c);
    for token in text.split(is_delimiter).filter(|token| !token.is_empty()) {
        if time.is_none() && time_of_day(token).is_some() {
            time = time_of_day(token);
        } else if day.is_none() && number(token, 1..=2).is_some() {
            day = number(token, 1..=2);
        } else if month.is_none() && month_of(token).is_some() {
            month = month_of(token);
        } else if year.is_none() {
            year = number(token, 2..=4);
        }
    }
    let year = match year? {
        year @ 70..=99 => year + 1_900,
        year @ 0..=69 => year + 2_000,
        year => year,
    };
    let (day, month) = (day?, month?);
    let is_date = (1..=days_in(year, month)).contains(&day) && year >= 1601;
    is_date.then_some(days(year, month, day) * 86_400 + time?)
}

/// The number that a token begins with, if that has so many digits.
fn number(token: &str, digits: std::ops::RangeInclusive<usize>) -> Option<i64> {
    let length = token.bytes().take_while(u8::is_ascii_digit).count();
    if digits.contains(&length) { token[..length].parse().ok() } else { None }
}

fn month_of(token: &str) -> Option<i64> {
    let name = token.get(..3)?.to_ascii_lowercase();
    (1..).zip(MONTHS).find(|(_, month)| *month == name).map(|(at, _)| at)
}

fn time_of_day(token: &str) -> Option<i64> {
    let mut parts = token.splitn(3, ':');
    let mut next = || parts.next().and_then(|part| number(part, 1..=2));
    let (hours, minutes, seconds) = (next()?, next()?, next()?);
    (hours < 24 && minutes < 60 && seconds < 60).then_some((hours * 60 + minutes) * 60 + seconds)
}

fn days_in(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Since 1970, in the calendar of today. A year is counted from March on, so that a leap day is its last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let until_year = year * 365 + year / 4 - year / 100 + year / 400;
    until_year + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_all_forms_that_servers_write() {
        let rows = [
            ("Thu, 01 Jan 1970 00:00:01 GMT", Some(1)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
            ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
            ("Tue, 29-Feb-2028 23:59:59 GMT", Some(1_835_481_599)),
            ("Fri Feb 13 11:56:27 GMT 2525", Some(17_517_902_187)),
            ("Mon, 29 Feb 2027 00:00:00 GMT", None),
            ("Thu, 01 Jan 1970 24:00:00 GMT", None),
            ("Thu, 01 Jan 1600 00:00:00 GMT", None),
            ("01 Jan 1970", None),
            ("tomorrow", None),
            ("", None),
        ];
        for (text, expected) in rows {
            assert_eq!(seconds(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(seconds(&b"Thu, 01 Jan 1970 00:00:01 GMT ".repeat(3)), None);
        assert_eq!(seconds(b"\xff"), None);
    }
}
