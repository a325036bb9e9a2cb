//! Makes text from peers safe for a terminal, and for a page.

use crate::wrap::cut;
use std::{borrow::Cow, fmt::Write};

/// Escapes what a peer's text must not do to a terminal, or to who reads it there: control characters, which move the
/// cursor, and those that show text in another order or not at all (such as U+202E and U+200B). Line breaks are escaped
/// too: what is cleaned is one line.
pub fn clean(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c.escape_default().to_string())
}

/// The same for JSON that is written already, where such characters stand in strings alone: `\u202e`.
pub fn clean_json(json: &str) -> Cow<'_, str> {
    escaped(json, json_escape)
}

/// The same for a text or an attribute's value in XML, and so in HTML: no more characters than that, nothing in it is
/// markup, and nothing that XML doesn't allow (XML 1.0, section 2.2).
pub fn clean_xml(text: &str, longest: usize) -> String {
    let text = clean(text);
    let mut escaped = String::with_capacity(text.len());
    for c in cut(&text, longest, '…').chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// How JSON escapes a character (RFC 8259, section 7).
pub(crate) fn json_escape(c: char) -> String {
    let mut escape = String::new();
    for unit in c.encode_utf16(&mut [0; 2]) {
        // Writing to a string doesn't fail.
        let _ = write!(escape, "\\u{unit:04x}");
    }
    escape
}

fn escaped(text: &str, escape: impl Fn(char) -> String) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return text.into();
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unsafe(c) { safe.push_str(&escape(c)) } else { safe.push(c) }
    }
    safe.into()
}

/// Controls (Cc), and of the format characters (Cf) and separators those that reorder text, break lines or aren't seen.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_or_a_reader_could_mistake_is_escaped() {
        let text = "<script>&'\"]]>\u{1b}[2J\u{202e}\u{fffe}\u{ffff}\0";
        let escaped = clean_xml(text, 200);
        let expected = "&lt;script&gt;&amp;&#39;&quot;]]&gt;\\u{1b}[2J\\u{202e}\u{fffd}\u{fffd}\\u{0}";
        assert_eq!(escaped, expected);
        assert_eq!(clean_xml("abcdef", 4), "abc…");
    }

    #[test]
    fn what_moves_hides_or_reorders_is_escaped_and_all_else_stays() {
        let rows = [
            ("Z\u{fc}rich \u{65e5}\u{672c} \u{1f600}", "Z\u{fc}rich \u{65e5}\u{672c} \u{1f600}"),
            ("a\u{1b}[2Jb\r\n\t", "a\\u{1b}[2Jb\\r\\n\\t"),
            ("exe.\u{202e}gpj", "exe.\\u{202e}gpj"),
            ("\u{9b}x\u{7f}\u{200b}\u{2066}\u{2069}", "\\u{9b}x\\u{7f}\\u{200b}\\u{2066}\\u{2069}"),
            ("\u{e0041}", "\\u{e0041}"),
        ];
        for (text, expected) in rows {
            assert_eq!(clean(text), expected);
        }
        assert_eq!(clean_json("{\"a\":\"\u{202e}\u{7f}\u{e0041}\"}"), "{\"a\":\"\\u202e\\u007f\\udb40\\udc41\"}");
    }
}
