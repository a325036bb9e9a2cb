use crate::{H2Error, ending::Ending, upload_control::ResponseReader};
use bytes::Bytes;
use h2::RecvStream;
use http_body::{Body, Frame, SizeHint};
use skybridge_core::{Cause, Delivery, Error, Phase};
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// The body of a response. Empty by default. Reading releases flow-control capacity to the peer. Dropped before its
/// end, the body resets its stream with CANCEL, in both directions, and the connection's window gets back what was
/// unread.
#[derive(Default)]
pub struct H2Body {
    stream: Option<RecvStream>,
    /// The bytes left according to `content-length`.
    remaining: Option<u64>,
    data_done: bool,
    upload: Option<ResponseReader>,
    ending: Option<Ending>,
}

impl H2Body {
    pub(crate) fn new(stream: RecvStream, length: Option<u64>, upload: Option<ResponseReader>, ending: Ending) -> Self {
        Self { stream: Some(stream), remaining: length, data_done: false, upload, ending: Some(ending) }
    }

    fn poll_stream(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(None) };
        while !self.data_done {
            match ready!(stream.poll_data(cx)).transpose()? {
                None => self.data_done = true,
                // An empty DATA frame; the end of the stream is seen by `None`.
                Some(data) if data.is_empty() => {}
                Some(data) => {
                    stream.flow_control().release_capacity(data.len())?;
                    self.remaining = self.remaining.map(|remaining| remaining.saturating_sub(data.len() as u64));
                    if stream.is_end_stream() {
                        self.end();
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
            }
        }
        let trailers = ready!(stream.poll_trailers(cx))?;
        Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
    }

    /// The response is over. An upload that is still running is left to the handle.
    fn end(&mut self) {
        (self.stream, self.upload, self.remaining) = (None, None, Some(0));
    }

    #[cold]
    fn fail(&mut self, error: h2::Error) -> Error {
        let failure = self.upload.as_ref().and_then(ResponseReader::failure);
        self.end();
        match (failure, &self.ending) {
            (Some(failure), _) => request_failed(failure),
            (None, Some(ending)) => Error::of(Delivery::Unknown, Phase::Body, ending.cause(error, true)),
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

impl Body for H2Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = match self.poll_stream(cx) {
            Poll::Pending => return self.poll_upload(cx).map(|error| Some(Err(error))),
            Poll::Ready(Some(Ok(frame))) if frame.is_data() => return Poll::Ready(Some(Ok(frame))),
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
