mod answer;
mod auth;
mod basic_auth;
mod chain;
mod headers;
mod request;
mod url;

pub use self::{
    answer::ProxyAnswer,
    auth::{ProxyAuth, ProxyCredentials},
    basic_auth::BasicAuth,
    chain::IntoProxyChain,
    headers::{ProxyHeaderError, ProxyHeaders},
    request::ProxyRequest,
    url::ProxyError,
};

use crate::ascii_host;
use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

/// The protocol that a proxy speaks.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ProxyKind {
    /// HTTP in cleartext: `CONNECT` where a tunnel is needed, forwarding of requests in absolute form otherwise.
    Http,
    /// HTTP over TLS, otherwise like [`Http`](Self::Http).
    Https,
    /// SOCKS4: the client resolves names; IPv4 only.
    Socks4,
    /// SOCKS4a: the proxy resolves names.
    Socks4a,
    /// SOCKS5 (RFC 1928): the client resolves names.
    Socks5,
    /// SOCKS5: the proxy resolves names.
    Socks5h,
}

/// A proxy through which an origin is reached.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Proxy {
    /// The protocol that it speaks.
    pub kind: ProxyKind,
    /// Its host name or IP address; an IPv6 address in brackets.
    pub host: Arc<str>,
    /// Its port.
    pub port: u16,
    /// The credentials; `None` when it needs none.
    pub auth: Option<ProxyCredentials>,
    /// Whether requests in cleartext go through a tunnel too, instead of being forwarded by an HTTP proxy. Has no
    /// effect on SOCKS, where everything goes through a tunnel. Default: false.
    pub tunnels_all: bool,
    /// Whether it refuses itself what the target's [`Egress`](crate::Egress) would, of names that it resolves. Default:
    /// false.
    pub filters_egress: bool,
    /// Header fields for it, which no other hop and no origin is told. Default: none.
    pub headers: ProxyHeaders,
}

impl ProxyKind {
    /// The default port: 80 for `Http`, 443 for `Https`, 1080 for SOCKS.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
            _ => 1080,
        }
    }

    /// Whether it speaks HTTP, with or without TLS.
    pub fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }

    /// Whether it must be given the origin's address, so that the client resolves the name.
    pub fn wants_address(self) -> bool {
        matches!(self, Self::Socks4 | Self::Socks5)
    }
}

impl Proxy {
    /// A proxy without credentials. An IPv6 address may be given with or without brackets. A name that isn't ASCII is
    /// [converted](crate::ascii_host); where that can't be done, no connection by way of it is opened.
    pub fn new(kind: ProxyKind, host: impl Into<Arc<str>>, port: u16) -> Self {
        let mut host = host.into();
        if !host.is_ascii()
            && let Ok(ascii) = ascii_host(&host)
        {
            host = ascii.into();
        }
        if host.parse::<Ipv6Addr>().is_ok() {
            host = format!("[{host}]").into();
        }
        let headers = ProxyHeaders::default();
        Self { kind, host, port, auth: None, tunnels_all: false, filters_egress: false, headers }
    }

    /// The host, when it is an IP address.
    pub fn ip(&self) -> Option<IpAddr> {
        self.name().parse().ok()
    }

    /// The host without brackets and trailing dot: what is resolved, and what its certificate must name.
    pub fn name(&self) -> &str {
        let host = self.host.strip_suffix('.').unwrap_or(&self.host);
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    /// Sets the credentials.
    pub fn auth(mut self, auth: impl ProxyAuth) -> Self {
        self.auth = Some(ProxyCredentials(Arc::new(auth)));
        self
    }

    /// Asks the proxy for a tunnel also for requests in cleartext. Requests through a tunnel and requests that are
    /// forwarded never share a connection.
    pub fn tunnels_all(mut self) -> Self {
        self.tunnels_all = true;
        self
    }

    /// Declares that it refuses itself what the target's [`Egress`](crate::Egress) would, of names that it resolves, so
    /// that it may be given names. The client can't tell whether that is so.
    pub fn filters_egress(mut self) -> Self {
        self.filters_egress = true;
        self
    }

    /// Sets header fields for requests to the proxy.
    pub fn headers(mut self, headers: ProxyHeaders) -> Self {
        self.headers = headers;
        self
    }
}

impl fmt::Display for Proxy {
    /// Its URL, without credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.kind {
            ProxyKind::Http => "http",
            ProxyKind::Https => "https",
            ProxyKind::Socks4 => "socks4",
            ProxyKind::Socks4a => "socks4a",
            ProxyKind::Socks5 => "socks5",
            ProxyKind::Socks5h => "socks5h",
        };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}
