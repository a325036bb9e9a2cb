use super::shared::Shared;
use crate::H1Error;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use skybridge_core::Error;
use skybridge_h1_codec::{BodyDecoder, Framing, Piece};
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

/// The body of a response over HTTP/1.1. The default one is empty.
///
/// Read to its end it frees the connection. Dropped before, it leaves the rest to whoever waits for the connection to
/// be ready again, for a while; where nobody does, the connection closes.
pub struct H1Body {
    /// `None` when there is nothing more to read.
    shared: Option<Arc<Shared>>,
    decoder: BodyDecoder,
}

impl H1Body {
    #[inline]
    pub(super) fn new(shared: Arc<Shared>, decoder: BodyDecoder) -> Self {
        Self { shared: Some(shared), decoder }
    }
}

impl Body for H1Body {
    type Data = Bytes;
    type Error = Error;

    #[inline]
    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        let Some(shared) = &this.shared else { return Poll::Ready(None) };
        let mut inner = shared.lock();
        let piece = ready!(inner.poll_piece(&mut this.decoder, cx));
        let effects = match &piece {
            Err(error) => inner.close(error.close_reason()),
            Ok(_) if this.decoder.is_done() => inner.response_over(),
            Ok(_) => return Poll::Ready(piece.transpose().map(|piece| piece.map(frame).map_err(H1Error::of_body))),
        };
        drop(inner);
        shared.apply(effects);
        this.shared = None;
        Poll::Ready(piece.transpose().map(|piece| piece.map(frame).map_err(H1Error::of_body)))
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.shared.is_none()
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        if self.shared.is_none() {
            return SizeHint::with_exact(0);
        }
        self.decoder.remaining().map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

#[inline]
fn frame(piece: Piece) -> Frame<Bytes> {
    match piece {
        Piece::Data(data) => Frame::data(data),
        Piece::Trailers(trailers) => Frame::trailers(trailers),
    }
}

impl Default for H1Body {
    fn default() -> Self {
        Self { shared: None, decoder: BodyDecoder::new(Framing::Empty) }
    }
}

impl Drop for H1Body {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            let effects = shared.lock().response_unread(self.decoder);
            shared.apply(effects);
        }
    }
}

impl fmt::Debug for H1Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("H1Body").field("size", &self.size_hint()).finish_non_exhaustive()
    }
}
