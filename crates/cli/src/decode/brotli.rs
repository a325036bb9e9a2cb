//! `br` (RFC 7932).

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use bytes::{Buf, Bytes};
use std::io;

/// How much is decoded at once, whatever it grows to.
const PIECE: usize = 64 * 1024;

type State = BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>;

/// One stream: there is nothing behind its end.
pub(super) struct Brotli {
    state: Box<State>,
    total: usize,
    has_ended: bool,
    /// More is decoded than was taken.
    holds_more: bool,
}

impl Brotli {
    pub(super) fn new() -> Self {
        let of = StandardAlloc::default;
        // Windows of 16 MiB at most, as RFC 7932 has them: not those of a gigabyte.
        let state = Box::new(BrotliState::new_strict(of(), of(), of()));
        Self { state, total: 0, has_ended: false, holds_more: false }
    }

    pub(super) fn holds_more(&self) -> bool {
        self.holds_more
    }

    pub(super) fn is_whole(&self) -> bool {
        self.has_ended
    }

    /// Decodes a piece.
    ///
    /// # Errors
    /// When it isn't brotli, or stands behind its end.
    pub(super) fn decode(&mut self, input: &mut Bytes) -> io::Result<Vec<u8>> {
        let mut decoded = vec![0; PIECE];
        let (mut left, mut taken, mut room, mut written) = (input.len(), 0, PIECE, 0);
        if !self.has_ended {
            let Self { state, total, .. } = self;
            let result = BrotliDecompressStream(
                &mut left,
                &mut taken,
                input,
                &mut room,
                &mut written,
                &mut decoded,
                total,
                state,
            );
            self.holds_more = matches!(result, BrotliResult::NeedsMoreOutput);
            self.has_ended = matches!(result, BrotliResult::ResultSuccess);
            if let BrotliResult::ResultFailure = result {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it is not brotli"));
            }
        }
        input.advance(taken);
        decoded.truncate(written);
        if self.has_ended && !input.is_empty() {
            let why = "there is more behind the end of the brotli stream";
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        Ok(decoded)
    }
}
