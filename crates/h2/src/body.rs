use crate::{H2Error, upload_control::ResponseReader, windows::FLOOR, wire::OpenStream};
use bytes::Bytes;
use h2::RecvStream;
use http_body::{Body, Frame, SizeHint};
use skybridge_core::{Cause, Delivery, Error, Phase};
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// What is released to the peer before its window may have been lowered meanwhile.
const RELEASED: u16 = FLOOR as u16;
/// The last bytes of a response, if they are no more than so many, need not be released by themselves.
const UNRELEASED: usize = 1 << 12;
/// No `content-length` says how many bytes there are. A number, and not an option: a response's body is moved about
/// with all that is around it, and what is no larger than this is copied by the short way.
const UNDECLARED: u64 = u64::MAX;

/// The body of a response. Empty by default. Reading releases flow-control capacity to the peer. Dropped before its
/// end, the body resets its stream with CANCEL, in both directions, and the connection's window gets back what was
/// unread.
#[derive(Default)]
pub struct H2Body {
    /// `None` once the response is over: one thing to look at for each layer that asks, and one to be dropped.
    open: Option<OpenBody>,
}

/// A body that is not read to its end. Dropped in this order.
struct OpenBody {
    stream: RecvStream,
    upload: Option<ResponseReader>,
    open: OpenStream,
    /// The bytes left according to `content-length`, or [`UNDECLARED`].
    remaining: u64,
    /// The response has no content, whatever its `content-length`.
    is_bare: bool,
    data_done: bool,
    /// Its handle may hold the stream until that is used again.
    is_held: bool,
    /// How many bytes were released to the peer, up to `FLOOR`.
    released: u16,
}

/// What a body is made of besides its stream.
pub(crate) struct BodyParts {
    /// According to `content-length`.
    pub(crate) length: Option<u64>,
    /// The response has no content, whatever its `content-length`.
    pub(crate) is_bare: bool,
    pub(crate) upload: Option<ResponseReader>,
    pub(crate) open: OpenStream,
    /// Its handle may hold the stream until that is used again.
    pub(crate) is_held: bool,
}

impl BodyParts {
    #[inline]
    pub(crate) fn with(self, stream: RecvStream) -> H2Body {
        let Self { length, is_bare, upload, open, is_held } = self;
        let remaining = length.unwrap_or(UNDECLARED);
        let open = OpenBody { stream, upload, open, remaining, is_bare, data_done: false, is_held, released: 0 };
        H2Body { open: Some(open) }
    }
}

impl OpenBody {
    #[inline]
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, h2::Error>>> {
        loop {
            match self.stream.poll_data(cx) {
                // An empty DATA frame; the end of the stream is seen by `None`.
                Poll::Ready(Some(Ok(data))) if data.is_empty() => {}
                Poll::Pending if self.released == RELEASED => return self.wait_for_windows(cx),
                polled => return polled,
            }
        }
    }

