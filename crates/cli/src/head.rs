//! Heads and trailers as `-i` and `-D` write them.

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, Version};
use skybridge::{FieldSpelling, ReasonPhrase};

/// The head as it came, byte by byte, but for folded lines; one of HTTP/2 as HTTP/1.1 writes it.
pub(crate) fn of<B>(response: &Response<B>, version: &str) -> Bytes {
    match response.extensions().get::<FieldSpelling>() {
        Some(kept) => unfolded(kept.head()),
        None => written(version, response.status(), reason(response, version), response.headers()),
    }
}

/// A head that isn't kept as it came.
pub(crate) fn written(version: &str, status: StatusCode, reason: &[u8], headers: &HeaderMap) -> Bytes {
    let mut head = format!("HTTP/{version} {} ", status.as_u16()).into_bytes();
    head.extend_from_slice(reason);
    head.extend_from_slice(b"\r\n");
    head.extend_from_slice(&fields(headers));
    head.extend_from_slice(b"\r\n");
    head.into()
}

/// A line for each field, without the empty one behind them: as curl writes trailers.
pub(crate) fn fields(headers: &HeaderMap) -> Bytes {
    let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat()
    };
    headers.iter().flat_map(line).collect()
}

/// The digits of a version behind `HTTP/`.
pub(crate) fn digits(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    }
}

/// A line that begins with a space continues the one before it (RFC 9112, section 5.2).
fn unfolded(head: &Bytes) -> Bytes {
    let is_fold = |two: &[u8]| matches!(two, [b'\n', b' ' | b'\t']);
    if !head.windows(2).any(is_fold) {
        return head.clone();
    }
    let mut lines: Vec<u8> = Vec::with_capacity(head.len());
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        if matches!(line, [b' ' | b'\t', ..]) {
            lines.truncate(lines.trim_ascii_end().len());
            lines.push(b' ');
        }
        lines.extend_from_slice(if line.starts_with(b" ") || line.starts_with(b"\t") {
            line.trim_ascii_start()
        } else {
            line
        });
    }
    lines.into()
}

/// What the server has said beside the status; HTTP/2 has no such phrase.
pub(crate) fn reason<'a, B>(response: &'a Response<B>, version: &str) -> &'a [u8] {
    if version == "2" {
        return b"";
    }
    match response.extensions().get::<ReasonPhrase>() {
        Some(reason) => reason.as_bytes(),
        None => response.status().canonical_reason().unwrap_or_default().as_bytes(),
    }
}
