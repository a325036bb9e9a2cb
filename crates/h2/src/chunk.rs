use bytes::Buf;
use std::io::IoSlice;

/// What the request half writes: a piece of the user's body, or nothing but the end of it.
#[derive(Debug)]
pub(crate) enum Chunk<D> {
    Data(D),
    End,
}

impl<D: Buf> Buf for Chunk<D> {
    #[inline]
    fn remaining(&self) -> usize {
        match self {
            Self::Data(data) => data.remaining(),
            Self::End => 0,
        }
    }

    #[inline]
    fn chunk(&self) -> &[u8] {
        match self {
            Self::Data(data) => data.chunk(),
            Self::End => &[],
        }
    }

    #[inline]
    fn advance(&mut self, count: usize) {
        match self {
            Self::Data(data) => data.advance(count),
            Self::End => debug_assert_eq!(count, 0),
        }
    }

    #[inline]
    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        match self {
            Self::Data(data) => data.chunks_vectored(slices),
            Self::End => 0,
        }
    }
}
