use super::{Cert, CertBuilder, cert::Leaf, new_key, pin};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint,
    CrlIssuingDistributionPoint, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    RevokedCertParams, date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use std::{
    fmt,
    time::{Duration, SystemTime},
};

/// A certificate authority: a root or an intermediate.
pub struct Ca {
    params: CertificateParams,
    key: KeyPair,
    certificate: CertificateDer<'static>,
    pem: String,
    /// The chain that a peer must present: this and what is above it, without the root.
    chain: Vec<CertificateDer<'static>>,
}

impl Ca {
    /// A new root.
    pub fn new(name: &str) -> Self {
        let (params, key) = (authority(name), new_key());
        let made = params.self_signed(&key).unwrap_or_else(|error| panic!("no root: {error}"));
        Self { params, certificate: made.der().clone(), pem: made.pem(), chain: Vec::new(), key }
    }

    /// Whoever has the key of this certificate, which is no CA's, and signs certificates by it all the same.
    pub fn usurping(cert: &Cert) -> Self {
        let key = KeyPair::from_pem(&cert.key_pem()).unwrap_or_else(|error| panic!("no key: {error}"));
        // By default the subject is that of all leaves here.
        let (params, certificate) = (CertificateParams::default(), cert.chain().swap_remove(0));
        Self { params, certificate, pem: cert.chain_pem(), chain: Vec::new(), key }
    }

    /// A new intermediate below this CA.
    pub fn intermediate(&self, name: &str) -> Self {
        let (params, key) = (authority(name), new_key());
        let made = params.signed_by(&key, &self.issuer()).unwrap_or_else(|error| panic!("no intermediate: {error}"));
        let mut chain = vec![made.der().clone()];
        chain.extend_from_slice(&self.chain);
        Self { params, certificate: made.der().clone(), pem: made.pem(), chain, key }
    }

    /// The root that is described so.
    pub(super) fn of(builder: CertBuilder) -> Self {
        let CertBuilder { params, key } = builder;
        let made = params.self_signed(&key).unwrap_or_else(|error| panic!("no root: {error}"));
        Self { params, certificate: made.der().clone(), pem: made.pem(), chain: Vec::new(), key }
    }

    /// The intermediate that is described so.
    pub(super) fn below(ca: &Self, builder: CertBuilder) -> Self {
        let CertBuilder { params, key } = builder;
        let made = params.signed_by(&key, &ca.issuer()).unwrap_or_else(|error| panic!("no intermediate: {error}"));
        let chain = [made.der().clone()].into_iter().chain(ca.chain()).collect();
        Self { params, certificate: made.der().clone(), pem: made.pem(), chain, key }
    }

    pub(super) fn key(&self) -> &KeyPair {
        &self.key
    }

    /// What a peer must present of this CA.
    pub(super) fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.chain.clone()
    }

    /// A certificate by this CA for another CA's key and name: a second path to trust.
    pub fn cross_sign(&self, other: &Self) -> CertificateDer<'static> {
        let made = other.params.signed_by(&other.key, &self.issuer());
        made.unwrap_or_else(|error| panic!("no cross-signed certificate: {error}")).der().clone()
    }

    /// A server's certificate for these names and addresses, valid from 1975 to 4096.
    pub fn leaf<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Cert {
        self.issue(Leaf::server(names))
    }

    /// A server's certificate that expires by the system's clock after so much time, down to the second.
    #[expect(clippy::disallowed_methods, reason = "whoever verifies it goes by the system's clock")]
    pub fn expiring<'a>(&self, names: impl IntoIterator<Item = &'a str>, left: Duration) -> Cert {
        let mut leaf = Leaf::server(names);
        leaf.params.not_after = (SystemTime::now() + left).into();
        self.issue(leaf)
    }

    /// A server's certificate that has expired.
    pub fn expired<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Cert {
        let mut leaf = Leaf::server(names);
        leaf.params.not_after = date_time_ymd(2001, 2, 3);
        self.issue(leaf)
    }

    /// A server's certificate that is not valid yet.
    pub fn not_yet_valid<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Cert {
        let mut leaf = Leaf::server(names);
        leaf.params.not_before = date_time_ymd(4000, 1, 1);
        self.issue(leaf)
    }

    /// A client's certificate.
    pub fn client(&self, name: &str) -> Cert {
        let mut leaf = Leaf::server([]);
        leaf.params.distinguished_name = named(name);
        leaf.params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(leaf)
    }

    /// A list of revoked certificates (RFC 5280, section 5) as PEM: these are revoked since 2020-01-02. It counts from
    /// the first day of one year to that of another.
    pub fn crl<'a>(&self, revoked: impl IntoIterator<Item = &'a Cert>, years: (i32, i32)) -> String {
        self.list(revoked, years, None)
    }

    /// A part of such a list, which is given out at this URI alone (section 5.2.5).
    pub fn crl_part<'a>(&self, uri: &str, revoked: impl IntoIterator<Item = &'a Cert>, years: (i32, i32)) -> String {
        let distribution_point = CrlDistributionPoint { uris: vec![uri.to_owned()] };
        self.list(revoked, years, Some(CrlIssuingDistributionPoint { distribution_point, scope: None }))
    }

    fn list<'a>(
        &self,
        revoked: impl IntoIterator<Item = &'a Cert>,
        (from, to): (i32, i32),
        issuing_distribution_point: Option<CrlIssuingDistributionPoint>,
    ) -> String {
        let revoked = revoked.into_iter().map(|cert| RevokedCertParams {
            serial_number: cert.serial().into(),
            revocation_time: date_time_ymd(2020, 1, 2),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(from, 1, 1),
            next_update: date_time_ymd(to, 1, 1),
            crl_number: vec![1].into(),
            issuing_distribution_point,
            revoked_certs: revoked.collect(),
            key_identifier_method: self.params.key_identifier_method.clone(),
        };
        let made = list.signed_by(&self.issuer()).unwrap_or_else(|error| panic!("no list: {error}"));
        made.pem().unwrap_or_else(|error| panic!("no PEM: {error}"))
    }

    /// This CA's own certificate, as its issuer shows it.
    pub fn cert(&self) -> Cert {
        Cert::new(vec![self.certificate.clone()], self.key.serialize_pem())
    }

    /// The certificate.
    pub fn der(&self) -> CertificateDer<'static> {
        self.certificate.clone()
    }

    /// The certificate as PEM.
    pub fn pem(&self) -> String {
        self.pem.clone()
    }

    /// `sha256/` and the hash of its public key.
    pub fn pin(&self) -> String {
        pin(&self.key)
    }

    /// A new intermediate below this CA that may issue no other intermediates (a path length of 0).
    pub fn last_intermediate(&self, name: &str) -> Self {
        let (mut params, key) = (authority(name), new_key());
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let made = params.signed_by(&key, &self.issuer()).unwrap_or_else(|error| panic!("no intermediate: {error}"));
        let mut chain = vec![made.der().clone()];
        chain.extend_from_slice(&self.chain);
        Self { params, certificate: made.der().clone(), pem: made.pem(), chain, key }
    }

    fn issue(&self, leaf: Leaf) -> Cert {
        leaf.signed_by(&self.issuer(), &self.chain)
    }

    pub(super) fn issuer(&self) -> Issuer<'_, &KeyPair> {
        Issuer::from_params(&self.params, &self.key)
    }
}

impl fmt::Debug for Ca {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ca").field("pin", &self.pin()).finish_non_exhaustive()
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}
