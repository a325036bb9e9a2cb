use crate::{
    FieldSpelling, Framing, HeadError, Limits,
    fields::{self, Span, USUAL},
    framing::FramingFields,
    work,
};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, Method, StatusCode, Version, header};
use httparse::{ParserConfig, Status};
use std::mem::MaybeUninit;

/// The head of a response.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ResponseHead {
    /// Its status.
    pub status: StatusCode,
    /// HTTP/1.1 or HTTP/1.0, as the peer says.
    pub version: Version,
    /// Its reason phrase, unless that is the one that its status always has.
    pub reason: Option<ReasonPhrase>,
    /// Its fields.
    pub headers: HeaderMap,
    /// How its body ends.
    pub framing: Framing,
    /// How the names of its fields were spelled, if that was to be kept.
    pub spelling: Option<Box<FieldSpelling>>,
    keep_alive: bool,
    strict: bool,
}

/// What a server says beside the status (RFC 9112, section 4). In a response's extensions when it isn't the usual
/// phrase.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReasonPhrase(Bytes);

/// How many bytes of empty lines may come before a status line: some servers end a body with a line too many. Each may
/// be the end of a head, so that more of them would have to be looked at again and again.
const MAX_EMPTY_LINES: usize = 16;

/// Finds the end of a response's head in what was read.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeadDecoder {
    /// How many bytes were parsed in vain.
    parsed: usize,
    /// How many bytes have no end of a head in them.
    scanned: usize,
    /// Keep how the fields' names were spelled.
    spelling: bool,
    /// Leave out fields that are malformed.
    ignore_invalid: bool,
}

impl ResponseHead {
    /// Whether the peer lets the connection be used again (RFC 9112, section 9.3).
    #[inline]
    pub fn is_keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// Whether nothing in it had to be interpreted: see the table in the [crate's documentation](crate).
    #[inline]
    pub fn is_strict(&self) -> bool {
        self.strict
    }

    /// Whether it comes before the response: 1xx, but not 101, which is one (RFC 9110, section 15.2).
    #[inline]
    pub fn is_interim(&self) -> bool {
        self.status.is_informational() && self.status != StatusCode::SWITCHING_PROTOCOLS
    }
}

impl ReasonPhrase {
    /// The phrase. It needn't be UTF-8.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl HeadDecoder {
    /// Keeps how the fields' names were spelled: see [`FieldSpelling`].
    pub fn keep_spelling(mut self, keep: bool) -> Self {
        self.spelling = keep;
        self
    }

    /// Leaves malformed fields out, where they are an error otherwise. Such a head is not
    /// [strict](ResponseHead::is_strict).
    pub fn ignore_invalid_fields(mut self, ignore: bool) -> Self {
        self.ignore_invalid = ignore;
        self
    }

    /// Takes the head of the response to a request with this method out of the buffer, when all of it is here. Interim
    /// responses are returned like any other.
    ///
    /// # Errors
    /// When it is malformed, contradicts itself, or is larger than the limits. The buffer is of no use then.
    #[inline]
    pub fn decode(
        &mut self,
        buf: &mut BytesMut,
        request: &Method,
        limits: &Limits,
    ) -> Result<Option<ResponseHead>, HeadError> {
        if self.parsed > 0 && !self.is_worth_parsing(buf) {
            return within(buf, limits).map(|()| None);
        }
        let mut spans = [Span::default(); USUAL];
        let mut parsed = [const { MaybeUninit::uninit() }; USUAL];
        let most = limits.fields.min(USUAL);
        let outcome = match self.parse(buf, &mut parsed[..most], &mut spans, limits) {
            Err(HeadError::TooManyFields { .. }) if limits.fields > USUAL => {
                return self.decode_many(buf, request, limits);
            }
            outcome => outcome?,
        };
        match outcome {
            Some(line) => self.take(buf, &line, &spans, request, limits).map(Some),
            None => self.wait(buf, limits),
        }
    }

