use rustls::pki_types::{CertificateDer, TrustAnchor};
use sha2::{Digest, Sha256};
use std::collections::HashSet;

/// The trusted roots: what webpki needs of them to build a path, and by which a server's certificate is recognized as
/// being a root itself.
pub(crate) struct Anchors {
    anchors: Vec<TrustAnchor<'static>>,
    /// The SHA-256 of each whole certificate. Of roots that are built in only the anchors are known.
    certificates: HashSet<[u8; 32]>,
}

impl Anchors {
    /// Of anchors whose certificates aren't known.
    pub(crate) fn new(anchors: Vec<TrustAnchor<'static>>) -> Self {
        Self { anchors, certificates: HashSet::new() }
    }

    pub(crate) fn add(&mut self, root: &CertificateDer<'static>) -> Result<(), webpki::Error> {
        self.anchors.push(webpki::anchor_from_trusted_cert(root)?.to_owned());
        self.certificates.insert(hash(root));
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.anchors.is_empty()
    }

    pub(crate) fn for_webpki(&self) -> &[TrustAnchor<'static>] {
        &self.anchors
    }

    /// Whether it is one of the roots, byte for byte.
    pub(crate) fn contains(&self, certificate: &CertificateDer<'_>) -> bool {
        self.certificates.contains(&hash(certificate))
    }
}

fn hash(certificate: &CertificateDer<'_>) -> [u8; 32] {
    Sha256::digest(certificate).into()
}
