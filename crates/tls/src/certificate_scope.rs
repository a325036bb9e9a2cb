use crate::{TlsConfig, path::Path, subject, x509};
use rustls::{
    ClientConnection,
    pki_types::{CertificateDer, ServerName},
};
use skybridge_core::{Certificate, CertificateScope, Origin, StatusListener, Trust};
use std::{
    sync::{Arc, Weak},
    time::{Duration, SystemTime},
};
use webpki::EndEntityCert;

/// The path that was verified for a connection, from which it is decided whether it may carry another host.
pub(crate) struct VerifiedPeer {
    path: Arc<Path>,
    /// What the peer has presented, its own certificate first: more than the path needs, and not all of a long list.
    presented: Box<[CertificateDer<'static>]>,
    config: TlsConfig,
    /// Whether the connection is in a mode that FIPS 140-3 approves.
    is_fips: bool,
}

/// The most certificates of a peer that are kept.
const PRESENTED: usize = 16;

impl VerifiedPeer {
    pub(crate) fn new(path: Arc<Path>, tls: &ClientConnection, config: TlsConfig) -> Self {
        let presented = presented(tls).iter().take(PRESENTED).cloned().collect();
        Self { path, presented, config, is_fips: tls.fips() }
    }
}

/// The certificates of the peer, which a session has too.
pub(crate) fn presented(tls: &ClientConnection) -> &[CertificateDer<'static>] {
    tls.peer_certificates().unwrap_or_default()
}

impl CertificateScope for VerifiedPeer {
    fn covers(&self, origin: &Origin) -> bool {
        self.path.trust == Trust::Verified
            && self.names(origin)
            && self.config.pins().are_met(&host(origin), &self.path.pins, self.config.clock().current_time())
    }

    fn names(&self, origin: &Origin) -> bool {
        let host = host(origin);
        let leaf = self.presented.first().and_then(|leaf| EndEntityCert::try_from(leaf).ok());
        let (Some(leaf), Ok(name)) = (leaf, ServerName::try_from(&*host)) else { return false };
        subject::verify(&leaf, &name).is_ok()
    }

    fn spec(&self) -> Option<&str> {
        Some(self.config.spec())
    }

    /// One that was shown to none may not be for the other host.
    fn identity_differs(&self, origin: &Origin) -> bool {
        let identity = self.config.identity();
        identity.is_by_peer() && identity.may_have_one_for(&host(origin))
    }

    fn is_fips(&self) -> bool {
        self.is_fips
    }

    fn is_current(&self) -> bool {
        !self.config.generation().is_some_and(|generation| generation.is_superseded())
    }

    fn generation(&self) -> Option<u64> {
        self.config.generation().map(|generation| generation.number)
    }

    fn subscribe(&self, listener: Weak<dyn StatusListener>) {
        if let Some(generation) = self.config.generation() {
            generation.subscribe(listener);
        }
    }

    fn certificates(&self) -> Vec<Certificate> {
        self.presented.iter().map(|certificate| x509::certificate(certificate)).collect()
    }

    fn not_after(&self) -> Option<SystemTime> {
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(self.path.not_after?.as_secs()))
    }

    fn is_stapled(&self) -> bool {
        self.path.is_stapled
    }

    fn path(&self) -> Vec<Certificate> {
        self.path.describe(&self.presented, self.config.anchors())
    }
}

/// As certificates and pins name it.
fn host(origin: &Origin) -> String {
    origin.ip().map_or_else(|| origin.name().to_owned(), |address| address.to_canonical().to_string())
}
