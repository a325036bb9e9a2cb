use crate::exchange::{lease::Lease, read_timeout::ReadTimeout, unfinished::UnfinishedExchange};
use http::{StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use pin_project::{pin_project, pinned_drop};
use skybridge_core::{Cause, ConnInfo, Connection, Delivery, Error, Phase, TimedOut};
use std::{
    fmt,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

/// How much of a body that is dropped unread is taken from what is here already, to save its connection: bytes, and
/// frames.
const DRAIN: (usize, usize) = (64 * 1024, 16);

/// A response body that holds its connection.
///
/// Read to its end, it gives the connection back as soon as the request is over too, for which that has
/// [a limited time](crate::PoolConfig::upload_grace). Dropped before, an HTTP/2 stream is reset. An HTTP/1.1 connection
/// throws away what is missing, for which that has [a limited time](crate::PoolConfig::unread_grace) too; what takes
/// longer, or is too large, closes it.
#[pin_project(PinnedDrop)]
pub struct PooledBody<C: Connection<B>, B: 'static> {
    #[pin]
    body: C::Body,
    lease: Option<Lease<C>>,
    info: Option<Arc<ConnInfo>>,
    read_timeout: Option<Box<ReadTimeout>>,
    _request: PhantomData<fn(B)>,
}

/// What a body keeps besides the connection's body and the lease.
pub(crate) struct Holding {
    info: Option<Arc<ConnInfo>>,
    read_timeout: Option<Box<ReadTimeout>>,
}

impl Holding {
    /// The head of a response is here, and its body with it if that has `ended`.
    #[inline]
    pub(crate) fn new<C: Connection<B>, B: 'static>(
        cx: &mut Context<'_>,
        lease: &mut Option<Lease<C>>,
        (status, version): (StatusCode, Version),
        ended: bool,
        read_idle: Option<Duration>,
    ) -> Self {
        let (mut info, mut read_timeout, mut upgraded) = (None, None, false);
        if let Some(lease) = lease {
            info = Some(Arc::clone(lease.info()));
            read_timeout = read_idle.map(|limit| Box::new(ReadTimeout::new(limit, lease.info().route.ctx())));
            // HTTP/2 has no such status (RFC 9113, section 8.6).
            upgraded = status == StatusCode::SWITCHING_PROTOCOLS && lease.is_exclusive();
            if upgraded {
                lease.upgrade();
            }
            if let Some(events) = &mut lease.events {
                events.answered(status, version);
                events.enter(Phase::Body);
                let ctx = lease.connection().info.route.ctx();
                // It sees each frame, and never fires.
                read_timeout.get_or_insert_with(|| Box::new(ReadTimeout::new(Duration::MAX, ctx)));
            }
        }
        if ended && !upgraded {
            finish::<C, B>(cx, lease);
        }
        Self { info, read_timeout }
    }

    /// The body. Takes the lease out of where it is, which is the last that is done: it is large, and each name it is
    /// given is a copy.
    #[inline]
    pub(crate) fn body<C: Connection<B>, B: 'static>(
        self,
        body: C::Body,
        lease: &mut Option<Lease<C>>,
    ) -> PooledBody<C, B> {
        let Self { info, read_timeout } = self;
        PooledBody { body, lease: lease.take(), info, read_timeout, _request: PhantomData }
    }
}

impl<C: Connection<B>, B: 'static> PooledBody<C, B> {
    /// The facts of the connection that it came by; `None` only for a default, empty body.
    pub fn connection(&self) -> Option<&Arc<ConnInfo>> {
        self.info.as_ref()
    }
}

/// The response is here to its end: the connection goes back now, or as soon as the request is over too.
#[inline]
fn finish<C: Connection<B>, B: 'static>(cx: &mut Context<'_>, lease: &mut Option<Lease<C>>) {
    // In place: a lease is large, and each name it is given is a copy.
    let Some(current) = lease else { return };
    if let Some(events) = &mut current.events {
        events.leave();
    }
    let exclusive = current.is_exclusive();
    if !current.is_upgraded()
        && let Some(handle) = current.handle()
    {
        if !exclusive && handle.is_sent() {
            // Whether it can carry another is asked when there is one: nothing is lost if this handle can't.
            current.set_complete();
            *lease = None;
            return;
        }
        let ready = handle.poll_ready(cx);
        let is_sent = ready.is_ready() || handle.is_sent();
        match ready {
            Poll::Ready(Err(error)) if current.is_exclusive() => current.set_closed(error.close_reason()),
            Poll::Ready(_) => current.set_complete(),
            // Only what drives it is behind: whoever has it next waits for that, and for nothing else.
            Poll::Pending if is_sent => current.set_complete(),
            Poll::Pending => return lease.take().map_or((), UnfinishedExchange::<C, B>::await_request),
        }
    }
    *lease = None;
}

