use crate::{Negotiated, choice::choose};
use skybridge_core::{
    BoxError, BoxFuture, ConnectError, Connector, Handshake, Link, Phase, Protocol, Route, phase_timeout,
};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tower_service::Service;

/// The service that [`NegotiateLayer`](crate::NegotiateLayer) makes: a route in, an HTTP connection out.
#[derive(Clone, Debug)]
pub struct Negotiate<S, H1, H2> {
    inner: S,
    h1: H1,
    h2: H2,
    timeout: Duration,
}

/// The future of [`Negotiate`]. Dropped, it closes the link.
#[must_use = "futures do nothing unless polled"]
pub struct Negotiating<C>(BoxFuture<Result<C, ConnectError>>);

// === impl Negotiate ===

impl<S, H1, H2> Negotiate<S, H1, H2> {
    pub(crate) fn new(inner: S, h1: H1, h2: H2, timeout: Duration) -> Self {
        Self { inner, h1, h2, timeout }
    }
}

impl<S, H1, H2> Service<Route> for Negotiate<S, H1, H2>
where
    S: Connector,
    H1: Handshake<S::Io>,
    H2: Handshake<S::Io>,
{
    type Response = Negotiated<H1::Connection, H2::Connection>;
    type Error = ConnectError;
    type Future = Negotiating<Self::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, route: Route) -> Self::Future {
        let connecting = self.inner.connect(route);
        let (h1, h2, timeout) = (self.h1.clone(), self.h2.clone(), self.timeout);
        Negotiating(Box::pin(async move {
            let link = connecting.await.map_err(Into::into)?;
            match choose(&link.info) {
                Ok(Protocol::Http2) => run(h2, link, timeout).await.map(|handle| Negotiated::Http2(Box::new(handle))),
                Ok(_) => run(h1, link, timeout).await.map(Negotiated::Http1),
                Err(error) => Err(link.phase(Phase::Handshake).fail(refused(error))),
            }
        }))
    }
}

async fn run<I, H: Handshake<I>>(
    handshake: H,
    link: Link<I>,
    timeout: Duration,
) -> Result<H::Connection, ConnectError> {
    let ctx = link.info.route.ctx().clone();
    // An error says by which TLS it was: that below may have been ended for being replaced, or that of a proxy.
    let tried = link.info.tried();
    match phase_timeout(&ctx, Phase::Handshake, timeout, handshake.handshake(link, &ctx)).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(tried.failed(error.in_phase(Phase::Handshake))),
        // The handshake has been dropped, and its phase guard with it: nothing has recorded the failure yet.
        Err(timed_out) => Err(tried.failed(timed_out)),
    }
}

/// Fatal, as no other route would help.
fn refused(error: BoxError) -> ConnectError {
    ConnectError::new(Phase::Handshake, error).fatal()
}

// === impl Negotiating ===

impl<C> Future for Negotiating<C> {
    type Output = Result<C, ConnectError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<C> fmt::Debug for Negotiating<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Negotiating").finish_non_exhaustive()
    }
}
