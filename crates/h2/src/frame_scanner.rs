const HEADER: usize = 9;
const SETTINGS: u8 = 0x4;
const GOAWAY: u8 = 0x7;
/// The last stream that a client can open (RFC 9113, section 5.1.1).
const LAST_STREAM: u32 = u32::MAX >> 1;

/// Follows the frames of a peer (RFC 9113, section 4.1) far enough to say when one has been read to its end that may
/// change what the connection can carry: SETTINGS, GOAWAY, and the response on the last stream there can be. Otherwise
/// the h2 crate need not be asked, which takes its lock each time.
#[derive(Debug, Default)]
pub(crate) struct FrameScanner {
    /// A header of which a part has been read, and how much of it.
    header: [u8; HEADER],
    filled: usize,
    /// How many bytes are left of the current frame's payload.
    payload: usize,
    /// The current frame is one of those.
    is_control: bool,
}

impl FrameScanner {
    /// Whether such a frame ends in these bytes, which are the next that were read.
    #[inline]
    pub(crate) fn scan(&mut self, read: &[u8]) -> bool {
        let mut ends = false;
        // Where the current frame ends.
        let mut at = self.payload;
        while let Some(rest) = read.get(at..) {
            ends |= std::mem::take(&mut self.is_control);
            let header = match rest.first_chunk() {
                Some(header) if self.filled == 0 => {
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
            let [a, b, c, kind, _, stream @ ..] = header;
            at += u32::from_be_bytes([0, a, b, c]) as usize;
            self.is_control =
                matches!(kind, SETTINGS | GOAWAY) || u32::from_be_bytes(stream) & LAST_STREAM == LAST_STREAM;
        }
        self.payload = at - read.len();
        ends
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

    const HEADERS: u8 = 0x1;

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
                if scanner.scan(piece) {
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
    fn the_response_on_the_last_stream_is_found() {
        let found = [1, LAST_STREAM - 2, LAST_STREAM]
            .map(|stream| FrameScanner::default().scan(&frame_on(stream, HEADERS, 20)));
        assert_eq!(found, [false, false, true]);
    }
}
