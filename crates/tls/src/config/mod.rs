mod builder;
mod error;
mod provider;
mod roots;
mod source;

pub(crate) use self::source::Source;
pub use self::{builder::TlsConfigBuilder, error::TlsConfigError, roots::Roots};

use crate::{
    Pins, TlsConnector, alpn,
    identity::Identity,
    peer::Peer,
    sessions::{Sessions, View},
};
use rustls::{ClientConfig, SupportedProtocolVersion, client::Resumption, time_provider::TimeProvider};
use std::{fmt, sync::Arc};

/// Whom to trust, what to pin, who to be. Cheap to clone; clones share their sessions.
///
/// Connections resume sessions of TLS 1.2 and 1.3, each kept beside the path that was verified when it was made: pins and
/// [`CertificateScope`](skybridge_core::CertificateScope) work on them as on others. Sessions of one [`Partition`](skybridge_core::Partition) are not used by another.
#[derive(Clone)]
pub struct TlsConfig(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) client: ClientConfig,
    pub(crate) pins: Pins,
    pub(crate) knows_paths: bool,
    pub(crate) sessions: Arc<Sessions>,
    /// Of a configuration that trusts anybody: one that verifies.
    pub(crate) verifying: Option<Source>,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

// === impl TlsConfig ===

impl TlsConfig {
    /// The system's roots, TLS 1.2 and 1.3, no pins, nobody's identity.
    pub fn builder() -> TlsConfigBuilder {
        TlsConfigBuilder::new()
    }

    /// Seals links to proxies by this configuration: all of it, identity and [`insecure`](TlsConfigBuilder::insecure) too. For a configuration
    /// that was made for proxies; for the one of origins, see [`TlsLayer::proxy_connector`](crate::TlsLayer::proxy_connector).
    pub fn tls_connector(&self) -> TlsConnector {
        TlsConnector::of(self.clone().into())
    }

    /// The same trust, pins, versions and provider, nobody's identity, and sessions of its own. It verifies, whether this one does or not.
    pub(crate) fn for_proxies(&self) -> Source {
        if let Some(verifying) = &self.0.verifying {
            return verifying.clone();
        }
        let mut client = self.0.client.clone();
        client.client_auth_cert_resolver = Arc::new(Identity::nobody());
        let (pins, knows_paths) = (self.0.pins.clone(), self.0.knows_paths);
        Self::new(Inner { client, pins, knows_paths, sessions: Arc::default(), verifying: None }).into()
    }

    pub(crate) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    pub(crate) fn pins(&self) -> &Pins {
        &self.0.pins
    }

    pub(crate) fn knows_paths(&self) -> bool {
        self.0.knows_paths
    }

    pub(crate) fn clock(&self) -> &Arc<dyn TimeProvider> {
        &self.0.client.time_provider
    }

    /// rustls' configuration of one connection: all is shared with the others but how it sees the sessions, and what it offers by ALPN.
    pub(crate) fn of_connection(&self, peer: &Peer) -> (ClientConfig, Arc<View>) {
        let view = View::new(Arc::clone(&self.0.sessions), peer.session.clone(), Arc::clone(self.clock()));
        let view = Arc::new(view);
        let mut client = self.0.client.clone();
        client.resumption = Resumption::store(view.clone());
        client.alpn_protocols = alpn::offer(peer.http_versions);
        (client, view)
    }
}

impl fmt::Debug for TlsConfig {
    /// Without keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfig")
            .field("pins", &self.0.pins)
            .field("identity", &self.0.client.client_auth_cert_resolver)
            .field("sessions", &self.0.sessions)
            .finish_non_exhaustive()
    }
}

// === impl TlsVersion ===

impl TlsVersion {
    pub(crate) const ALL: [Self; 2] = [Self::Tls13, Self::Tls12];

    pub(crate) fn of_rustls(self) -> &'static SupportedProtocolVersion {
        match self {
            Self::Tls12 => &rustls::version::TLS12,
            Self::Tls13 => &rustls::version::TLS13,
        }
    }
}
