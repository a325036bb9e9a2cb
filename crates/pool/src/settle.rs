use crate::lease::Lease;
use skybridge_core::{CloseReason, Connection};
use std::{
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// A response is here to its end and its request is not: waits for that, then gives the connection back. A task of its own, as
/// nobody else looks at the connection any more.
pub(crate) struct Settling<C: Connection<B>, B> {
    lease: Option<Lease<C>>,
    _request: PhantomData<fn(B)>,
}

impl<C: Connection<B>, B> Settling<C, B> {
    pub(crate) fn new(lease: Lease<C>) -> Self {
        Self { lease: Some(lease), _request: PhantomData }
    }
}

impl<C: Connection<B>, B> Unpin for Settling<C, B> {}

impl<C: Connection<B>, B> Future for Settling<C, B> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(lease) = &mut self.lease else { return Poll::Ready(()) };
        let Some(connection) = lease.connection() else { return Poll::Ready(()) };
        let ready = ready!(connection.poll_ready(cx));
        if let Some(lease) = self.lease.take() {
            match ready {
                Err(_) if lease.record.exclusive => lease.close(CloseReason::PeerFin),
                _ => lease.complete(),
            }
        }
        Poll::Ready(())
    }
}
