//! Watches the frames of both directions for what an observer is told of: GOAWAY and RST_STREAM. Only on connections
//! that are observed.

use crate::{
    frame_scanner::{END_STREAM, HEADER, Header},
    watched_streams::{StreamOf, WatchedStreams},
};
use skybridge_core::{ConnInfo, Ctx, ErrorCode, Event, EventKind, GoAway, notify, sync::Mutex};
use std::{collections::VecDeque, io::IoSlice};

const RST_STREAM: u8 = 0x3;
const GOAWAY: u8 = 0x7;
/// What precedes the first frame that is sent (RFC 9113, section 3.4).
const PREFACE: usize = 24;
/// How much of the payload of a GOAWAY is kept.
const MOST_PAYLOAD: usize = 8 + 4 * GoAway::MAX_DEBUG_DATA;
/// How many frames wait to be told. The driver tells them each time that it is polled.
const MOST_SEEN: usize = 1024;
/// The last stream that there can be (RFC 9113, section 5.1.1): the first bit is reserved.
const LAST_STREAM: u32 = u32::MAX >> 1;

/// Reads along in both directions.
#[derive(Debug)]
pub(crate) struct FrameTap {
    received: Direction,
    sent: Direction,
}

/// The frames of one direction, however their bytes come.
#[derive(Debug, Default)]
struct Direction {
    header: [u8; HEADER],
    filled: usize,
    /// How many bytes are left of the current payload, or of the preface.
    left: usize,
    /// The payload of a frame that is told of, as far as it has come.
    payload: Option<Vec<u8>>,
}

/// A frame to be told of, or one that says how far its stream has got.
#[derive(Debug, Eq, PartialEq)]
enum Frame {
    /// HEADERS, or DATA that ends its direction.
    Part {
        stream: u32,
        ends: bool,
    },
    Reset {
        stream: u32,
        code: u32,
    },
    GoAway {
        last_stream: u32,
        code: u32,
        debug_data: Box<[u8]>,
    },
}

/// What was seen and not told yet, and whose streams there are.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    seen: Mutex<VecDeque<(bool, Frame)>>,
    streams: Mutex<WatchedStreams>,
}

// === impl FrameTap ===

impl FrameTap {
    pub(crate) fn new() -> Self {
        Self { received: Direction::default(), sent: Direction { left: PREFACE, ..Direction::default() } }
    }

    #[cold]
    pub(crate) fn received(&mut self, bytes: &[u8], watch: &Watch) {
        self.received.read(bytes, |frame| watch.saw(true, frame));
    }

    /// So many bytes of these were sent.
    #[cold]
    pub(crate) fn sent(&mut self, buffers: &[IoSlice<'_>], mut bytes: usize, watch: &Watch) {
        for buffer in buffers {
            let part = &buffer[..buffer.len().min(bytes)];
            bytes -= part.len();
            self.sent.read(part, |frame| watch.saw(false, frame));
        }
    }
}

// === impl Direction ===

impl Direction {
    fn read(&mut self, mut bytes: &[u8], mut tell: impl FnMut(Frame)) {
        while !bytes.is_empty() {
            if self.left > 0 {
                let (part, rest) = bytes.split_at(bytes.len().min(self.left));
                if let Some(payload) = &mut self.payload {
                    let room = MOST_PAYLOAD - payload.len();
                    payload.extend_from_slice(&part[..part.len().min(room)]);
                }
                (self.left, bytes) = (self.left - part.len(), rest);
            } else {
                let (part, rest) = bytes.split_at(bytes.len().min(HEADER - self.filled));
                self.header[self.filled..][..part.len()].copy_from_slice(part);
                (self.filled, bytes) = (self.filled + part.len(), rest);
                if self.filled < HEADER {
                    return;
                }
                let header = Header::of(&self.header);
                (self.filled, self.left) = (0, header.payload);
                self.payload = matches!(header.kind(), RST_STREAM | GOAWAY).then(Vec::new);
                if header.is_message()
                    && let Some(part) = part_of(header)
                {
                    tell(part);
                }
            }
            if self.left == 0
                && self.filled == 0
                && let Some(payload) = self.payload.take()
                && let Some(frame) = frame(Header::of(&self.header), &payload)
            {
                tell(frame);
            }
        }
    }
}

fn part_of(header: Header) -> Option<Frame> {
    let ends = header.flags & END_STREAM != 0;
    (ends || !header.is_data()).then_some(Frame::Part { stream: header.stream, ends })
}

fn frame(header: Header, payload: &[u8]) -> Option<Frame> {
    let (&first, rest) = payload.split_first_chunk()?;
    let first = u32::from_be_bytes(first);
    if header.kind() == RST_STREAM {
        return Some(Frame::Reset { stream: header.stream, code: first });
    }
    let (&code, debug_data) = rest.split_first_chunk()?;
    let debug_data = debug_data.into();
    Some(Frame::GoAway { last_stream: first & LAST_STREAM, code: u32::from_be_bytes(code), debug_data })
}

// === impl Watch ===

impl Watch {
    fn saw(&self, by_peer: bool, frame: Frame) {
        match frame {
            Frame::Part { stream, ends } => return self.streams.lock().saw(stream, by_peer, ends),
            Frame::Reset { stream, .. } => self.streams.lock().saw_reset(stream),
            Frame::GoAway { .. } => {}
        }
        let mut seen = self.seen.lock();
        if seen.len() < MOST_SEEN {
            seen.push_back((by_peer, frame));
        }
    }

