use crate::frame_counts::FrameCounts;
use skybridge_core::{ErrorCode, GoAway};
use std::ops::Range;

/// How much of the payload of a GOAWAY is kept.
const MAX_GOAWAY: usize = 8 + 4 * GoAway::MAX_DEBUG_DATA;
pub(crate) const HEADER: usize = 9;
/// A DATA frame below this is small: from there on, the h2 crate takes them for what they bring.
pub(crate) const SMALL: usize = 256;
const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const SETTINGS: u8 = 0x4;
const PING: u8 = 0x6;
const GOAWAY: u8 = 0x7;
pub(crate) const END_STREAM: u8 = 0x1;
const PADDED: u8 = 0x8;
const ACK: u8 = 0x1;
/// How many HEADERS that end no stream, without anything between them, are nothing to look at.
const MANY_HEADS: usize = 64;
/// The last stream that a client can open (RFC 9113, section 5.1.1).
const LAST_STREAM: u32 = u32::MAX >> 1;

/// Follows the frames of a peer (RFC 9113, section 4.1) far enough to say when one has been read to its end that may
/// matter to the driver: SETTINGS, GOAWAY, PING, and the response on the last stream there can be. Otherwise the h2
/// crate need not be asked, which takes its lock each time. It also counts the bytes of DATA, and the frames that can
/// be too many.
#[derive(Debug, Default)]
pub(crate) struct FrameScanner {
    /// A header of which a part has been read, and how much of it. All of it: that of DATA whose length of
    /// padding has not been read.
    header: [u8; HEADER],
    filled: usize,
    /// How many bytes are left of the current frame's payload.
    payload: usize,
    /// The current frame is one of those.
    is_control: bool,
    /// What there is of the current frame's payload, if it is a GOAWAY.
    current: Option<Vec<u8>>,
    /// What the GOAWAYs say that were read to their end.
    goaway: Option<GoAwayFrame>,
    /// The bytes of all DATA frames whose header has been read.
    data: usize,
    /// How many HEADERS and empty DATA have ended a stream.
    ended: usize,
    /// How many of our SETTINGS were acknowledged.
    acknowledged: u32,
    /// The frames of other kinds.
    pub(crate) counts: FrameCounts,
}

/// The header of a frame.
#[derive(Clone, Copy)]
pub(crate) struct Header {
    pub(crate) payload: usize,
    kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
}

impl Header {
    #[inline]
    pub(crate) fn of(&[a, b, c, kind, flags, stream @ ..]: &[u8; HEADER]) -> Self {
        // One load and one shift.
        let payload = (u32::from_be_bytes([a, b, c, kind]) >> 8) as usize;
        Self { payload, kind, flags, stream: u32::from_be_bytes(stream) & LAST_STREAM }
    }

    pub(crate) fn kind(self) -> u8 {
        self.kind
    }

    /// It is of a kind that requests and responses are made of.
    #[inline]
    pub(crate) fn is_message(self) -> bool {
        matches!(self.kind, DATA | HEADERS)
    }

    #[inline]
    fn is_padded(self) -> bool {
        self.flags & PADDED != 0
    }

    #[inline]
    pub(crate) fn is_data(self) -> bool {
        self.kind == DATA
    }

    /// DATA that brings something, but little, without padding, and not the last of its stream.
    #[inline]
    pub(crate) fn is_small(self) -> bool {
        // Its flags first: most frames have some.
        self.flags == 0 && self.is_data() && self.payload < SMALL && self.payload > 0
    }

    #[inline]
    fn is_on_last_stream(self) -> bool {
        self.stream == LAST_STREAM
    }
}

/// What was found in some bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Found {
    /// A frame that may matter to the driver ends in them.
    pub(crate) control: bool,
    /// There may be too many frames of some kind.
    pub(crate) many: bool,
    /// How many small frames begin in them, and where the first does.
    pub(crate) small: u32,
    pub(crate) small_from: usize,
}

