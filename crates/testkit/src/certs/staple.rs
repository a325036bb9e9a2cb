use super::{Ca, Cert, builder::element};
use rcgen::{KeyPair, PublicKeyData, SigningKey};
use sha2::{Digest, Sha256};
use std::fmt;

/// What a server staples to its certificate (OCSP, RFC 6960): its issuer's word of today that it isn't revoked.
pub struct Staple<'a> {
    ca: &'a Ca,
    cert: &'a Cert,
    status: Vec<u8>,
    years: (i32, Option<i32>),
    responder: Option<&'a Cert>,
    shows: bool,
    /// Whose name and whose key the certificate's issuer has.
    issuer: (&'a Ca, &'a Ca),
    hash: (&'static [u8], Hash),
    before: Option<&'a Cert>,
}

type Hash = fn(&[u8]) -> Vec<u8>;

const SEQUENCE: u8 = 0x30;
const OCTETS: u8 = 4;
/// id-sha256 and ecdsa-with-SHA256, each as an AlgorithmIdentifier.
const SHA_256: &[u8] = &[0x30, 11, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
const ECDSA: &[u8] = &[0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
/// id-pkix-ocsp-basic.
const BASIC: &[u8] = &[6, 9, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1];

impl<'a> Staple<'a> {
    /// By this CA, about this certificate: it is good, from 2020 to 4000.
    pub fn new(ca: &'a Ca, cert: &'a Cert) -> Self {
        Self {
            ca,
            cert,
            status: vec![0x80, 0],
            years: (2020, Some(4000)),
            responder: None,
            shows: true,
            issuer: (ca, ca),
            hash: (SHA_256, |bytes| Sha256::digest(bytes).to_vec()),
            before: None,
        }
    }

    /// It is revoked, since the first day of this year.
    pub fn revoked(mut self, since: i32) -> Self {
        self.status = element(0xa1, &time(since));
        self
    }

    /// The responder doesn't know it.
    pub fn unknown(mut self) -> Self {
        self.status = vec![0x82, 0];
        self
    }

    /// It counts from the first day of a year to that of another, or with no end.
    pub fn years(mut self, from: i32, to: Option<i32>) -> Self {
        self.years = (from, to);
        self
    }

    /// This key signs it, whose certificate is shown.
    pub fn by(mut self, responder: &'a Cert) -> Self {
        self.responder = Some(responder);
        self
    }

    /// The certificate of who signs it isn't shown.
    pub fn without_certificate(mut self) -> Self {
        self.shows = false;
        self
    }

    /// It is about a certificate with this number whose issuer has that name, and this key.
    pub fn of_issuer(mut self, name: &'a Ca, key: &'a Ca) -> Self {
        self.issuer = (name, key);
        self
    }

    /// The issuer is named by this hash (an AlgorithmIdentifier) in place of SHA-256.
    pub fn hashed_by(mut self, kind: &'static [u8], hash: Hash) -> Self {
        self.hash = (kind, hash);
        self
    }

    /// Before it stands that another certificate is good.
    pub fn behind(mut self, other: &'a Cert) -> Self {
        self.before = Some(other);
        self
    }

    /// In DER.
    pub fn make(&self) -> Vec<u8> {
        let subject = name(self.ca);
        let before = self.before.map(|other| self.single(other, &[0x80, 0])).unwrap_or_default();
        let answers = element(SEQUENCE, &[before, self.single(self.cert, &self.status)].concat());
        let data = element(SEQUENCE, &[element(0xa1, &subject), time(self.years.0), answers].concat());
        let (signature, shown) = match self.responder {
            None => (sign(self.ca.key(), &data), Vec::new()),
            Some(responder) => {
                let key = KeyPair::from_pem(&responder.key_pem()).unwrap_or_else(|error| panic!("no key: {error}"));
                (sign(&key, &data), element(0xa0, &element(SEQUENCE, &responder.chain()[0])))
            }
        };
        let shown = if self.shows { shown } else { Vec::new() };
        let signature = element(3, &[&[0], &*signature].concat());
        let basic = element(SEQUENCE, &[data, ECDSA.to_vec(), signature, shown].concat());
        let bytes = element(SEQUENCE, &[BASIC, &element(OCTETS, &basic)].concat());
        element(SEQUENCE, &[vec![10, 1, 0], element(0xa0, &bytes)].concat())
    }

    /// What is said of one certificate.
    fn single(&self, cert: &Cert, status: &[u8]) -> Vec<u8> {
        let ((named, keyed), (kind, hash)) = (self.issuer, self.hash);
        let hash = |bytes: &[u8]| element(OCTETS, &hash(bytes));
        let id = [kind, &hash(&name(named)), &hash(keyed.key().der_bytes()), &element(2, &cert.serial())].concat();
        let next = self.years.1.map(|to| element(0xa0, &time(to))).unwrap_or_default();
        element(SEQUENCE, &[element(SEQUENCE, &id), status.to_vec(), time(self.years.0), next].concat())
    }
}

/// In DER.
fn name(ca: &Ca) -> Vec<u8> {
    fields(&ca.der()).swap_remove(5)
}

fn sign(key: &KeyPair, data: &[u8]) -> Vec<u8> {
    key.sign(data).unwrap_or_else(|error| panic!("no signature: {error}"))
}

fn time(year: i32) -> Vec<u8> {
    element(0x18, format!("{year:04}0101000000Z").as_bytes())
}

/// What is signed of a certificate, field by field: the version is the first, the subject the sixth.
fn fields(certificate: &[u8]) -> Vec<Vec<u8>> {
    let signed = split(inside(certificate)).swap_remove(0);
    split(inside(&signed))
}

fn inside(element: &[u8]) -> &[u8] {
    &element[header(element)..]
}

fn header(element: &[u8]) -> usize {
    if element[1] < 0x80 { 2 } else { 2 + usize::from(element[1] & 0x7f) }
}

fn split(mut rest: &[u8]) -> Vec<Vec<u8>> {
    let mut elements = Vec::new();
    while !rest.is_empty() {
        let header = header(rest);
        let length = match &rest[2..header] {
            [] => usize::from(rest[1]),
            long => long.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)),
        };
        let (element, after) = rest.split_at(header + length);
        elements.push(element.to_vec());
        rest = after;
    }
    elements
}

impl fmt::Debug for Staple<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Staple").field("years", &self.years).finish_non_exhaustive()
    }
}
