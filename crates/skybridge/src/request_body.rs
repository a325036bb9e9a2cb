use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{Empty, Full};
use pin_project::pin_project;
use skybridge_core::{BoxError, Replay};
use std::{
    any::Any,
    fmt, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

/// The body of a request: nothing, bytes that are at hand, or a boxed stream.
///
/// Made by `into()` of `()`, [`Bytes`], strings and vectors, and by [`wrap`](Self::wrap) of anybody else's body. The
/// first two kinds allocate nothing and can be sent a second time; so can a stream that is made anew for each time
/// ([`replayable`](Self::replayable)).
///
/// A stream is held to the size that its request declares by `content-length`, or that it knows itself: where it turns
/// out to be longer or shorter its connection fails the call, with
/// [`RequestError::BodySize`](crate::RequestError::BodySize) among its error's sources.
///
/// ```
/// use skybridge::RequestBody;
/// use http_body::Body;
///
/// let body = RequestBody::from("hello");
/// assert_eq!(body.size_hint().exact(), Some(5));
/// assert!(body.replay().is_some());
/// ```
pub struct RequestBody(Kind);

type Stream = Pin<Box<dyn AnyBody>>;

/// A body in our types.
trait AnyBody: Body<Data = Bytes, Error = BoxError> + Send {
    /// The same body once more, if it can be made.
    fn replay(&self) -> Option<RequestBody> {
        None
    }
}

/// Two variants and not one for each state: so it is no larger than [`Bytes`], and a request, which is moved through
/// all layers, is no larger than what is copied cheaply.
enum Kind {
    /// None of them: an empty body.
    Bytes(Bytes),
    Stream(Stream),
}

const _: () = assert!(size_of::<RequestBody>() == size_of::<Bytes>());

/// They were bytes, and are on their way: no longer a body that can be sent again. It has no size, so that a box of it
/// needs no allocation.
struct Sent;

/// Somebody else's body in our types.
#[pin_project]
struct InBytes<B>(#[pin] B);

/// The same, with what makes another.
#[pin_project]
struct Replayable<B, F> {
    #[pin]
    body: InBytes<B>,
    make: Arc<F>,
}

impl RequestBody {
    /// Nothing.
    #[inline]
    pub fn empty() -> Self {
        Self(Kind::Bytes(Bytes::new()))
    }

    /// Any body. Boxed, unless it is one of this type, empty, or a `Full<Bytes>` or `String`, whose bytes are taken out
    /// of it.
    pub fn wrap<B>(body: B) -> Self
    where
        B: Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
    {
        let mut body = Some(body);
        match recognised(&mut body) {
            Some(recognised) => recognised,
            None => body.map_or_else(Self::empty, Self::boxed),
        }
    }

    fn boxed<B>(body: B) -> Self
    where
        B: Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
    {
        if body.is_end_stream() {
            return Self::empty();
        }
        Self(Kind::Stream(Box::pin(InBytes(body))))
    }

    /// A stream that can be sent again: `make` makes it for each time, at first here. Most of what it makes is kept for
    /// a case that doesn't come, so let a body open its file when it is read.
    ///
    /// ```
    /// use skybridge::RequestBody;
    ///
    /// # use http_body::Body;
    /// # fn pieces() -> impl Body<Data = bytes::Bytes, Error = std::convert::Infallible> {
    /// #     http_body_util::Full::default()
    /// # }
    /// let body = RequestBody::replayable(pieces);
    /// assert!(body.replay().is_some());
    /// ```
    pub fn replayable<B, F>(make: F) -> Self
    where
        B: Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
        F: Fn() -> B + Send + Sync + 'static,
    {
        Self::made_by(Arc::new(make))
    }

    fn made_by<B, F>(make: Arc<F>) -> Self
    where
        B: Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
        F: Fn() -> B + Send + Sync + 'static,
    {
        Self(Kind::Stream(Box::pin(Replayable { body: InBytes(make()), make })))
    }

    /// The same body once more, when that needs no copy: it is empty, bytes that nobody has taken yet, or
    /// [replayable](Self::replayable).
    pub fn replay(&self) -> Option<Self> {
        match &self.0 {
            Kind::Bytes(bytes) => Some(Self(Kind::Bytes(bytes.clone()))),
            Kind::Stream(stream) => stream.replay(),
        }
    }
}

impl Replay for RequestBody {
    fn replay(&self) -> Option<Self> {
        self.replay()
    }
}

/// Recognised by its type, so that neither a layer above that changes no body nor a plain one costs a box.
fn recognised(body: &mut dyn Any) -> Option<RequestBody> {
    if let Some(own) = body.downcast_mut::<Option<RequestBody>>() {
        own.take()
    } else if let Some(full) = body.downcast_mut::<Option<Full<Bytes>>>() {
        full.take().map(RequestBody::from)
    } else if let Some(text) = body.downcast_mut::<Option<String>>() {
        text.take().map(RequestBody::from)
    } else {
        None
    }
}

impl<B> Body for InBytes<B>
where
    B: Body<Data: Buf, Error: Into<BoxError>>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let in_bytes = |mut data: B::Data| data.copy_to_bytes(data.remaining());
        let frame = ready!(self.project().0.poll_frame(cx));
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(in_bytes)).map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

impl<B> AnyBody for InBytes<B> where B: Body<Data: Buf, Error: Into<BoxError>> + Send {}

impl AnyBody for Sent {}

impl<B, F> AnyBody for Replayable<B, F>
where
    B: Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
    F: Fn() -> B + Send + Sync + 'static,
{
    fn replay(&self) -> Option<RequestBody> {
        Some(RequestBody::made_by(Arc::clone(&self.make)))
    }
}

impl<B, F> Body for Replayable<B, F>
where
    B: Body<Data: Buf, Error: Into<BoxError>>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    #[inline]
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let kind = &mut self.get_mut().0;
        match kind {
            Kind::Bytes(bytes) if bytes.is_empty() => Poll::Ready(None),
            Kind::Bytes(bytes) => {
                let bytes = mem::take(bytes);
                *kind = Kind::Stream(Box::pin(Sent));
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Kind::Stream(stream) => stream.as_mut().poll_frame(cx),
        }
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Bytes(bytes) => bytes.is_empty(),
            Kind::Stream(stream) => stream.is_end_stream(),
        }
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Bytes(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Stream(stream) => stream.size_hint(),
        }
    }
}