impl Found {
    /// A frame begins there.
    #[inline]
    fn begin(&mut self, header: Header, at: usize) {
        if header.is_small() {
            if self.small == 0 {
                self.small_from = at;
            }
            self.small += 1;
        }
    }
}

/// A GOAWAY (RFC 9113, section 6.8), with the first bytes of its debug data.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct GoAwayFrame {
    pub(crate) last_stream: u32,
    pub(crate) code: u32,
    pub(crate) debug_data: Box<[u8]>,
}

impl GoAwayFrame {
    /// What both say: the later one, but not instead of an error. Node, for one, sends another GOAWAY without an error
    /// code when it ends the connection.
    pub(crate) fn after(self, earlier: Option<Self>) -> Self {
        match earlier {
            Some(earlier) if earlier.code != ErrorCode::NO_ERROR.0 && self.code == ErrorCode::NO_ERROR.0 => earlier,
            _ => self,
        }
    }
}

impl FrameScanner {
    /// Looks through the next bytes that were read. Always inlined: it is called for each read, and rarely elsewhere.
    #[inline(always)]
    pub(crate) fn scan(&mut self, read: &[u8]) -> Found {
        // Where the current frame ends.
        let mut at = self.payload;
        let mut found = Found { control: false, many: false, small: 0, small_from: 0 };
        if !self.is_control && self.filled == 0 {
            // Most of what is read is the frames of responses, with nothing of a header before or behind them.
            while let Some(header) = read.get(at..).and_then(|rest| rest.first_chunk()) {
                let header = Header::of(header);
                if !header.is_message() || header.is_padded() || header.is_on_last_stream() {
                    break;
                }
                found.begin(header, at);
                at += HEADER + header.payload;
                found.many |= self.begin_message(header);
            }
            if at >= read.len() {
                self.payload = at - read.len();
                return found;
            }
        }
        self.scan_others(read, at, found)
    }

    /// As [`scan`](Self::scan), from the end of the current frame, whatever comes then, and however it arrives.
    #[cold]
    fn scan_others(&mut self, read: &[u8], mut at: usize, mut found: Found) -> Found {
        if self.current.is_some() {
            self.keep(read, 0..at);
        }
        if self.filled == HEADER
            && let Some(&padding) = read.first()
        {
            self.filled = 0;
            found.many |= self.begin_padded(Header::of(&self.header), padding);
        }
        while let Some(rest) = read.get(at..) {
            if std::mem::take(&mut self.is_control) {
                found.control = true;
                self.end_goaway();
            }
            let header = match rest.first_chunk() {
                Some(header) if self.filled == 0 => {
                    found.begin(Header::of(header), at);
                    at += HEADER;
                    *header
                }
                _ if rest.is_empty() => break,
                _ => match self.fill(rest) {
                    (taken, Some(header)) => {
                        at += taken;
                        header
                    }
                    (taken, None) => {
                        at += taken;
                        break;
                    }
                },
            };
            let (bytes, header) = (header, Header::of(&header));
            let start = at;
            at += header.payload;
            if header.is_data() && header.is_padded() && header.payload > 0 {
                match read.get(start) {
                    Some(&padding) => found.many |= self.begin_padded(header, padding),
                    None => (self.header, self.filled) = (bytes, HEADER),
                }
            }
            found.many |= if header.is_message() {
                self.begin_message(header)
            } else {
                self.begin_other(header.kind, header.flags, read, start..at)
            };
            self.is_control |= header.is_on_last_stream();
        }
        self.payload = at - read.len();
        found
    }

    /// A frame of a response begins. Whether too many are interim ones, or empty.
    #[inline]
    fn begin_message(&mut self, header: Header) -> bool {
        match header.kind {
            DATA => {
                self.data = self.data.wrapping_add(header.payload);
                self.counts.heads = 0;
                if header.payload == 0 {
                    return self.begin_empty(header.flags);
                }
            }
            _ if header.flags & END_STREAM != 0 => {
                self.ended = self.ended.wrapping_add(1);
                self.counts.heads = 0;
            }
            _ => self.counts.heads += 1,
        }
        self.counts.heads > MANY_HEADS
    }

