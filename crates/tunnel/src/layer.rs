use crate::{BoxedIo, NoTls, Tunnel};
use skybridge_core::{Connector, Deferred, TlsConnect};
use std::time::Duration;
use tower_layer::Layer;

/// How long one proxy may take, unless the client or the request says otherwise.
const LIMIT: Duration = Duration::from_secs(10);

/// Above a connector: goes through the proxies of a route, in order. A route without proxies passes.
///
/// An HTTP proxy gives a tunnel (CONNECT) to what is sealed or speaks HTTP/2; requests in cleartext it is left to forward, unless its hop
/// [says otherwise](skybridge_core::Proxy::tunnels_all). SOCKS proxies always
/// give tunnels.
///
/// Where the target allows [public](skybridge_core::Egress::Public) addresses only, no proxy is told another one. Names are told: what a proxy
/// finds behind them, only the proxy can guard.
#[derive(Clone, Copy, Debug)]
pub struct TunnelLayer<L = NoTls> {
    tls_connect: L,
    limit: Duration,
}

impl TunnelLayer {
    /// Speaks to proxies in cleartext. Each may take 10 s.
    pub fn new() -> Self {
        Self { tls_connect: NoTls, limit: LIMIT }
    }
}

impl Default for TunnelLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<L> TunnelLayer<L> {
    /// Speaks TLS to the proxies that are spoken to over it (`https://`): `TlsLayer::proxy_connector` gives one that trusts whom
    /// the origins' layer trusts, `TlsConfig::tls_connector` one with a configuration of its own. Without one, connecting through such a proxy
    /// fails with [`TunnelError::NoTls`](crate::TunnelError::NoTls).
    pub fn proxy_tls<T: TlsConnect<BoxedIo>>(self, tls_connect: T) -> TunnelLayer<T> {
        TunnelLayer { tls_connect, limit: self.limit }
    }

    /// How long each proxy may take to give its tunnel (default: 10 s). [`Timeouts::tunnel`](skybridge_core::Timeouts) goes
    /// first; `Duration::MAX` is no limit.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }
}

impl<S, L> Layer<S> for TunnelLayer<L>
where
    S: Connector,
    L: TlsConnect<S::Io> + TlsConnect<BoxedIo>,
{
    type Service = Deferred<S::Io, Tunnel<S, L>>;

    fn layer(&self, inner: S) -> Tunnel<S, L> {
        Tunnel::new(inner, self.tls_connect.clone(), self.limit)
    }
}
