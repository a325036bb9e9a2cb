use crate::net::Network;
use skybridge_core::Io;
use std::{
    collections::HashMap,
    fmt, io,
    net::{IpAddr, SocketAddr},
};
use tokio::net::TcpStream;

/// A stream of any type.
pub type Stream = Box<dyn Io>;

/// How a proxy connects to the hosts behind it.
#[derive(Clone, Debug, Default)]
pub(super) struct Reach {
    pub(super) hosts: HashMap<String, SocketAddr>,
    pub(super) net: Option<Network>,
}

/// A host and a port, as a proxy is asked for them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct HostPort {
    pub(super) host: String,
    pub(super) port: u16,
}

// === impl Reach ===

impl Reach {
    pub(super) async fn connect(&self, place: &HostPort) -> io::Result<Stream> {
        let addr = self.resolve(place)?;
        Ok(match &self.net {
            Some(net) => Box::new(net.connect(addr).await?),
            None => {
                let stream = TcpStream::connect(addr).await?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
        })
    }

    fn resolve(&self, place: &HostPort) -> io::Result<SocketAddr> {
        if let Some(addr) = self.hosts.get(&place.host) {
            return Ok(*addr);
        }
        if let Ok(ip) = place.host.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Ok(SocketAddr::new(ip, place.port));
        }
        let ips = self.net.as_ref().and_then(|net| net.lookup(&place.host));
        let ip = ips.and_then(|ips| ips.first().copied());
        ip.map(|ip| SocketAddr::new(ip, place.port)).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

// === impl HostPort ===

impl HostPort {
    /// Parses `host:port`; the port may be omitted if there is a default.
    pub(super) fn parse(authority: &str, port: Option<u16>) -> Option<Self> {
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
            _ => (authority, port?),
        };
        Some(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}
