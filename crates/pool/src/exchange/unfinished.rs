use crate::{
    exchange::lease::Lease,
    shared::unfinished::{Unfinished, UnfinishedEntry, UnfinishedExchanges},
};
use skybridge_core::{CloseReason, Connection, Runtime, Sleep};
use std::{
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

/// An exchange that isn't over and that nobody waits for: waits for its end, for as long as it may take, then gives the
/// connection back. A task of its own, as nobody else looks at the connection any more.
///
/// - A response is here to its end and its request is not: a peer that has answered need not take the rest, nor need
///   the rest ever come. It has [`upload_grace`](crate::PoolConfig::upload_grace).
/// - A response was dropped before its end. An exclusive connection reads on and throws away, within limits of its own:
///   a short rest costs less than a new connection. It has [`unread_grace`](crate::PoolConfig::unread_grace), and after
///   that its request has what is left of its time.
///
/// What is not over then, or when the pool is closed, is given up: the stream is reset, or an exclusive connection
/// closed. When the last handle is dropped a request still has its time, as other exchanges do; a response that nobody
/// reads has not, as nobody could use its connection.
pub(crate) struct UnfinishedExchange<C: Connection<B>, B> {
    lease: Option<Lease<C>>,
    entry: UnfinishedEntry,
    all: Arc<UnfinishedExchanges>,
    runtime: Arc<dyn Runtime>,
    since: Instant,
    /// `None` before it is needed, and when there is no limit.
    timer: Option<Pin<Box<dyn Sleep>>>,
    _request: PhantomData<fn(B)>,
}

impl<C: Connection<B>, B: 'static> UnfinishedExchange<C, B> {
    /// Waits for the end of a lease's request.
    #[cold]
    pub(crate) fn await_request(lease: Lease<C>) {
        let all = Arc::clone(&lease.connection().shared.unfinished);
        match all.enter(Unfinished::Request) {
            Some(entry) => Self::begin(lease, entry, all),
            None => lease.abort(CloseReason::Shutdown),
        }
    }

    /// Waits for the end of a lease's response, whose body is dropped. A connection that wouldn't be kept, or for which
    /// there is no place, is closed.
    #[cold]
    pub(crate) fn await_response(mut lease: Lease<C>) {
        let all = Arc::clone(&lease.connection().shared.unfinished);
        let entry = if lease.can_be_kept() { all.enter(Unfinished::Response) } else { None };
        let Some(entry) = entry else { return lease.abort(CloseReason::Unread) };
        if let Some(events) = &mut lease.events {
            events.give_up();
        }
        Self::begin(lease, entry, all);
    }

    fn begin(lease: Lease<C>, entry: UnfinishedEntry, all: Arc<UnfinishedExchanges>) {
        let runtime = Arc::clone(lease.info().route.ctx().runtime());
        let task = Self {
            lease: Some(lease),
            entry,
            all,
            runtime: Arc::clone(&runtime),
            since: runtime.now(),
            timer: None,
            _request: PhantomData,
        };
        runtime.spawn(Box::pin(task));
    }

    /// Ready when it is to be given up, and why.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<CloseReason> {
        if self.entry.poll_end(cx).is_ready() {
            return Poll::Ready(CloseReason::Shutdown);
        }
        loop {
            ready!(self.poll_timer(cx));
            if self.entry.what() == Unfinished::Request {
                return Poll::Ready(CloseReason::UploadStalled);
            }
            if self.lease.as_mut().and_then(Lease::handle).is_none_or(|handle| handle.is_sent()) {
                return Poll::Ready(CloseReason::Unread);
            }
            // The connection has read all of the response, or gives it longer than that. What may be left of the
            // request has its own time.
            self.entry.only_request();
            self.timer = None;
        }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.timer.is_none() {
            let deadline = self.since.checked_add(self.grace());
            self.timer = deadline.map(|deadline| self.runtime.sleep_until(deadline));
        }
        match &mut self.timer {
            Some(timer) => timer.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }

    fn grace(&self) -> Duration {
        match self.entry.what() {
            Unfinished::Request => self.all.upload_grace(),
            Unfinished::Response => self.all.unread_grace(),
        }
    }
}

impl<C: Connection<B>, B> Unpin for UnfinishedExchange<C, B> {}

impl<C: Connection<B>, B: 'static> Future for UnfinishedExchange<C, B> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(handle) = self.lease.as_mut().and_then(Lease::handle) else { return Poll::Ready(()) };
        let ready = match handle.poll_ready(cx) {
            Poll::Ready(ready) => Ok(ready),
            Poll::Pending => Err(ready!(self.poll_end(cx))),
        };
        let Some(mut lease) = self.lease.take() else { return Poll::Ready(()) };
        match (ready, self.entry.what()) {
            (Ok(Err(error)), Unfinished::Request) if lease.is_exclusive() => lease.abort(error.close_reason()),
            (Ok(Err(error)), Unfinished::Response) => lease.abort(error.close_reason()),
            (Ok(_), _) => lease.set_complete(),
            (Err(reason), _) => lease.abort(reason),
        }
        Poll::Ready(())
    }
}
