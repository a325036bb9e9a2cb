use skybridge_core::{ConnectOptions, Egress, HttpVersions, Protocol};
use std::fmt;

/// The peer speaks another version of HTTP than the client above wants.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct AlpnMismatch {
    /// What connections are for.
    pub http_versions: HttpVersions,
    /// What TLS agreed on; HTTP/1.1 when it agreed on nothing.
    pub agreed: Protocol,
}

/// A foreign connector opens the whole way by itself: it can't be sent through our proxies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ProxyUnsupported;

/// A foreign connector is told an origin and nothing else: what its route wishes besides would be passed over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum OptionUnsupported {
    /// To go to public addresses only: it looks addresses up by itself.
    Egress,
    /// To dial these endpoints.
    Dial,
    /// Another name to verify.
    ServerName,
    /// To dial a unix socket: it is asked for URIs, and none leads there.
    UnixSocket,
}

impl OptionUnsupported {
    /// What a foreign connector would not hear.
    pub(crate) fn of(connect_options: &ConnectOptions) -> Option<Self> {
        match connect_options {
            connect_options if connect_options.egress != Egress::Any => Some(Self::Egress),
            connect_options if connect_options.dial.is_some() => Some(Self::Dial),
            connect_options if connect_options.server_name.is_some() => Some(Self::ServerName),
            _ => None,
        }
    }
}

impl fmt::Display for AlpnMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let agreed = if self.agreed == Protocol::Http2 { "HTTP/2" } else { "HTTP/1.1" };
        let http_versions = if self.http_versions == HttpVersions::Http2 { "HTTP/2" } else { "HTTP/1.1" };
        write!(f, "the peer agreed on {agreed}, and connections are for {http_versions}")
    }
}

impl fmt::Display for ProxyUnsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a foreign connector can't be sent through a proxy")
    }
}

impl std::error::Error for AlpnMismatch {}

impl std::error::Error for ProxyUnsupported {}

impl fmt::Display for OptionUnsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Egress => "a foreign connector can't be kept from addresses that are not public",
            Self::Dial => "a foreign connector can't be told what to dial",
            Self::UnixSocket => "a foreign connector can't be told to dial a unix socket",
            Self::ServerName => "a foreign connector can't be told another name to verify",
        })
    }
}

impl std::error::Error for OptionUnsupported {}