    /// A stream was opened.
    #[cold]
    pub(crate) fn opened(&self, stream: u32, of: StreamOf) {
        let released = self.streams.lock().opened(stream, of);
        drop(released);
    }

    /// The connection is over. What was seen and not told yet never is.
    #[cold]
    pub(crate) fn end(&self) {
        let released = self.streams.lock().end();
        drop(released);
    }

    /// Tells what was seen, and lets the observers go to whom nothing more is told. Not under a lock of the h2 crate.
    #[cold]
    pub(crate) fn tell(&self, info: &ConnInfo) {
        loop {
            let next = self.seen.lock().pop_front();
            let Some((by_peer, frame)) = next else { break };
            tell(self, info, by_peer, &frame);
        }
        let released = self.streams.lock().release();
        drop(released);
    }
}

fn tell(watch: &Watch, info: &ConnInfo, by_peer: bool, frame: &Frame) {
    let ctx: &Ctx = info.route.ctx();
    match frame {
        Frame::Part { .. } => {}
        Frame::GoAway { last_stream, code, debug_data } => {
            let (code, last_stream) = (ErrorCode(*code), *last_stream);
            let said = GoAway::new(code, "").debug_data(debug_data);
            let debug_data = if by_peer { said.debug_text() } else { "" };
            ctx.emit(Some(info.attempt), info.id, EventKind::GoAway { by_peer, code, last_stream, debug_data });
        }
        Frame::Reset { stream, code } => {
            let Some(StreamOf { call, observer: own }) = watch.streams.lock().of(*stream) else { return };
            let kind = EventKind::StreamReset { by_peer, code: ErrorCode(*code), stream: *stream };
            if let Some(observer) = own.as_ref().or(ctx.observed_by()) {
                notify(&**observer, &Event::new(ctx.runtime().now(), call, None, info.id, kind));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(kind: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, 0], &stream.to_be_bytes(), payload].concat()
    }

    #[test]
    fn frames_are_found_however_their_bytes_come_and_long_ones_are_cut() {
        let goaway = [&[0, 0, 0, 7, 0, 0, 0, 11], "calm".repeat(1000).as_bytes()].concat();
        let frames = [
            bytes(0, 1, &[RST_STREAM; 40]),
            bytes(RST_STREAM, 5, &[0, 0, 0, 8]),
            bytes(6, 0, &[GOAWAY; 8]),
            bytes(1, 3, &[]),
            bytes(GOAWAY, 0, &goaway),
            bytes(RST_STREAM, 7, &[1]),
            bytes(RST_STREAM, 9, &[0, 0, 0, 0]),
        ]
        .concat();
        for size in [1, 2, 8, 9, 10, 13, frames.len()] {
            let mut found = Vec::new();
            let mut direction = Direction::default();
            frames.chunks(size).for_each(|piece| direction.read(piece, |frame| found.push(frame)));
            assert_eq!(found.remove(1), Frame::Part { stream: 3, ends: false });
            let [Frame::Reset { stream: 5, code: 8 }, goaway, Frame::Reset { stream: 9, code: 0 }] = &found[..] else {
                panic!("{found:?}")
            };
            let Frame::GoAway { last_stream: 7, code: 11, debug_data } = goaway else { panic!("{goaway:?}") };
            assert_eq!(debug_data.len() + 8, MOST_PAYLOAD);
        }
    }

    #[test]
    fn what_is_sent_begins_behind_the_preface_and_ends_where_the_socket_was_full() {
        let (mut tap, watch) = (FrameTap::new(), Watch::default());
        let reset = bytes(RST_STREAM, 5, &[0, 0, 0, 8]);
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        let buffers = [IoSlice::new(preface), IoSlice::new(&reset)];
        tap.sent(&buffers, PREFACE + 12, &watch);
        assert!(watch.seen.lock().is_empty());
        tap.sent(&[IoSlice::new(&reset[12..])], 1, &watch);
        assert_eq!(watch.seen.lock().pop_front(), Some((false, Frame::Reset { stream: 5, code: 8 })));
    }

    #[test]
    fn frames_that_wait_to_be_told_are_bounded() {
        let watch = Watch::default();
        (0..5000).for_each(|stream| watch.saw(true, Frame::Reset { stream, code: 0 }));
        assert_eq!(watch.seen.lock().len(), MOST_SEEN);
    }

    #[test]
    fn only_headers_and_data_that_ends_its_direction_say_how_far_a_stream_is() {
        let with = |kind, flags| {
            let mut frame = bytes(kind, 5, &[0; 4]);
            frame[4] = flags;
            let mut found = Vec::new();
            Direction::default().read(&frame, |frame| found.push(frame));
            found
        };
        assert_eq!(with(1, 4), [Frame::Part { stream: 5, ends: false }]);
        assert_eq!(with(1, 5), [Frame::Part { stream: 5, ends: true }]);
        assert_eq!(with(0, 1), [Frame::Part { stream: 5, ends: true }]);
        // DATA, PRIORITY, SETTINGS and its acknowledgement, PING and its answer, WINDOW_UPDATE, CONTINUATION.
        for (kind, flags) in [(0, 8), (2, 0), (4, 0), (4, 1), (6, 0), (6, 1), (8, 0), (9, 4)] {
            assert_eq!(with(kind, flags), [], "{kind} {flags}");
        }
    }
}
