//! Percent-encoding (RFC 3986, section 2.1).

use std::fmt::Write;

/// All but unreserved characters, as curl does.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            text.push(char::from(*byte));
        } else {
            // Writing to a string doesn't fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// `None` if what it says isn't UTF-8, or has a control character. A `%` without two digits is one.
pub(crate) fn decode(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((byte, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|digits| *byte == b'%' && digits.iter().all(u8::is_ascii_hexdigit));
        let decoded = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(decoded.unwrap_or(*byte));
        rest = if decoded.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains(char::is_control))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        for (decoded, encoded) in [("", ""), ("a b", "a%20b"), ("\u{fc}/%@:", "%C3%BC%2F%25%40%3A"), ("-._~", "-._~")] {
            assert_eq!((encode(decoded.as_bytes()), decode(encoded)), (encoded.to_owned(), Some(decoded.to_owned())));
        }
        assert_eq!(decode("%+1%zz%4"), Some("%+1%zz%4".to_owned()));
        for wrong in ["%ff", "%0a", "%00"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }
}
