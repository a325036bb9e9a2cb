use crate::{Pin, described_path::describe, x509};
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use skybridge_core::{Certificate, Trust};
use webpki::{EndEntityCert, VerifiedPath};

/// What is remembered of a peer's certificate path. Not the certificates: rustls keeps them, with a connection and with
/// each session.
#[derive(Debug)]
pub(crate) struct Path {
    /// How many bytes the certificates had that the peer has presented.
    presented_bytes: u32,
    /// The pins of its keys, leaf first, anchor last.
    pub(crate) pins: Box<[Pin]>,
    /// When the first of the certificates expires. A trust anchor's expiry doesn't count.
    pub(crate) not_after: Option<UnixTime>,
    /// Whether something was stapled to the peer's own certificate.
    pub(crate) is_stapled: bool,
    /// Who has verified it.
    pub(crate) trust: Trust,
}

impl Path {
    /// A path that webpki verified, up to its trust anchor. The peer has presented these other certificates.
    pub(crate) fn verified(path: &VerifiedPath<'_>, others: &[CertificateDer<'_>]) -> Self {
        let leaf = path.end_entity().der();
        let times = path.intermediate_certificates().map(|certificate| not_after(&certificate.der()));
        let not_after = times.chain([not_after(&leaf)]).flatten().min();
        let (presented_bytes, pins, trust) = (bytes(&leaf, others), pins(path), Trust::Verified);
        Self { presented_bytes, pins, not_after, is_stapled: false, trust }
    }

    /// The leaf alone: because it is trusted itself, or because this crate's verifier has built no path.
    pub(crate) fn of_leaf(leaf: &CertificateDer<'_>, others: &[CertificateDer<'_>], trust: Trust) -> Self {
        let key = EndEntityCert::try_from(leaf).map(|certificate| certificate.subject_public_key_info());
        let pins = key.iter().map(|key| Pin::of_key(&[key.as_ref()])).collect();
        let presented_bytes = bytes(leaf, others);
        Self { presented_bytes, pins, not_after: not_after(leaf), is_stapled: false, trust }
    }

    /// What the peer's certificates take: rustls keeps all of them with a session.
    pub(crate) fn presented_bytes(&self) -> usize {
        usize::try_from(self.presented_bytes).unwrap_or(usize::MAX)
    }

    /// What is known of the certificates on it, of which the peer has presented these.
    pub(crate) fn describe(&self, presented: &[CertificateDer<'_>], anchors: &[TrustAnchor<'_>]) -> Vec<Certificate> {
        describe(&self.pins, presented, anchors)
    }

    pub(crate) fn is_valid_at(&self, now: UnixTime) -> bool {
        self.not_after.is_none_or(|not_after| now <= not_after)
    }
}

/// A handshake has no more than fits.
fn bytes(leaf: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> u32 {
    let all: usize = [leaf].into_iter().chain(others).map(|certificate| certificate.len()).sum();
    u32::try_from(all).unwrap_or(u32::MAX)
}

/// When a certificate expires.
fn not_after(certificate: &[u8]) -> Option<UnixTime> {
    x509::validity(certificate).map(|validity| validity.not_after)
}

/// The pins of a path. webpki holds an anchor's key without its SEQUENCE header, which belongs to what is hashed.
pub(crate) fn pins(path: &VerifiedPath<'_>) -> Box<[Pin]> {
    let leaf = path.end_entity().subject_public_key_info();
    let intermediates = path.intermediate_certificates().map(|certificate| certificate.subject_public_key_info());
    let anchor = &path.anchor().subject_public_key_info;
    let presented = [leaf].into_iter().chain(intermediates).map(|key| Pin::of_key(&[key.as_ref()]));
    presented.chain([Pin::of_key(&[&x509::sequence_header(anchor.len()), anchor])]).collect()
}