    /// The peer has ended the connection, and this is what it has sent of a head.
    ///
    /// # Errors
    /// When it couldn't have become one: then that is what is wrong, and not that it breaks off.
    /// [`decode`](Self::decode) doesn't look at each byte of a head that arrives in small pieces as long as its end
    /// isn't here.
    #[cold]
    pub fn eof(&self, buf: &[u8], limits: &Limits) -> Result<(), HeadError> {
        if self.parsed == buf.len() {
            return Ok(());
        }
        let most = limits.fields.min(buf.len() / 3 + 1);
        let (mut spans, mut parsed) = (vec![Span::default(); most], vec![MaybeUninit::uninit(); most]);
        self.parse(buf, &mut parsed, &mut spans, limits).map(drop)
    }

    /// The same for a head with unusually many fields.
    #[cold]
    fn decode_many(
        &mut self,
        buf: &mut BytesMut,
        request: &Method,
        limits: &Limits,
    ) -> Result<Option<ResponseHead>, HeadError> {
        // Each needs three bytes at least: a name of one letter, a colon and LF.
        let most = limits.fields.min(buf.len() / 3 + 1);
        let (mut spans, mut parsed) = (vec![Span::default(); most], vec![MaybeUninit::uninit(); most]);
        match self.parse(buf, &mut parsed, &mut spans, limits)? {
            Some(line) => self.take(buf, &line, &spans, request, limits).map(Some),
            None => self.wait(buf, limits),
        }
    }

    /// A peer that sends a head byte by byte is not worth parsing it for each: only when it may be at its end, or has
    /// doubled.
    #[cold]
    fn is_worth_parsing(&mut self, buf: &[u8]) -> bool {
        let fresh = &buf[self.scanned.saturating_sub(3).min(buf.len())..];
        work::look_at(fresh.len());
        self.scanned = buf.len();
        buf.len() >= 2 * self.parsed
            || fresh.windows(2).any(|two| two == b"\n\n")
            || fresh.windows(3).any(|three| three == b"\n\r\n")
    }

    #[cold]
    fn wait(&mut self, buf: &[u8], limits: &Limits) -> Result<Option<ResponseHead>, HeadError> {
        (self.parsed, self.scanned) = (buf.len(), buf.len());
        within(buf, limits).map(|()| None)
    }

    #[inline]
    fn parse<'b>(
        &self,
        buf: &'b [u8],
        parsed: &mut [MaybeUninit<httparse::Header<'b>>],
        spans: &mut [Span],
        limits: &Limits,
    ) -> Result<Option<StatusLine>, HeadError> {
        if let [b'\r' | b'\n', ..] = buf {
            empty_lines(buf)?;
        }
        work::look_at(buf.len());
        let mut response = httparse::Response::new(&mut []);
        let mut config = ParserConfig::default();
        config.allow_obsolete_multiline_headers_in_responses(true);
        config.ignore_invalid_headers_in_responses(self.ignore_invalid);
        let length = match config.parse_response_with_uninit_headers(&mut response, buf, parsed) {
            Ok(Status::Complete(length)) => length,
            Ok(Status::Partial) => return not_http1(buf).map_or(Ok(None), Err),
            Err(error) => return Err(malformed(buf, error, limits)),
        };
        let status = response.code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or(HeadError::StatusLine)?;
        let version = if response.version == Some(1) { Version::HTTP_11 } else { Version::HTTP_10 };
        let reason = response.reason.filter(|reason| status.canonical_reason() != Some(*reason)).map(|reason| {
            // The parser says the same of a phrase that isn't ASCII, and what is empty needn't be a part of the buffer.
            if reason.is_empty() {
                return reason_of(buf);
            }
            let start = reason.as_ptr() as usize - buf.as_ptr() as usize;
            (start, start + reason.len())
        });
        for (span, field) in spans.iter_mut().zip(response.headers.iter()) {
            *span = Span::of(buf, field);
        }
        Ok(Some(StatusLine { status, version, reason, length, fields: response.headers.len() }))
    }

