use crate::x509;
use der::{AnyRef, Decode, SliceReader, Tag, asn1::BitStringRef};
use rustls::{crypto::WebPkiSupportedAlgorithms, pki_types::TrustAnchor};

/// The most signatures that are compared to find an issuer.
const MOST: usize = 8;

/// Whoever signs certificates, or for whom somebody else answers.
pub(crate) struct Issuer {
    /// Its name, in DER.
    pub(crate) name: Vec<u8>,
    /// The kind of its key: what is in the AlgorithmIdentifier.
    kind: Vec<u8>,
    /// The key, as it is hashed in responses.
    pub(crate) key: Vec<u8>,
}

impl Issuer {
    /// As whom this certificate signs.
    pub(crate) fn of(certificate: &[u8]) -> Option<Self> {
        Self::new(x509::subject_name(certificate)?, x509::key_info(certificate)?)
    }

    /// Who has signed this certificate, among these, if anyone.
    pub(crate) fn who_signed<'a>(
        certificate: &[u8],
        among: impl Iterator<Item = &'a [u8]>,
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> Option<Self> {
        let (name, (algorithm, _)) = (x509::issuer_name(certificate)?, x509::signed_by(certificate)?);
        let (signed, signature) = x509::signed(certificate)?;
        let mut named = among.filter(|other| x509::subject_name(other) == Some(name)).take(MOST).filter_map(Self::of);
        named.find(|issuer| issuer.has_signed(signed, algorithm, signature, algorithms))
    }

    /// webpki holds both without their headers.
    pub(crate) fn of_anchor(anchor: &TrustAnchor<'_>) -> Option<Self> {
        let whole = |inside: &[u8]| [&*x509::sequence_header(inside.len()), inside].concat();
        Self::new(&whole(&anchor.subject), &whole(&anchor.subject_public_key_info))
    }

    fn new(name: &[u8], key: &[u8]) -> Option<Self> {
        let mut info = x509::inside(&mut SliceReader::new(key).ok()?, Tag::Sequence).ok()?;
        let kind = AnyRef::decode(&mut info).ok()?.value().to_vec();
        let key = BitStringRef::decode(&mut info).ok()?.as_bytes()?.to_vec();
        Some(Self { name: name.to_vec(), kind, key })
    }

    /// Whether this signature by its key is right.
    pub(super) fn has_signed(
        &self,
        message: &[u8],
        algorithm: &[u8],
        signature: &[u8],
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> bool {
        let fits = |known: &&&dyn rustls::pki_types::SignatureVerificationAlgorithm| {
            *known.signature_alg_id() == *algorithm && *known.public_key_alg_id() == *self.kind
        };
        algorithms.all.iter().filter(fits).any(|known| known.verify_signature(&self.key, message, signature).is_ok())
    }
}
