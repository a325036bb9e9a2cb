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

/// The body of a response. Empty by default. Reading releases flow-control capacity to the peer. Dropped before its
/// end, the body resets its stream with CANCEL, in both directions, and the connection's window gets back what was
/// unread.
#[derive(Default)]
pub struct H2Body {
    stream: Option<RecvStream>,
    /// The bytes left according to `content-length`.
    remaining: Option<u64>,
    /// The response has no content, whatever its `content-length`.
    is_bare: bool,
    data_done: bool,
    upload: Option<ResponseReader>,
    /// For as long as there is a stream.
    open: Option<OpenStream>,
    /// Its handle may hold the stream until that is used again.
    is_held: bool,
    /// How many bytes were released to the peer, up to `FLOOR`.
    released: u16,
    /// How often windows had been lowered when this stream's was looked at.
    lowered: u32,
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
        H2Body {
            stream: Some(stream),
            remaining: length,
            is_bare,
            data_done: false,
            upload,
            open: Some(open),
            is_held,
            released: 0,
            lowered: 0,
        }
    }
}

impl H2Body {
    fn poll_stream(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(None) };
        while !self.data_done {
            let polled = match stream.poll_data(cx) {
                Poll::Pending if self.released == RELEASED => {
                    if let Some(open) = &mut self.open {
                        let lowered = open.register_reader(cx.waker());
                        if std::mem::replace(&mut self.lowered, lowered) != lowered {
                            reopen(stream)?;
                        }
                    }
                    return Poll::Pending;
                }
                polled => ready!(polled),
            };
            match polled.transpose()? {
                None => self.data_done = true,
                // An empty DATA frame; the end of the stream is seen by `None`.
                Some(data) if data.is_empty() => {}
                Some(data) => {
                    if stream.is_end_stream() {
                        // The h2 crate gives the connection what a stream was not released when that is dropped by all
                        // who hold it: a running upload is one of them, and so is a handle that was not ready at once.
                        if self.is_held || self.upload.is_some() || data.len() > UNRELEASED {
                            stream.flow_control().release_capacity(data.len())?;
                        }
                        self.end();
                        return Poll::Ready(Some(Ok(Frame::data(data))));
                    }
                    stream.flow_control().release_capacity(data.len())?;
                    self.released = (usize::from(self.released) + data.len()).min(usize::from(RELEASED)) as u16;
                    self.remaining = self.remaining.map(|remaining| remaining.saturating_sub(data.len() as u64));
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
            }
        }
        let trailers = ready!(stream.poll_trailers(cx))?;
        Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
    }

    /// The response is over. An upload that is still running is left to the handle.
    fn end(&mut self) {
        (self.stream, self.upload, self.remaining, self.open) = (None, None, Some(0), None);
    }

    /// The h2 crate takes the `content-length` of a 304 for that of its content when an empty DATA frame ends it, and
    /// resets a stream that is over (RFC 9113, section 8.1.1 allows it).
    fn is_end_of_bare(&self, error: &h2::Error) -> bool {
        self.is_bare && error.is_library() && error.is_reset() && error.reason() == Some(h2::Reason::PROTOCOL_ERROR)
    }

    #[cold]
    fn fail(&mut self, error: h2::Error) -> Error {
        let failure = self.upload.as_ref().and_then(ResponseReader::failure);
        let open = self.open.take();
        self.end();
        match (failure, open) {
            (Some(failure), _) => request_failed(failure),
            (None, Some(open)) => Error::of(Delivery::Unknown, Phase::Body, open.ending().cause(error, true)),
            (None, None) => Error::new(Delivery::Unknown, Phase::Body, H2Error::from(error)),
        }
    }

    /// Nothing of the response is available: if the upload has failed, nothing more will be.
    #[cold]
    fn poll_upload(&mut self, cx: &Context<'_>) -> Poll<Error> {
        let Some(upload) = &self.upload else { return Poll::Pending };
        let error = ready!(upload.poll_failure(cx));
        self.end();
        Poll::Ready(request_failed(error))
    }
}

/// The request failed while its response was being read.
fn request_failed(error: H2Error) -> Error {
    Error::of(Delivery::Unknown, Phase::Body, Cause::RequestBody(error.into()))
}

/// What was released to the peer is told to it once it is half of the window. If the window is lowered below that
/// meanwhile, the peer may send nothing more, and the h2 crate doesn't notice until something is released.
#[cold]
fn reopen(stream: &mut RecvStream) -> Result<(), h2::Error> {
    stream.flow_control().release_capacity(0)
}

impl Body for H2Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = match self.poll_stream(cx) {
            Poll::Pending => return self.poll_upload(cx).map(|error| Some(Err(error))),
            Poll::Ready(Some(Ok(frame))) if frame.is_data() => return Poll::Ready(Some(Ok(frame))),
            Poll::Ready(Some(Err(error))) if self.is_end_of_bare(&error) => None,
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(self.fail(error)))),
            Poll::Ready(frame) => frame,
        };
        self.end();
        Poll::Ready(frame.and_then(Result::ok).map(Ok))
    }

    /// As of the response's head, or of the last frame: an end that has come alone since is found by the next poll. To
    /// look for it here would take the h2 crate's lock each time.
    #[inline]
    fn is_end_stream(&self) -> bool {
        self.stream.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.stream, self.remaining) {
            (None, _) => SizeHint::with_exact(0),
            (_, Some(remaining)) => SizeHint::with_exact(remaining),
            _ => SizeHint::default(),
        }
    }
}

impl Drop for H2Body {
    fn drop(&mut self) {
        if let Some(upload) = self.upload.take()
            && !self.stream.as_ref().is_none_or(RecvStream::is_end_stream)
        {
            upload.cancel();
        }
    }
}

impl fmt::Debug for H2Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("H2Body")
            .field("ended", &self.stream.is_none())
            .field("left", &self.remaining)
            .finish_non_exhaustive()
    }
}