    /// Whether there are too many.
    fn begin_empty(&mut self, flags: u8) -> bool {
        if flags & END_STREAM != 0 {
            self.ended = self.ended.wrapping_add(1);
            return false;
        }
        self.counts.count_empty()
    }

    /// DATA with so many bytes of padding behind the one that says so (RFC 9113, section 6.1). Whether there are too
    /// many that bring nothing else, and end no stream.
    #[cold]
    fn begin_padded(&mut self, header: Header, padding: u8) -> bool {
        let is_empty = header.payload == 1 + usize::from(padding);
        is_empty && header.flags & END_STREAM == 0 && self.counts.count_empty()
    }

    /// A frame of another kind than those that requests and responses are made of begins. Whether there are many of it.
    #[cold]
    fn begin_other(&mut self, kind: u8, flags: u8, read: &[u8], payload: Range<usize>) -> bool {
        self.is_control = matches!(kind, SETTINGS | PING | GOAWAY);
        if kind == SETTINGS && flags & ACK != 0 {
            self.acknowledged = self.acknowledged.wrapping_add(1);
        }
        if kind == GOAWAY {
            self.current = Some(Vec::new());
            self.keep(read, payload);
        }
        self.counts.count(kind, flags)
    }

    /// How many of our SETTINGS the peer has acknowledged so far.
    pub(crate) fn acknowledged(&self) -> u32 {
        self.acknowledged
    }

    /// The bytes of all DATA so far.
    #[inline]
    pub(crate) fn data(&self) -> usize {
        self.data
    }

    /// How many HEADERS and empty DATA have ended a stream so far.
    #[inline]
    pub(crate) fn ended(&self) -> usize {
        self.ended
    }

    /// What the GOAWAYs say that have ended since this was last called.
    pub(crate) fn take_goaway(&mut self) -> Option<GoAwayFrame> {
        self.goaway.take()
    }

    /// Keeps a part of a GOAWAY.
    #[cold]
    fn keep(&mut self, read: &[u8], payload: Range<usize>) {
        if let Some(current) = &mut self.current
            && let Some(part) = read.get(payload.start..payload.end.min(read.len()))
        {
            let room = MAX_GOAWAY - current.len();
            current.extend_from_slice(&part[..part.len().min(room)]);
        }
    }

    #[cold]
    fn end_goaway(&mut self) {
        let Some(payload) = self.current.take() else { return };
        if let Some((&[a, b, c, d, e, f, g, h], debug_data)) = payload.split_first_chunk() {
            let frame = GoAwayFrame {
                last_stream: u32::from_be_bytes([a, b, c, d]) & LAST_STREAM,
                code: u32::from_be_bytes([e, f, g, h]),
                debug_data: debug_data.into(),
            };
            self.goaway = Some(frame.after(self.goaway.take()));
        }
    }

    /// Takes what there is of a header that comes in parts: how many bytes, and the header once it is complete.
    #[cold]
    fn fill(&mut self, rest: &[u8]) -> (usize, Option<[u8; HEADER]>) {
        let taken = (HEADER - self.filled).min(rest.len());
        self.header[self.filled..][..taken].copy_from_slice(&rest[..taken]);
        self.filled += taken;
        if self.filled < HEADER {
            return (taken, None);
        }
        self.filled = 0;
        (taken, Some(self.header))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: usize) -> Vec<u8> {
        frame_on(1, kind, payload)
    }

