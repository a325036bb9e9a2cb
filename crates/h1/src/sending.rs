use crate::{ExchangeError, tie::Tie};
use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project::pin_project;
use skybridge_core::{BodyLength, BoxError};
use std::{
    fmt,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

/// A request's body on its way out: held to the length that was declared for it, and its end is told, which hyper keeps
/// to itself.
#[pin_project]
pub(crate) struct Sending<B> {
    /// None was to be sent.
    #[pin]
    body: Option<B>,
    length: Option<BodyLength>,
    /// hyper asks for it to its end, not only to that of its length.
    chunked: bool,
    /// What follows the last byte was looked at, and there is nothing.
    over: bool,
    // Dropped after the body.
    end: End,
}

/// Tells that nothing more comes of a body: hyper has all that it needs, or has given it up.
struct End(Option<Arc<Tie>>);

/// What hyper is told in place of what went wrong: it would give that back by reference only.
#[derive(Debug)]
pub(crate) struct Failed;

// === impl Sending ===

impl<B> Sending<B> {
    #[inline]
    pub(crate) fn new(body: B, length: Option<BodyLength>, chunked: bool, tie: &Arc<Tie>) -> Self {
        Self { body: Some(body), length, chunked, over: false, end: End(Some(Arc::clone(tie))) }
    }

    /// In place of a body that was declared to be none: hyper would not ask for it.
    pub(crate) fn nothing(tie: &Arc<Tie>) -> Self {
        Self { body: None, length: None, chunked: false, over: true, end: End(Some(Arc::clone(tie))) }
    }

    /// The body, which was never asked for. `None` if it was declared to be none.
    pub(crate) fn into_inner(self) -> Option<B> {
        let Self { body, mut end, .. } = self;
        end.0 = None;
        body
    }
}

/// Looks at what there is already of a body that was declared to be none. It is not waited for: a body may stay open
/// until it is answered.
///
/// # Errors
/// When there is something, or it has failed.
#[cold]
pub(crate) fn look<B: Body<Error: Into<BoxError>>>(body: B, length: &mut BodyLength) -> Result<(), ExchangeError> {
    poll_behind(pin!(body), length, &mut Context::from_waker(Waker::noop())).map(drop)
}

/// Asks for what follows the last byte: HTTP/1.1 writes no more than was declared, and so hyper never would. True when
/// it has ended.
///
/// # Errors
/// When more follows, or the body fails.
#[cold]
fn poll_behind<B: Body<Error: Into<BoxError>>>(
    mut body: Pin<&mut B>,
    length: &mut BodyLength,
    cx: &mut Context<'_>,
) -> Result<bool, ExchangeError> {
    loop {
        match body.as_mut().poll_frame(cx) {
            Poll::Pending => return Ok(false),
            Poll::Ready(None) => return Ok(true),
            Poll::Ready(Some(Err(error))) => return Err(ExchangeError::RequestBody(error.into())),
            Poll::Ready(Some(Ok(frame))) => match frame.data_ref() {
                Some(data) => length.add(data.remaining())?,
                // Trailers, for which a body of declared length has no place (RFC 9112, section 6.5).
                None => return Ok(true),
            },
        }
    }
}

impl<B> Sending<B>
where
    B: Body<Error: Into<BoxError>>,
{
    #[inline]
    fn poll_counted(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Option<Frame<B::Data>>, ExchangeError>> {
        let this = self.project();
        let Some(mut body) = this.body.as_pin_mut().filter(|_| !*this.over) else { return Poll::Ready(Ok(None)) };
        let frame = ready!(body.as_mut().poll_frame(cx)).transpose();
        let frame = frame.map_err(|error| ExchangeError::RequestBody(error.into()))?;
        let Some(length) = this.length else { return Poll::Ready(Ok(frame)) };
        match frame.as_ref().and_then(Frame::data_ref) {
            Some(data) => {
                length.add(data.remaining())?;
                if length.is_reached() && !*this.chunked && !body.is_end_stream() {
                    *this.over = poll_behind(body, length, cx)?;
                }
            }
            // Trailers are the end too.
            None => length.end()?,
        }
        Poll::Ready(Ok(frame))
    }
}

impl<B> Body for Sending<B>
where
    B: Body<Error: Into<BoxError>>,
{
    type Data = B::Data;
    type Error = Failed;

    #[inline]
    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, Failed>>> {
        Poll::Ready(match ready!(self.as_mut().poll_counted(cx)) {
            Ok(frame) => frame.map(Ok),
            Err(error) => Some(Err(self.end.fail(error))),
        })
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        let Some(body) = &self.body else { return true };
        // Where it is too short, that is yet to be told.
        self.over || body.is_end_stream() && self.length.is_none_or(|length| length.is_reached())
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

// === impl End ===

impl End {
    #[cold]
    fn fail(&self, error: ExchangeError) -> Failed {
        if let Some(tie) = &self.0 {
            tie.body_failed(error);
        }
        Failed
    }
}

impl Drop for End {
    #[inline]
    fn drop(&mut self) {
        if let Some(tie) = &self.0 {
            tie.body_ended();
        }
    }
}

// === impl Failed ===

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request's body failed")
    }
}

impl std::error::Error for Failed {}
