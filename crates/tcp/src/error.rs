use std::{fmt, io, net::IpAddr};

/// The route has no endpoint to connect to.
#[derive(Clone, Copy, Eq, PartialEq)]
#[non_exhaustive]
pub struct NoEndpoint;

/// Local addresses are configured, and none of them is of the endpoint's address family. No socket was opened.
#[derive(Clone, Copy, Eq, PartialEq)]
#[non_exhaustive]
pub struct NoLocalAddress {
    /// The peer's address.
    pub remote: IpAddr,
}

/// A socket can't be given what is configured: no such interface or address, no right to it, or a system without it.
/// Nothing was sent. No other endpoint would be different, so the error is fatal; but for a local address, as there may
/// be one of the other family.
#[non_exhaustive]
pub enum SocketRefused {
    /// It can't be bound to this [interface](crate::Tcp::interface).
    Interface(Box<str>, io::Error),
    /// It can't have this [mark](crate::Tcp::mark).
    Mark(u32, io::Error),
    /// It can't be bound to this [local address](crate::Tcp::local_address).
    LocalAddress(IpAddr, io::Error),
}

impl fmt::Display for NoEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is no endpoint to connect to")
    }
}

impl fmt::Display for NoLocalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no local address of the family of {} is configured", self.remote)
    }
}

impl fmt::Display for SocketRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interface(name, _) => {
                write!(f, "a socket can't be bound to the interface `{}`", name.escape_default())
            }
            Self::LocalAddress(addr, _) => write!(f, "a socket can't be bound to the local address {addr}"),
            Self::Mark(mark, _) => write!(f, "a socket can't have the mark {mark:#x}"),
        }
    }
}

impl fmt::Debug for SocketRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&skybridge_core::OneLine(self), f)
    }
}

impl std::error::Error for SocketRefused {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Interface(_, error) | Self::Mark(_, error) | Self::LocalAddress(_, error) => Some(error),
        }
    }
}

impl fmt::Debug for NoEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&skybridge_core::OneLine(self), f)
    }
}

impl std::error::Error for NoEndpoint {}

impl fmt::Debug for NoLocalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&skybridge_core::OneLine(self), f)
    }
}

impl std::error::Error for NoLocalAddress {}
