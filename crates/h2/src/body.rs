use crate::{H2Error, tie::Reading};
use bytes::Bytes;
use h2::RecvStream;
use http_body::{Body, Frame, SizeHint};
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// The body of a response. Empty by default.
///
/// What is read makes room for more of it. Dropped before its end, it resets its stream with CANCEL, both halves, and what was on its way
/// is made room for on the connection.
#[derive(Default)]
pub struct H2Body {
    stream: Option<RecvStream>,
    /// What `content-length` says is left.
    left: Option<u64>,
    data_done: bool,
    upload: Option<Reading>,
}

impl H2Body {
    pub(crate) fn new(stream: RecvStream, length: Option<u64>, upload: Option<Reading>) -> Self {
        Self { stream: Some(stream), left: length, data_done: false, upload }
    }

    fn poll_stream(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(None) };
        while !self.data_done {
            match ready!(stream.poll_data(cx)).transpose()? {
                None => self.data_done = true,
                // Says nothing; the last one is seen as the end.
                Some(data) if data.is_empty() => {}
                Some(data) => {
                    stream.flow_control().release_capacity(data.len())?;
                    self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
            }
        }
        let trailers = ready!(stream.poll_trailers(cx))?;
        Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
    }

    /// The response is over: what is left of the request is the handle's.
    fn end(&mut self) {
        (self.stream, self.upload, self.left) = (None, None, Some(0));
    }

    fn fail(&mut self, error: h2::Error) -> H2Error {
        let failure = self.upload.as_ref().and_then(Reading::failure);
        self.end();
        failure.unwrap_or(H2Error::Protocol(error))
    }

    /// There is no more of the response by now, and there will not be if the request failed.
    #[cold]
    fn poll_upload(&mut self, cx: &Context<'_>) -> Poll<H2Error> {
        let Some(upload) = &self.upload else { return Poll::Pending };
        let error = ready!(upload.poll_failure(cx));
        self.end();
        Poll::Ready(error)
    }
}

impl Body for H2Body {
    type Data = Bytes;
    type Error = H2Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, H2Error>>> {
        let frame = match self.poll_stream(cx) {
            Poll::Pending => return self.poll_upload(cx).map(|error| Some(Err(error))),
            Poll::Ready(Some(Ok(frame))) if frame.is_data() => return Poll::Ready(Some(Ok(frame))),
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(self.fail(error)))),
            Poll::Ready(frame) => frame,
        };
        self.end();
        Poll::Ready(frame.and_then(Result::ok).map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.stream.as_ref().is_none_or(RecvStream::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.stream, self.left) {
            (None, _) => SizeHint::with_exact(0),
            (_, Some(left)) => SizeHint::with_exact(left),
            _ => SizeHint::default(),
        }
    }
}

impl Drop for H2Body {
    fn drop(&mut self) {
        let unread = !self.is_end_stream();
        if let Some(upload) = self.upload.take().filter(|_| unread) {
            upload.cancel();
        }
    }
}

impl fmt::Debug for H2Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("H2Body")
            .field("ended", &self.stream.is_none())
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}
