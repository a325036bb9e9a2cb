//! DATA frames with little in them. Each costs the h2 crate some 250 bytes until it is read, however little it brings,
//! and its queue takes a limited number of them; a server that streams small messages sends thousands at once.

use crate::frame_scanner::{END_STREAM, HEADER, Header, SMALL};

/// So many in one turn of the driver, and the readers have theirs before the next. With those of one read, which come
/// on top, less than the h2 crate takes unread.
const TURN: u32 = 128;
/// No frame becomes larger: the least that any receiver must take (RFC 9113, section 4.2).
const MAX_FRAME: usize = 1 << 14;
const FLAGS: usize = 4;

/// How many small frames the driver has been given in its turn.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// The turn.
    polls: u32,
    frames: u32,
    /// It was enough.
    is_over: bool,
}

impl Turn {
    /// So many more.
    #[cold]
    pub(crate) fn count(&mut self, polls: u32, frames: u32) {
        if self.polls != polls {
            (self.polls, self.frames) = (polls, 0);
        }
        self.frames = self.frames.saturating_add(frames);
        self.is_over = self.frames >= TURN;
    }

    /// Whether the readers have theirs now, before more is read.
    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    pub(crate) fn next(&mut self) {
        self.is_over = false;
    }
}

/// Makes one frame of small ones that follow each other on a stream, as far as they are here to their end. `read`
/// begins with a frame. Returns how long it is now, and how many small frames are left.
///
/// What a stream's windows and its content are is the same; where its DATA is cut means nothing (RFC 9113, section
/// 8.1).
#[cold]
pub(crate) fn join(read: &mut [u8]) -> (usize, u32) {
    let (mut from, mut to, mut left) = (0, 0, 0);
    // Where the frame begins that takes more, its stream, and what it carries.
    let mut open: Option<(usize, u32, usize)> = None;
    while let Some(bytes) = read.get(from..).and_then(<[u8]>::first_chunk) {
        let header = Header::of(bytes);
        let end = from + HEADER + header.payload;
        if end > read.len() {
            break;
        }
        match &mut open {
            Some((at, stream, carries))
                if header.stream == *stream && is_more(header) && *carries + header.payload <= MAX_FRAME =>
            {
                left -= u32::from(*carries < SMALL);
                *carries += header.payload;
                left += u32::from(*carries < SMALL && header.flags == 0);
                let [_, length @ ..] = (*carries as u32).to_be_bytes();
                read[*at..][..length.len()].copy_from_slice(&length);
                read[*at + FLAGS] = header.flags;
                read.copy_within(from + HEADER..end, to);
                to += header.payload;
                if header.flags != 0 {
                    open = None;
                }
            }
            _ => {
                open = header.is_small().then_some((to, header.stream, header.payload));
                left += u32::from(open.is_some());
                read.copy_within(from..end, to);
                to += end - from;
            }
        }
        from = end;
    }
    read.copy_within(from.., to);
    (to + read.len() - from, left)
}

/// It may be a part of the small frame before it. An empty one that doesn't end its stream stays what it is: there is a
/// limit for those.
fn is_more(header: Header) -> bool {
    let ends = header.is_data() && header.payload < SMALL && header.flags == END_STREAM;
    ends || header.is_small()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const PADDED: u8 = 8;

    fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
        let [_, a, b, c] = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&[a, b, c, kind, flags, 0, 0, 0, stream], payload].concat()
    }

    fn joined(frames: &[Vec<u8>]) -> (Vec<u8>, u32) {
        let mut read = frames.concat();
        let (length, left) = join(&mut read);
        read.truncate(length);
        (read, left)
    }

    fn stays(frames: &[Vec<u8>], left: u32) {
        assert_eq!(joined(frames), (frames.concat(), left));
    }

    #[test]
    fn small_frames_that_follow_each_other_become_one() {
        let small = |payload: &[u8]| frame(DATA, 0, 1, payload);
        let three = [small(b"a"), small(b"bc"), small(b"d")];
        assert_eq!(joined(&three), (small(b"abcd"), 1));
        let before_another = [frame(HEADERS, 4, 1, b"h"), small(b"a"), small(b"b"), frame(HEADERS, 5, 1, b"t")];
        let expected = [frame(HEADERS, 4, 1, b"h"), small(b"ab"), frame(HEADERS, 5, 1, b"t")];
        assert_eq!(joined(&before_another), (expected.concat(), 1));
        let two_streams = [small(b"a"), small(b"b"), frame(DATA, 0, 3, b"c"), frame(DATA, 0, 3, b"d"), small(b"e")];
        let expected = [small(b"ab"), frame(DATA, 0, 3, b"cd"), small(b"e")];
        assert_eq!(joined(&two_streams), (expected.concat(), 3));
        assert_eq!(joined(&vec![small(&[7; 200]); 2]), (small(&[7; 400]), 0));
    }

    #[test]
    fn the_end_of_a_stream_is_kept() {
        let first = frame(DATA, 0, 1, b"a");
        for last in [&b"b"[..], b""] {
            let expected = frame(DATA, END_STREAM, 1, &[b"a", last].concat());
            let (read, left) = joined(&[first.clone(), frame(DATA, END_STREAM, 1, last)]);
            assert_eq!((read, left), (expected, 0));
        }
        let after = [first.clone(), frame(DATA, END_STREAM, 1, b"b"), first.clone()];
        assert_eq!(joined(&after), ([frame(DATA, END_STREAM, 1, b"ab"), first].concat(), 1));
    }

    #[test]
    fn what_is_no_small_data_stays_as_it_is() {
        let small = frame(DATA, 0, 1, b"a");
        for other in [
            frame(DATA, 0, 1, &[7; 256]),
            frame(DATA, 0, 1, b""),
            frame(DATA, PADDED, 1, &[1, b'a', 0]),
            frame(DATA, 0, 3, b"b"),
            frame(HEADERS, 4, 1, b"h"),
            frame(0xee, 0, 1, b"x"),
        ] {
            let streams = 2 + u32::from(other[8] == 3);
            stays(&[small.clone(), other, small.clone()], streams);
        }
        // Not here to its end.
        let part = small[..small.len() - 1].to_vec();
        stays(&[small.clone(), part], 1);
        stays(&[small.clone(), small[..4].to_vec()], 1);
    }

    #[test]
    fn no_frame_becomes_too_large() {
        let (read, left) = joined(&vec![frame(DATA, 0, 1, &[7; 255]); 100]);
        assert_eq!((read.len(), left), (100 * 255 + 2 * HEADER, 0));
        let first = Header::of(read.first_chunk().unwrap()).payload;
        assert_eq!(first, MAX_FRAME / 255 * 255);
    }
}
