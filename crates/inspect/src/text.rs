//! Words and numbers for people.

use skybridge_trace::clean_xml;
use std::time::{Duration, Instant};

/// The most characters of one text on the page.
const LONGEST: usize = 400;

/// Text for HTML that is XML too: in one line, cut, and nothing in it is markup.
pub(crate) fn escape(text: &str) -> String {
    clean_xml(text, LONGEST)
}

pub(crate) fn human(time: Duration) -> String {
    match time.as_secs() {
        0 if time.as_millis() < 10 => format!("{:.2} ms", time.as_secs_f64() * 1e3),
        0 => format!("{} ms", time.as_millis()),
        1..120 => format!("{:.1} s", time.as_secs_f64()),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

pub(crate) fn since(then: Instant, now: Instant) -> Duration {
    now.saturating_duration_since(then)
}

/// Values that are JSON already, as an array.
pub(crate) fn array(values: impl Iterator<Item = String>) -> String {
    format!("[{}]", values.collect::<Vec<_>>().join(","))
}

/// A number, and what it counts.
pub(crate) fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup() {
        assert_eq!(escape("<b>&'\"\u{202e}\u{ffff}"), "&lt;b&gt;&amp;&#39;&quot;\\u{202e}\u{fffd}");
        assert_eq!(escape(&"a".repeat(500)).chars().count(), 400);
    }
}
