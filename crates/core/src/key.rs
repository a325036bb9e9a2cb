use crate::{Ctx, Endpoint, Origin, OriginError, OriginRef, Proxy};
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

/// Where connections may go.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Egress {
    /// Anywhere.
    #[default]
    Any,
    /// Only to public addresses: a guard against server-side request forgery.
    ///
    /// It holds for each address that is known here: those that sockets are opened to, the first proxy's among them, and those that a proxy is
    /// told, as the URL has them or as they were looked up for it. What a proxy finds behind a name, only the proxy can guard.
    Public,
}

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

/// All that decides whether two requests may share a connection. `Eq` and `Hash` are derived, for the owned form and the borrowed one alike.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Key<O = Origin, T = ConnectOptions> {
    /// Who.
    pub origin: O,
    /// How.
    pub connect_options: T,
}

/// A [`Key`] borrowed from a request: a pool hit allocates none.
pub type KeyRef<'a> = Key<OriginRef<'a>, &'a ConnectOptions>;

/// What somebody wants to reach: a [`Key`], and the luggage of this one wish.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Target {
    /// What the connection must be.
    pub key: Arc<Key>,
    /// Who is asking, on which runtime, until when. In no key, so in no decision about sharing.
    pub ctx: Ctx,
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

// === impl Key ===

impl Key {
    /// A key.
    pub fn new(origin: Origin, connect_options: ConnectOptions) -> Self {
        Self { origin, connect_options }
    }

    /// The borrowed form: equal and of the same hash.
    #[inline]
    pub fn as_ref(&self) -> KeyRef<'_> {
        Key { origin: self.origin.as_ref(), connect_options: &self.connect_options }
    }
}

impl<'a> KeyRef<'a> {
    /// A borrowed key.
    #[inline]
    pub fn of(origin: OriginRef<'a>, connect_options: &'a ConnectOptions) -> Self {
        Key { origin, connect_options }
    }

    /// The owned form.
    ///
    /// # Errors
    /// When the origin's host is not valid.
    #[allow(clippy::wrong_self_convention, reason = "the word of the standard library; it may fail")]
    pub fn to_owned(self) -> Result<Key, OriginError> {
        Ok(Key { origin: self.origin.to_owned()?, connect_options: self.connect_options.clone() })
    }
}

// === impl Target ===

impl Target {
    /// A target.
    pub fn new(key: impl Into<Arc<Key>>, ctx: Ctx) -> Self {
        Self { key: key.into(), ctx }
    }

    /// Who it is.
    pub fn origin(&self) -> &Origin {
        &self.key.origin
    }

    /// What makes its connection different.
    pub fn connect_options(&self) -> &ConnectOptions {
        &self.key.connect_options
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::{BuildHasher, RandomState};

    #[test]
    fn every_term_makes_a_key_of_its_own_and_the_borrowed_key_agrees() {
        let uri = "http://a.test/".parse().unwrap();
        let origin = OriginRef::of(&uri).unwrap();
        let all = [
            ConnectOptions::default(),
            ConnectOptions { http_versions: HttpVersions::Http1, ..ConnectOptions::default() },
            ConnectOptions { http_versions: HttpVersions::Http2, ..ConnectOptions::default() },
            ConnectOptions { partition: Some(Partition::new("a")), ..ConnectOptions::default() },
            ConnectOptions { partition: Some(Partition::new("b")), ..ConnectOptions::default() },
            ConnectOptions { proxies: Some([].into()), ..ConnectOptions::default() },
            ConnectOptions { dial: Some([Endpoint::from(([127, 0, 0, 1], 1))].into()), ..ConnectOptions::default() },
            ConnectOptions { server_name: Some("b.test".into()), ..ConnectOptions::default() },
            ConnectOptions { egress: Egress::Public, ..ConnectOptions::default() },
        ];
        let state = RandomState::new();
        for (i, a) in all.iter().enumerate() {
            let borrowed = KeyRef::of(origin, a);
            let owned = borrowed.to_owned().unwrap();
            assert_eq!(owned.as_ref(), borrowed);
            assert_eq!(state.hash_one(&owned), state.hash_one(borrowed));
            for (j, b) in all.iter().enumerate() {
                assert_eq!(KeyRef::of(origin, b) == borrowed, i == j, "{a:?} {b:?}");
            }
        }
    }
}
