use skybridge_core::{Egress, Protocol, Terms, Want};
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

/// A foreign connector is told an origin and nothing else: what its route wishes besides would be passed over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Unheard {
    /// To go to public addresses only: it looks addresses up by itself.
    Egress,
    /// To dial these endpoints.
    Dial,
    /// Another name to verify.
    ServerName,
}

impl Unheard {
    /// What a foreign connector would not hear.
    pub(crate) fn of(terms: &Terms) -> Option<Self> {
        match terms {
            terms if terms.egress != Egress::Any => Some(Self::Egress),
            terms if terms.dial.is_some() => Some(Self::Dial),
            terms if terms.server_name.is_some() => Some(Self::ServerName),
            _ => None,
        }
    }
}

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

impl fmt::Display for Unheard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Egress => "a foreign connector can't be kept from addresses that are not public",
            Self::Dial => "a foreign connector can't be told what to dial",
            Self::ServerName => "a foreign connector can't be told another name to verify",
        })
    }
}

impl std::error::Error for Unheard {}
