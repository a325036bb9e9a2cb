//! What the bytes themselves say, found without any parser that is under test.

/// The lines of a head, each with its end.
fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split_inclusive(|byte| *byte == b'\n')
}

/// Whether a field line is continued on the next one (RFC 9112, section 5.2).
pub(crate) fn has_fold(head: &[u8]) -> bool {
    lines(head).any(|line| line.starts_with(b" ") || line.starts_with(b"\t"))
}

/// Whether a line ends with LF alone.
pub(crate) fn has_bare_lf(bytes: &[u8]) -> bool {
    lines(bytes).any(|line| line.ends_with(b"\n") && !line.ends_with(b"\r\n"))
}

/// Whether something stands before the status line.
pub(crate) fn has_empty_start(head: &[u8]) -> bool {
    matches!(head, [b'\r' | b'\n', ..])
}

/// The reason phrase, as it stands in the status line.
pub(crate) fn reason(head: &[u8]) -> &[u8] {
    let line = lines(head).find(|line| !matches!(line, [b'\r' | b'\n', ..])).unwrap_or_default();
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    line.get(b"HTTP/1.1 200 ".len()..).unwrap_or_default()
}

/// The first line, without its CRLF, if that is all here.
pub(crate) fn crlf_line(bytes: &[u8]) -> Option<&[u8]> {
    bytes.windows(2).position(|two| two == b"\r\n").map(|end| &bytes[..end])
}

/// The block of trailers that begins here, with the empty line behind it.
pub(crate) fn trailer_block(bytes: &[u8]) -> &[u8] {
    if bytes.starts_with(b"\r\n") {
        return &bytes[..2];
    }
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
    &bytes[..end]
}

/// Whether the bytes have more of empty lines somewhere than may stand before a status line.
pub(crate) fn has_many_empty_lines(bytes: &[u8]) -> bool {
    bytes.windows(17).any(|window| window.iter().all(|byte| matches!(byte, b'\r' | b'\n')))
}

/// What must not be a trailer: the fields that RFC 7230, section 4.1.2, names, but for `date` and `warning`, and those
/// for one hop.
pub(crate) const NO_TRAILERS: &[&str] = &[
    "transfer-encoding",
    "content-length",
    "host",
    "cache-control",
    "expect",
    "max-forwards",
    "pragma",
    "range",
    "te",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
    "if-range",
    "www-authenticate",
    "authorization",
    "proxy-authenticate",
    "proxy-authorization",
    "set-cookie",
    "cookie",
    "age",
    "expires",
    "location",
    "retry-after",
    "vary",
    "content-encoding",
    "content-type",
    "content-range",
    "trailer",
    "connection",
    "keep-alive",
    "proxy-connection",
    "upgrade",
];
