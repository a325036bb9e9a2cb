use super::{Ca, Cert, new_key};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyPair, NameConstraints, SignatureAlgorithm, date_time_ymd,
};
use std::{fmt, net::IpAddr};

/// Builds certificates that are odd in one way or another: a server's for which nothing is set is a good one.
pub struct CertBuilder {
    pub(super) params: CertificateParams,
    pub(super) key: KeyPair,
}

/// A kind of key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum KeyKind {
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
    /// ECDSA on P-521.
    P521,
    /// Ed25519.
    Ed25519,
    /// RSA of 2048 bits.
    Rsa,
}

/// What a key may be used for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Purpose {
    /// To be a server.
    Server,
    /// To be a client.
    Client,
    /// To sign programs.
    Code,
    /// Anything.
    Any,
    /// To say which certificates are revoked (OCSP).
    Ocsp,
}

/// An entry of a `subjectAltName` (RFC 5280, section 4.2.1.6): the number of its kind and its bytes.
pub type RawName<'a> = (u8, &'a [u8]);

const SUBJECT_ALT_NAME: &[u64] = &[2, 5, 29, 17];

impl CertBuilder {
    /// A server's, for these names and addresses, from 1975 to 4096.
    pub fn server<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let mut params = CertificateParams::new(names).unwrap_or_else(|error| panic!("names: {error}"));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        Self { params, key: new_key() }
    }

    /// A CA's, of this name.
    pub fn ca(name: &str) -> Self {
        Self::server([]).purposes(&[]).is_ca(None).subject(Some(name))
    }

    /// Its subject is this common name, or none.
    pub fn subject(mut self, common_name: Option<&str>) -> Self {
        self.params.distinguished_name = DistinguishedName::new();
        if let Some(name) = common_name {
            self.params.distinguished_name.push(DnType::CommonName, name);
        }
        self
    }

    /// It has these names, which may be none.
    ///
    /// # Panics
    /// When there are more than 65,535 bytes of them.
    pub fn raw_names(mut self, names: &[RawName<'_>]) -> Self {
        let names: Vec<_> = names.iter().map(|(kind, name)| element(0x80 | kind, name)).collect();
        self.params.subject_alt_names.clear();
        self.extension(SUBJECT_ALT_NAME, false, element(0x30, &names.concat()))
    }

    /// It has this extension too.
    pub fn extension(mut self, id: &[u64], critical: bool, content: Vec<u8>) -> Self {
        let mut extension = CustomExtension::from_oid_content(id, content);
        extension.set_criticality(critical);
        self.params.custom_extensions.push(extension);
        self
    }

    /// Its key is of this kind.
    pub fn key(mut self, kind: KeyKind) -> Self {
        let algorithm: &SignatureAlgorithm = match kind {
            KeyKind::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            KeyKind::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            KeyKind::P521 => &rcgen::PKCS_ECDSA_P521_SHA512,
            KeyKind::Ed25519 => &rcgen::PKCS_ED25519,
            KeyKind::Rsa => &rcgen::PKCS_RSA_SHA256,
        };
        self.key = KeyPair::generate_for(algorithm).unwrap_or_else(|error| panic!("no key: {error}"));
        self
    }

    /// Its extended key usage; none of these is no such extension.
    pub fn purposes(mut self, purposes: &[Purpose]) -> Self {
        let purposes = purposes.iter().map(|purpose| match purpose {
            Purpose::Server => ExtendedKeyUsagePurpose::ServerAuth,
            Purpose::Client => ExtendedKeyUsagePurpose::ClientAuth,
            Purpose::Code => ExtendedKeyUsagePurpose::CodeSigning,
            Purpose::Any => ExtendedKeyUsagePurpose::Any,
            Purpose::Ocsp => ExtendedKeyUsagePurpose::OcspSigning,
        });
        self.params.extended_key_usages = purposes.collect();
        self
    }

    /// It is a CA, with so many CAs below it at most.
    pub fn is_ca(mut self, path_length: Option<u8>) -> Self {
        let constraint = path_length.map_or(BasicConstraints::Unconstrained, BasicConstraints::Constrained);
        self.params.is_ca = IsCa::Ca(constraint);
        self
    }

    /// It says that it is no CA, beyond saying nothing.
    pub fn is_no_ca(mut self) -> Self {
        self.params.is_ca = IsCa::ExplicitNoCa;
        self
    }

    /// It vouches for these names alone, and for none of those. An address stands for itself alone.
    pub fn name_constraints(mut self, permitted: &[&str], excluded: &[&str]) -> Self {
        let subtrees = |names: &[&str]| names.iter().map(|name| subtree(name)).collect();
        let constraints =
            NameConstraints { permitted_subtrees: subtrees(permitted), excluded_subtrees: subtrees(excluded) };
        self.params.name_constraints = Some(constraints);
        self
    }

    /// It is valid from the first day of one year to that of another.
    pub fn years(mut self, from: i32, to: i32) -> Self {
        self.params.not_before = date_time_ymd(from, 1, 1);
        self.params.not_after = date_time_ymd(to, 1, 1);
        self
    }

    /// Its own issuer.
    pub fn self_signed(self) -> Cert {
        let made = self.params.self_signed(&self.key).unwrap_or_else(|error| panic!("no certificate: {error}"));
        Cert::new(vec![made.der().clone()], self.key.serialize_pem())
    }

    /// Issued by this CA.
    pub fn by(self, ca: &Ca) -> Cert {
        let made = self.params.signed_by(&self.key, &ca.issuer());
        let made = made.unwrap_or_else(|error| panic!("no certificate: {error}"));
        Cert::new([made.der().clone()].into_iter().chain(ca.chain()).collect(), self.key.serialize_pem())
    }

    /// A CA below this one, or whatever signs like one.
    pub fn ca_by(self, ca: &Ca) -> Ca {
        Ca::below(ca, self)
    }

    /// A CA that is its own issuer.
    pub fn root(self) -> Ca {
        Ca::of(self)
    }
}

impl fmt::Debug for CertBuilder {
    /// Leaves out the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertBuilder").field("params", &self.params).finish_non_exhaustive()
    }
}

fn subtree(name: &str) -> GeneralSubtree {
    match name.parse() {
        Ok(IpAddr::V4(address)) => GeneralSubtree::IpAddress(CidrSubnet::V4(address.octets(), [0xff; 4])),
        Ok(IpAddr::V6(address)) => GeneralSubtree::IpAddress(CidrSubnet::V6(address.octets(), [0xff; 16])),
        Err(_) => GeneralSubtree::DnsName(name.to_owned()),
    }
}

/// In DER.
pub(super) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap_or_else(|_| panic!("{} bytes", content.len())).to_be_bytes();
    match content.len() {
        0..0x80 => [&[tag, length[1]], content].concat(),
        0x80..0x100 => [&[tag, 0x81, length[1]], content].concat(),
        _ => [&[tag, 0x82], &length[..], content].concat(),
    }
}
