use crate::{SkippedRoot, x509};
use rustls::pki_types::{CertificateDer, TrustAnchor};
use sha2::{Digest, Sha256};
use std::{collections::HashSet, sync::Arc};

/// The trusted roots: what webpki needs of them to build a path, and by which a server's certificate is recognized as
/// being a root itself.
pub(crate) struct Anchors {
    /// Those that may sign certificates.
    anchors: Vec<TrustAnchor<'static>>,
    /// The SHA-256 of each whole certificate. Of roots that are built in only the anchors are known.
    certificates: HashSet<[u8; 32]>,
    /// What couldn't be read of them.
    pub(crate) skipped: Arc<[SkippedRoot]>,
}

impl Anchors {
    /// Of anchors whose certificates aren't known.
    pub(crate) fn new(anchors: Vec<TrustAnchor<'static>>) -> Self {
        Self { anchors, certificates: HashSet::new(), skipped: Arc::default() }
    }

    pub(crate) fn add(&mut self, root: &CertificateDer<'static>) -> Result<(), webpki::Error> {
        let anchor = webpki::anchor_from_trusted_cert(root)?.to_owned();
        // webpki asks no anchor whether it is a CA. A server's own certificate is trusted for what it is, and its key
        // signs no others. What can't be read is no server's certificate either.
        if x509::usage(root).is_none_or(|usage| usage.certificates) {
            self.anchors.push(anchor);
        }
        self.certificates.insert(hash(root));
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.anchors.is_empty() && self.certificates.is_empty()
    }

    pub(crate) fn count(&self) -> usize {
        self.anchors.len().max(self.certificates.len())
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
