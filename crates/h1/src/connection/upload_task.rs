use super::{
    effects::Effects,
    shared::Shared,
    upload::{Fetched, Upload},
};
use crate::H1Error;
use http_body::Body;
use skybridge_core::BoxError;
use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
    time::Duration,
};

/// Writes what is left of a request whose response is here: whoever waited for that polls for it no more.
///
/// It ends when the request is written, when the connection closes, and when nobody holds the connection any more.
pub(super) struct UploadTask<B: Body> {
    shared: Weak<Shared>,
    upload: Upload<B>,
    /// How long the response may stall once the request has failed.
    limit: Duration,
    /// The connection knows what became of the request.
    over: bool,
}

impl<B: Body> UploadTask<B> {
    pub(super) fn new(shared: &Arc<Shared>, upload: Upload<B>, limit: Duration) -> Self {
        Self { shared: Arc::downgrade(shared), upload, limit, over: false }
    }
}

/// A body that panics, or a runtime that ends, leaves a request that nobody goes on with.
impl<B: Body> Drop for UploadTask<B> {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade().filter(|_| !self.over) {
            let mut inner = shared.lock();
            if inner.closed().is_none() {
                let effects = inner.request_aborted(H1Error::UploadAborted);
                drop(inner);
                shared.apply(effects);
            }
        }
    }
}

// The body has a place of its own, and is pinned there.
impl<B: Body> Unpin for UploadTask<B> {}

impl<B> Future for UploadTask<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let fetched = self.upload.poll_body(cx);
            let Some(shared) = self.shared.upgrade() else { return Poll::Ready(()) };
            let mut inner = shared.lock();
            if inner.closed().is_some() {
                return Poll::Ready(());
            }
            inner.uploads(cx.waker());
            let written = self.upload.poll_write(&mut inner.io, cx);
            let (over, effects) = match (&fetched, written) {
                (Err(error), _) => (true, inner.request_failed(error.clone(), self.limit)),
                (_, Poll::Ready(Err(error))) => {
                    (true, inner.request_failed(H1Error::Write(Arc::new(error)), self.limit))
                }
                _ if self.upload.is_written() => (true, inner.request_over(true)),
                (Ok(Fetched::Something), Poll::Ready(Ok(()))) => (false, Effects::default()),
                _ => {
                    let effects = inner.watch_upload(cx);
                    drop(inner);
                    shared.apply(effects);
                    return Poll::Pending;
                }
            };
            drop(inner);
            shared.apply(effects);
            if over {
                self.over = true;
                return Poll::Ready(());
            }
        }
    }
}
