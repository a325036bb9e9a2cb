//! Responses that ask for their request again.

use http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use std::time::Duration;

/// Those that one request was sent again for: each once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Answers {
    timeout: bool,
    too_early: bool,
    unavailable: bool,
}

impl Answers {
    /// How many there were.
    pub(crate) fn count(self) -> u8 {
        u8::from(self.timeout) + u8::from(self.too_early) + u8::from(self.unavailable)
    }

    /// Whether this status was not among them; it is from now on.
    pub(crate) fn use_up(&mut self, status: StatusCode) -> bool {
        let used = match status {
            StatusCode::REQUEST_TIMEOUT => &mut self.timeout,
            StatusCode::TOO_EARLY => &mut self.too_early,
            StatusCode::SERVICE_UNAVAILABLE => &mut self.unavailable,
            _ => return false,
        };
        !std::mem::replace(used, true)
    }
}

/// When a response with this head wants its request again; `None` when it doesn't say, or says it in a way that isn't
/// understood.
///
/// A 408 or a 425 without `retry-after` asks for it at once. A 503 doesn't: whoever is overloaded and doesn't say until
/// when is best left alone.
pub(crate) fn wanted_after(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    let mut values = headers.get_all(RETRY_AFTER).iter();
    match (values.next(), values.next()) {
        (None, _) => (status != StatusCode::SERVICE_UNAVAILABLE).then_some(Duration::ZERO),
        (Some(value), None) => delay_seconds(value.as_bytes()),
        (Some(_), Some(_)) => None,
    }
}

/// The seconds of a `retry-after` (RFC 9110, section 10.2.3). A date is `None`: to compare it with a clock that may be
/// off by minutes would be a guess.
fn delay_seconds(value: &[u8]) -> Option<Duration> {
    let digits = std::str::from_utf8(value).ok()?.trim_matches([' ', '\t']);
    let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    // More than the type can tell is no time that anybody waits.
    is_number.then(|| digits.parse().map(Duration::from_secs).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const ALL: [StatusCode; 3] = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::SERVICE_UNAVAILABLE];

    #[test]
    fn each_is_used_up_by_itself_and_once() {
        let mut answers = Answers::default();
        assert!(ALL.iter().all(|status| answers.use_up(*status)) && answers.count() == 3);
        assert!(!ALL.iter().any(|status| answers.use_up(*status)) && answers.count() == 3);
        assert!(!answers.use_up(StatusCode::TOO_MANY_REQUESTS));
    }

    #[test]
    fn what_a_retry_after_says() {
        let now = Some(Duration::ZERO);
        let rows = [
            ("0", now),
            ("00", now),
            ("120", Some(Duration::from_secs(120))),
            ("18446744073709551615", Some(Duration::from_secs(u64::MAX))),
            ("18446744073709551616", None),
            ("", None),
            ("-1", None),
            ("+0", None),
            ("0.5", None),
            ("0, 0", None),
            ("soon", None),
            ("Fri, 31 Dec 1999 23:59:59 GMT", None),
        ];
        for (text, after) in rows {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]);
            for status in ALL {
                assert_eq!(wanted_after(status, &headers), after, "{text:?}");
            }
        }
        let mut headers = HeaderMap::new();
        assert_eq!(ALL.map(|status| wanted_after(status, &headers)), [now, now, None]);
        (0..2).for_each(|_| _ = headers.append(RETRY_AFTER, HeaderValue::from_static("0")));
        assert_eq!(ALL.map(|status| wanted_after(status, &headers)), [None; 3], "which of the two?");
    }
}
