use crate::{BoxedIo, NoTls, TunnelIo, establish::establish, http2::Shared, settings::Settings};
use pin_project::pin_project;
use skybridge_core::{BoxFuture, ConnectError, Connector, Link, Phase, Route, TlsConnect};
use std::{
    fmt,
    future::{Future, ready},
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// The service of [`TunnelLayer`](crate::TunnelLayer): connects a route, and tunnels through all of its proxies.
#[derive(Clone, Debug)]
pub struct Tunnel<S, L = NoTls> {
    inner: S,
    tls_connect: L,
    settings: Arc<Settings>,
    /// `None` where HTTP/2 is off.
    http2: Option<Arc<Shared>>,
}

/// The future of [`Tunnel`]. Dropping it closes the socket.
#[pin_project]
#[must_use = "futures do nothing unless polled"]
pub struct Tunnelling<F, I, T>(#[pin] State<F, I, T>);

#[pin_project(project = StateProj)]
enum State<F, I, T> {
    /// No proxies: the link passes through.
    Direct(#[pin] F),
    Tunnel(BoxFuture<Result<Link<TunnelIo<I, T>>, ConnectError>>),
}

// === impl Tunnel ===

impl<S, L> Tunnel<S, L> {
    pub(crate) fn new(inner: S, tls_connect: L, settings: Settings, http2: bool) -> Self {
        Self { inner, tls_connect, settings: Arc::new(settings), http2: http2.then(Arc::default) }
    }
}

impl<S, L> Service<Route> for Tunnel<S, L>
where
    S: Connector,
    L: TlsConnect<S::Io> + TlsConnect<BoxedIo>,
{
    type Response = Link<TunnelIo<S::Io, <L as TlsConnect<S::Io>>::Io>>;
    type Error = ConnectError;
    type Future = Tunnelling<S::Future, S::Io, <L as TlsConnect<S::Io>>::Io>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, route: Route) -> Self::Future {
        if route.proxies.is_empty() {
            return Tunnelling(State::Direct(self.inner.connect(route)));
        }
        if let Err(refused) = route.check_proxied() {
            let error = ConnectError::new(Phase::Tcp, refused).fatal().on_route(&route);
            return Tunnelling(State::Tunnel(Box::pin(ready(Err(error)))));
        }
        // It is the one that is ready: a clone isn't yet.
        let ready = self.inner.clone();
        let ready = mem::replace(&mut self.inner, ready);
        let (settings, http2) = (Arc::clone(&self.settings), self.http2.clone());
        let establishing = establish(ready, route, self.tls_connect.clone(), settings, http2);
        Tunnelling(State::Tunnel(Box::pin(establishing)))
    }
}

// === impl Tunnelling ===

impl<F, I, T, E> Future for Tunnelling<F, I, T>
where
    F: Future<Output = Result<Link<I>, E>>,
    E: Into<ConnectError>,
{
    type Output = Result<Link<TunnelIo<I, T>>, ConnectError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().0.project() {
            StateProj::Direct(connecting) => {
                connecting.poll(cx).map_ok(|link| link.map_io(TunnelIo::plain)).map_err(Into::into)
            }
            StateProj::Tunnel(tunnelling) => tunnelling.as_mut().poll(cx),
        }
    }
}

impl<F, I, T> fmt::Debug for Tunnelling<F, I, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tunnelling").field("direct", &matches!(self.0, State::Direct(_))).finish_non_exhaustive()
    }
}