    #[inline]
    fn take(
        &mut self,
        buf: &mut BytesMut,
        line: &StatusLine,
        spans: &[Span],
        request: &Method,
        limits: &Limits,
    ) -> Result<ResponseHead, HeadError> {
        if line.length > limits.head_bytes {
            return Err(HeadError::TooLarge { limit: limits.head_bytes });
        }
        (self.parsed, self.scanned) = (0, 0);
        let head = buf.split_to(line.length).freeze();
        let spans = &spans[..line.fields];
        let mut strict = are_strict(&head, spans) && !(self.ignore_invalid && has_other_lines(&head, spans));
        let mut headers = fields::with_room(line.fields, limits)?;
        let mut framing = FramingFields::default();
        for span in spans {
            let (name, value, whole) = span.field(&head)?;
            strict &= whole;
            if name == header::CONTENT_LENGTH {
                framing.content_length(value.as_bytes());
            } else if name == header::TRANSFER_ENCODING {
                framing.transfer_encoding(value.as_bytes());
            } else if name == header::CONNECTION {
                framing.connection(value.as_bytes());
            }
            fields::append(&mut headers, name, value, limits)?;
        }
        let keep_alive = framing.persists(line.version);
        let framed = framing.of_response(request, line.status)?;
        let reason = line.reason.map(|(start, end)| ReasonPhrase(head.slice(start..end)));
        Ok(ResponseHead {
            status: line.status,
            version: line.version,
            reason,
            headers,
            framing: framed.framing,
            spelling: self.spelling.then(|| spelling(&head, spans)),
            keep_alive,
            strict: strict & framed.strict,
        })
    }
}

/// How the names are spelled.
#[cold]
fn spelling(head: &Bytes, spans: &[Span]) -> Box<FieldSpelling> {
    let mut spelling = FieldSpelling::of(head.clone());
    for span in spans {
        if let Ok(name) = HeaderName::from_bytes(span.name(head)) {
            spelling.learn(&name, head.slice_ref(span.name(head)));
        }
    }
    Box::new(spelling)
}

fn within(buf: &[u8], limits: &Limits) -> Result<(), HeadError> {
    if buf.len() > limits.head_bytes { Err(HeadError::TooLarge { limit: limits.head_bytes }) } else { Ok(()) }
}

/// What stands before the status line.
#[cold]
fn empty_lines(buf: &[u8]) -> Result<(), HeadError> {
    if buf.iter().take(MAX_EMPTY_LINES + 1).take_while(|byte| matches!(byte, b'\r' | b'\n')).count() > MAX_EMPTY_LINES {
        return Err(HeadError::EmptyLines { limit: MAX_EMPTY_LINES });
    }
    Ok(())
}

/// What stands in the first line, and how long the head is.
struct StatusLine {
    status: StatusCode,
    version: Version,
    /// Where the reason phrase stands, unless it is the usual one.
    reason: Option<(usize, usize)>,
    length: usize,
    fields: usize,
}

/// Whether each field has one line, each line ends with CRLF, and nothing stands before the first.
#[inline]
fn are_strict(head: &[u8], spans: &[Span]) -> bool {
    let end = head.len().saturating_sub(2);
    let mut ends = spans.iter().skip(1).map(Span::start).chain([end]);
    head.starts_with(b"HTTP/1.")
        && head.ends_with(b"\r\n\r\n")
        && spans.first().is_none_or(|span| head[..span.start()].ends_with(b"\r\n"))
        && spans.iter().all(|span| ends.next().is_some_and(|end| span.is_one_line(head, end)))
}

/// Where the reason phrase stands in a head whose status line is known to be well-formed.
#[cold]
fn reason_of(buf: &[u8]) -> (usize, usize) {
    let begins = buf.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(buf.len());
    let ends_at = |at: usize| buf[at..].iter().position(|byte| matches!(byte, b'\r' | b'\n')).map(|length| at + length);
    let start = begins + b"HTTP/1.1 200".len();
    let start = if buf.get(start) == Some(&b' ') { start + 1 } else { start };
    (start, ends_at(start.min(buf.len())).unwrap_or(start))
}

/// Whether there are more lines than the status line, one for each field, and the empty one.
#[cold]
fn has_other_lines(head: &[u8], spans: &[Span]) -> bool {
    head.iter().filter(|byte| **byte == b'\n').count() != spans.len() + 2
}

