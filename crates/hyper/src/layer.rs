use crate::{link_plan::LinkPlan, service::Hyper, settings::Settings};
use skybridge_core::{ConnectOptions, Deferred, HttpVersions, Observe, Planner, Runtime, Timeouts};
use std::{sync::Arc, time::Duration};
use tower_layer::Layer;

/// Makes a planner whose plans become links a `Service<Uri>`: what hyper-util's client and tonic's channel connect
/// with. Belongs directly above a `RouteLayer` that is directly above a connector. A client like hyper-util's passes
/// its connector the scheme and the authority of a request, and nothing else: what would be options of a request are
/// settings here, the same for every connection. It hands out no link on which the client must not send: one to an
/// `https` origin without TLS (no `TlsLayer` below), or one that ends at a proxy of its route (no `TunnelLayer` below).
/// Connecting fails then, with an [`Unfit`](skybridge_core::Unfit). Under tonic, give the service to `Channel::new`
/// with [`http_versions(HttpVersions::Http2)`](Self::http_versions), and map its errors to tonic's, so that a failed
/// connect is `Unavailable`: `ServiceBuilder::new().map_err(|error: ConnectError| tonic::ConnectError(error.into()))`
/// above this layer. (`Endpoint::connect_with_connector` refuses `https` where any crate of the program enables TLS in
/// tonic, although this stack has its own.) A proxy that forwards requests of `http://` origins gets what the client
/// writes: `proxy-authorization` is for the client to set.
#[derive(Clone, Debug)]
pub struct HyperLayer {
    settings: Settings,
}

impl HyperLayer {
    /// With the clock, timers and tasks of this runtime.
    pub fn new(runtime: impl Runtime) -> Self {
        Self::shared(Arc::new(runtime))
    }

    /// As [`new`](Self::new), with a shared runtime.
    pub fn shared(runtime: Arc<dyn Runtime>) -> Self {
        Self { settings: Settings::new(runtime) }
    }

    /// Receives the events of connecting, and of connections that are closed. Each connect counts as a call.
    pub fn observer(mut self, observer: Arc<dyn Observe>) -> Self {
        self.settings.observer = Some(observer);
        self
    }

    /// Timeouts that take precedence over those of the layers. [`Timeouts::connect`], for all of one connect, replaces
    /// [`timeout`](Self::timeout).
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.settings.timeouts = timeouts;
        self
    }

    /// How long planning and connecting may take together (default: 30 s; `Duration::MAX` is no limit).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// The options of every connection: proxies, server name, egress and so on.
    pub fn connect_options(mut self, connect_options: ConnectOptions) -> Self {
        self.settings.connect_options = connect_options;
        self
    }

    /// The HTTP versions of connections (default: [`HttpVersions::Any`]). A client that speaks HTTP/2 only, as tonic
    /// does, needs [`HttpVersions::Http2`]: a peer that negotiates anything else over TLS is then an error, and in
    /// cleartext nothing is negotiated.
    pub fn http_versions(mut self, http_versions: HttpVersions) -> Self {
        self.settings.connect_options.http_versions = http_versions;
        self
    }

    /// The client above runs TLS itself: it wraps this service in a TLS connector of its own, as hyper-rustls'
    /// `HttpsConnector` does. It is then given links to `https` origins without TLS, which are otherwise refused
    /// ([`Unfit::TlsMissing`](skybridge_core::Unfit)): **if nothing above runs TLS, requests for `https` leave in
    /// cleartext.** Such a stack has no `TlsLayer`: a link that has TLS already is refused.
    pub fn tls_above(mut self) -> Self {
        self.settings.tls_above = true;
        self
    }
}

impl<P> Layer<P> for HyperLayer
where
    P: Planner,
    P::Plan: LinkPlan,
{
    type Service = Deferred<P::Plan, Hyper<P>>;

    fn layer(&self, inner: P) -> Hyper<P> {
        Hyper { inner, settings: self.settings.clone() }
    }
}
