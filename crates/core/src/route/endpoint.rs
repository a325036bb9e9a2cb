use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

/// An address to which a socket can be opened without a lookup.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Endpoint {
    /// An IP address and port.
    Inet(SocketAddr),
    /// The path of a Unix domain socket.
    Unix(Arc<Path>),
}

impl Endpoint {
    /// The IP address and port; `None` for a Unix domain socket.
    pub fn inet(&self) -> Option<SocketAddr> {
        match self {
            Self::Inet(addr) => Some(*addr),
            Self::Unix(_) => None,
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
        }
    }
}