impl Body for Sent {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(0)
    }
}

impl Default for RequestBody {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<()> for RequestBody {
    fn from((): ()) -> Self {
        Self::empty()
    }
}

impl From<Bytes> for RequestBody {
    fn from(bytes: Bytes) -> Self {
        Self(Kind::Bytes(bytes))
    }
}

impl From<&'static str> for RequestBody {
    fn from(text: &'static str) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static [u8]> for RequestBody {
    fn from(bytes: &'static [u8]) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<String> for RequestBody {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<Vec<u8>> for RequestBody {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<Empty<Bytes>> for RequestBody {
    fn from(_: Empty<Bytes>) -> Self {
        Self::empty()
    }
}

impl From<Full<Bytes>> for RequestBody {
    fn from(mut full: Full<Bytes>) -> Self {
        // Its one frame is always ready, and never an error.
        match Pin::new(&mut full).poll_frame(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default().into(),
            _ => Self::empty(),
        }
    }
}

impl fmt::Debug for RequestBody {
    /// Its kind and size: contents are not for logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.size_hint();
        let kind = match &self.0 {
            Kind::Bytes(bytes) if bytes.is_empty() => "Empty",
            Kind::Bytes(_) => "Bytes",
            Kind::Stream(_) => "Stream",
        };
        f.debug_struct(kind).field("at_least", &size.lower()).field("at_most", &size.upper()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::StreamBody;
    use std::convert::Infallible;

    fn kind(body: &RequestBody) -> String {
        format!("{body:?}").split(' ').next().unwrap_or_default().to_owned()
    }

    fn read(mut body: RequestBody) -> Vec<u8> {
        let mut read = Vec::new();
        while let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop())) {
            read.extend_from_slice(&frame.unwrap().into_data().unwrap());
        }
        assert!(body.is_end_stream());
        read
    }

    #[test]
    fn what_is_at_hand_is_not_boxed() {
        for body in [
            RequestBody::from("abc"),
            RequestBody::from(b"abc".to_vec()),
            RequestBody::wrap("abc".to_owned()),
            RequestBody::wrap(Full::new(Bytes::from("abc"))),
            RequestBody::wrap(RequestBody::from("abc")),
        ] {
            assert_eq!(kind(&body), "Bytes");
            assert_eq!(read(body), b"abc");
        }
        for body in [
            RequestBody::from(()),
            RequestBody::from(""),
            RequestBody::wrap(Empty::<Bytes>::new()),
            RequestBody::wrap(Empty::<&'static [u8]>::new()),
            RequestBody::wrap(Full::new(Bytes::new())),
        ] {
            assert_eq!(kind(&body), "Empty");
            assert_eq!(read(body), b"");
        }
    }

    #[test]
    fn anything_else_is_boxed_and_comes_out_as_bytes() {
        struct Frames(Vec<&'static [u8]>);
        impl Body for Frames {
            type Data = &'static [u8];
            type Error = Infallible;
            fn poll_frame(
                mut self: Pin<&mut Self>,
                _: &mut Context<'_>,
            ) -> Poll<Option<Result<Frame<&'static [u8]>, Infallible>>> {
                Poll::Ready(self.0.pop().map(|data| Ok(Frame::data(data))))
            }
            fn is_end_stream(&self) -> bool {
                self.0.is_empty()
            }
        }
        let body = RequestBody::wrap(Frames(vec![b"c", b"ab"]));
        assert_eq!(kind(&body), "Stream");
        assert!(body.replay().is_none());
        assert_eq!(read(body), b"abc");
        // Not `Sync`, not `Unpin`: nobody asks for more.
        let never = StreamBody::new(Pending(std::marker::PhantomPinned, std::cell::Cell::new(0)));
        assert_eq!(kind(&RequestBody::wrap(never)), "Stream");
    }

    struct Pending(std::marker::PhantomPinned, #[expect(dead_code, reason = "takes `Sync` away")] std::cell::Cell<u8>);
    impl futures_core::Stream for Pending {
        type Item = Result<Frame<Bytes>, Infallible>;
        fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            Poll::Pending
        }
    }

    #[test]
    fn bytes_are_replayed_until_they_are_taken() {
        let mut body = RequestBody::from("abc");
        assert_eq!(read(body.replay().unwrap()), b"abc");
        let _ = Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop()));
        assert!(body.replay().is_none() && body.is_end_stream());
        assert!(RequestBody::empty().replay().is_some());
    }
}
