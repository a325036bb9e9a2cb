use http::{HeaderMap, HeaderValue};
use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

/// Credentials for a proxy. Belongs to the hop: it never sees the origin's request, and the origin never sees what it answers.
pub trait ProxyAuth: Send + Sync + 'static {
    /// Connections are shared between hops whose credentials have equal identities. It is compared and hashed, and never printed.
    fn identity(&self) -> &[u8];

    /// The value of `proxy-authorization`: sent at once when `challenge` is `None`, otherwise in answer to the head of a 407
    /// (RFC 9110, section 11.7), on the same connection. `None` gives up.
    ///
    /// A proxy that forwards requests is told what `None` gave when its connection was opened. Its 407 is the response: nothing is sent again.
    fn authorize(&self, challenge: Option<&HeaderMap>) -> Option<HeaderValue>;

    /// User and password for SOCKS5 (RFC 1929).
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
