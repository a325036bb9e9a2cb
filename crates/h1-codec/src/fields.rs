//! Field lines (RFC 9112, section 5).

use crate::{FieldSpelling, HeadError, Limits};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::borrow::Cow;

/// How many fields are looked for without an allocation.
pub(crate) const USUAL: usize = 64;

/// Where a field's name and value stand in the head: two ranges, as `u32`s, because a head is never that large.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    name: (u32, u32),
    value: (u32, u32),
}

impl Span {
    #[inline]
    pub(crate) fn of(head: &[u8], field: &httparse::Header<'_>) -> Self {
        let base = head.as_ptr() as usize;
        let range = |part: &[u8]| {
            // What is empty needn't be a part of the head.
            if part.is_empty() {
                return (0, 0);
            }
            let start = part.as_ptr() as usize - base;
            (start as u32, (start + part.len()) as u32)
        };
        Self { name: range(field.name.as_bytes()), value: range(field.value) }
    }

    /// Where the line begins.
    #[inline]
    pub(crate) fn start(&self) -> usize {
        self.name.0 as usize
    }

    /// Whether nothing but one CRLF stands between the field and `end`, where the next line begins. White space around
    /// the value doesn't count; a fold there does, which leaves no trace in the value.
    #[inline]
    pub(crate) fn is_one_line(&self, head: &[u8], end: usize) -> bool {
        let (name_end, (start, value_end)) = (self.name.1 as usize, self.value);
        // A colon, one space or none, the value, CRLF: as nearly everybody writes it.
        start as usize <= name_end + 2 && value_end as usize + 2 == end && head[..end].ends_with(b"\r\n")
            || self.has_one_line_end(head, end)
    }

    #[cold]
    fn has_one_line_end(&self, head: &[u8], end: usize) -> bool {
        let line = head.get(self.name.1 as usize..end).unwrap_or_default();
        line.ends_with(b"\r\n") && line.iter().filter(|byte| **byte == b'\n').count() == 1
    }

    #[inline]
    pub(crate) fn name<'a>(&self, head: &'a [u8]) -> &'a [u8] {
        &head[self.name.0 as usize..self.name.1 as usize]
    }

    /// The name and the value, and whether the line was whole: not folded.
    #[inline]
    pub(crate) fn field(&self, head: &Bytes) -> Result<(HeaderName, HeaderValue, bool), HeadError> {
        let name = HeaderName::from_bytes(self.name(head)).map_err(|_| self.refused(head, "its name is no token"))?;
        let value = self.value.0 as usize..self.value.1 as usize;
        match HeaderValue::from_maybe_shared(head.slice(value.clone())) {
            Ok(value) => Ok((name, value, true)),
            Err(_) => Ok((name, self.unfolded(head, &head[value])?, false)),
        }
    }

    #[cold]
    fn unfolded(&self, head: &[u8], value: &[u8]) -> Result<HeaderValue, HeadError> {
        let why = "its value has a control character";
        HeaderValue::from_maybe_shared(unfold(value)).map_err(|_| self.refused(head, why))
    }

    #[cold]
    fn refused(&self, head: &[u8], why: &'static str) -> HeadError {
        HeadError::FieldLine { name: printable(self.name(head)), why }
    }
}

/// Each fold, the line's end with the white space around it, becomes one space (RFC 9112, section 5.2).
#[cold]
fn unfold(value: &[u8]) -> Bytes {
    let mut unfolded = Vec::with_capacity(value.len());
    for line in value.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line).trim_ascii();
        if !unfolded.is_empty() && !line.is_empty() {
            unfolded.push(b' ');
        }
        unfolded.extend_from_slice(line);
    }
    unfolded.into()
}

/// A block of trailers that ends with an empty line. Those that must not be sent as such are left out: whoever merges
/// them into the header section, as is allowed (RFC 9110, section 6.5.2), would take them for what the peer said there.
pub(crate) fn parse_trailers(block: &Bytes, limits: &Limits) -> Result<HeaderMap, HeadError> {
    // Each needs four bytes at least.
    let most = limits.fields.min(block.len() / 4 + 1);
    let mut parsed = vec![httparse::EMPTY_HEADER; most];
    let fields = match httparse::parse_headers(block, &mut parsed) {
        Ok(httparse::Status::Complete((_, fields))) => fields,
        Ok(httparse::Status::Partial) => return Err(malformed_line(block, "it doesn't end")),
        Err(httparse::Error::TooManyHeaders) => return Err(HeadError::TooManyFields { limit: limits.fields }),
        Err(error) => return Err(malformed_line(block, describe(error))),
    };
    let mut map = with_room(fields.len(), limits)?;
    for field in fields {
        let (name, value, _) = Span::of(block, field).field(block)?;
        if !is_forbidden_in_trailers(&name) {
            append(&mut map, name, value, limits)?;
        }
    }
    Ok(map)
}

