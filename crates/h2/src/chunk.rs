use crate::unsent::UnsentPiece;
use bytes::Buf;
use std::io::IoSlice;

/// What an upload gives to the h2 crate: a piece of the body, or its end. It counts as unsent for as long as the h2
/// crate holds it.
#[derive(Debug)]
pub(crate) struct Chunk<D> {
    data: Option<D>,
    unsent: UnsentPiece,
}

impl<D> Chunk<D> {
    #[inline]
    pub(crate) fn new(data: Option<D>, unsent: UnsentPiece) -> Self {
        Self { data, unsent }
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
            Some(data) => {
                data.advance(count);
                self.unsent.taken(count);
            }
            None => debug_assert_eq!(count, 0),
        }
    }

    #[inline]
    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.data.as_ref().map_or(0, |data| data.chunks_vectored(slices))
    }
}
