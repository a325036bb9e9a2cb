//! The chunked transfer coding (RFC 9112, section 7.1).

use crate::{BodyError, ForbiddenTrailer, HeadError, Limits, fields, response::strict_lines, work};
use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;

/// What follows the data of each chunk.
pub const CHUNK_END: &[u8] = b"\r\n";

/// No number of bytes needs more hexadecimal digits; leading zeros are no excuse.
const MOST_DIGITS: usize = 16;
/// The most that one line may have besides its extension.
const LINE: usize = 64;

/// Writes the line before a chunk of `length` bytes, which must not be 0.
#[inline]
pub fn chunk_start(out: &mut Vec<u8>, length: usize) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    debug_assert_ne!(length, 0, "a chunk without data is the last one");
    let digits = (usize::BITS - length.leading_zeros()).div_ceil(4);
    out.extend((0..digits).rev().map(|digit| DIGITS[(length >> (digit * 4)) & 0xf]));
    out.extend_from_slice(b"\r\n");
}

/// Writes the last chunk and the trailers.
///
/// # Errors
/// When a field among them must not be sent as a trailer (RFC 9110, section 6.5.1). Nothing was written.
pub fn last_chunk(out: &mut Vec<u8>, trailers: Option<&HeaderMap>) -> Result<(), ForbiddenTrailer> {
    if let Some(name) =
        trailers.and_then(|trailers| trailers.keys().find(|name| fields::is_forbidden_in_trailers(name)))
    {
        return Err(ForbiddenTrailer(name.clone()));
    }
    out.extend_from_slice(b"0\r\n");
    for (name, value) in trailers.into_iter().flatten() {
        fields::put(out, name.as_str().as_bytes(), value.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// How far a chunked body has been read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Chunked {
    at: At,
    /// How many bytes of extensions there were.
    extensions: usize,
    /// What is known of a line, or of the trailers, whose end isn't here.
    scanned: Scanned,
}

/// How far bytes were looked at in vain. A peer that sends them one by one is not worth a look at all of them for each.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Scanned {
    bytes: usize,
    /// The `;` of an extension is among them.
    has_extension: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum At {
    /// The line before a chunk.
    Line,
    /// Its data: so many bytes are left.
    Data(u64),
    /// The CRLF behind it.
    DataEnd,
    /// What follows the last chunk.
    Trailers,
    Done,
}

/// What a chunked body had in the buffer.
pub(crate) enum Taken {
    Data(Bytes),
    Trailers(HeaderMap),
    /// Nothing to hand up: it is done, or more is to be read.
    Nothing,
}

impl Chunked {
    pub(crate) fn new() -> Self {
        Self { at: At::Line, extensions: 0, scanned: Scanned::default() }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.at == At::Done
    }

    /// How much of the chunk under way is missing.
    pub(crate) fn missing(&self) -> Option<u64> {
        match self.at {
            At::Data(left) => Some(left),
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn decode(&mut self, buf: &mut BytesMut, limits: &Limits) -> Result<Taken, BodyError> {
        loop {
            match self.at {
                At::Data(left) if !buf.is_empty() => {
                    let length = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
                    let left = left - length as u64;
                    self.at = if left == 0 { At::DataEnd } else { At::Data(left) };
                    let data = buf.split_to(length).freeze();
                    // The end may be here already: then the connection is free with the last data. What is wrong is
                    // said at the next call, as nothing was taken from the buffer.
                    let _ = self.advance(buf, limits);
                    return Ok(Taken::Data(data));
                }
                At::Trailers if !buf.is_empty() => return self.trailers(buf, limits),
                At::Line | At::DataEnd => {
                    if !self.advance(buf, limits)? {
                        return Ok(Taken::Nothing);
                    }
                }
                At::Data(_) | At::Trailers | At::Done => return Ok(Taken::Nothing),
            }
        }
    }

    /// Goes on to the next data, to the end, or to trailers that have to be read. False when more bytes are needed.
    fn advance(&mut self, buf: &mut BytesMut, limits: &Limits) -> Result<bool, BodyError> {
        loop {
            match self.at {
                At::DataEnd => match buf.get(..2) {
                    Some(CHUNK_END) => {
                        buf.advance(2);
                        self.at = At::Line;
                    }
                    Some(_) => return Err(BodyError::ChunkEnd),
                    None if buf.first().is_some_and(|byte| *byte != b'\r') => return Err(BodyError::ChunkEnd),
                    None => return Ok(false),
                },
                At::Line => {
                    let room = limits.chunk_extension_bytes.saturating_sub(self.extensions);
                    let mut scanned = self.scanned;
                    let line = chunk_line(buf, room, &mut scanned).map_err(|why| match why {
                        Wrong::Line(why) => BodyError::ChunkLine(why),
                        Wrong::Extensions => BodyError::ChunkExtensions { limit: limits.chunk_extension_bytes },
                    })?;
                    let Some(line) = line else {
                        self.scanned = scanned;
                        return Ok(false);
                    };
                    self.scanned = Scanned::default();
                    buf.advance(line.length);
                    self.extensions += line.extension;
                    self.at = if line.size == 0 { At::Trailers } else { At::Data(line.size) };
                }
                At::Trailers if buf.starts_with(CHUNK_END) => {
                    buf.advance(2);
                    self.at = At::Done;
                }
                At::Trailers | At::Data(_) | At::Done => return Ok(!buf.is_empty()),
            }
        }
    }

    #[cold]
    fn trailers(&mut self, buf: &mut BytesMut, limits: &Limits) -> Result<Taken, BodyError> {
        if buf.starts_with(CHUNK_END) {
            buf.advance(2);
            self.at = At::Done;
            return Ok(Taken::Nothing);
        }
        let from = self.scanned.bytes.saturating_sub(3).min(buf.len());
        work::look_at(buf.len() - from);
        let end = buf[from..].windows(4).position(|four| four == b"\r\n\r\n").map(|at| from + at + 4);
        self.scanned.bytes = buf.len();
        if end.unwrap_or(buf.len()) > limits.head_bytes {
            return Err(BodyError::Trailers(HeadError::TooLarge { limit: limits.head_bytes }));
        }
        let Some(end) = end else { return Ok(Taken::Nothing) };
        let block = buf.split_to(end).freeze();
        if !strict_lines(&block) {
            let (name, why) = ("".into(), "a line ends without CRLF");
            return Err(BodyError::Trailers(HeadError::FieldLine { name, why }));
        }
        let trailers = fields::parse_trailers(&block, limits).map_err(BodyError::Trailers)?;
        self.at = At::Done;
        Ok(if trailers.is_empty() { Taken::Nothing } else { Taken::Trailers(trailers) })
    }
}

/// The line before a chunk.
struct Line {
    size: u64,
    /// Its bytes, with its end.
    length: usize,
    /// How many of them are an extension.
    extension: usize,
}

enum Wrong {
    Line(&'static str),
    Extensions,
}

/// `1*HEXDIG [ BWS ";" chunk-ext ] CRLF`, as strictly as that: a line that two readers end at different places is how
/// bodies are smuggled.
#[inline]
fn chunk_line(buf: &[u8], room: usize, scanned: &mut Scanned) -> Result<Option<Line>, Wrong> {
    let digits = buf.iter().take(MOST_DIGITS + 1).take_while(|byte| byte.is_ascii_hexdigit()).count();
    work::look_at(digits);
    if digits > MOST_DIGITS {
        return Err(Wrong::Line("its size has more than 16 digits"));
    }
    let Some(rest) = buf.get(digits..).filter(|rest| !rest.is_empty()) else { return Ok(None) };
    if digits == 0 {
        return Err(Wrong::Line("it doesn't begin with its size"));
    }
    let size = buf[..digits].iter().fold(0, |size, digit| size << 4 | u64::from(value_of(*digit)));
    if rest.starts_with(b"\r\n") {
        return Ok(Some(Line { size, length: digits + 2, extension: 0 }));
    }
    let from = scanned.bytes.saturating_sub(digits);
    let end = extension(rest, from, room, &mut scanned.has_extension)?;
    // A CR at the end is looked at again, with what follows it.
    scanned.bytes = buf.len() - usize::from(buf.ends_with(b"\r"));
    Ok(end.map(|extension| Line { size, length: digits + extension + 2, extension }))
}

/// The length of what stands between a chunk's size and the end of its line, which isn't before `from`.
#[cold]
fn extension(rest: &[u8], from: usize, room: usize, named: &mut bool) -> Result<Option<usize>, Wrong> {
    for (at, byte) in rest.iter().enumerate().skip(from) {
        work::look_at(1);
        if at > room.saturating_add(LINE) {
            return Err(Wrong::Extensions);
        }
        match byte {
            b'\r' => {
                return match rest.get(at + 1) {
                    Some(b'\n') if at > room => Err(Wrong::Extensions),
                    Some(b'\n') => Ok(Some(at)),
                    Some(_) => Err(Wrong::Line("a bare CR is in its line")),
                    None => Ok(None),
                };
            }
            b'\n' => return Err(Wrong::Line("its line ends with a bare LF")),
            b' ' | b'\t' => {}
            b';' => *named = true,
            _ if !*named => return Err(Wrong::Line("its size is not a hexadecimal number")),
            byte if byte.is_ascii_control() => return Err(Wrong::Line("a control character is in its extension")),
            _ => {}
        }
    }
    Ok(None)
}

fn value_of(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All data and trailers of a body that arrives in pieces of `step` bytes, and what is left behind it.
    fn read(wire: &[u8], step: usize) -> Result<(Vec<u8>, HeaderMap, Vec<u8>), BodyError> {
        let (mut chunked, mut buf) = (Chunked::new(), BytesMut::new());
        let (mut data, mut trailers) = (Vec::new(), HeaderMap::new());
        let mut pieces = wire.chunks(step);
        while !chunked.is_done() {
            match chunked.decode(&mut buf, &Limits::default())? {
                Taken::Data(bytes) => data.extend_from_slice(&bytes),
                Taken::Trailers(fields) => trailers = fields,
                Taken::Nothing if chunked.is_done() => break,
                Taken::Nothing => match pieces.next() {
                    Some(piece) => buf.extend_from_slice(piece),
                    None => return Err(BodyError::Incomplete { missing: chunked.missing() }),
                },
            }
        }
        buf.extend(pieces.flatten());
        Ok((data, trailers, buf.to_vec()))
    }

    #[test]
    fn a_body_is_the_same_however_it_is_cut() {
        let wire = b"5\r\nhello\r\n1;a=b;c=\"d\"\r\n \r\n0005 ;x\r\nworld\r\n0\r\nx-sum: 1\r\nx-sum: 2\r\n\r\nHTTP";
        for step in 1..=wire.len() {
            let (data, trailers, rest) = read(wire, step).unwrap();
            assert_eq!(data, b"hello world");
            assert_eq!(trailers.get_all("x-sum").iter().collect::<Vec<_>>(), ["1", "2"]);
            assert_eq!(rest, b"HTTP");
        }
    }

    #[test]
    fn lines_that_two_readers_may_end_differently_are_refused() {
        use BodyError::*;
        let line = |why| ChunkLine(why);
        let table: &[(&[u8], BodyError)] = &[
            (b"\r\nhello", line("it doesn't begin with its size")),
            (b" 5\r\nhello", line("it doesn't begin with its size")),
            (b"-5\r\nhello", line("it doesn't begin with its size")),
            (b"x\r\n", line("it doesn't begin with its size")),
            (b"0x5\r\nhello", line("its size is not a hexadecimal number")),
            (b"5 5\r\nhello", line("its size is not a hexadecimal number")),
            (b"5\nhello\r\n0\r\n\r\n", line("its line ends with a bare LF")),
            (b"5;a\nhello\r\n0\r\n\r\n", line("its line ends with a bare LF")),
            (b"5;a\rb\r\nhello\r\n0\r\n\r\n", line("a bare CR is in its line")),
            (b"5\rhello\r\n0\r\n\r\n", line("a bare CR is in its line")),
            (b"5;a\0b\r\nhello\r\n0\r\n\r\n", line("a control character is in its extension")),
            (b"00000000000000005\r\nhello", line("its size has more than 16 digits")),
            (b"5\r\nhelloworld\r\n0\r\n\r\n", ChunkEnd),
            (b"5\r\nhello\n0\r\n\r\n", ChunkEnd),
            (b"5\r\nhello0\r\n\r\n", ChunkEnd),
            (b"5\r\nhel", Incomplete { missing: Some(2) }),
            (b"5\r\nhello\r\n", Incomplete { missing: None }),
            (b"ffffffffffffffff\r\nhello", Incomplete { missing: Some(u64::MAX - 5) }),
            (b"5\r\nhello\r\n0\r\n", Incomplete { missing: None }),
            (b"5\r\nhello\r\n0\r\nx: 1\r\n", Incomplete { missing: None }),
        ];
        for (wire, error) in table {
            for step in [1, wire.len()] {
                assert_eq!(read(wire, step).map(drop), Err(error.clone()), "{} by {step}", wire.escape_ascii());
            }
        }
    }

    #[test]
    fn trailers_are_fields_and_nothing_else() {
        for wire in ["0\r\nx y: 1\r\n\r\n", "0\r\nx: 1\n\r\n\r\n", "0\r\n: 1\r\n\r\n", "0\r\n x: 1\r\n\r\n"] {
            let error = read(wire.as_bytes(), 1).map(drop).unwrap_err();
            assert!(matches!(error, BodyError::Trailers(HeadError::FieldLine { .. })), "{wire:?}: {error:?}");
        }
    }

    #[test]
    fn extensions_and_trailers_have_a_limit() {
        let many = "1;x=0123456789\r\na\r\n".repeat(2_000);
        assert_eq!(read(many.as_bytes(), 100).map(drop), Err(BodyError::ChunkExtensions { limit: 16 * 1024 }));
        let long = format!("1;{}", "x".repeat(20_000));
        assert_eq!(read(long.as_bytes(), 100).map(drop), Err(BodyError::ChunkExtensions { limit: 16 * 1024 }));
        let large = format!("0\r\nx: {}", "x".repeat(300_000));
        let too_large = BodyError::Trailers(HeadError::TooLarge { limit: 256 * 1024 });
        assert_eq!(read(large.as_bytes(), 1_000).map(drop), Err(too_large));
        let many = format!("0\r\n{}\r\n", "x: 1\r\n".repeat(2_001));
        let too_many = BodyError::Trailers(HeadError::TooManyFields { limit: 2_000 });
        assert_eq!(read(many.as_bytes(), 1_000).map(drop), Err(too_many));
    }

    /// The categories of RFC 9110, section 6.5.1.
    #[test]
    fn what_must_not_be_a_trailer_is_refused_on_the_way_out_and_left_out_on_the_way_in() {
        for name in [
            ["content-length", "transfer-encoding", "trailer", "te"],
            ["connection", "keep-alive", "proxy-connection", "upgrade"],
            ["host", "max-forwards", "cookie", "set-cookie"],
            ["authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate"],
            ["cache-control", "expect", "pragma", "range"],
            ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"],
            ["if-range", "age", "expires", "location"],
            ["retry-after", "vary", "content-encoding", "content-range"],
            ["content-type", "Set-Cookie", "HOST", "Content-Length"],
        ]
        .into_iter()
        .flatten()
        {
            let forbidden = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
            let trailers = HeaderMap::from_iter(
                [http::HeaderName::from_static("x-sum"), forbidden.clone()]
                    .map(|name| (name, http::HeaderValue::from_static("1"))),
            );
            let mut out = Vec::new();
            assert_eq!(last_chunk(&mut out, Some(&trailers)).unwrap_err().name(), forbidden);
            assert!(out.is_empty());

            let wire = format!("0\r\n{name}: 1\r\nx-sum: 1\r\n{name}: 2\r\n\r\n");
            let (_, trailers, rest) = read(wire.as_bytes(), 1).unwrap();
            assert_eq!(trailers.keys().collect::<Vec<_>>(), ["x-sum"]);
            assert!(rest.is_empty());
        }
        for name in ["etag", "digest", "repr-digest", "server-timing", "authentication-info", "date", "grpc-status"] {
            let name = http::HeaderName::from_static(name);
            let trailers = HeaderMap::from_iter([(name, http::HeaderValue::from_static("1"))]);
            let mut wire = Vec::new();
            last_chunk(&mut wire, Some(&trailers)).unwrap();
            assert_eq!(read(&wire, 1).unwrap().1, trailers);
        }
    }

    /// Whatever a peer drips, a byte of it costs no look at all that came before.
    #[test]
    fn a_body_that_comes_byte_by_byte_is_not_looked_at_again_for_each() {
        const BYTES: usize = 16_000;
        for (begins, drips) in [
            ("1", " "),
            ("1;", "x"),
            ("1", ";x"),
            ("", "0"),
            ("", "1\r\na\r\n"),
            ("0\r\nx: ", "y"),
            ("0\r\n", "x: 1\r\n"),
            ("0\r\nx: 1", "\r"),
        ] {
            let wire = [begins, &drips.repeat(BYTES / drips.len())].concat();
            let looked_at = work::of(|| drop(read(wire.as_bytes(), 1)));
            assert!(looked_at < 10 * BYTES, "{begins:?}, {drips:?}: {looked_at} bytes");
        }
    }

    #[test]
    fn the_end_is_seen_with_the_last_data() {
        let (mut chunked, mut buf) = (Chunked::new(), BytesMut::from("2\r\nhi\r\n0\r\n\r\n"));
        assert!(matches!(chunked.decode(&mut buf, &Limits::default()), Ok(Taken::Data(data)) if data == "hi"));
        assert!(chunked.is_done() && buf.is_empty());
    }

    #[test]
    fn what_is_written_is_read() {
        for length in [1, 9, 10, 15, 16, 255, 256, 4096, 65_537] {
            let mut wire = Vec::new();
            chunk_start(&mut wire, length);
            assert_eq!(wire, format!("{length:x}\r\n").as_bytes());
            wire.resize(wire.len() + length, b'a');
            wire.extend_from_slice(CHUNK_END);
            let trailers = HeaderMap::from_iter([("x-a".parse().unwrap(), http::HeaderValue::from_static("1"))]);
            last_chunk(&mut wire, Some(&trailers)).unwrap();
            let (data, trailers, rest) = read(&wire, 1_000).unwrap();
            assert_eq!((data.len(), trailers.len(), trailers["x-a"].as_bytes(), rest.len()), (length, 1, &b"1"[..], 0));
        }
    }
}