#[inline]
pub(crate) fn with_room(fields: usize, limits: &Limits) -> Result<HeaderMap, HeadError> {
    HeaderMap::try_with_capacity(fields).map_err(|_| HeadError::TooManyFields { limit: limits.fields })
}

#[inline]
pub(crate) fn append(
    map: &mut HeaderMap,
    name: HeaderName,
    value: HeaderValue,
    limits: &Limits,
) -> Result<(), HeadError> {
    map.try_append(name, value).map(drop).map_err(|_| HeadError::TooManyFields { limit: limits.fields })
}

/// Names the first line that isn't one: which it is matters more than what a parser calls it.
#[cold]
pub(crate) fn malformed_line(head: &[u8], why: &'static str) -> HeadError {
    let lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with(b"HTTP/1.")) {
        if matches!(line[0], b' ' | b'\t') {
            continue;
        }
        let (name, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &b"\0"[..]),
        };
        if HeaderName::from_bytes(name).is_err() || HeaderValue::from_bytes(value).is_err() {
            return HeadError::FieldLine { name: printable(name), why };
        }
    }
    HeadError::FieldLine { name: "".into(), why }
}

pub(crate) fn describe(error: httparse::Error) -> &'static str {
    match error {
        httparse::Error::HeaderName => "its name is no token, or white space follows it",
        httparse::Error::HeaderValue => "its value has a control character",
        httparse::Error::NewLine => "its line doesn't end with CRLF",
        _ => "it can't be read",
    }
}

/// What a peer sent, fit for a message: it is short, and nothing in it reaches a terminal raw.
#[cold]
pub(crate) fn printable(bytes: &[u8]) -> Box<str> {
    const MOST: usize = 48;
    let text = bytes[..bytes.len().min(MOST)].escape_ascii().to_string();
    if bytes.len() > MOST { format!("{text}...").into() } else { text.into() }
}

/// Writes a field line.
#[inline]
pub(crate) fn put(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// A name as it is to be written.
#[inline]
pub(crate) fn spelled<'a>(name: &'a HeaderName, title: bool, as_before: Option<&'a FieldSpelling>) -> Cow<'a, [u8]> {
    if let Some(spelling) = as_before.and_then(|spelling| spelling.get(name)) {
        return Cow::Borrowed(spelling);
    }
    let name = name.as_str().as_bytes();
    if !title {
        return Cow::Borrowed(name);
    }
    let mut begins = true;
    Cow::Owned(
        name.iter()
            .map(|byte| if std::mem::replace(&mut begins, *byte == b'-') { byte.to_ascii_uppercase() } else { *byte })
            .collect(),
    )
}

/// What frames, routes, authenticates or modifies a message, or says what its body is, can't be said behind that body
/// (RFC 9110, section 6.5.1; by name in RFC 7230, section 4.1.2).
pub(crate) fn is_forbidden_in_trailers(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        // Framing, and what is for one hop.
        "connection" | "content-length" | "keep-alive" | "proxy-connection" | "te" | "trailer" | "transfer-encoding"
            | "upgrade"
            // Routing.
            | "host" | "max-forwards"
            // Authentication, and what stands for it.
            | "authorization" | "cookie" | "proxy-authenticate" | "proxy-authorization" | "set-cookie"
            | "www-authenticate"
            // Modifiers of a request.
            | "cache-control" | "expect" | "if-match" | "if-modified-since" | "if-none-match" | "if-range"
            | "if-unmodified-since" | "pragma" | "range"
            // Controls of a response.
            | "age" | "expires" | "location" | "retry-after" | "vary"
            // The format of the content.
            | "content-encoding" | "content-range" | "content-type"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fold_is_a_space() {
        for (folded, whole) in [
            ("one\r\n two", "one two"),
            ("one \r\n\t  two\r\n three", "one two three"),
            ("\r\n two", "two"),
            ("one\r\n \r\n two", "one two"),
            ("one\n two", "one two"),
        ] {
            assert_eq!(unfold(folded.as_bytes()), whole);
        }
    }

    #[test]
    fn names_are_written_as_asked() {
        let name = HeaderName::from_static("x-request-id");
        assert_eq!(&*spelled(&name, false, None), b"x-request-id");
        assert_eq!(&*spelled(&name, true, None), b"X-Request-Id");
        let mut spelling = FieldSpelling::default();
        spelling.learn(&name, Bytes::from_static(b"X-Request-ID"));
        assert_eq!(&*spelled(&name, true, Some(&spelling)), b"X-Request-ID");
    }
}
