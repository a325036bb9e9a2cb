use skybridge_core::{Dial, Endpoint, Proxy, Route};
use std::{fmt, net::IpAddr};

/// What a proxy is asked to connect to: the next proxy, or the origin.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ProxyTarget {
    pub(crate) host: Host,
    pub(crate) port: u16,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Host {
    Ip(IpAddr),
    Name(Box<str>),
}

impl ProxyTarget {
    pub(crate) fn proxy(proxy: &Proxy) -> Self {
        Self { host: Host::of(proxy.ip(), proxy.name()), port: proxy.port }
    }

    /// The address that the route chose, otherwise the name of the host to connect to: as a rule the origin's.
    pub(crate) fn origin(route: &Route) -> Self {
        let origin = route.target.origin();
        let other = route.target.connect_options().dial.as_ref().and_then(Dial::host);
        match (route.proxy_target.as_ref().and_then(Endpoint::inet), other) {
            (Some(addr), _) => Self { host: Host::Ip(addr.ip()), port: addr.port() },
            (None, Some((name, port))) => Self { host: Host::Name(name.into()), port },
            (None, None) => Self { host: Host::of(origin.ip(), origin.name()), port: origin.port() },
        }
    }
}

impl Host {
    fn of(ip: Option<IpAddr>, name: &str) -> Self {
        ip.map_or_else(|| Self::Name(name.into()), |ip| Self::Ip(ip.to_canonical()))
    }
}

impl fmt::Display for ProxyTarget {
    /// The authority form (RFC 9112, section 3.2.3): always with a port, IPv6 in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.port;
        match &self.host {
            Host::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]:{port}"),
            Host::Ip(IpAddr::V4(ip)) => write!(f, "{ip}:{port}"),
            Host::Name(name) => write!(f, "{name}:{port}"),
        }
    }
}
