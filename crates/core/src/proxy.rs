mod auth;
mod basic_auth;
mod url;

pub use self::{
    auth::{ProxyAuth, ProxyCredentials},
    basic_auth::BasicAuth,
    url::ProxyError,
};

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

/// How a proxy is spoken to.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ProxyKind {
    /// HTTP in cleartext: `CONNECT` for what must be a tunnel, absolute form for the rest.
    Http,
    /// HTTP over TLS.
    Https,
    /// SOCKS4: this side resolves, IPv4 only.
    Socks4,
    /// SOCKS4a: the proxy resolves.
    Socks4a,
    /// SOCKS5 (RFC 1928): this side resolves.
    Socks5,
    /// SOCKS5: the proxy resolves.
    Socks5h,
}

/// One proxy on the way to an origin.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Proxy {
    /// How it is spoken to.
    pub kind: ProxyKind,
    /// Its name or address, IPv6 in brackets.
    pub host: Arc<str>,
    /// Its port.
    pub port: u16,
    /// What proves who we are.
    pub auth: Option<ProxyCredentials>,
    /// Requests in cleartext go through a tunnel too, which an HTTP proxy is otherwise left to forward. To SOCKS it is nothing new.
    pub tunnels_all: bool,
}

impl ProxyKind {
    /// The port that a proxy of this kind listens at when nobody says otherwise: 80, 443, 1080.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
            _ => 1080,
        }
    }

    /// Spoken to by HTTP, in cleartext or sealed.
    pub fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }

    /// Asked for addresses, so that this side resolves the origin's name.
    pub fn wants_address(self) -> bool {
        matches!(self, Self::Socks4 | Self::Socks5)
    }
}

impl Proxy {
    /// A proxy without credentials. An IPv6 address gets its brackets.
    pub fn new(kind: ProxyKind, host: impl Into<Arc<str>>, port: u16) -> Self {
        let mut host = host.into();
        if host.parse::<Ipv6Addr>().is_ok() {
            host = format!("[{host}]").into();
        }
        Self { kind, host, port, auth: None, tunnels_all: false }
    }

    /// The host when it is an address rather than a name: nothing to resolve.
    pub fn ip(&self) -> Option<IpAddr> {
        self.name().parse().ok()
    }

    /// The host without brackets or trailing dot: what is resolved, and what its certificate must name.
    pub fn name(&self) -> &str {
        let host = self.host.strip_suffix('.').unwrap_or(&self.host);
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    /// Adds credentials.
    pub fn auth(mut self, auth: impl ProxyAuth) -> Self {
        self.auth = Some(ProxyCredentials(Arc::new(auth)));
        self
    }

    /// Asks for a tunnel whatever it is for. What goes through it shares no connection with what is forwarded.
    pub fn tunnels_all(mut self) -> Self {
        self.tunnels_all = true;
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
