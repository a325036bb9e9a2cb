//! The chunked transfer coding (RFC 9112, section 7.1).

use crate::{BodyError, HeadError, Limits, fields, response::strict_lines};
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

/// Writes the last chunk and the trailers: those that may be sent as such (RFC 9110, section 6.5.1).
pub fn last_chunk(out: &mut Vec<u8>, trailers: Option<&HeaderMap>) {
    out.extend_from_slice(b"0\r\n");
    for (name, value) in trailers.into_iter().flatten() {
        if !fields::is_forbidden_in_trailers(name) {
            fields::put(out, name.as_str().as_bytes(), value.as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// How far a chunked body has been read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Chunked {
    at: At,
    /// How many bytes of extensions there were.
    extensions: usize,
    /// How many bytes of the trailers were looked at in vain.
    looked_at: usize,
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
        Self { at: At::Line, extensions: 0, looked_at: 0 }
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
                    let Some(line) = chunk_line(buf, room).map_err(|why| match why {
                        Wrong::Line(why) => BodyError::ChunkLine(why),
                        Wrong::Extensions => BodyError::ChunkExtensions { limit: limits.chunk_extension_bytes },
                    })?
                    else {
                        return Ok(false);
                    };
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
        // A peer that sends them byte by byte is not worth a look at all of them for each.
        let from = self.looked_at.saturating_sub(3).min(buf.len());
        let end = buf[from..].windows(4).position(|four| four == b"\r\n\r\n").map(|at| from + at + 4);
        self.looked_at = buf.len();
        if end.unwrap_or(buf.len()) > limits.head_bytes {
            return Err(BodyError::Trailers(HeadError::TooLarge { limit: limits.head_bytes }));
        }
        let Some(end) = end else { return Ok(Taken::Nothing) };
        let block = buf.split_to(end).freeze();
        if !strict_lines(&block) {
            let (name, why) = ("".into(), "a line ends without CRLF");
            return Err(BodyError::Trailers(HeadError::FieldLine { name, why }));
        }
        let trailers = fields::parse_block(&block, limits).map_err(BodyError::Trailers)?;
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
fn chunk_line(buf: &[u8], room: usize) -> Result<Option<Line>, Wrong> {
    let digits = buf.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
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
    extension(rest, room).map(|end| end.map(|extension| Line { size, length: digits + extension + 2, extension }))
}

/// The length of what stands between a chunk's size and the end of its line.
#[cold]
fn extension(rest: &[u8], room: usize) -> Result<Option<usize>, Wrong> {
    let mut named = false;
    for (at, byte) in rest.iter().enumerate() {
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
            b';' => named = true,
            _ if !named => return Err(Wrong::Line("its size is not a hexadecimal number")),
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
            let trailers = HeaderMap::from_iter(
                [("x-a", "1"), ("content-length", "5")]
                    .map(|(name, value)| (http::HeaderName::from_static(name), http::HeaderValue::from_static(value))),
            );
            last_chunk(&mut wire, Some(&trailers));
            let (data, trailers, rest) = read(&wire, 1_000).unwrap();
            assert_eq!((data.len(), trailers.len(), trailers["x-a"].as_bytes(), rest.len()), (length, 1, &b"1"[..], 0));
        }
    }
}
