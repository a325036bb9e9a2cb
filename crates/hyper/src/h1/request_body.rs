use super::{error::HyperH1Error, lifecycle::Lifecycle};
use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use skybridge_core::{BodyLength, BoxError, sync::Mutex};
use std::{
    fmt,
    pin::{Pin, pin},
    sync::{
        Arc, MutexGuard,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker, ready},
};

/// What the handle, the driver and the body of a request have in common.
pub(crate) struct Shared<B> {
    pub(crate) lifecycle: Lifecycle,
    /// How often the driver was polled: hyper reads first each time.
    turn: AtomicU32,
    /// What the body's `is_end_stream` says.
    ended: AtomicBool,
    /// A body is in `going`, or was and nobody has looked since: otherwise there is nothing to lock it for.
    occupied: AtomicBool,
    going: Mutex<Going<B>>,
}

/// The body of the request that is being sent. It has its place here, one for all requests of a connection, as hyper
/// moves requests about and gives none of this back.
struct Going<B> {
    /// The body until it is first polled: movable, so that it can be given back.
    unpolled: Option<B>,
    /// And then. `None` while it is polled, and until there is the first.
    body: Option<Pin<Box<Option<B>>>>,
    measure: Measure,
    /// In which turn it failed.
    failed: Option<u32>,
}

/// What a body is measured by, and how hyper asks for it.
#[derive(Clone, Copy, Debug, Default)]
struct Measure {
    /// Its own size, if that is known.
    exact: Option<u64>,
    length: Option<BodyLength>,
    /// hyper asks for it to its end, not only to that of its length.
    chunked: bool,
    /// What follows the last byte was looked at, and there is nothing.
    over: bool,
}

/// What hyper has for a request's body: held to the length that was declared for it, and its end is told, which hyper
/// keeps to itself. As small as can be.
pub(crate) struct RequestBody<B>(Arc<Shared<B>>);

/// What hyper is told in place of what went wrong: it would give that back by reference only.
#[derive(Debug)]
pub(crate) struct Failed;

// === impl Shared ===

impl<B> Shared<B> {
    pub(crate) fn new() -> Self {
        let going = Going { unpolled: None, body: None, measure: Measure::default(), failed: None };
        Self {
            lifecycle: Lifecycle::default(),
            turn: AtomicU32::new(0),
            ended: AtomicBool::new(true),
            occupied: AtomicBool::new(false),
            going: Mutex::new(going),
        }
    }

    /// The driver is polled.
    #[inline]
    pub(crate) fn next_turn(&self) {
        // Nobody else counts.
        self.turn.store(self.turn().wrapping_add(1), Relaxed);
    }

    #[inline]
    pub(crate) fn turn(&self) -> u32 {
        self.turn.load(Relaxed)
    }

    fn going(&self) -> MutexGuard<'_, Going<B>> {
        self.going.lock()
    }
}

// === impl RequestBody ===

impl<B: Body> RequestBody<B> {
    /// A body for hyper that isn't over yet. `chunked`: its framing is not by its length.
    #[inline]
    pub(crate) fn new(shared: &Arc<Shared<B>>, body: B, length: Option<BodyLength>, chunked: bool) -> Self {
        let measure = Measure { exact: body.size_hint().exact(), length, chunked, over: false };
        {
            let mut going = shared.going();
            (going.unpolled, going.measure, going.failed) = (Some(body), measure, None);
        }
        shared.ended.store(false, Relaxed);
        shared.occupied.store(true, Relaxed);
        Self(Arc::clone(shared))
    }
}

impl<B> RequestBody<B> {
    /// In place of a body that is over, or was declared to be none: hyper would not ask for it.
    #[inline]
    pub(crate) fn nothing(shared: &Arc<Shared<B>>) -> Self {
        shared.ended.store(true, Relaxed);
        Self(Arc::clone(shared))
    }

    /// The body, which was never asked for. `None` if there is none here.
    pub(crate) fn into_inner(self) -> Option<B> {
        self.0.going().unpolled.take()
    }
}

/// Looks at what there is already of a body that was declared to be none. It is not waited for: a body may stay open
/// until it is answered.
///
/// # Errors
/// When there is something, or it has failed.
#[cold]
pub(crate) fn look<B: Body<Error: Into<BoxError>>>(body: B, length: &mut BodyLength) -> Result<(), HyperH1Error> {
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
) -> Result<bool, HyperH1Error> {
    loop {
        match body.as_mut().poll_frame(cx) {
            Poll::Pending => return Ok(false),
            Poll::Ready(None) => return Ok(true),
            Poll::Ready(Some(Err(error))) => return Err(HyperH1Error::RequestBody(error.into())),
            Poll::Ready(Some(Ok(frame))) => match frame.data_ref() {
                Some(data) => length.add(data.remaining())?,
                // Trailers, for which a body of declared length has no place (RFC 9112, section 6.5).
                None => return Ok(true),
            },
        }
    }
}

