//! What a certificate says, as far as it can be read.

use std::{borrow::Cow, fmt, net::IpAddr, time::SystemTime};

/// What a peer's certificate says (RFC 5280). It is the peer's own word, unless the connection's
/// [`Trust`](crate::Trust) says that it was verified.
///
/// What can't be read is `None`, each field by itself. No text has control characters, nor those that turn a line
/// around: they are escaped.
#[derive(Clone)]
#[non_exhaustive]
pub struct Certificate {
    /// The certificate itself, in DER.
    pub der: Box<[u8]>,
    /// Whose it is, with the escapes of RFC 4514 and in the order of the certificate: `C=US, O=Example, CN=a.test`.
    /// Empty where it has names alone. At most 32 attributes, of 256 characters each; what is left out is `...`.
    pub subject: Option<Box<str>>,
    /// Who has issued it, as `subject`.
    pub issuer: Option<Box<str>>,
    /// What it is valid for (`subjectAltName`), in its order: the first 100. Empty where it says nothing of that.
    pub names: Option<Box<[SubjectName]>>,
    /// How many names it has beyond those.
    pub more_names: usize,
    /// From when on it is valid.
    pub not_before: Option<SystemTime>,
    /// Until when it is valid.
    pub not_after: Option<SystemTime>,
    /// Its public key.
    pub key: Option<CertificateKey>,
    /// How it is signed: `ecdsa-with-SHA256`, or the object identifier of what isn't known.
    pub signature_algorithm: Option<Box<str>>,
    /// Its number, in hexadecimal digits; at most 128 of them.
    pub serial: Option<Box<str>>,
    /// The hash of its public key, as pins are written: `sha256/...`.
    pub pin: Option<Box<str>>,
    /// Whether it may issue others.
    pub is_ca: Option<bool>,
}

/// The public key of a [`Certificate`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct CertificateKey {
    /// `RSA`, `EC P-256`, `Ed25519` and others, or the object identifier of what isn't known.
    pub algorithm: Cow<'static, str>,
    /// Its size in bits; `None` where that isn't known.
    pub bits: Option<u32>,
}

/// What a [`Certificate`] is valid for.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SubjectName {
    /// A host, or with `*.` the hosts one label below one.
    Dns(Box<str>),
    /// An address.
    Ip(IpAddr),
    /// A mailbox.
    Email(Box<str>),
    /// A URI.
    Uri(Box<str>),
    /// Something else, or what can't be read.
    Other,
}

// === impl Certificate ===

impl Certificate {
    /// One of which nothing is read yet.
    pub fn unread(der: &[u8]) -> Self {
        Self {
            der: der.into(),
            subject: None,
            issuer: None,
            names: None,
            more_names: 0,
            not_before: None,
            not_after: None,
            key: None,
            signature_algorithm: None,
            serial: None,
            pin: None,
            is_ca: None,
        }
    }

    /// The names by which it is valid for this host, an address without brackets among them.
    pub fn names_for<'a>(&'a self, host: &'a str) -> impl Iterator<Item = &'a SubjectName> {
        self.names.iter().flatten().filter(move |name| name.is_for(host))
    }
}

impl fmt::Display for Certificate {
    /// Whose it is, and who has issued it: `CN=a.test, issued by CN=a root`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unread = "what can't be read";
        let subject = self.subject.as_deref().unwrap_or(unread);
        match (subject, self.names.as_deref()) {
            ("", Some([first, ..])) => write!(f, "{first}")?,
            ("", _) => f.write_str("nobody")?,
            (subject, _) => f.write_str(subject)?,
        }
        write!(f, ", issued by {}", self.issuer.as_deref().unwrap_or(unread))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("subject", &self.subject)
            .field("issuer", &self.issuer)
            .field("names", &self.names)
            .field("not_after", &self.not_after)
            .field("pin", &self.pin)
            .finish_non_exhaustive()
    }
}

// === impl CertificateKey ===

impl CertificateKey {
    /// A key of this kind and size.
    pub fn new(algorithm: impl Into<Cow<'static, str>>, bits: Option<u32>) -> Self {
        Self { algorithm: algorithm.into(), bits }
    }
}

impl fmt::Display for CertificateKey {
    /// `RSA (2048 bits)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.algorithm)?;
        self.bits.map_or(Ok(()), |bits| write!(f, " ({bits} bits)"))
    }
}

// === impl SubjectName ===

impl SubjectName {
    /// Whether it names this host (RFC 9525, section 6.3): the same one, or in the place of `*` one label. An address
    /// is named by an address alone.
    pub fn is_for(&self, host: &str) -> bool {
        match (self, host.parse::<IpAddr>()) {
            (Self::Ip(named), Ok(address)) => *named == address || named.to_canonical() == address.to_canonical(),
            (Self::Dns(named), Err(_)) => {
                let host = host.strip_suffix('.').unwrap_or(host);
                let below = named.strip_prefix("*.").zip(host.split_once('.'));
                named.eq_ignore_ascii_case(host)
                    || below.is_some_and(|(parent, (label, rest))| {
                        !label.is_empty() && !parent.is_empty() && parent.eq_ignore_ascii_case(rest)
                    })
            }
            _ => false,
        }
    }
}

impl fmt::Display for SubjectName {
    /// As OpenSSL prints it: `DNS:a.test`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => write!(f, "DNS:{name}"),
            Self::Ip(address) => write!(f, "IP Address:{address}"),
            Self::Email(mailbox) => write!(f, "email:{mailbox}"),
            Self::Uri(uri) => write!(f, "URI:{uri}"),
            Self::Other => f.write_str("othername"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_for_itself_or_one_label_more() {
        let dns = |name: &str| SubjectName::Dns(name.into());
        let ip = |address: &str| SubjectName::Ip(address.parse().unwrap());
        let rows = [
            (dns("a.test"), "A.test", true),
            (dns("a.test"), "a.test.", true),
            (dns("a.test"), "b.a.test", false),
            (dns("*.a.test"), "b.A.test", true),
            (dns("*.a.test"), "a.test", false),
            (dns("*.a.test"), ".a.test", false),
            (dns("*.a.test"), "c.b.a.test", false),
            (dns("*."), "a.", false),
            (dns("192.0.2.1"), "192.0.2.1", false),
            (ip("192.0.2.1"), "192.0.2.1", true),
            (ip("2001:db8::1"), "2001:0db8::1", true),
            (ip("192.0.2.1"), "192.0.2.2", false),
            (SubjectName::Email("a.test".into()), "a.test", false),
            (SubjectName::Other, "a.test", false),
        ];
        for (name, host, expected) in rows {
            assert_eq!(name.is_for(host), expected, "{name} {host}");
        }
    }
}
