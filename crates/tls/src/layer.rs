use crate::{Tls, TlsConfig, TlsConnector, TlsOutline, config::LazyConfig, tls_connect::LIMIT};
use skybridge_core::{ConnectError, Connector, Ctx, Deferred, Route, Scheme};
use std::time::Duration;
use tower_layer::Layer;

/// Runs TLS on links to `https` origins, over any [`Connector`]; links to `http` origins pass through unchanged.
///
/// The peer is verified by the origin's name, or by
/// [`ConnectOptions::server_name`](skybridge_core::ConnectOptions::server_name) when the target has one; the same is
/// sent as SNI, unless it is an address. ALPN (RFC 7301) offers the target's [HTTP
/// versions](skybridge_core::HttpVersions).
///
/// A certificate that doesn't verify, or a pin that doesn't match, is
/// [fatal](skybridge_core::ConnectError::is_fatal): no other address is tried.
#[derive(Clone, Debug)]
pub struct TlsLayer {
    config: LazyConfig,
    limit: Duration,
}

impl TlsLayer {
    /// Uses this configuration. A handshake may take 10 s: see [`timeout`](Self::timeout).
    pub fn new(config: TlsConfig) -> Self {
        Self::of(config.into())
    }

    pub(crate) fn of(config: LazyConfig) -> Self {
        Self { config, limit: LIMIT }
    }

    /// Uses the [default](TlsConfig::builder) configuration, which is built on first use: the system's roots are read
    /// then. If that fails, every connection to an `https` origin fails with the same error.
    ///
    /// That takes some tens of milliseconds with aws-lc-rs, which gathers entropy: it is done on a thread of its own
    /// ([`Runtime::spawn_blocking`](skybridge_core::Runtime)) while the first socket is opened, and the first handshake
    /// waits for what is left of it, no longer than a handshake may take. It can be done [before](Self::prepare). One
    /// that isn't to wait at all is given to [`new`](Self::new): [`build`](crate::TlsConfigBuilder::build) has done it.
    pub fn native() -> Self {
        Self::of(LazyConfig::default())
    }

    /// How long a handshake may take (default: 10 s). [`Timeouts::tls`](skybridge_core::Timeouts) takes precedence;
    /// `Duration::MAX` is no limit.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Whether origins of `http` pass through. If not, they are refused with
    /// [`EgressReason::Cleartext`](skybridge_core::EgressReason): see [specs](crate::TlsConfigBuilder::specs).
    pub fn permits_cleartext(&self) -> bool {
        self.config.forbids_cleartext().is_none()
    }

    /// Has the configuration built where that is done on first use, as the first connect would: on a thread of its own,
    /// and no longer than a handshake may take.
    ///
    /// # Errors
    /// When it can't be built, or wasn't in time.
    pub async fn prepare(&self, ctx: &Ctx) -> Result<(), ConnectError> {
        self.config.present(ctx, self.limit).await.map(drop)
    }

    /// What a handshake by this route with its origin would offer and ask for; `None` where the origin is not `https`.
    /// Nothing is connected to, but a configuration that is built on first use is, here and now: after
    /// [`prepare`](Self::prepare) nothing is left of that.
    ///
    /// # Errors
    /// When that can't be built, or the origin's name is none that a certificate can have.
    pub fn outline(&self, route: &Route) -> Result<Option<TlsOutline>, ConnectError> {
        if route.target.origin().scheme() == Scheme::Http {
            return Ok(None);
        }
        self.config.block()?.outline(route).map(Some)
    }

    /// TLS to the proxies of a route: with the roots, pins, TLS versions, provider and timeout of this layer.
    ///
    /// A proxy is never shown this layer's client certificate, and is verified even if this layer is
    /// [insecure](crate::TlsConfigBuilder::insecure). Pins are bound to names, and apply to a proxy with such a name. A
    /// proxy that needs anything else gets a configuration of its own, by [`TlsConfig::tls_connector`].
    pub fn proxy_connector(&self) -> TlsConnector {
        TlsConnector::of(self.config.for_proxies()).timeout(self.limit)
    }
}

impl<S: Connector> Layer<S> for TlsLayer {
    type Service = Deferred<S::Io, Tls<S>>;

    fn layer(&self, inner: S) -> Tls<S> {
        Tls::new(inner, self.config.clone(), self.limit)
    }
}