    /// What was released to the peer is told to it once it is half of the window. If the window is lowered below that
    /// meanwhile, the peer may send nothing more, and the h2 crate doesn't notice until something is released.
    fn wait_for_windows(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, h2::Error>>> {
        if self.open.register_reader(cx.waker())
            && let Err(error) = self.stream.flow_control().release_capacity(0)
        {
            return Poll::Ready(Some(Err(error)));
        }
        Poll::Pending
    }

    /// So many bytes came. Whether they are the last.
    #[inline]
    fn received(&mut self, bytes: usize) -> Result<bool, h2::Error> {
        let is_last = self.stream.is_end_stream();
        // The h2 crate gives the connection what a stream was not released when that is dropped by all who hold it: a
        // running upload is one of them, and so is a handle that was not ready at once.
        if !is_last || self.is_held || self.upload.is_some() || bytes > UNRELEASED {
            self.release(bytes)?;
        }
        Ok(is_last)
    }

    fn release(&mut self, bytes: usize) -> Result<(), h2::Error> {
        self.stream.flow_control().release_capacity(bytes)?;
        self.released = (usize::from(self.released) + bytes).min(usize::from(RELEASED)) as u16;
        if self.remaining != UNDECLARED {
            self.remaining = self.remaining.saturating_sub(bytes as u64);
        }
        Ok(())
    }

    /// The h2 crate takes the `content-length` of a 304 for that of its content when an empty DATA frame ends it, and
    /// resets a stream that is over (RFC 9113, section 8.1.1 allows it).
    fn is_end_of_bare(&self, error: &h2::Error) -> bool {
        self.is_bare && error.is_library() && error.is_reset() && error.reason() == Some(h2::Reason::PROTOCOL_ERROR)
    }

    /// Why there is no more, once the stream is dropped.
    #[cold]
    fn fail(self, error: h2::Error) -> Error {
        let Self { stream, upload, open, .. } = self;
        let failure = upload.as_ref().and_then(ResponseReader::failure);
        drop((stream, upload));
        match failure {
            Some(failure) => request_failed(failure),
            None => Error::of(Delivery::Unknown, Phase::Body, open.ending().cause(error, true)),
        }
    }
}

impl H2Body {
    /// There is no data: all that has come is read, or all there is, or the stream has failed.
    fn poll_rest(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<Option<Result<Bytes, h2::Error>>>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some(open) = &mut self.open else { return Poll::Ready(None) };
        let polled = match polled {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Err(error))) => Poll::Ready(Err(error)),
            Poll::Ready(_) => {
                open.data_done = true;
                open.stream.poll_trailers(cx)
            }
        };
        let Poll::Ready(end) = polled else { return self.poll_upload(cx).map(|error| Some(Err(error))) };
        // The response is over. An upload that is still running is left to the handle.
        let Some(open) = self.open.take() else { return Poll::Ready(None) };
        Poll::Ready(match end {
            Ok(trailers) => trailers.map(|trailers| Ok(Frame::trailers(trailers))),
            Err(error) if open.is_end_of_bare(&error) => None,
            Err(error) => Some(Err(open.fail(error))),
        })
    }

    /// Nothing of the response is available: if the upload has failed, nothing more will be.
    #[cold]
    fn poll_upload(&mut self, cx: &Context<'_>) -> Poll<Error> {
        let Some(upload) = self.open.as_ref().and_then(|open| open.upload.as_ref()) else { return Poll::Pending };
        let error = ready!(upload.poll_failure(cx));
        self.open = None;
        Poll::Ready(request_failed(error))
    }
}

/// The request failed while its response was being read.
fn request_failed(error: H2Error) -> Error {
    Error::of(Delivery::Unknown, Phase::Body, Cause::RequestBody(error.into()))
}

impl Body for H2Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        let Some(open) = &mut this.open else { return Poll::Ready(None) };
        let polled = if open.data_done { Poll::Ready(None) } else { open.poll_data(cx) };
        let Poll::Ready(Some(Ok(data))) = polled else { return this.poll_rest(cx, polled) };
        match open.received(data.len()) {
            Ok(false) => {}
            // An upload that is still running is left to the handle.
            Ok(true) => this.open = None,
            Err(error) => return this.poll_rest(cx, Poll::Ready(Some(Err(error)))),
        }
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    /// As of the response's head, or of the last frame: an end that has come alone since is found by the next poll. To
    /// look for it here would take the h2 crate's lock each time.
    #[inline]
    fn is_end_stream(&self) -> bool {
        self.open.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.open {
            None => SizeHint::with_exact(0),
            Some(open) if open.remaining != UNDECLARED => SizeHint::with_exact(open.remaining),
            Some(_) => SizeHint::default(),
        }
    }
}

impl Drop for H2Body {
    #[inline]
    fn drop(&mut self) {
        if let Some(OpenBody { stream, upload, .. }) = &mut self.open
            && let Some(upload) = upload.take()
            && !stream.is_end_stream()
        {
            upload.cancel();
        }
    }
}

impl fmt::Debug for H2Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("H2Body")
            .field("ended", &self.open.is_none())
            .field("left", &self.size_hint().exact())
            .finish_non_exhaustive()
    }
}
