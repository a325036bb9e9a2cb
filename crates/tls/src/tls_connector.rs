use crate::{
    MaybeTls, TlsConfig, TlsError,
    config::LazyConfig,
    learned::Learned,
    peer::Peer,
    tls_connect::{LIMIT, connect_error, tls_connect},
    turn,
};
use skybridge_core::{BoxFuture, ConnInfo, ConnectError, Ctx, Io, Link, TlsConnect};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

/// TLS to proxies, for a tunnel to use. Made by [`TlsConfig::tls_connector`](crate::TlsConfig::tls_connector) from a
/// configuration for proxies, or by [`TlsLayer::proxy_connector`](crate::TlsLayer::proxy_connector) with the roots and
/// pins of the layer for origins.
///
/// ALPN offers HTTP/1.1 alone, unless [`http2`](Self::http2) says otherwise. Pins apply to proxies as to origins, by
/// their names.
#[derive(Clone, Debug)]
pub struct TlsConnector {
    config: LazyConfig,
    limit: Duration,
    /// `None`: no ALPN.
    http2: Option<bool>,
}

/// The future of a TLS connection to a proxy. Dropping it closes the stream.
#[must_use = "futures do nothing unless polled"]
pub struct ProxyTlsConnecting<I>(BoxFuture<Result<Link<MaybeTls<I>>, ConnectError>>);

// === impl TlsConnector ===

impl TlsConfig {
    /// TLS to proxies by all of this configuration, client certificate and
    /// [`insecure`](crate::TlsConfigBuilder::insecure) included: for a configuration that was made for proxies. For the
    /// one of origins, see [`TlsLayer::proxy_connector`](crate::TlsLayer::proxy_connector).
    pub fn tls_connector(&self) -> TlsConnector {
        TlsConnector::of(self.clone().into())
    }
}

impl TlsConnector {
    pub(crate) fn of(config: LazyConfig) -> Self {
        Self { config, limit: LIMIT, http2: Some(false) }
    }

    /// How long a handshake may take (default: 10 s). [`Timeouts::tls`](skybridge_core::Timeouts) takes precedence;
    /// `Duration::MAX` is no limit.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }
}

impl TlsConnector {
    /// Offers HTTP/2 too, to each proxy that a tunnel is wanted of: for a tunnel layer that speaks it. One that
    /// forwards requests is offered it where these [leave the version open](skybridge_core::HttpVersions::Any).
    pub fn http2(mut self) -> Self {
        self.http2 = Some(true);
        self
    }

    /// Offers no protocol by ALPN: for what isn't HTTP, such as DNS over TLS (RFC 7858).
    pub fn no_alpn(mut self) -> Self {
        self.http2 = None;
        self
    }
}

impl<I: Io> TlsConnect<I> for TlsConnector {
    type Io = MaybeTls<I>;
    type Future = ProxyTlsConnecting<I>;

    fn tls_connect(&self, link: Link<I>, server_name: &str, _: &Ctx) -> Self::Future {
        let (config, limit, http2) = (self.config.clone(), self.limit, self.http2);
        let name = Box::<str>::from(server_name);
        ProxyTlsConnecting(Box::pin(async move {
            let decide = |info: &ConnInfo, _: Learned| Ok((Peer::proxy(&name, info, http2)?, None));
            let tell = |error: TlsError, _: &TlsConfig| connect_error(error);
            let link = tls_connect(link, decide, &config, None, limit, tell).await.map_err(|failed| failed.error)?;
            // The handshake with the next hop is another turn's.
            turn::end_of_turn().await;
            Ok(link)
        }))
    }
}

// === impl ProxyTlsConnecting ===

impl<I> Future for ProxyTlsConnecting<I> {
    type Output = Result<Link<MaybeTls<I>>, ConnectError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<I> fmt::Debug for ProxyTlsConnecting<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyTlsConnecting").finish_non_exhaustive()
    }
}