    fn frame_on(stream: u32, kind: u8, payload: usize) -> Vec<u8> {
        let [.., a, b, c] = u32::try_from(payload).unwrap().to_be_bytes();
        // A payload that looks like a frame of its own.
        let payload = [0, 0, 0, SETTINGS, 0, 0, 0, 0, 0].into_iter().cycle().take(payload);
        [a, b, c, kind, 0].into_iter().chain(stream.to_be_bytes()).chain(payload).collect()
    }

    #[test]
    fn a_control_frame_is_found_where_it_ends_however_its_bytes_arrive() {
        let frames = [(HEADERS, 70_000), (SETTINGS, 0), (HEADERS, 0), (GOAWAY, 8), (HEADERS, 9), (SETTINGS, 18)];
        let (mut bytes, mut wanted) = (Vec::new(), Vec::new());
        for (kind, payload) in frames {
            bytes.extend(frame(kind, payload));
            if kind != HEADERS {
                wanted.push(bytes.len());
            }
        }
        for size in [1, 2, 5, 9, 10, 4096, bytes.len()] {
            let (mut scanner, mut read, mut found) = (FrameScanner::default(), 0, Vec::new());
            for piece in bytes.chunks(size) {
                read += piece.len();
                if scanner.scan(piece).control {
                    found.push(read);
                }
            }
            let mut expected: Vec<_> = wanted.iter().map(|end| end.div_ceil(size) * size).collect();
            expected.iter_mut().for_each(|end| *end = (*end).min(bytes.len()));
            expected.dedup();
            assert_eq!(found, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn a_goaway_is_kept_however_its_bytes_arrive_but_not_all_of_a_long_one() {
        for debug in [0, 5, 2000, 70_000] {
            let mut bytes = frame(HEADERS, 20);
            let [.., a, b, c] = u32::try_from(8 + debug).unwrap().to_be_bytes();
            bytes.extend([a, b, c, GOAWAY, 0, 0, 0, 0, 0, 0x80, 0, 0, 7, 0, 0, 0, 0xb]);
            bytes.extend(std::iter::repeat_n(b'x', debug));
            bytes.extend(frame(HEADERS, 20));
            for size in [1, 2, 9, 10, 4096, bytes.len()] {
                let mut scanner = FrameScanner::default();
                let found = bytes.chunks(size).filter(|piece| scanner.scan(piece).control).count();
                let kept = vec![b'x'; debug.min(4 * GoAway::MAX_DEBUG_DATA)].into();
                let expected = GoAwayFrame { last_stream: 7, code: 0xb, debug_data: kept };
                assert_eq!((found, scanner.take_goaway()), (1, Some(expected)), "{debug} in pieces of {size}");
            }
        }
    }

    #[test]
    fn the_response_on_the_last_stream_is_found() {
        let found = [1, LAST_STREAM - 2, LAST_STREAM]
            .map(|stream| FrameScanner::default().scan(&frame_on(stream, HEADERS, 20)).control);
        assert_eq!(found, [false, false, true]);
    }

    #[test]
    fn empty_data_is_counted_with_padding_however_it_arrives() {
        let data = |flags, padding: u8, content: &[u8]| {
            let length = u8::try_from(1 + content.len() + usize::from(padding)).unwrap();
            let header = [0, 0, length, DATA, flags | PADDED, 0, 0, 0, 1, padding];
            [&header, content, &vec![0; padding.into()]].concat()
        };
        let others = [data(0, 3, b"x"), data(END_STREAM, 3, b"")].concat().repeat(200);
        for padding in [0, 7] {
            let hundred = [&others, &*data(0, padding, b"").repeat(100)].concat();
            let bytes = [&*hundred, &data(0, padding, b"")].concat();
            for size in [1, 2, 9, 10, 11, 4096, bytes.len()] {
                let mut scanner = FrameScanner::default();
                let many = bytes.chunks(size).position(|piece| scanner.scan(piece).many);
                // The length of the padding of the last one.
                assert_eq!(many, Some((hundred.len() + HEADER) / size), "{padding} in pieces of {size}");
            }
        }
    }
}
