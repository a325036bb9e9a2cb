use super::{
    Fields,
    hpack::{self, Decoder},
};
use bytes::Bytes;

pub(super) const DATA: u8 = 0x0;
pub(super) const HEADERS: u8 = 0x1;
pub(super) const RST_STREAM: u8 = 0x3;
pub(super) const SETTINGS: u8 = 0x4;
pub(super) const PING: u8 = 0x6;
pub(super) const GOAWAY: u8 = 0x7;
pub(super) const WINDOW_UPDATE: u8 = 0x8;
pub(super) const CONTINUATION: u8 = 0x9;

pub(super) const ACK: u8 = 0x1;
pub(super) const END_STREAM: u8 = 0x1;
pub(super) const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITIZED: u8 = 0x20;

const LARGEST: usize = 16_384;

/// A frame (RFC 9113, section 6). Others can be sent as [`Unknown`](Self::Unknown) or by
/// [`Peer::send_raw`](super::Peer::send_raw).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Frame {
    /// Part of a body.
    Data {
        /// Its stream.
        stream: u32,
        /// Without padding.
        data: Bytes,
        /// END_STREAM.
        end: bool,
    },
    /// A header block, with its CONTINUATION frames; trailers too.
    Headers {
        /// Its stream.
        stream: u32,
        /// Decoded.
        fields: Fields,
        /// END_STREAM.
        end: bool,
    },
    /// RST_STREAM.
    Reset {
        /// Its stream.
        stream: u32,
        /// See [`code`](super::code).
        code: u32,
    },
    /// SETTINGS.
    Settings {
        /// Acknowledges the other side's.
        ack: bool,
        /// Identifiers (see [`setting`](super::setting)) and values.
        values: Vec<(u16, u32)>,
    },
    /// PING.
    Ping {
        /// Answers the other side's.
        ack: bool,
        /// Opaque.
        data: [u8; 8],
    },
    /// GOAWAY.
    GoAway {
        /// The last stream that may have been processed.
        last: u32,
        /// See [`code`](super::code).
        code: u32,
        /// Debug data.
        debug: Bytes,
    },
    /// WINDOW_UPDATE.
    WindowUpdate {
        /// Its stream; 0 is the connection.
        stream: u32,
        /// In bytes.
        increment: u32,
    },
    /// Any other frame, or one of the above that is malformed.
    Unknown {
        /// Its type.
        kind: u8,
        /// Its flags.
        flags: u8,
        /// Its stream.
        stream: u32,
        /// Its payload.
        payload: Bytes,
    },
}

/// A frame as it is on the wire.
#[derive(Debug)]
pub(super) struct Raw {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) payload: Bytes,
}

// === impl Frame ===

impl Frame {
    /// The stream it is about; 0 is the connection.
    pub fn stream(&self) -> u32 {
        match self {
            Self::Data { stream, .. }
            | Self::Headers { stream, .. }
            | Self::Reset { stream, .. }
            | Self::WindowUpdate { stream, .. }
            | Self::Unknown { stream, .. } => *stream,
            Self::Settings { .. } | Self::Ping { .. } | Self::GoAway { .. } => 0,
        }
    }

    /// Whether it ends its sender's half of the stream.
    pub fn ends_stream(&self) -> bool {
        matches!(self, Self::Data { end: true, .. } | Self::Headers { end: true, .. } | Self::Reset { .. })
    }

    /// Its bytes on the wire; header blocks longer than 16,384 bytes continue in CONTINUATION frames.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Data { stream, data, end } => raw(DATA, if *end { END_STREAM } else { 0 }, *stream, data),
            Self::Headers { stream, fields, end } => block(*stream, &hpack::encode(fields), *end),
            Self::Reset { stream, code } => raw(RST_STREAM, 0, *stream, &code.to_be_bytes()),
            Self::Settings { ack, values } => {
                let entry = |(id, value): &(u16, u32)| [id.to_be_bytes().as_slice(), &value.to_be_bytes()].concat();
                raw(SETTINGS, u8::from(*ack), 0, &values.iter().flat_map(entry).collect::<Vec<_>>())
            }
            Self::Ping { ack, data } => raw(PING, u8::from(*ack), 0, data),
            Self::GoAway { last, code, debug } => {
                raw(GOAWAY, 0, 0, &[&last.to_be_bytes(), &code.to_be_bytes(), &debug[..]].concat())
            }
            Self::WindowUpdate { stream, increment } => raw(WINDOW_UPDATE, 0, *stream, &increment.to_be_bytes()),
            Self::Unknown { kind, flags, stream, payload } => raw(*kind, *flags, *stream, payload),
        }
    }

    pub(super) fn decode(frame: Raw, decoder: &mut Decoder) -> Self {
        Self::known(&frame, decoder).unwrap_or(Self::Unknown {
            kind: frame.kind,
            flags: frame.flags,
            stream: frame.stream,
            payload: frame.payload,
        })
    }

    fn known(frame: &Raw, decoder: &mut Decoder) -> Option<Self> {
        let Raw { kind, flags, stream, ref payload } = *frame;
        let (ack, end) = (flags & ACK != 0, flags & END_STREAM != 0);
        Some(match kind {
            DATA => Self::Data { stream, data: unpad(flags, payload)?, end },
            HEADERS => {
                let block = unpad(flags, payload)?;
                let block = if flags & PRIORITIZED == 0 { &block[..] } else { block.get(5..)? };
                Self::Headers { stream, fields: decoder.decode(block)?, end }
            }
            RST_STREAM => Self::Reset { stream, code: word(payload, 0)? },
            SETTINGS => Self::Settings { ack, values: settings(payload) },
            PING => Self::Ping { ack, data: payload.first_chunk().copied()? },
            GOAWAY => Self::GoAway {
                last: word(payload, 0)? & 0x7fff_ffff,
                code: word(payload, 4)?,
                debug: payload.slice(8..),
            },
            WINDOW_UPDATE => Self::WindowUpdate { stream, increment: word(payload, 0)? & 0x7fff_ffff },
            _ => return None,
        })
    }
}

fn settings(payload: &[u8]) -> Vec<(u16, u32)> {
    let entries = payload.chunks_exact(6);
    entries.map(|e| (u16::from_be_bytes([e[0], e[1]]), u32::from_be_bytes([e[2], e[3], e[4], e[5]]))).collect()
}

fn word(payload: &[u8], at: usize) -> Option<u32> {
    payload.get(at..)?.first_chunk().copied().map(u32::from_be_bytes)
}

fn unpad(flags: u8, payload: &Bytes) -> Option<Bytes> {
    if flags & PADDED == 0 {
        return Some(payload.clone());
    }
    let padding = usize::from(*payload.first()?);
    let end = payload.len().checked_sub(padding)?;
    (end >= 1).then(|| payload.slice(1..end))
}

fn block(stream: u32, block: &[u8], end: bool) -> Vec<u8> {
    let end = if end { END_STREAM } else { 0 };
    if block.len() <= LARGEST {
        return raw(HEADERS, end | END_HEADERS, stream, block);
    }
    let mut frames = raw(HEADERS, end, stream, &block[..LARGEST]);
    let mut rest = block[LARGEST..].chunks(LARGEST).peekable();
    while let Some(chunk) = rest.next() {
        let flags = if rest.peek().is_none() { END_HEADERS } else { 0 };
        frames.extend(raw(CONTINUATION, flags, stream, chunk));
    }
    frames
}

/// 9 bytes of header (section 4.1), and the payload, however long.
fn raw(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend_from_slice(&[kind, flags]);
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}
