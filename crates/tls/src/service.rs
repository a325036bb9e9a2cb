use crate::{MaybeTls, TlsConfig, config::LazyConfig, ech::Again, peer::Peer, tls_connect::tls_connect};
use pin_project::pin_project;
use skybridge_core::{BoxFuture, ConnInfo, ConnectError, Connector, Link, Phase, Route, Scheme, sync::Mutex};
use std::{
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tower_service::Service;

/// The service of [`TlsLayer`](crate::TlsLayer): connects a route, and runs TLS on the link if its origin is `https`.
#[derive(Clone)]
pub struct Tls<S> {
    inner: S,
    shared: Arc<Shared<S>>,
}

/// What all connections of a layer have in common.
struct Shared<S> {
    /// For a second connection, where the first is of no use. Cloned only then.
    inner: Mutex<S>,
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

impl<S: Clone> Tls<S> {
    pub(crate) fn new(inner: S, config: LazyConfig, limit: Duration) -> Self {
        let shared = Arc::new(Shared { inner: Mutex::new(inner.clone()), config, limit });
        Self { inner, shared }
    }
}

impl<S: fmt::Debug> fmt::Debug for Tls<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { config, limit, .. } = &*self.shared;
        let mut debug = f.debug_struct("Tls");
        debug.field("inner", &self.inner).field("config", config).field("limit", limit).finish()
    }
}

// === impl Shared ===

impl<S: Connector> Shared<S> {
    /// Connects once more, after the server has rejected the keys that the name was encrypted with.
    async fn connect_again(&self, again: Again) -> Result<Link<MaybeTls<S::Io>>, ConnectError> {
        let Again { route, endpoints, offer } = again;
        let mut inner = self.inner.lock().clone();
        poll_fn(|cx| inner.poll_ready(cx)).await.map_err(Into::into)?;
        let mut link = inner.connect(route).await.map_err(Into::into)?;
        link.info.route.endpoints = endpoints;
        if let Err(unfit) = link.info.fit_for_tls() {
            return Err(link.phase(Phase::Tls).fail(unfit));
        }
        let decided = |info: &ConnInfo, _: &TlsConfig| Ok((Peer::origin(info)?, Some(offer)));
        tls_connect(link, decided, &self.config, self.limit).await.map_err(|failed| failed.error)
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
        let shared = Arc::clone(&self.shared);
        TlsConnecting(State::TlsConnect(Box::pin(async move {
            let link = connecting.await.map_err(Into::into)?;
            if let Err(unfit) = link.info.fit_for_tls() {
                return Err(link.phase(Phase::Tls).fail(unfit));
            }
            let decide = |info: &ConnInfo, config: &TlsConfig| {
                let peer = Peer::origin(info)?;
                let offer = config.offer(info, &peer)?;
                Ok((peer, offer))
            };
            let failed = match tls_connect(link, decide, &shared.config, shared.limit).await {
                Ok(link) => return Ok(link),
                Err(failed) => failed,
            };
            match failed.again {
                // In a box of its own, so that no other connect is larger for it. A third there isn't.
                Some(again) => Box::pin(shared.connect_again(*again)).await,
                None => Err(failed.error),
            }
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
