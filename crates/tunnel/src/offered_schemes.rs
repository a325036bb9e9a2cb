//! By which schemes a proxy wants credentials, for a message.

use http::{HeaderMap, header::PROXY_AUTHENTICATE};

/// How many are named, and how long one may be.
const MOST: usize = 4;
const LONGEST: usize = 32;

/// Their names as a person lists them, if there are any: each once, the first few, and nothing that is no name.
pub(crate) fn offered_schemes(headers: &HeaderMap) -> Option<String> {
    let mut names: Vec<&str> = Vec::new();
    for name in schemes(headers) {
        if names.len() < MOST && !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            names.push(name);
        }
    }
    let last = names.pop()?;
    Some(if names.is_empty() { last.to_owned() } else { format!("{} or {last}", names.join(", ")) })
}

/// Whether there are some, and no user and password can be shown by any of them.
pub(crate) fn offers_unspoken_alone(headers: &HeaderMap) -> bool {
    let is_spoken = |name: &str| ["basic", "digest"].iter().any(|known| name.eq_ignore_ascii_case(known));
    schemes(headers).next().is_some() && !schemes(headers).any(is_spoken)
}

fn schemes(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers.get_all(PROXY_AUTHENTICATE).iter().flat_map(|value| elements(value.as_bytes())).filter_map(scheme)
}

/// Of a list (RFC 9110, section 5.6.1); a comma in quotes is none.
fn elements(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    list.split(move |byte| {
        if *byte == b'"' && !is_escaped {
            is_quoted = !is_quoted;
        }
        is_escaped = is_quoted && !is_escaped && *byte == b'\\';
        *byte == b',' && !is_quoted
    })
}

/// The scheme with which an element of a challenge begins; what `=` follows is a parameter of the one before.
fn scheme(element: &[u8]) -> Option<&str> {
    let element = element.trim_ascii_start();
    let end = element.iter().position(|byte| !is_tchar(*byte)).unwrap_or(element.len());
    let (name, rest) = element.split_at(end);
    let follows = rest.trim_ascii_start().first();
    let is_scheme = follows != Some(&b'=') && rest.first().is_none_or(u8::is_ascii_whitespace);
    if !is_scheme || !(1..=LONGEST).contains(&name.len()) { None } else { std::str::from_utf8(name).ok() }
}

fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn schemes_are_named_once_and_parameters_are_none() {
        let long = "x".repeat(33);
        let rows: [(&[&str], Option<&str>); 9] = [
            (&[], None),
            (&["Basic realm=\"r\""], Some("Basic")),
            (&["Basic realm=\"a, Digest b\", charset=\"UTF-8\"", "basic"], Some("Basic")),
            (&["Basic realm=\"\\\", Digest\", Negotiate"], Some("Basic or Negotiate")),
            (&["Digest  realm=\"r\", nonce =\"n\", NTLM", "Negotiate abc=="], Some("Digest, NTLM or Negotiate")),
            (&["A, B, C, D, E"], Some("A, B, C or D")),
            (&["\u{1b}[2J, =x, \"q\", ,"], None),
            (&["Basic\u{1b}[2J"], None),
            (&[&long], None),
        ];
        for (values, expected) in rows {
            let values = values.iter().map(|value| (PROXY_AUTHENTICATE, HeaderValue::from_bytes(value.as_bytes())));
            let headers = values.filter_map(|(name, value)| Some((name, value.ok()?))).collect();
            assert_eq!(offered_schemes(&headers).as_deref(), expected);
        }
    }
}
