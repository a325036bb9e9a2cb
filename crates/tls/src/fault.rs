//! Which certificate of a chain is at fault, and how: webpki says of most faults that there is one, and not where.

use crate::x509;
use rustls::pki_types::{CertificateDer, TrustAnchor};
use skybridge_core::CertificateKey;
use std::fmt;
use webpki::Error;

/// The least bits of an RSA key that may sign.
const RSA: u32 = 2048;

/// A fault of one certificate.
#[derive(Debug)]
pub(crate) struct Fault {
    /// The subject of the issuer whose fault it is; `None`: it is the peer's own certificate.
    issuer: Option<Box<str>>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// It is signed by what is known to be broken.
    Broken(Box<str>),
    /// It is signed by what isn't supported.
    Unsupported(Box<str>),
    /// Its key is too small.
    Small(u32),
    /// Its key is of a kind that isn't supported.
    Key(Box<str>),
    /// Its extended key usage is only for this.
    Purpose(Box<str>),
    /// It is no CA.
    NotACa,
}

/// The certificates that a peer has shown, and those that are trusted.
#[derive(Clone, Copy)]
pub(crate) struct Chain<'a> {
    pub(crate) leaf: &'a [u8],
    pub(crate) others: &'a [CertificateDer<'a>],
    pub(crate) anchors: &'a [TrustAnchor<'static>],
}

// === impl Fault ===

impl Fault {
    /// Where the fault is that webpki found; `None` where no more can be told.
    pub(crate) fn find(error: &Error, chain: Chain<'_>) -> Option<Self> {
        match error {
            Error::UnsupportedSignatureAlgorithmContext(context) => {
                chain.first(|der| (*x509::signed_by(der)?.0 == *context.signature_algorithm_id).then(|| signed(der))?)
            }
            Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
                chain.first_issuer(|key| (!is_common(&key.algorithm)).then(|| Kind::Key(key.to_string().into())))
            }
            Error::InvalidSignatureForPublicKey => chain.first_issuer(|key| small(&key)),
            Error::RequiredEkuNotFoundContext(_) => chain.first(|der| {
                let purposes = x509::purposes(der).filter(|purposes| !purposes.is_for_servers)?;
                Some(Kind::Purpose(purposes.names))
            }),
            Error::EndEntityUsedAsCa => {
                let is_no_ca = |der: &[u8]| x509::certificate(der).is_ca == Some(false);
                let issuer = x509::issuer_name(chain.leaf)?;
                let mut others = chain.others.iter().filter(|der| x509::subject_name(der) == Some(issuer));
                let found =
                    others.find(|der| is_no_ca(der)).or_else(|| chain.others.iter().find(|der| is_no_ca(der)))?;
                Some(Self { issuer: Some(named(found)), kind: Kind::NotACa })
            }
            _ => None,
        }
    }

    /// Why a signature of the handshake can't be right by this key.
    pub(crate) fn of_key(leaf: &[u8]) -> Option<Self> {
        let key = x509::certificate(leaf).key?;
        let kind = small(&key).or_else(|| (!is_common(&key.algorithm)).then(|| Kind::Key(key.to_string().into())))?;
        Some(Self { issuer: None, kind })
    }
}

impl<'a> Chain<'a> {
    /// The first certificate with a fault, the peer's own before the others.
    fn first(self, find: impl Fn(&[u8]) -> Option<Kind>) -> Option<Fault> {
        if let Some(kind) = find(self.leaf) {
            return Some(Fault { issuer: None, kind });
        }
        self.others.iter().find_map(|der| find(der).map(|kind| Fault { issuer: Some(named(der)), kind }))
    }

    /// The first issuer whose key has a fault, be it shown or trusted.
    fn first_issuer(self, find: impl Fn(CertificateKey) -> Option<Kind>) -> Option<Fault> {
        let issuers: Vec<_> = [self.leaf].into_iter().chain(self.others.iter().map(|der| &**der)).collect();
        let is_issuer = |subject: Option<&[u8]>| {
            subject.is_some_and(|it| issuers.iter().any(|der| x509::issuer_name(der) == Some(it)))
        };
        let shown = self.others.iter().filter(|der| is_issuer(x509::subject_name(der)));
        let shown = shown.map(|der| (x509::certificate(der).key, named(der)));
        // webpki holds both without their headers.
        let trusted = self.anchors.iter().filter_map(|anchor| {
            let whole = |inside: &[u8]| [&*x509::sequence_header(inside.len()), inside].concat();
            let subject = whole(&anchor.subject);
            is_issuer(Some(&subject)).then(|| {
                (
                    x509::key(&whole(&anchor.subject_public_key_info)),
                    x509::shortest(&subject).unwrap_or_default().into(),
                )
            })
        });
        shown.chain(trusted).find_map(|(key, issuer)| Some(Fault { issuer: Some(issuer), kind: find(key?)? }))
    }
}

fn signed(der: &[u8]) -> Option<Kind> {
    let (_, name) = x509::signed_by(der)?;
    let lower = name.to_ascii_lowercase();
    let is_broken = ["sha1", "sha-1", "md5", "md4", "md2"].iter().any(|broken| lower.contains(broken));
    Some(if is_broken { Kind::Broken(name) } else { Kind::Unsupported(name) })
}

fn small(key: &CertificateKey) -> Option<Kind> {
    key.bits.filter(|bits| key.algorithm == "RSA" && *bits < RSA).map(Kind::Small)
}

/// Whether a provider may be expected to know it.
fn is_common(algorithm: &str) -> bool {
    ["RSA", "EC P-256", "EC P-384", "Ed25519"].contains(&algorithm)
}

fn named(der: &[u8]) -> Box<str> {
    x509::subject(der).unwrap_or_default().into()
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (its, of) = match &self.issuer {
            None => ("its ".to_owned(), String::new()),
            Some(issuer) => ("the ".to_owned(), format!(" of the issuer `{issuer}`")),
        };
        match &self.kind {
            Kind::Broken(by) => write!(f, "{its}signature{of} is {by}, which is broken"),
            Kind::Unsupported(by) => write!(f, "{its}signature{of} is {by}, which is not supported"),
            Kind::Small(bits) => write!(f, "{its}RSA key{of} has {bits} bits, and {RSA} are the least"),
            Kind::Key(key) => write!(f, "{its}key{of} is {key}, which is not supported"),
            Kind::Purpose(names) => {
                write!(f, "{its}extended key usage{of} is {names}, which doesn't allow server authentication")
            }
            Kind::NotACa => write!(f, "the issuer `{}` is not a CA", self.issuer.as_deref().unwrap_or_default()),
        }
    }
}
