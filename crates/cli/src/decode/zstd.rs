//! `zstd` (RFC 8878): all frames, in windows of 8 MiB at most (RFC 9659).

use bytes::{Buf, Bytes};
use std::io;
use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, get_error_name};

/// How much is decoded at once, whatever it grows to.
const PIECE: usize = 64 * 1024;
/// The largest window, as a power of two.
const WINDOW: u32 = 23;

pub(super) struct Zstd {
    context: DCtx<'static>,
    /// The last frame isn't over.
    is_open: bool,
    /// More may be decoded than was taken.
    holds_more: bool,
}

impl Zstd {
    pub(super) fn new() -> io::Result<Self> {
        let mut context = DCtx::try_create().ok_or(io::ErrorKind::OutOfMemory)?;
        context.set_parameter(DParameter::WindowLogMax(WINDOW)).map_err(told)?;
        Ok(Self { context, is_open: false, holds_more: false })
    }

    pub(super) fn holds_more(&self) -> bool {
        self.holds_more
    }

    pub(super) fn is_whole(&self) -> bool {
        !self.is_open
    }

    /// Decodes a piece.
    ///
    /// # Errors
    /// When it isn't zstd, its checksum differs, or its window is too large.
    pub(super) fn decode(&mut self, input: &mut Bytes) -> io::Result<Vec<u8>> {
        let mut decoded = Vec::with_capacity(PIECE);
        let (mut from, mut to) = (InBuffer::around(input), OutBuffer::around(&mut decoded));
        let left = self.context.decompress_stream(&mut to, &mut from).map_err(told)?;
        (self.is_open, self.holds_more) = (left != 0, left != 0 && to.pos() >= PIECE);
        let taken = from.pos();
        input.advance(taken);
        Ok(decoded)
    }
}

fn told(code: usize) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, get_error_name(code))
}
