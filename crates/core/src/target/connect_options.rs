use crate::{Egress, Endpoint, Proxy};
use std::{fmt, sync::Arc};

/// Which version of HTTP a target must speak.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum HttpVersions {
    /// What the peer chooses by ALPN; HTTP/1.1 in cleartext.
    #[default]
    Any,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only; in cleartext with prior knowledge (RFC 9113, section 3.3).
    Http2,
}

/// Connections of one partition are never used by another: a tenant, a user, a privacy boundary.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Partition(Arc<str>);

/// What, besides its origin, makes a connection different from another. By value, so that equal wishes share connections.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// The version of HTTP.
    pub http_versions: HttpVersions,
    /// The partition; none by default.
    pub partition: Option<Partition>,
    /// Through these proxies, and no others; an empty list is "directly". `None`: as the route layer decides.
    pub proxies: Option<Arc<[Proxy]>>,
    /// Dial these endpoints and ask no resolver.
    pub dial: Option<Arc<[Endpoint]>>,
    /// The name for SNI and certificate verification, when it isn't the origin's.
    pub server_name: Option<Arc<str>>,
    /// Where the connection may go.
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
        // A name may be a session's: it's not for logs.
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

    /// Connections are shared only within this partition.
    #[must_use]
    pub fn partition(mut self, partition: Partition) -> Self {
        self.partition = Some(partition);
        self
    }

    /// Goes through these proxies, in this order; directly when the list is empty.
    #[must_use]
    pub fn proxies(mut self, proxies: impl Into<Arc<[Proxy]>>) -> Self {
        self.proxies = Some(proxies.into());
        self
    }

    /// Dials these endpoints and asks no resolver.
    #[must_use]
    pub fn dial(mut self, endpoints: impl Into<Arc<[Endpoint]>>) -> Self {
        self.dial = Some(endpoints.into());
        self
    }

    /// The name for SNI (RFC 6066, section 3) and for the verification of the certificate, in place of the origin's.
    #[must_use]
    pub fn server_name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Where connections may go; [`Egress::Any`] by default.
    #[must_use]
    pub fn egress(mut self, egress: Egress) -> Self {
        self.egress = egress;
        self
    }

    /// These options, and those of `base` where these are silent. Where connections may go is `base`'s alone: no request widens it.
    pub fn or(&self, base: &Self) -> Self {
        Self {
            http_versions: if self.http_versions == HttpVersions::Any {
                base.http_versions
            } else {
                self.http_versions
            },
            partition: self.partition.clone().or_else(|| base.partition.clone()),
            proxies: self.proxies.clone().or_else(|| base.proxies.clone()),
            dial: self.dial.clone().or_else(|| base.dial.clone()),
            server_name: self.server_name.clone().or_else(|| base.server_name.clone()),
            egress: base.egress,
        }
    }

    /// Whether proxies are asked for, at least one.
    pub(crate) fn wants_proxies(&self) -> bool {
        self.proxies.as_ref().is_some_and(|proxies| !proxies.is_empty())
    }
}
