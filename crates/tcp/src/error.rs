use std::{fmt, net::IpAddr};

/// A route without any endpoint was to be connected.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct NoEndpoint;

/// Sockets are bound to local addresses, and none of them is of the endpoint's family. No socket was opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct NoLocalAddress {
    /// The peer's address.
    pub remote: IpAddr,
}

impl fmt::Display for NoEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is no endpoint to connect to")
    }
}

impl fmt::Display for NoLocalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no local address is set from which {} can be reached", self.remote)
    }
}

impl std::error::Error for NoEndpoint {}

impl std::error::Error for NoLocalAddress {}
