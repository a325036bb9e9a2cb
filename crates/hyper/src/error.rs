use skybridge_core::{Protocol, Want};
use std::fmt;

/// The peer speaks another version of HTTP than the client above wants.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Contradiction {
    /// What connections are for.
    pub want: Want,
    /// What TLS agreed on; HTTP/1.1 when it agreed on nothing.
    pub agreed: Protocol,
}

/// A foreign connector opens the whole way by itself: it can't be sent through our proxies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct NoWayThrough;

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let agreed = if self.agreed == Protocol::Http2 { "HTTP/2" } else { "HTTP/1.1" };
        let want = if self.want == Want::Http2 { "HTTP/2" } else { "HTTP/1.1" };
        write!(f, "the peer agreed on {agreed}, and connections are for {want}")
    }
}

impl fmt::Display for NoWayThrough {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a foreign connector can't be sent through a proxy")
    }
}

impl std::error::Error for Contradiction {}

impl std::error::Error for NoWayThrough {}
