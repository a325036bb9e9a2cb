use crate::Origin;
use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Where to connect to: an address to which a socket can be opened without a lookup, or a name for a connector that
/// resolves by itself.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Endpoint {
    /// An IP address and port.
    Inet(SocketAddr),
    /// The path of a Unix domain socket.
    Unix(Arc<Path>),
    /// A host that nobody on this side has looked up: what a `RouteLayer::unresolved` names, for a connector that looks
    /// up by itself, and what is known of the peer of a connection whose connector doesn't tell its address. No socket
    /// of `Tcp` is opened to it, and no [`Egress`](crate::Egress) but the one that allows everything allows it.
    Name {
        /// The name.
        host: Arc<str>,
        /// The port.
        port: u16,
    },
}

const _: () = assert!(size_of::<Endpoint>() == size_of::<SocketAddr>());

impl Endpoint {
    /// Where this origin listens: its address, or its name if that is all it has.
    pub fn of(origin: &Origin) -> Self {
        match origin.ip() {
            Some(ip) => SocketAddr::new(ip, origin.port()).into(),
            None => Self::Name { host: origin.name().into(), port: origin.port() },
        }
    }

    /// The IP address and port; `None` for a Unix domain socket and for a name.
    pub fn inet(&self) -> Option<SocketAddr> {
        match self {
            Self::Inet(addr) => Some(*addr),
            Self::Unix(_) | Self::Name { .. } => None,
        }
    }
}

impl From<SocketAddr> for Endpoint {
    /// An IPv4-mapped IPv6 address becomes the IPv4 address, so that one peer has one form.
    fn from(mut addr: SocketAddr) -> Self {
        addr.set_ip(addr.ip().to_canonical());
        Self::Inet(addr)
    }
}

impl From<([u8; 4], u16)> for Endpoint {
    fn from(addr: ([u8; 4], u16)) -> Self {
        Self::Inet(addr.into())
    }
}

impl From<PathBuf> for Endpoint {
    fn from(path: PathBuf) -> Self {
        Self::Unix(path.into())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(addr) => addr.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Name { host, port } => write!(f, "{host}:{port}"),
        }
    }
}
