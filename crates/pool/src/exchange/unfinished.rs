use crate::exchange::lease::Lease;
use skybridge_core::{CloseReason, Connection, Runtime, Sleep};
use std::{
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

/// A response is here to its end and its request is not: waits for that, for as long as it may take, then gives the
/// connection back. A task of its own, as nobody else looks at the connection any more.
///
/// A peer that has answered need not take the rest, nor need the rest ever come. What is not over when the time is, or
/// when the pool is closed, is given up: the stream is reset, or an exclusive connection closed. When the last handle
/// is dropped it still has its time, as other exchanges do.
pub(crate) struct LateUpload<C: Connection<B>, B> {
    lease: Option<Lease<C>>,
    runtime: Arc<dyn Runtime>,
    /// Its number among the late uploads, which end when the pool is closed.
    number: Option<u64>,
    timer: Option<Pin<Box<dyn Sleep>>>,
    _request: PhantomData<fn(B)>,
}

impl<C: Connection<B>, B: 'static> LateUpload<C, B> {
    /// Waits for the end of a lease's request.
    #[cold]
    pub(crate) fn begin(lease: Lease<C>) {
        if lease.connection().shared.late_uploads.is_ended() {
            return lease.abort(CloseReason::Shutdown);
        }
        let runtime = Arc::clone(lease.info().route.ctx().runtime());
        let task = Self {
            lease: Some(lease),
            runtime: Arc::clone(&runtime),
            number: None,
            timer: None,
            _request: PhantomData,
        };
        runtime.spawn(Box::pin(task));
    }

    /// Ready when it is to be given up, and why.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<CloseReason> {
        let Some(lease) = &self.lease else { return Poll::Pending };
        let uploads = &lease.connection().shared.late_uploads;
        if uploads.poll_end(&mut self.number, cx).is_ready() {
            return Poll::Ready(CloseReason::Shutdown);
        }
        if self.timer.is_none() {
            let deadline = self.runtime.now().checked_add(uploads.grace());
            self.timer = deadline.map(|deadline| self.runtime.sleep_until(deadline));
        }
        match &mut self.timer {
            Some(timer) => timer.as_mut().poll(cx).map(|()| CloseReason::UploadStalled),
            None => Poll::Pending,
        }
    }
}

impl<C: Connection<B>, B> Unpin for LateUpload<C, B> {}

impl<C: Connection<B>, B: 'static> Future for LateUpload<C, B> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(lease) = &mut self.lease else { return Poll::Ready(()) };
        let Some(handle) = lease.handle() else { return Poll::Ready(()) };
        let ready = match handle.poll_ready(cx) {
            Poll::Ready(ready) => Ok(ready),
            Poll::Pending => Err(ready!(self.poll_end(cx))),
        };
        if let Some(number) = self.number.take()
            && let Some(lease) = &self.lease
        {
            lease.connection().shared.late_uploads.leave(number);
        }
        if let Some(mut lease) = self.lease.take() {
            match ready {
                Ok(Err(_)) if lease.is_exclusive() => lease.abort(CloseReason::PeerFin),
                Ok(_) => lease.set_complete(),
                Err(reason) => lease.abort(reason),
            }
        }
        Poll::Ready(())
    }
}

impl<C: Connection<B>, B> Drop for LateUpload<C, B> {
    fn drop(&mut self) {
        if let Some(number) = self.number
            && let Some(lease) = &self.lease
        {
            lease.connection().shared.late_uploads.leave(number);
        }
    }
}