impl<C: Connection<B>, B: 'static> Body for PooledBody<C, B> {
    type Data = bytes::Bytes;
    type Error = Error;

    #[inline]
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Error>>> {
        let mut this = self.project();
        // Whoever reads to the end asks once more. What is below need not be asked.
        if this.lease.is_none() && this.body.is_end_stream() {
            return Poll::Ready(None);
        }
        let Poll::Ready(frame) = this.body.as_mut().poll_frame(cx) else {
            let Some(read_timeout) = this.read_timeout else { return Poll::Pending };
            let timed_out = ready!(read_timeout.poll(cx));
            let lease = this.lease.take();
            let error = Error::of(Delivery::Unknown, Phase::Body, Cause::TimedOut(timed_out));
            return Poll::Ready(Some(Err(broken(error, this.info, lease))));
        };
        if let Some(read_timeout) = this.read_timeout {
            read_timeout.received();
            if let (Some(Ok(frame)), Some(lease)) = (&frame, this.lease.as_mut()) {
                lease.read(frame.data_ref().map_or(0, |data| data.len()));
            }
        }
        Poll::Ready(match frame {
            Some(Ok(frame)) => {
                if this.body.is_end_stream() {
                    finish::<C, B>(cx, this.lease);
                }
                Some(Ok(frame))
            }
            Some(Err(error)) => {
                let lease = this.lease.take();
                Some(Err(broken(Error::of_body(error), this.info, lease)))
            }
            None => {
                finish::<C, B>(cx, this.lease);
                None
            }
        })
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body broke, and with it an exclusive connection.
fn broken<C: Send + 'static>(error: Error, info: &Option<Arc<ConnInfo>>, lease: Option<Lease<C>>) -> Error {
    let error = match info {
        Some(info) => error.on(info),
        None => error,
    };
    let Some(lease) = lease else { return error };
    let error = error.to(lease.wanted());
    lease.fail(&error);
    error
}

#[pinned_drop]
impl<C: Connection<B>, B: 'static> PinnedDrop for PooledBody<C, B> {
    #[inline]
    fn drop(self: Pin<&mut Self>) {
        if self.lease.is_some() {
            self.drop_unread();
        }
    }
}

impl<C: Connection<B>, B: 'static> PooledBody<C, B> {
    /// It is dropped before its end.
    #[cold]
    fn drop_unread(self: Pin<&mut Self>) {
        let mut this = self.project();
        let may_keep = |lease: &Lease<C>| lease.is_exclusive() && !lease.is_upgraded();
        if !this.lease.as_ref().is_some_and(may_keep) || std::thread::panicking() || TimedOut::ending().is_some() {
            return;
        }
        // What has arrived already is cheaper to throw away than a connection.
        let (mut bytes, mut frames) = DRAIN;
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            let Poll::Ready(frame) = this.body.as_mut().poll_frame(&mut cx) else {
                // The rest is on its way. The connection reads it once the body is dropped, which is next.
                return this.lease.take().map_or((), UnfinishedExchange::<C, B>::await_response);
            };
            match frame {
                Some(Ok(frame)) if frames > 0 => {
                    let taken = frame.data_ref().map_or(0, |data| data.len());
                    frames -= 1;
                    match bytes.checked_sub(taken) {
                        Some(left) => bytes = left,
                        None => return,
                    }
                    if !this.body.is_end_stream() {
                        continue;
                    }
                }
                None => {}
                _ => return,
            }
            return finish::<C, B>(&mut cx, this.lease);
        }
    }
}

impl<C: Connection<B, Body: Default>, B: 'static> Default for PooledBody<C, B> {
    /// An empty body, of no connection.
    fn default() -> Self {
        Self { body: C::Body::default(), lease: None, info: None, read_timeout: None, _request: PhantomData }
    }
}

impl<C: Connection<B>, B: 'static> fmt::Debug for PooledBody<C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PooledBody").field("has_connection", &self.lease.is_some()).finish_non_exhaustive()
    }
}
