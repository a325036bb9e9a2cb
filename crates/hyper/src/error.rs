use skybridge_core::{ConnectOptions, EchMode, HttpVersions, Protocol};
use std::fmt;

/// The peer negotiated another version of HTTP than the client requires.
#[derive(Clone, Copy, Eq, PartialEq)]
#[non_exhaustive]
pub struct AlpnMismatch {
    /// The version that the client requires.
    pub http_versions: HttpVersions,
    /// What ALPN selected; HTTP/1.1 if it selected nothing.
    pub negotiated: Protocol,
}

/// A foreign connector connects by itself, and can't be sent through the proxies of a route.
#[derive(Clone, Copy, Eq, PartialEq)]
#[non_exhaustive]
pub struct ProxyUnsupported;

/// A foreign connector is called with an origin and nothing else, and would ignore this option of the route.
#[derive(Clone, Copy, Eq, PartialEq)]
#[non_exhaustive]
pub enum OptionUnsupported {
    /// Public addresses only: the connector resolves names by itself.
    Egress,
    /// Endpoints to dial instead.
    Dial,
    /// Another name to send and to verify by TLS.
    ServerName,
    /// The origin's name to be hidden ([`EchMode::Require`](skybridge_core::EchMode::Require)), where the connector
    /// runs TLS.
    Ech,
    /// A unix socket, for which there is no URI.
    UnixSocket,
}

impl OptionUnsupported {
    /// The first option that a foreign connector would ignore, which runs TLS for this origin by itself or not.
    pub(crate) fn of(connect_options: &ConnectOptions, runs_tls: bool) -> Option<Self> {
        match connect_options {
            connect_options if !connect_options.egress.is_any_address() => Some(Self::Egress),
            connect_options if connect_options.dial.is_some() => Some(Self::Dial),
            connect_options if connect_options.server_name.is_some() => Some(Self::ServerName),
            connect_options if runs_tls && connect_options.ech == Some(EchMode::Require) => Some(Self::Ech),
            _ => None,
        }
    }
}

impl fmt::Display for AlpnMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let negotiated = if self.negotiated == Protocol::Http2 { "HTTP/2" } else { "HTTP/1.1" };
        let http_versions = if self.http_versions == HttpVersions::Http2 { "HTTP/2" } else { "HTTP/1.1" };
        write!(f, "the peer negotiated {negotiated}, and the client requires {http_versions}")
    }
}

impl fmt::Display for ProxyUnsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a foreign connector can't be sent through a proxy")
    }
}

impl fmt::Debug for AlpnMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&skybridge_core::OneLine(self), f)
    }
}

impl std::error::Error for AlpnMismatch {}

impl fmt::Debug for ProxyUnsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&skybridge_core::OneLine(self), f)
    }
}

impl std::error::Error for ProxyUnsupported {}

impl fmt::Display for OptionUnsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Egress => "a foreign connector can't be limited in its egress",
            Self::Dial => "a foreign connector can't be given endpoints to dial",
            Self::UnixSocket => "a foreign connector can't dial a unix socket",
            Self::ServerName => "a foreign connector can't be given another server name",
            Self::Ech => "a foreign connector that runs TLS can't be told to hide the origin's name (ECH)",
        })
    }
}

impl fmt::Debug for OptionUnsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&skybridge_core::OneLine(self), f)
    }
}

impl std::error::Error for OptionUnsupported {}
