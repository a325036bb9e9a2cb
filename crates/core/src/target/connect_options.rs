use crate::{Dial, EchMode, Egress, Endpoint, IntoProxyChain, OriginError, Proxy};
use std::{fmt, sync::Arc};

/// Which version of HTTP a connection must speak.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum HttpVersions {
    /// The version that the peer chooses by ALPN; HTTP/1.1 in cleartext.
    #[default]
    Any,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only; in cleartext with prior knowledge (RFC 9113, section 3.3). Over TLS it is offered alone by ALPN,
    /// and a peer that doesn't choose it is refused: there is no prior knowledge (RFC 9113, section 3.2).
    Http2,
}

/// A name that separates connections: requests of different partitions (tenants, users, sessions) never share one.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Partition(Arc<str>);

/// What is asked of a connection besides its origin. Compared by value: requests with equal options share connections.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// The version of HTTP to speak. Default: by ALPN.
    pub http_versions: HttpVersions,
    /// Whether TLS hides the origin's name. Default: `None`, only where the TLS layer has keys for the host.
    pub ech: Option<EchMode>,
    /// The partition. Default: none.
    pub partition: Option<Partition>,
    /// The proxies to go through; an empty list is a direct connection. Default: `None`, as the route layer decides.
    pub proxies: Option<Arc<[Proxy]>>,
    /// Where to connect to, in place of the origin's host and port. Default: `None`.
    pub dial: Option<Dial>,
    /// The name for SNI and the verification of the certificate. Default: `None`, the origin's host.
    pub server_name: Option<Arc<str>>,
    /// Which addresses the connection may go to. Default: any.
    pub egress: Egress,
}

// === impl Partition ===

impl Partition {
    /// Partitions with the same name are the same.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The name may identify a session, so it must not be logged.
        f.write_str("Partition(..)")
    }
}

// === impl ConnectOptions ===

impl ConnectOptions {
    /// The defaults: the version of HTTP by ALPN, no partition, proxies and addresses as the layers decide, any egress.
    pub fn new() -> Self {
        Self::default()
    }

    /// The version of HTTP to speak; [`HttpVersions::Any`] by default.
    #[must_use]
    pub fn http_versions(mut self, http_versions: HttpVersions) -> Self {
        self.http_versions = http_versions;
        self
    }

    /// Shares connections only within this partition.
    #[must_use]
    pub fn partition(mut self, partition: Partition) -> Self {
        self.partition = Some(partition);
        self
    }

    /// Goes through these proxies, in this order; directly when the list is empty.
    #[must_use]
    pub fn proxies(mut self, proxies: impl IntoProxyChain) -> Self {
        self.proxies = Some(proxies.into_chain());
        self
    }

    /// Dials these endpoints and asks no resolver.
    #[must_use]
    pub fn dial(mut self, endpoints: impl Into<Arc<[Endpoint]>>) -> Self {
        self.dial = Some(endpoints.into().into());
        self
    }

    /// Connects to this host and port in place of the origin's, also by way of proxies, none of which forwards then:
    /// they are asked for a tunnel. Requests and TLS name the origin as before, and the egress policy is asked for
    /// both.
    ///
    /// # Errors
    /// When the host is not valid, or the port is 0.
    pub fn connect_to(mut self, host: &str, port: u16) -> Result<Self, OriginError> {
        self.dial = Some(Dial::host_and_port(host, port)?);
        Ok(self)
    }

    /// The name for SNI (RFC 6066, section 3) and for the verification of the certificate, in place of the origin's.
    #[must_use]
    pub fn server_name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Whether TLS hides the origin's name (RFC 9849); by default only where the TLS layer has keys for the host.
    #[must_use]
    pub fn ech(mut self, mode: EchMode) -> Self {
        self.ech = Some(mode);
        self
    }

    /// Which addresses connections may go to; [`Egress::any`] by default.
    #[must_use]
    pub fn egress(mut self, egress: Egress) -> Self {
        self.egress = egress;
        self
    }

    /// These options, and those of `base` where these are not set. Of `egress` it is what [both](Egress::and) allow: a
    /// request may narrow it, and never widen it.
    pub fn or(&self, base: &Self) -> Self {
        Self {
            http_versions: if self.http_versions == HttpVersions::Any {
                base.http_versions
            } else {
                self.http_versions
            },
            ech: self.ech.or(base.ech),
            partition: self.partition.clone().or_else(|| base.partition.clone()),
            proxies: self.proxies.clone().or_else(|| base.proxies.clone()),
            dial: self.dial.clone().or_else(|| base.dial.clone()),
            server_name: self.server_name.clone().or_else(|| base.server_name.clone()),
            egress: self.egress.clone().and(&base.egress),
        }
    }

    /// Whether at least one proxy is asked for.
    pub(crate) fn wants_proxies(&self) -> bool {
        self.proxies.as_ref().is_some_and(|proxies| !proxies.is_empty())
    }
}
