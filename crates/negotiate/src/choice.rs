use skybridge_core::{BoxError, ConnInfo, Protocol, Want};
use std::fmt;

/// What TLS agreed on is not what the target must speak. Asking again, or by another route, would not help.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Contradiction {
    /// What the target wants.
    pub want: Want,
    /// What was agreed on by ALPN.
    pub agreed: Protocol,
}

/// Chooses by fact; without one, by the wish.
pub(crate) fn choose(info: &ConnInfo) -> Result<Protocol, BoxError> {
    info.fit_for_http()?;
    let want = info.route.target.terms().want;
    match (info.tls.as_ref().and_then(|tls| tls.alpn), want) {
        (Some(agreed @ Protocol::Http2), Want::Http1) | (Some(agreed @ Protocol::Http1), Want::Http2) => {
            Err(Contradiction { want, agreed }.into())
        }
        (Some(agreed), _) => Ok(agreed),
        (None, Want::Http2) => Ok(Protocol::Http2),
        (None, _) => Ok(Protocol::Http1),
    }
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let agreed = if self.agreed == Protocol::Http2 { "HTTP/2" } else { "HTTP/1.1" };
        let want = if self.want == Want::Http2 { "HTTP/2" } else { "HTTP/1.1" };
        write!(f, "the peer chose {agreed} by ALPN, and the target wants {want}")
    }
}

impl std::error::Error for Contradiction {}