impl<B> RequestBody<B>
where
    B: Body<Error: Into<BoxError>>,
{
    #[inline]
    fn poll_counted(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame<B::Data>>, Failed>> {
        let (place, unpolled, mut measure) = {
            let mut going = self.0.going();
            if let Some(turn) = going.failed {
                return if turn == self.0.turn() { Poll::Pending } else { Poll::Ready(Err(Failed)) };
            }
            (going.body.take(), going.unpolled.take(), going.measure)
        };
        let mut place = place.unwrap_or_else(|| Box::pin(None));
        if unpolled.is_some() {
            place.set(unpolled);
        }
        let polled = match place.as_mut().as_pin_mut() {
            Some(body) if !measure.over => measure.poll(body, cx),
            _ => Poll::Ready(Ok(None)),
        };
        let ended = place.as_ref().as_pin_ref().is_none_or(|body| measure.has_ended(&*body));
        self.0.ended.store(ended, Relaxed);
        if ended {
            place.set(None);
            self.0.occupied.store(false, Relaxed);
        }
        {
            let mut going = self.0.going();
            (going.body, going.measure) = (Some(place), measure);
        }
        match ready!(polled) {
            Ok(frame) => Poll::Ready(Ok(frame)),
            Err(error) => self.poll_failed(error, cx),
        }
    }

    /// It is told in the next turn, so that an answer that is there by now is read before.
    #[cold]
    fn poll_failed<T>(&self, error: HyperH1Error, cx: &Context<'_>) -> Poll<Result<T, Failed>> {
        self.0.going().failed = Some(self.0.turn());
        self.0.lifecycle.body_failed(error);
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

// === impl Measure ===

impl Measure {
    #[inline]
    fn poll<B>(
        &mut self,
        mut body: Pin<&mut B>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Frame<B::Data>>, HyperH1Error>>
    where
        B: Body<Error: Into<BoxError>>,
    {
        let frame = ready!(body.as_mut().poll_frame(cx)).transpose();
        let frame = frame.map_err(|error| HyperH1Error::RequestBody(error.into()))?;
        let Some(length) = &mut self.length else { return Poll::Ready(Ok(frame)) };
        match frame.as_ref().and_then(Frame::data_ref) {
            Some(data) => {
                length.add(data.remaining())?;
                if length.is_reached() && !self.chunked && !body.is_end_stream() {
                    self.over = poll_behind(body, length, cx)?;
                }
            }
            // Trailers are the end too.
            None => length.end()?,
        }
        Poll::Ready(Ok(frame))
    }

    /// Where it is too short, that is yet to be told.
    #[inline]
    fn has_ended<B: Body>(&self, body: &B) -> bool {
        self.over || self.length.is_none_or(|length| length.is_reached()) && body.is_end_stream()
    }
}

impl<B> Body for RequestBody<B>
where
    B: Body<Error: Into<BoxError>>,
{
    type Data = B::Data;
    type Error = Failed;

    #[inline]
    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, Failed>>> {
        let frame = ready!(self.poll_counted(cx));
        self.0.lifecycle.takes_piece();
        Poll::Ready(frame.transpose())
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.0.ended.load(Relaxed)
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        self.0.going().measure.exact.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl<B> Drop for RequestBody<B> {
    /// Nothing more comes of the body: hyper has all that it needs, or has given it up.
    #[inline]
    fn drop(&mut self) {
        if self.0.occupied.load(Relaxed) {
            self.clear();
        }
        self.0.lifecycle.body_ended();
    }
}

impl<B> RequestBody<B> {
    #[cold]
    fn clear(&self) {
        // Bodies are somebody else's code: dropped outside the lock.
        let (unpolled, place) = {
            let mut going = self.0.going();
            (going.unpolled.take(), going.body.take())
        };
        drop(unpolled);
        if let Some(mut place) = place {
            place.set(None);
            self.0.going().body = Some(place);
        }
        self.0.occupied.store(false, Relaxed);
    }
}

// === impl Failed ===

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request's body failed")
    }
}

impl std::error::Error for Failed {}
