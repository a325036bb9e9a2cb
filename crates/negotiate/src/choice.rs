use skybridge_core::{BoxError, ConnInfo, HttpVersions, Protocol};
use std::fmt;

/// The protocol that was negotiated by ALPN is not the version of HTTP that the target asks for. To try again, or
/// another route, would not help.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct AlpnMismatch {
    /// The version that the target asks for.
    pub http_versions: HttpVersions,
    /// The protocol that was negotiated by ALPN.
    pub agreed: Protocol,
}

/// The protocol that was negotiated by ALPN, with the origin or with the proxy that forwards to it, or, without ALPN,
/// the version that the target asks for.
pub(crate) fn choose(info: &ConnInfo) -> Result<Protocol, BoxError> {
    info.fit_for_http()?;
    let http_versions = info.route.target.connect_options().http_versions;
    let agreed = info.tls.as_ref().and_then(|tls| tls.alpn).or(info.protocol);
    match (agreed, http_versions) {
        (Some(agreed @ Protocol::Http2), HttpVersions::Http1)
        | (Some(agreed @ Protocol::Http1), HttpVersions::Http2) => Err(AlpnMismatch { http_versions, agreed }.into()),
        (Some(agreed), _) => Ok(agreed),
        (None, HttpVersions::Http2) => Ok(Protocol::Http2),
        (None, _) => Ok(Protocol::Http1),
    }
}

impl fmt::Display for AlpnMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let agreed = if self.agreed == Protocol::Http2 { "HTTP/2" } else { "HTTP/1.1" };
        let http_versions = if self.http_versions == HttpVersions::Http2 { "HTTP/2" } else { "HTTP/1.1" };
        write!(f, "the peer chose {agreed} by ALPN, but the target asks for {http_versions}")
    }
}

impl fmt::Debug for AlpnMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&skybridge_core::OneLine(self), f)
    }
}

impl std::error::Error for AlpnMismatch {}
