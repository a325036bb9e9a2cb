use crate::{
    FallbackFailed, MaybeTls, TlsConfig, TlsError,
    again::{Again, Why},
    config::LazyConfig,
    generation::tried_by,
    learned::Learned,
    peer::Peer,
    tls_connect::{Decided, HandshakeFailed, connect_error, connect_error_by, tls_connect},
    turn,
};
use pin_project::pin_project;
use skybridge_core::{
    BoxError, BoxFuture, Cleartext, ConnInfo, ConnectError, Connector, Egress, EventKind, Link, Phase, Route, Scheme,
    Unfit, sync::Mutex,
};
use std::{
    fmt,
    future::{Future, poll_fn, ready},
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
    /// Connects once more, after the server has rejected the keys that the name was encrypted with, and then with each
    /// further spec, as long as that may help; and after a handshake whose configuration was replaced meanwhile.
    async fn connect_again(
        &self,
        mut failed: HandshakeFailed,
        again: Box<Again>,
    ) -> Result<Link<MaybeTls<S::Io>>, ConnectError> {
        let mut earlier = Vec::new();
        // By which configuration new keys were given, if any were.
        let mut given_by: Option<TlsConfig> = None;
        let mut next = Some(again);
        while let Some(again) = next.take() {
            let Again { route, endpoints, attempt, why } = *again;
            let learned = match why {
                Why::Ech(learned) => {
                    // Keys that are given twice are not tried a third time.
                    if given_by.as_ref().is_some_and(|config| config.is_of_generation_of(&learned.config)) {
                        break;
                    }
                    given_by = Some(learned.config.clone());
                    Some(learned)
                }
                Why::Spec { before, next } => {
                    let (spec, to) = (before.spec(), next.spec());
                    let kind = EventKind::TlsFallback { from: spec, to, error: &failed.error };
                    route.ctx().emit(Some(attempt), None, kind);
                    earlier.push((Arc::clone(spec), failed.error.clone()));
                    Some(Learned { config: next, offer: None })
                }
                Why::Replaced => None,
            };
            turn::end_of_turn().await;
            let mut inner = self.inner.lock().clone();
            poll_fn(|cx| inner.poll_ready(cx)).await.map_err(Into::into)?;
            let mut link = inner.connect(route).await.map_err(Into::into)?;
            link.info.route.endpoints = endpoints;
            if let Err(unfit) = link.info.fit_for_tls() {
                return Err(link.phase(Phase::Tls).fail(unfit));
            }
            let tell =
                |error: TlsError, config: &TlsConfig| connect_error_by(error, |error| after(error, config, &earlier));
            // By the configuration that says so; once that is replaced by the new one, from its first spec on.
            match tls_connect(link, decide, &self.config, learned, self.limit, tell).await {
                Ok(link) if is_replaced(&link) => next = Some(Again::replaced(link.info)),
                Ok(link) => return Ok(link),
                Err(error) => {
                    failed = error;
                    next = failed.again.take();
                }
            }
        }
        Err(failed.error)
    }
}

/// An origin of `http`, where cleartext is not among the specs.
fn refused(route: &Route) -> ConnectError {
    let egress = Egress::any().cleartext(Cleartext::refused());
    match egress.check_cleartext(route.target.origin()) {
        Err(refused) => ConnectError::new(Phase::Tls, refused).fatal(),
        // It permits none.
        Ok(()) => Unfit::Cleartext.into(),
    }
}

/// Whether the configuration was replaced while this handshake was under way: who asked for it after that must not get
/// it.
fn is_replaced<I>(link: &Link<I>) -> bool {
    link.info.tls.as_ref().is_some_and(|tls| !tls.covers.is_current())
}

/// With the origin, by the keys that it has given, or that there are.
fn decide(info: &ConnInfo, learned: Learned) -> Result<Decided, TlsError> {
    let (peer, Learned { config, offer }) = (Peer::origin(info)?, learned);
    let offer = offer.map_or_else(|| config.offer(info, &peer), |offer| Ok(Some(offer)))?;
    Ok((peer, offer))
}

/// The error of a handshake with this spec, with those of the specs before it.
fn after(source: TlsError, config: &TlsConfig, earlier: &[(Arc<str>, ConnectError)]) -> BoxError {
    if earlier.is_empty() {
        return source.into();
    }
    FallbackFailed { spec: Arc::clone(config.spec()), source, earlier: earlier.into() }.into()
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
        if plain && let Some(config) = self.shared.config.forbids_cleartext() {
            let refused = tried_by(refused(&route), config.generation());
            return TlsConnecting(State::TlsConnect(Box::pin(ready(Err(refused)))));
        }
        if !plain {
            self.shared.config.prepare(&**route.ctx().runtime());
        }
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
            let tell = |error: TlsError, _: &TlsConfig| connect_error(error);
            match tls_connect(link, decide, &shared.config, None, shared.limit, tell).await {
                Ok(link) if is_replaced(&link) => {
                    let error = std::io::Error::other("the TLS settings were replaced during the handshake");
                    let failed = connect_error(TlsError::Io(error)).into();
                    Box::pin(shared.connect_again(failed, Again::replaced(link.info))).await
                }
                Ok(link) => Ok(link),
                Err(HandshakeFailed { error, again: None }) => Err(error),
                // In a box of its own, so that no other connect is larger for it.
                Err(HandshakeFailed { error, again: Some(again) }) => {
                    Box::pin(shared.connect_again(HandshakeFailed { error, again: None }, again)).await
                }
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
