use skybridge_core::Endpoint;
use std::{fmt, net::IpAddr};

/// A route without any endpoint was to be connected.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct NoEndpoint;

/// The target allows public addresses only ([`Egress::Public`](skybridge_core::Egress::Public)), and this isn't one. No socket was opened.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct NotPublic {
    /// What was refused.
    pub endpoint: Endpoint,
}

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

impl fmt::Display for NotPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not a public address, and only those are allowed", self.endpoint)
    }
}

impl fmt::Display for NoLocalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no local address is set from which {} can be reached", self.remote)
    }
}

impl std::error::Error for NoEndpoint {}

impl std::error::Error for NotPublic {}

impl std::error::Error for NoLocalAddress {}
