use crate::error::SelectorFailed;
use skybridge_core::{BoxError, BoxFuture, ConnectError, Origin, Proxy};
use std::{
    fmt,
    future::{Future, poll_fn},
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// Chains of proxies, in the order in which they are tried. An empty chain is a direct connection.
pub(crate) type ProxyChains = Arc<[Arc<[Proxy]>]>;

/// Who names the chains of proxies that lead to an origin.
#[derive(Clone, Debug)]
pub(crate) enum ProxyChoice {
    /// The same for all of them.
    Fixed(ProxyChains),
    Selected(SharedSelector),
}

/// Trait alias: a service that says by which chains of proxies an [`Origin`] is reached, in which order. Implement
/// `Service`, bound on this.
///
/// Its response is a list of chains as [`RouteConfig::proxies`](crate::RouteConfig::proxies) takes it, such as a
/// `Vec<Arc<[Proxy]>>`. An empty chain is a direct connection; an empty list is an error, so that nothing is direct
/// that wasn't listed as such.
///
/// It is asked each time that a connection is to be opened, and not for requests that a pooled connection takes: what
/// it says must follow from the origin alone. Whatever else decides, as whose request it is, must be in the request's
/// [`ConnectOptions`](skybridge_core::ConnectOptions), so that it decides about sharing connections, too. Connections
/// that are open stay in use when it changes its mind.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not select proxies for an `Origin`",
    label = "not a proxy selector",
    note = "a proxy selector is a `tower::Service<Origin> + Clone + Send + Sync` whose response is a list of chains of proxies, such as `Vec<Arc<[Proxy]>>`"
)]
pub trait ProxySelector: Clone + Send + Sync + 'static {
    /// The chains of proxies, in the order in which they are tried.
    type Chains: Into<Arc<[Arc<[Proxy]>]>>;
    /// Why the origin must not be connected to: the source of a [`SelectorFailed`](crate::SelectorFailed).
    type Error: Into<BoxError> + Send;
    /// The future of [`select`](Self::select).
    type Future: Future<Output = Result<Self::Chains, Self::Error>> + Send + 'static;

    /// `Service::poll_ready`.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>>;
    /// `Service::call`.
    fn select(&mut self, origin: Origin) -> Self::Future;
}

#[diagnostic::do_not_recommend]
impl<S, C> ProxySelector for S
where
    S: Service<Origin, Response = C> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError> + Send,
    S::Future: Send + 'static,
    C: Into<Arc<[Arc<[Proxy]>]>>,
{
    type Chains = C;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Service::poll_ready(self, cx)
    }

    fn select(&mut self, origin: Origin) -> S::Future {
        self.call(origin)
    }
}

/// A [`ProxySelector`] without its type. It is asked once for each connect, so that a box costs nothing.
#[derive(Clone)]
pub(crate) struct SharedSelector(Arc<dyn Fn(Origin) -> Selecting + Send + Sync>);

type Selecting = BoxFuture<Result<ProxyChains, ConnectError>>;

impl SharedSelector {
    pub(crate) fn new(selector: impl ProxySelector) -> Self {
        Self(Arc::new(move |origin| Box::pin(select(selector.clone(), origin))))
    }

    pub(crate) async fn select(&self, origin: &Origin) -> Result<ProxyChains, ConnectError> {
        (self.0)(origin.clone()).await
    }
}

async fn select<S: ProxySelector>(mut selector: S, origin: Origin) -> Result<ProxyChains, ConnectError> {
    let failed = |error: S::Error| ConnectError::from(SelectorFailed { source: error.into() });
    poll_fn(|cx| selector.poll_ready(cx)).await.map_err(failed)?;
    selector.select(origin).await.map(Into::into).map_err(failed)
}

impl fmt::Debug for SharedSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProxySelector(..)")
    }
}
