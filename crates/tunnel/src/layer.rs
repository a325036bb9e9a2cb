use crate::{BoxedIo, NoTls, Tunnel, settings::Settings};
use http::HeaderValue;
use skybridge_core::{Connector, Deferred, TlsConnect};
use std::time::Duration;
use tower_layer::Layer;

/// How long one proxy may take by default.
const LIMIT: Duration = Duration::from_secs(10);
/// Who asks for tunnels by default.
const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("skybridge/", env!("CARGO_PKG_VERSION")));

/// Establishes tunnels through the proxies of a route, in order, over any [`Connector`]. Routes without proxies pass
/// through. An HTTP proxy is asked for a tunnel (CONNECT) for `https` and for HTTP/2; requests in cleartext are left
/// for it to forward, unless [`Proxy::tunnels_all`](skybridge_core::Proxy::tunnels_all) is set. SOCKS proxies always
/// tunnel. No proxy is asked for an address that the target's [`Egress`](skybridge_core::Egress) refuses, nor for a
/// name whose address matters to it, unless the proxy is declared to [filter](skybridge_core::Proxy::filters_egress).
///
/// A proxy's challenge (407) is answered with what its [`ProxyAuth`](skybridge_core::ProxyAuth) gives, up to 20
/// times: on the same connection, or, if that can't go on (as after `connection: close`), on a new one to the same
/// address.
///
/// CONNECT carries `host`, [`user-agent`](Self::user_agent), `proxy-authorization` and the proxy's own
/// [headers](skybridge_core::ProxyHeaders), and nothing else: what the caller's request says is for the origin.
#[derive(Clone, Debug)]
pub struct TunnelLayer<L = NoTls> {
    tls_connect: L,
    limit: Duration,
    http2: bool,
    user_agent: Option<HeaderValue>,
    http1_0: bool,
}

impl TunnelLayer {
    /// Speaks to proxies in cleartext. Each may take 10 s: see [`timeout`](Self::timeout).
    pub fn new() -> Self {
        Self { tls_connect: NoTls, limit: LIMIT, http2: false, user_agent: Some(USER_AGENT), http1_0: false }
    }
}

impl Default for TunnelLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<L> TunnelLayer<L> {
    /// Speaks TLS to `https://` proxies. `TlsLayer::proxy_connector` gives a connector with the roots of the layer for
    /// origins, `TlsConfig::tls_connector` one with a configuration of its own. Without one, connecting through such a
    /// proxy fails with [`TunnelError::NoTls`](crate::TunnelError::NoTls).
    pub fn proxy_tls<T: TlsConnect<BoxedIo>>(self, tls_connect: T) -> TunnelLayer<T> {
        let Self { limit, http2, user_agent, http1_0, .. } = self;
        TunnelLayer { tls_connect, limit, http2, user_agent, http1_0 }
    }

    /// Speaks HTTP/2 to an `https://` proxy that chooses it by ALPN, which the [TLS connector](Self::proxy_tls) must
    /// offer (default: off). Tunnels through the same proxy, with the same credentials, and behind the same others, are
    /// streams of one connection (RFC 9113, section 8.5), up to 100 or to what the proxy allows; then there is another.
    /// Of a chain it is the connection to the last one that is shared so. Who comes while it is being opened waits for
    /// the proxy's SETTINGS. It is closed with its last tunnel. A tunnel that is not answered in time ends it for those
    /// who come later, unless another was answered meanwhile. A stream that the proxy refuses (REFUSED_STREAM) is asked
    /// for on a new connection, once. A proxy that chooses HTTP/1.1 is taken to do so for 5 minutes.
    ///
    /// Where the last proxy forwards requests, and chooses HTTP/2 for that, the link says so
    /// ([`ConnInfo::protocol`](skybridge_core::ConnInfo::protocol)), and the layer above speaks it. It is offered where
    /// the target leaves the version open.
    pub fn http2(mut self, on: bool) -> Self {
        self.http2 = on;
        self
    }

    /// The `user-agent` of CONNECT (RFC 9110, section 10.1.5; default: `skybridge/` and the version); `None` sends
    /// none. A proxy whose [headers](skybridge_core::ProxyHeaders) have one gets that.
    pub fn user_agent(mut self, user_agent: impl Into<Option<HeaderValue>>) -> Self {
        self.user_agent = user_agent.into();
        self
    }

    /// Says HTTP/1.0 in CONNECT, for proxies that know nothing later (default: off). Credentials that such a proxy asks
    /// for are shown to it on another connection.
    pub fn http1_0(mut self, on: bool) -> Self {
        self.http1_0 = on;
        self
    }

    /// Whether [`http2`](Self::http2) is on.
    pub fn speaks_http2(&self) -> bool {
        self.http2
    }

    /// How long each proxy may take to establish its tunnel (default: 10 s).
    /// [`Timeouts::tunnel`](skybridge_core::Timeouts) takes precedence; `Duration::MAX` is no limit.
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
        let settings = Settings { limit: self.limit, user_agent: self.user_agent.clone(), http1_0: self.http1_0 };
        Tunnel::new(inner, self.tls_connect.clone(), settings, self.http2)
    }
}
