use crate::TlsError;
use skybridge_core::{HttpVersions, Protocol};

const H2: &[u8] = b"h2";
const HTTP_1_1: &[u8] = b"http/1.1";

/// The protocols to offer (RFC 7301), in order of preference.
pub(crate) fn offer(http_versions: Option<HttpVersions>) -> Vec<Vec<u8>> {
    offered(http_versions).iter().map(|name| name.to_vec()).collect()
}

fn offered(http_versions: Option<HttpVersions>) -> &'static [&'static [u8]] {
    match http_versions {
        None => &[],
        Some(HttpVersions::Http1) => &[HTTP_1_1],
        Some(HttpVersions::Http2) => &[H2],
        Some(_) => &[H2, HTTP_1_1],
    }
}

/// What the peer chose, which rustls doesn't compare with what it was offered: its error doesn't tell the name. HTTP/2
/// over TLS is negotiated by ALPN only (RFC 9113, section 3.2): a peer that chose nothing speaks HTTP/1.1.
pub(crate) fn selected(
    http_versions: Option<HttpVersions>,
    answer: Option<&[u8]>,
) -> Result<Option<Protocol>, TlsError> {
    let offered = offered(http_versions);
    match answer {
        Some(chosen) if !offered.contains(&chosen) => {
            let text = |name: &[u8]| name.escape_ascii().to_string().into();
            let offered = offered.iter().map(|name| text(name)).collect();
            Err(TlsError::UnknownProtocol { chosen: text(chosen), offered })
        }
        Some(H2) => Ok(Some(Protocol::Http2)),
        Some(_) => Ok(Some(Protocol::Http1)),
        None if http_versions == Some(HttpVersions::Http2) => Err(TlsError::NoHttp2),
        None => Ok(None),
    }
}
