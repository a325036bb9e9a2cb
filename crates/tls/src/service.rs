use crate::{MaybeTls, config::LazyConfig, peer::Peer, tls_connect::tls_connect};
use pin_project::pin_project;
use skybridge_core::{BoxFuture, ConnectError, Connector, Link, Phase, Route, Scheme};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tower_service::Service;

/// The service of [`TlsLayer`](crate::TlsLayer): connects a route, and runs TLS on the link if its origin is `https`.
#[derive(Clone, Debug)]
pub struct Tls<S> {
    inner: S,
    config: LazyConfig,
    limit: Duration,
}

/// The future of [`Tls`]. Dropping it closes the stream.
#[pin_project]
#[must_use = "futures do nothing unless polled"]
pub struct TlsConnecting<F, I>(#[pin] State<F, I>);

#[pin_project(project = StateProj)]
enum State<F, I> {
    /// An `http` origin: the link passes through.
    Plain(#[pin] F),
    TlsConnect(BoxFuture<Result<Link<MaybeTls<I>>, ConnectError>>),
}

// === impl Tls ===

impl<S> Tls<S> {
    pub(crate) fn new(inner: S, config: LazyConfig, limit: Duration) -> Self {
        Self { inner, config, limit }
    }
}

impl<S: Connector> Service<Route> for Tls<S> {
    type Response = Link<MaybeTls<S::Io>>;
    type Error = ConnectError;
    type Future = TlsConnecting<S::Future, S::Io>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, route: Route) -> Self::Future {
        let plain = route.target.origin().scheme() == Scheme::Http;
        let connecting = self.inner.connect(route);
        if plain {
            return TlsConnecting(State::Plain(connecting));
        }
        let (config, limit) = (self.config.clone(), self.limit);
        TlsConnecting(State::TlsConnect(Box::pin(async move {
            let link = connecting.await.map_err(Into::into)?;
            if let Err(unfit) = link.info.fit_for_tls() {
                return Err(link.phase(Phase::Tls).fail(unfit));
            }
            tls_connect(link, Peer::origin, &config, limit).await
        })))
    }
}

// === impl Sealing ===

impl<F, I, E> Future for TlsConnecting<F, I>
where
    F: Future<Output = Result<Link<I>, E>>,
    E: Into<ConnectError>,
{
    type Output = Result<Link<MaybeTls<I>>, ConnectError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().0.project() {
            StateProj::Plain(connecting) => {
                connecting.poll(cx).map_ok(|link| link.map_io(MaybeTls::plain)).map_err(Into::into)
            }
            StateProj::TlsConnect(connecting) => connecting.as_mut().poll(cx),
        }
    }
}

impl<F, I> fmt::Debug for TlsConnecting<F, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealing").field("plain", &matches!(self.0, State::Plain(_))).finish_non_exhaustive()
    }
}
