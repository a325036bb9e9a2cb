use crate::{Tls, TlsConfig, TlsConnector, config::Source, tls_connect::LIMIT};
use skybridge_core::{Connector, Deferred};
use std::time::Duration;
use tower_layer::Layer;

/// Above a connector: seals links to `https` origins. Others pass.
///
/// The peer is verified by the origin's name, or by [`ConnectOptions::server_name`](skybridge_core::ConnectOptions::server_name) when the target has one; the same
/// is sent as SNI, unless it is an address. By ALPN (RFC 7301) it is offered what the target [wants](skybridge_core::HttpVersions).
///
/// A certificate or a pin that is wrong is [fatal](skybridge_core::ConnectError::is_fatal): no other address is tried.
#[derive(Clone, Debug)]
pub struct TlsLayer {
    config: Source,
    limit: Duration,
}

impl TlsLayer {
    /// Seals by this configuration. A handshake may take 10 s.
    pub fn new(config: TlsConfig) -> Self {
        Self { config: config.into(), limit: LIMIT }
    }

    /// Seals by the [default](TlsConfig::builder) configuration, which is made when it is first needed: the system's roots are read then. When
    /// that fails, so does every route to an `https` origin.
    pub fn native() -> Self {
        Self { config: Source::default(), limit: LIMIT }
    }

    /// How long a handshake may take (default: 10 s). [`Timeouts::tls`](skybridge_core::Timeouts) goes first;
    /// `Duration::MAX` is no limit.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Seals links to the proxies on the way, within the same limit: trusting whom this layer trusts, with its versions and provider.
    ///
    /// What is between us and an origin is no proxy's business: a proxy is never told this layer's identity, and is verified also if this layer is
    /// [insecure](crate::TlsConfigBuilder::insecure). Pins are bound to names, and hold for a proxy with such a name. A proxy that needs anything
    /// else has a configuration of its own, and [its sealer](TlsConfig::tls_connector).
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