/// The same for a block of fields, where they are not known.
pub(crate) fn strict_lines(block: &[u8]) -> bool {
    block.iter().enumerate().all(|(at, byte)| *byte != b'\n' || at > 0 && block[at - 1] == b'\r')
}

#[cold]
fn malformed(buf: &[u8], error: httparse::Error, limits: &Limits) -> HeadError {
    match error {
        httparse::Error::TooManyHeaders => HeadError::TooManyFields { limit: limits.fields },
        httparse::Error::Version | httparse::Error::Token => not_http1(buf).unwrap_or(HeadError::StatusLine),
        httparse::Error::Status => HeadError::StatusLine,
        error => not_http1(buf).unwrap_or_else(|| fields::malformed_line(buf, fields::describe(error))),
    }
}

/// What a peer says that speaks something else.
#[cold]
fn not_http1(buf: &[u8]) -> Option<HeadError> {
    let start = buf.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(buf.len());
    let begins = &buf[start..];
    let version = &b"HTTP/1."[..begins.len().min(7)];
    if begins.starts_with(version) {
        return None;
    }
    let looks_like = match begins {
        [0x14..=0x16, 0x03, ..] => Some("TLS"),
        [_, _, _, 0x04, 0x00, 0x00, 0x00, 0x00, 0x00, ..] => Some("HTTP/2"),
        _ if begins.starts_with(b"SSH-") => Some("SSH"),
        _ if begins.starts_with(b"220 ") || begins.starts_with(b"220-") => Some("SMTP or FTP"),
        _ if begins.starts_with(b"HTTP/") => Some("another version of HTTP"),
        _ => None,
    };
    Some(HeadError::NotHttp1 { begins_with: fields::printable(&begins[..begins.len().min(24)]), looks_like })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(wire: &[u8]) -> Result<Option<(ResponseHead, BytesMut)>, HeadError> {
        let mut buf = BytesMut::from(wire);
        Ok(HeadDecoder::default().decode(&mut buf, &Method::GET, &Limits::default())?.map(|head| (head, buf)))
    }

    #[test]
    fn malformed_fields_are_left_out_on_demand_and_end_the_trust() {
        let decode = |wire: &str| {
            let mut decoder = HeadDecoder::default().ignore_invalid_fields(true);
            decoder.decode(&mut BytesMut::from(wire), &Method::GET, &Limits::default()).unwrap().unwrap()
        };
        let head = decode("HTTP/1.1 200 OK\r\na: 1\r\nno field\r\nb : 2\r\nc: 3\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(head.headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["a", "c", "content-length"]);
        assert!(!head.is_strict());
        assert!(decode("HTTP/1.1 200 OK\r\na: 1\r\ncontent-length: 0\r\n\r\n").is_strict());
    }

    fn head(wire: &str) -> ResponseHead {
        decode(wire.as_bytes()).unwrap().unwrap().0
    }

    fn error(wire: &[u8]) -> HeadError {
        decode(wire).unwrap_err()
    }

    #[test]
    fn a_head_is_what_the_peer_said() {
        let (head, rest) =
            decode(b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a:\t2 \r\nEmpty:\r\ncontent-length: 2\r\n\r\nhi").unwrap().unwrap();
        assert_eq!((head.status.as_u16(), head.version, &head.reason), (200, Version::HTTP_11, &None));
        assert_eq!(head.headers.get_all("x-a").iter().collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!((&head.headers["empty"], head.framing), (&http::HeaderValue::from_static(""), Framing::Length(2)));
        assert_eq!(&rest[..], b"hi");
        assert!(head.is_keep_alive() && head.is_strict() && !head.is_interim());
    }

    #[test]
    fn reasons_and_versions_are_told_as_they_are() {
        let old = head("HTTP/1.0 404 Nothing here\r\n\r\n");
        assert_eq!((old.version, old.reason.unwrap().as_bytes()), (Version::HTTP_10, &b"Nothing here"[..]));
        assert_eq!(head("HTTP/1.1 404 Not Found\r\n\r\n").reason, None);
        assert_eq!(head("HTTP/1.1 200 \r\n\r\n").reason.unwrap().as_bytes(), b"");
        assert_eq!(head("HTTP/1.1 200\r\n\r\n").reason.unwrap().as_bytes(), b"");
        for end in ["\r\n", "\n"] {
            let wire = [&b"\r\nHTTP/1.0 200 d\xe9j\xe0 vu"[..], end.as_bytes(), b"x: 1\r\n\r\n"].concat();
            assert_eq!(decode(&wire).unwrap().unwrap().0.reason.unwrap().as_bytes(), b"d\xe9j\xe0 vu", "{end:?}");
        }
    }

    #[test]
    fn interim_heads_come_first() {
        let mut buf = BytesMut::from("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
        let mut decoder = HeadDecoder::default();
        let mut next = || decoder.decode(&mut buf, &Method::GET, &Limits::default()).unwrap().unwrap();
        assert!(next().is_interim());
        assert!(!next().is_interim());
        assert!(!head("HTTP/1.1 101 Switching Protocols\r\n\r\n").is_interim());
    }

    #[test]
    fn leniency_costs_the_next_request() {
        for (wire, value) in [
            ("HTTP/1.1 200 OK\nx: 1\n\n", "1"),
            ("HTTP/1.1 200 OK\r\nx: 1\n\r\n", "1"),
            ("HTTP/1.1 200 OK\nx: 1\r\n\r\n", "1"),
            ("HTTP/1.1 200 OK\r\nx: 1\r\n\n", "1"),
            ("\r\nHTTP/1.1 200 OK\r\nx: 1\r\n\r\n", "1"),
            ("HTTP/1.1 200 OK\r\nx: one\r\n  two\r\n\r\n", "one two"),
            // A fold before or behind the whole value leaves no trace in it.
            ("HTTP/1.1 200 OK\r\nx:\r\n 1\r\n\r\n", "1"),
            ("HTTP/1.1 200 OK\r\nx: \r\n\t1\r\ny: 2\r\n\r\n", "1"),
            ("HTTP/1.1 200 OK\r\nx: 1\r\n \r\n\r\n", "1"),
            ("HTTP/1.1 200 OK\r\nx: 1\r\n\t\r\ny: 2\r\n\r\n", "1"),
            ("HTTP/1.1 200 OK\r\nx:\n 1\r\n\r\n", "1"),
            ("HTTP/1.1 200 OK\r\nx: 1\n \r\n\r\n", "1"),
            ("HTTP/1.1 200 OK\r\nx:\r\n \r\n\r\n", ""),
            ("HTTP/1.1 200 OK\r\ny:\r\n \r\nx: 1\r\n\r\n", "1"),
        ] {
            let head = head(wire);
            assert_eq!((head.headers["x"].as_bytes(), head.is_strict()), (value.as_bytes(), false), "{wire:?}");
        }
    }

    #[test]
    fn empty_lines_before_a_status_line_have_a_limit() {
        for (line, most) in [("\r\n", 8), ("\n", 16)] {
            let with = |lines: usize| format!("{}HTTP/1.1 200 OK\r\nx: 1\r\n\r\n", line.repeat(lines));
            assert!(!head(&with(most)).is_strict());
            for wire in [with(most + 1), line.repeat(most + 1)] {
                let mut decoder = HeadDecoder::default();
                assert_eq!(error(wire.as_bytes()), HeadError::EmptyLines { limit: 16 });
                let mut buf = BytesMut::new();
                let decoded = wire.bytes().find_map(|byte| {
                    buf.extend_from_slice(&[byte]);
                    decoder.decode(&mut buf, &Method::GET, &Limits::default()).map(|head| head.map(drop)).transpose()
                });
                assert_eq!(decoded, Some(Err(HeadError::EmptyLines { limit: 16 })), "byte by byte");
            }
            // What has to be told of a head that breaks off.
            let wire = line.repeat(most + 1);
            let eof = HeadDecoder::default().eof(wire.as_bytes(), &Limits::default());
            assert_eq!(eof, Err(HeadError::EmptyLines { limit: 16 }));
        }
        // Each head has as many.
        let interim = format!("{}HTTP/1.1 103 Early Hints\r\n\r\n", "\r\n".repeat(8));
        let (mut buf, mut decoder) = (BytesMut::from(&*interim.repeat(2)), HeadDecoder::default());
        for _ in 0..2 {
            assert!(decoder.decode(&mut buf, &Method::GET, &Limits::default()).unwrap().is_some());
        }
    }

    #[test]
    fn white_space_around_a_value_is_strict() {
        for wire in [
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nx:\r\n\r\n",
            "HTTP/1.1 200 OK\r\nx: \t \r\ny:  1 \t\r\nz:\t1\r\n\r\n",
        ] {
            assert!(head(wire).is_strict(), "{wire:?}");
        }
    }

    #[test]
    fn what_is_no_field_line_is_refused_by_name() {
        for (line, name) in [
            ("x y: 1", "x y"),
            ("x : 1", "x "),
            ("no colon", "no colon"),
            (": 1", ""),
            ("x: a\0b", "x"),
            ("x: a\rb", "x"),
            ("x: a\x01b", "x"),
            ("x\u{e9}: 1", "x\\xc3\\xa9"),
        ] {
            let wire = format!("HTTP/1.1 200 OK\r\ngood: 1\r\n{line}\r\n\r\n");
            let error = error(wire.as_bytes());
            assert!(matches!(&error, HeadError::FieldLine { name: got, .. } if **got == *name), "{line:?}: {error:?}");
        }
    }

    #[test]
    fn another_protocol_is_told_by_name_and_at_once() {
        for (wire, what) in [
            (&b"SSH-2.0-OpenSSH"[..], Some("SSH")),
            (b"\x15\x03\x03\x00\x02\x02\x28", Some("TLS")),
            (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00", Some("HTTP/2")),
            (b"220 mail.test ESMTP\r\n", Some("SMTP or FTP")),
            (b"HTTP/2 200\r\n", Some("another version of HTTP")),
            (b"ICY 200 OK\r\n", None),
            (b"<html>", None),
        ] {
            let error = error(wire);
            assert!(matches!(error, HeadError::NotHttp1 { looks_like, .. } if looks_like == what), "{error:?}");
        }
        assert_eq!(
            error(b"SSH-2.0-OpenSSH\r\n").to_string(),
            "the answer is not HTTP/1: it begins with `SSH-2.0-OpenSSH\\r\\n`, which looks like SSH"
        );
    }

    #[test]
    fn status_lines() {
        for wire in
            ["HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 099 X\r\n\r\n"]
        {
            assert_eq!(error(wire.as_bytes()), HeadError::StatusLine, "{wire:?}");
        }
        assert!(
            decode(b"").unwrap().is_none() && decode(b"HTT").unwrap().is_none() && decode(b"\r\nHT").unwrap().is_none()
        );
    }

    #[test]
    fn a_head_has_as_many_bytes_and_fields_as_allowed() {
        let with = |fields: usize| format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: 1\r\n".repeat(fields));
        for fields in [0, 63, 64, 65, 100, 101, 2_000] {
            assert_eq!(head(&with(fields)).headers.len(), fields);
        }
        assert_eq!(error(with(2_001).as_bytes()), HeadError::TooManyFields { limit: 2_000 });
        // As short as a field line can be.
        let shortest = format!("HTTP/1.1 200 OK\n{}\n", "x:\n".repeat(2_000));
        assert_eq!(head(&shortest).headers.len(), 2_000);
        let few = Limits { fields: 10, head_bytes: 100, ..Limits::default() };
        let decode = |wire: &str| {
            HeadDecoder::default().decode(&mut BytesMut::from(wire), &Method::GET, &few).map(|head| head.is_some())
        };
        assert_eq!(decode(&with(10)), Ok(true));
        assert_eq!(decode(&with(11)), Err(HeadError::TooManyFields { limit: 10 }));
        let large = format!("HTTP/1.1 200 OK\r\nx: {}", "x".repeat(100));
        assert_eq!(decode(&large), Err(HeadError::TooLarge { limit: 100 }));
        assert_eq!(decode(&format!("{large}\r\n\r\n")), Err(HeadError::TooLarge { limit: 100 }));
    }

    #[test]
    fn a_head_in_pieces_is_the_same_head() {
        let wire = b"HTTP/1.1 200 OK\r\nx-a: 1\r\nset-cookie: a\r\nset-cookie: b\r\ncontent-length: 2\r\n\r\nhi";
        let whole = decode(wire).unwrap().unwrap().0;
        for step in 1..wire.len() {
            let (mut buf, mut decoder, mut found) = (BytesMut::new(), HeadDecoder::default(), None);
            for piece in wire.chunks(step) {
                buf.extend_from_slice(piece);
                if found.is_none() {
                    found = decoder.decode(&mut buf, &Method::GET, &Limits::default()).unwrap();
                }
            }
            assert_eq!((found.unwrap().headers, &buf[..]), (whole.headers.clone(), &b"hi"[..]), "by {step}");
        }
    }

    #[test]
    fn what_could_not_become_a_head_is_malformed_however_it_arrives() {
        let malformed = &b"HTTP/1.1 200 OK\r\na: 1\r\nx y: 1\r\nb: 2\r\n"[..];
        let cut_off = &b"HTTP/1.1 200 OK\r\na: 1\r\nx: 1\r\nb: 2\r\n"[..];
        for (wire, is_malformed) in [(malformed, true), (cut_off, false)] {
            for step in 1..=wire.len() {
                let (mut buf, mut decoder) = (BytesMut::new(), HeadDecoder::default());
                let mut error = None;
                for piece in wire.chunks(step) {
                    buf.extend_from_slice(piece);
                    error = decoder.decode(&mut buf, &Method::GET, &Limits::default()).err();
                    if error.is_some() {
                        break;
                    }
                }
                let error = error.or_else(|| decoder.eof(&buf, &Limits::default()).err());
                assert_eq!(matches!(error, Some(HeadError::FieldLine { .. })), is_malformed, "by {step}: {error:?}");
            }
        }
    }

    /// Whatever a peer drips, a byte of it costs no look at all that came before.
    #[test]
    fn a_head_that_comes_byte_by_byte_is_not_looked_at_again_for_each() {
        const BYTES: usize = 20_000;
        for (begins, drips) in [
            ("HTTP/1.1 200 OK\r\nx: ", "y"),
            ("HTTP/1.1 200 OK\r\n", "x: 1\r\n"),
            ("HTTP/1.1 200 OK\r\n", "x:\n"),
            ("HTTP/1.1 200 OK\r\nx: 1\r\n", " \r\n"),
            ("HTTP/1.1 200 OK\nx: 1\n", "\t\n"),
            ("HTTP/1.1 200 ", "y"),
            ("", "\r\n"),
            ("", "\n"),
        ] {
            let wire = [begins, &drips.repeat(BYTES / drips.len())].concat();
            let limits = Limits { fields: 24_000, ..Limits::default() };
            let looked_at = work::of(|| {
                let (mut decoder, mut buf) = (HeadDecoder::default(), BytesMut::new());
                for byte in wire.bytes() {
                    buf.extend_from_slice(&[byte]);
                    match decoder.decode(&mut buf, &Method::GET, &limits) {
                        Ok(None) => {}
                        Ok(Some(head)) => panic!("{head:?}"),
                        Err(_) => break,
                    }
                }
                let _ = decoder.eof(&buf, &limits);
            });
            assert!(looked_at < 10 * BYTES, "{begins:?}, {drips:?}: {looked_at} bytes");
        }
    }

    #[test]
    fn spelling_is_kept_when_asked() {
        let mut buf = BytesMut::from("HTTP/1.1 200 OK\r\nX-Request-ID: 1\r\nplain: 2\r\n\r\n");
        let mut decoder = HeadDecoder::default().keep_spelling(true);
        let head = decoder.decode(&mut buf, &Method::GET, &Limits::default()).unwrap().unwrap();
        let spelling = head.spelling.unwrap();
        assert_eq!(spelling.get(&"x-request-id".parse().unwrap()), Some(&b"X-Request-ID"[..]));
        assert_eq!(spelling.get(&"plain".parse().unwrap()), None);
    }
}
