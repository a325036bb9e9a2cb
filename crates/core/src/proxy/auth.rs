use crate::ProxyRequest;
use http::{HeaderMap, HeaderValue};
use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

/// Credentials for one proxy. They never see the request to the origin, and the origin never sees them.
pub trait ProxyAuth: Send + Sync + 'static {
    /// Connections are shared only between proxies whose credentials have equal identities. It is compared and hashed,
    /// but never printed.
    fn identity(&self) -> &[u8];

    /// The value of `proxy-authorization` (RFC 9110, section 11.7) for a request to the proxy. First called with
    /// `challenge` `None`, for each tunnel and each request that is forwarded; then with the head of each 407, for the
    /// same request once more, on the same connection or, if that can't go on, on a new one. `None` sends it without
    /// credentials, or gives up: the 407 is the error, or the response. So it is after [20
    /// answers](crate::ProxyAnswer::LIMIT).
    ///
    /// A request that is forwarded is sent again by the retry layer, if its body can be copied
    /// ([`Replays`](crate::Replays)).
    fn authorize(&self, request: &ProxyRequest<'_>, challenge: Option<&HeaderMap>) -> Option<HeaderValue>;

    /// The schemes by which credentials may be shown, for messages: such as `Basic`, or `Digest or Basic`. Default:
    /// empty, for any.
    fn schemes(&self) -> &'static str {
        ""
    }

    /// User and password for SOCKS5 (RFC 1929); SOCKS4 uses the user alone. Default: none.
    fn user_password(&self) -> Option<(&str, &str)> {
        None
    }
}

/// A shared [`ProxyAuth`], compared by its identity.
#[derive(Clone)]
pub struct ProxyCredentials(pub Arc<dyn ProxyAuth>);

impl PartialEq for ProxyCredentials {
    fn eq(&self, other: &Self) -> bool {
        self.0.identity() == other.0.identity()
    }
}

impl Eq for ProxyCredentials {}

impl Hash for ProxyCredentials {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.identity().hash(state);
    }
}

impl fmt::Debug for ProxyCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProxyCredentials(..)")
    }
}
