use crate::{Partition, Proxy};
use http::{HeaderMap, HeaderValue, Method};
use std::fmt;

/// A request that a proxy may want credentials for: what [`ProxyAuth`](crate::ProxyAuth) may need to know of it. Digest
/// (RFC 7616, section 3.4) signs method and target.
#[derive(Clone, Copy)]
pub struct ProxyRequest<'a> {
    proxy: &'a Proxy,
    method: &'a Method,
    target: &'a (dyn fmt::Display + Sync),
    partition: Option<&'a Partition>,
    refused: Option<&'a HeaderValue>,
}

impl<'a> ProxyRequest<'a> {
    /// A request with this target, as it stands in the request line (RFC 9112, section 3.2): `host:port` for CONNECT,
    /// the whole URI for a request that is forwarded.
    pub fn new(proxy: &'a Proxy, method: &'a Method, target: &'a (dyn fmt::Display + Sync)) -> Self {
        Self { proxy, method, target, partition: None, refused: None }
    }

    /// It is sent for this partition (default: none).
    pub fn for_partition(mut self, partition: Option<&'a Partition>) -> Self {
        self.partition = partition;
        self
    }

    /// It was sent with these credentials before, and answered with a challenge.
    pub fn refused(mut self, credentials: Option<&'a HeaderValue>) -> Self {
        self.refused = credentials;
        self
    }

    /// The proxy.
    pub fn proxy(&self) -> &'a Proxy {
        self.proxy
    }

    /// The method.
    pub fn method(&self) -> &'a Method {
        self.method
    }

    /// The target, as it stands in the request line.
    pub fn target(&self) -> String {
        self.target.to_string()
    }

    /// The partition of the connections that it asks for or is sent on. What is remembered of a challenge is for the
    /// requests of the same one.
    pub fn partition(&self) -> Option<&'a Partition> {
        self.partition
    }

    /// The credentials that the challenge is an answer to; `None` if there were none, or there was no challenge yet.
    pub fn refused_credentials(&self) -> Option<&'a HeaderValue> {
        self.refused
    }

    /// What the proxy's [`ProxyAuth`](crate::ProxyAuth) says to it, marked as sensitive.
    pub fn authorize(&self, challenge: Option<&HeaderMap>) -> Option<HeaderValue> {
        let mut value = self.proxy.auth.as_ref()?.0.authorize(self, challenge)?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl fmt::Debug for ProxyRequest<'_> {
    /// Leaves the target out, whose query may be secret, and the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyRequest")
            .field("proxy", &format_args!("{}", self.proxy))
            .field("method", self.method)
            .finish_non_exhaustive()
    }
}
