//! `--data-binary @-`: sends stdin while it is read.

use crate::fault::NotRead;
use bytes::Bytes;
use http_body::{Body, Frame};
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, ReadBuf};

const PIECE: usize = 16 * 1024;

pub(crate) struct Stdin {
    from: tokio::io::Stdin,
    buffer: Box<[u8]>,
}

impl Stdin {
    pub(crate) fn new() -> Self {
        Self { from: tokio::io::stdin(), buffer: vec![0; PIECE].into() }
    }
}

impl Body for Stdin {
    type Data = Bytes;
    type Error = NotRead;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, NotRead>>> {
        let Self { from, buffer } = &mut *self;
        let mut read = ReadBuf::new(buffer);
        if let Err(error) = ready!(Pin::new(from).poll_read(cx, &mut read)) {
            return Poll::Ready(Some(Err(NotRead(error))));
        }
        let piece = Bytes::copy_from_slice(read.filled());
        Poll::Ready((!piece.is_empty()).then(|| Ok(Frame::data(piece))))
    }
}
