use std::{fmt, net::IpAddr};

/// The route has no endpoint to connect to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct NoEndpoint;

/// Local addresses are configured, and none of them is of the endpoint's address family. No socket was opened.
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
        write!(f, "no local address of the family of {} is configured", self.remote)
    }
}

impl std::error::Error for NoEndpoint {}

impl std::error::Error for NoLocalAddress {}
