use crate::unsent::Held;
use bytes::Buf;
use std::io::IoSlice;

/// What the request half writes: a piece of the user's body, or nothing but the end of it. Unsent as long as the h2 crate has it.
#[derive(Debug)]
pub(crate) struct Chunk<D> {
    data: Option<D>,
    _held: Held,
}

impl<D> Chunk<D> {
    #[inline]
    pub(crate) fn new(data: Option<D>, held: Held) -> Self {
        Self { data, _held: held }
    }
}

impl<D: Buf> Buf for Chunk<D> {
    #[inline]
    fn remaining(&self) -> usize {
        self.data.as_ref().map_or(0, Buf::remaining)
    }

    #[inline]
    fn chunk(&self) -> &[u8] {
        self.data.as_ref().map_or(&[], Buf::chunk)
    }

    #[inline]
    fn advance(&mut self, count: usize) {
        match &mut self.data {
            Some(data) => data.advance(count),
            None => debug_assert_eq!(count, 0),
        }
    }

    #[inline]
    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.data.as_ref().map_or(0, |data| data.chunks_vectored(slices))
    }
}
