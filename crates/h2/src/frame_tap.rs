//! Watches the frames of both directions for what an observer is told of: GOAWAY and RST_STREAM. Only on connections
//! that are observed.

use skybridge_core::{
    CallId, ConnInfo, Ctx, ErrorCode, Event, EventKind, GoAway, Observe, RequestOptions, notify, sync::Mutex,
};
use std::{
    collections::{BTreeMap, VecDeque},
    io::IoSlice,
    sync::Arc,
};

use crate::frame_scanner::{HEADER, Header};

const RST_STREAM: u8 = 0x3;
const GOAWAY: u8 = 0x7;
/// What precedes the first frame that is sent (RFC 9113, section 3.4).
const PREFACE: usize = 24;
/// How much of the payload of a GOAWAY is kept.
const MOST_PAYLOAD: usize = 8 + 4 * GoAway::MAX_DEBUG_DATA;
/// How many streams are known by their calls: of those that were opened before, the call isn't told.
const MOST_STREAMS: usize = 1024;
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

/// A frame to be told of.
#[derive(Debug, Eq, PartialEq)]
enum Frame {
    Reset { stream: u32, code: u32 },
    GoAway { last_stream: u32, code: u32, debug_data: Box<[u8]> },
}

/// What was seen and not told yet, and whose streams there are.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    seen: Mutex<VecDeque<(bool, Frame)>>,
    streams: Mutex<BTreeMap<u32, StreamOf>>,
}

/// The call of a stream, and its own observer, if it has one.
#[derive(Default)]
pub(crate) struct StreamOf {
    call: Option<CallId>,
    observer: Option<Arc<dyn Observe>>,
}

impl StreamOf {
    /// As a request with these extensions says it.
    #[cold]
    pub(crate) fn request(extensions: &http::Extensions) -> Self {
        let of = |options: &RequestOptions| Self { call: options.call_id, observer: options.observer.clone() };
        extensions.get().map(of).unwrap_or_default()
    }
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
        let mut seen = self.seen.lock();
        if seen.len() < MOST_SEEN {
            seen.push_back((by_peer, frame));
        }
    }

    /// A stream was opened.
    #[cold]
    pub(crate) fn opened(&self, stream: u32, of: StreamOf) {
        let mut streams = self.streams.lock();
        let _replaced = streams.insert(stream, of);
        let oldest = if streams.len() > MOST_STREAMS { streams.pop_first() } else { None };
        // An observer may do anything when it is dropped.
        drop(streams);
        drop(oldest);
    }

    /// Tells what was seen. Not under a lock of the h2 crate.
    #[cold]
    pub(crate) fn tell(&self, info: &ConnInfo) {
        loop {
            let next = self.seen.lock().pop_front();
            let Some((by_peer, frame)) = next else { return };
            tell(self, info, by_peer, &frame);
        }
    }

    fn of(&self, stream: u32) -> (Option<CallId>, Option<Arc<dyn Observe>>) {
        let streams = self.streams.lock();
        streams.get(&stream).map_or((None, None), |of| (of.call, of.observer.clone()))
    }
}

fn tell(watch: &Watch, info: &ConnInfo, by_peer: bool, frame: &Frame) {
    let ctx: &Ctx = info.route.ctx();
    match frame {
        Frame::GoAway { last_stream, code, debug_data } => {
            let (code, last_stream) = (ErrorCode(*code), *last_stream);
            let said = GoAway::new(code, "").debug_data(debug_data);
            let debug_data = if by_peer { said.debug_text() } else { "" };
            ctx.emit(Some(info.attempt), info.id, EventKind::GoAway { by_peer, code, last_stream, debug_data });
        }
        Frame::Reset { stream, code } => {
            let (call, own) = watch.of(*stream);
            let kind = EventKind::StreamReset { by_peer, code: ErrorCode(*code), stream: *stream };
            if let Some(observer) = own.as_ref().or(ctx.observed_by()) {
                notify(&**observer, &Event::new(ctx.runtime().now(), call, None, info.id, kind));
            }
        }
    }
}

impl std::fmt::Debug for StreamOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamOf").field("call", &self.call).finish_non_exhaustive()
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
    fn what_is_remembered_of_streams_and_frames_is_bounded() {
        let watch = Watch::default();
        for stream in 0..5000 {
            watch.opened(stream, StreamOf { call: Some(CallId(stream.into())), observer: None });
            watch.saw(true, Frame::Reset { stream, code: 0 });
        }
        assert_eq!((watch.streams.lock().len(), watch.seen.lock().len()), (MOST_STREAMS, MOST_SEEN));
        assert_eq!((watch.of(4999).0, watch.of(0).0), (Some(CallId(4999)), None));
    }
}
