use crate::{link_plan::LinkPlan, service::Hyper};
use skybridge_core::{ConnectOptions, Ctx, Deferred, HttpVersions, Ids, Observe, Planner, Runtime, Timeouts};
use std::{fmt, sync::Arc, time::Duration};
use tower_layer::Layer;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Makes a `Service<Uri>` of a planner whose plans become links: what hyper-util's client and tonic's channel connect with.
///
/// Belongs directly above a `RouteLayer` that is directly above a connector. A client like hyper-util's tells its connector the scheme and the
/// authority of a request, and nothing else: what would be a request's wish is a setting here, the same for every connection.
///
/// It gives no link on which the client would send what must not be sent: one to an `https` origin that nothing has sealed (no `TlsLayer` below), or
/// one that ends at a proxy of its route (no `TunnelLayer` below). Connecting fails then, with an [`Unfit`](skybridge_core::Unfit).
///
/// Under tonic, give the service to `Channel::new` with [`http_versions(HttpVersions::Http2)`](Self::http_versions), and name its errors in tonic's words, so that a
/// failed connect is `Unavailable`: `ServiceBuilder::new().map_err(|error: ConnectError| tonic::ConnectError(error.into()))` above this layer.
///
/// A proxy that forwards requests of `http://` origins gets what the client writes: the value of `proxy-authorization` is for the client to set.
#[derive(Clone)]
pub struct HyperLayer {
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) observer: Option<Arc<dyn Observe>>,
    pub(crate) ids: Arc<Ids>,
    pub(crate) timeouts: Timeouts,
    pub(crate) connect_options: ConnectOptions,
    pub(crate) timeout: Duration,
    pub(crate) tls_above: bool,
}

impl HyperLayer {
    /// Times and tasks of connecting are this runtime's.
    pub fn new(runtime: impl Runtime) -> Self {
        Self::shared(Arc::new(runtime))
    }

    /// As [`new`](Self::new), with a runtime that others have too.
    pub fn shared(runtime: Arc<dyn Runtime>) -> Self {
        let (ids, timeouts, connect_options) = (Arc::default(), Timeouts::new(), ConnectOptions::default());
        Self { runtime, observer: None, ids, timeouts, connect_options, timeout: TIMEOUT, tls_above: false }
    }

    /// Who is told how connections are made, and when they are closed. Each connect counts as a call.
    pub fn observer(mut self, observer: Arc<dyn Observe>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Time limits that go before the layers' own. [`Timeouts::connect`], all of one connect, goes before [`timeout`](Self::timeout).
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// How long planning and connecting may take together (default: 30 s; `Duration::MAX` is no limit).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// What every connection must be: the proxies, the server's name, where it may go.
    pub fn connect_options(mut self, connect_options: ConnectOptions) -> Self {
        self.connect_options = connect_options;
        self
    }

    /// Which version of HTTP connections are for (default: [`HttpVersions::Any`]). A client that speaks HTTP/2 only, as tonic does, needs
    /// [`HttpVersions::Http2`]: a peer that agrees on anything else over TLS is then an error, and in cleartext nothing is asked.
    pub fn http_versions(mut self, http_versions: HttpVersions) -> Self {
        self.connect_options.http_versions = http_versions;
        self
    }

    /// The client above seals: it wraps what this makes in a TLS connector of its own, as hyper-rustls' `HttpsConnector` does. Links to `https`
    /// origins are then given to it unsealed, which are otherwise refused ([`Unfit::TlsMissing`](skybridge_core::Unfit)): **if nobody seals above,
    /// requests for `https` leave in cleartext.**
    ///
    /// Such a stack has no `TlsLayer`: what is sealed here already is refused.
    pub fn tls_above(mut self) -> Self {
        self.tls_above = true;
        self
    }

    pub(crate) fn ctx(&self) -> Ctx {
        let ctx = Ctx::new(Arc::clone(&self.runtime)).with_ids(Arc::clone(&self.ids));
        ctx.with_call(self.ids.next_call()).with_limits(self.timeouts.clone()).observer(self.observer.clone())
    }
}

impl<P> Layer<P> for HyperLayer
where
    P: Planner,
    P::Plan: LinkPlan,
{
    type Service = Deferred<P::Plan, Hyper<P>>;

    fn layer(&self, inner: P) -> Hyper<P> {
        Hyper { inner, settings: self.clone() }
    }
}

impl fmt::Debug for HyperLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HyperLayer")
            .field("observed", &self.observer.is_some())
            .field("limits", &self.timeouts)
            .field("terms", &self.connect_options)
            .field("timeout", &self.timeout)
            .field("sealed_above", &self.tls_above)
            .finish_non_exhaustive()
    }
}
