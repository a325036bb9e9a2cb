use crate::{
    TlsConfigError, TlsError,
    fault::Chain,
    invalid_certificate::InvalidCertificate,
    ocsp::{self, Issuer, StapleFault},
    words, x509,
};
use der::{AnyRef, Decode};
use rustls::{crypto::WebPkiSupportedAlgorithms, pki_types::UnixTime};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use webpki::{
    CertRevocationList, Error, ExpirationPolicy, OwnedCertRevocationList, RevocationOptions, RevocationOptionsBuilder,
    UnknownStatusPolicy,
};

/// Which certificates their issuers have revoked (RFC 5280, section 5), and what is made of not knowing it.
#[derive(Clone, Default)]
pub(crate) struct Revocation {
    /// The newest first: the first of an issuer counts.
    lists: Vec<List>,
    /// A certificate must be on the list of its issuer as not revoked.
    pub(crate) required: bool,
    /// A list counts after its time as well.
    pub(crate) expired: bool,
    /// The server must staple that its certificate isn't revoked.
    pub(crate) staple: bool,
}

#[derive(Clone)]
struct List {
    crl: Arc<CertRevocationList<'static>>,
    this_update: Option<UnixTime>,
}

impl Revocation {
    pub(crate) fn add(&mut self, der: &[u8]) -> Result<(), TlsConfigError> {
        let number = self.lists.len() + 1;
        let crl = OwnedCertRevocationList::from_der(der).map_err(|source| TlsConfigError::Crl { number, source })?;
        let list = List { crl: Arc::new(crl.into()), this_update: x509::this_update(der) };
        let place = self.lists.partition_point(|other| other.this_update > list.this_update);
        self.lists.insert(place, list);
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lists.is_empty() && !self.required && !self.staple
    }

    pub(crate) fn check(&self) -> Result<(), TlsConfigError> {
        if self.required && self.lists.is_empty() { Err(TlsConfigError::NoCrls) } else { Ok(()) }
    }

    pub(crate) fn lists(&self) -> Vec<&CertRevocationList<'static>> {
        self.lists.iter().map(|list| &*list.crl).collect()
    }

    /// What webpki is to do; `None` without any list.
    pub(crate) fn options<'a>(&self, lists: &'a [&'a CertRevocationList<'a>]) -> Option<RevocationOptions<'a>> {
        let builder = RevocationOptionsBuilder::new(lists).ok()?;
        let unknown = if self.required { UnknownStatusPolicy::Deny } else { UnknownStatusPolicy::Allow };
        let expired = if self.expired { ExpirationPolicy::Ignore } else { ExpirationPolicy::Enforce };
        Some(builder.with_status_policy(unknown).with_expiration_policy(expired).build())
    }

    /// Checks what was stapled to this certificate by its issuer's word.
    pub(crate) fn check_staple(
        &self,
        staple: &[u8],
        leaf: &[u8],
        issuer: Option<&Issuer>,
        algorithms: &WebPkiSupportedAlgorithms,
        now: UnixTime,
    ) -> Result<(), StapleFault> {
        let issuer = issuer.ok_or(StapleFault::NotSigned)?;
        if ocsp::check(staple, leaf, issuer, algorithms, now)? { Ok(()) } else { self.without_staple(leaf) }
    }

    /// Whether this certificate passes although nothing was stapled to it that says that it is good.
    pub(crate) fn without_staple(&self, leaf: &[u8]) -> Result<(), StapleFault> {
        if x509::must_be_stapled(leaf) {
            return Err(StapleFault::Promised);
        }
        if self.staple { Err(StapleFault::Missing) } else { Ok(()) }
    }

    /// What webpki has found on a list, or not found. Another error is given back.
    pub(crate) fn refused(&self, error: Error, name: &str, chain: Chain<'_>) -> Result<TlsError, Error> {
        match error {
            Error::CertRevoked => Ok(self.revoked(name, chain)),
            error if words::is_of_crl(&error) => Ok(TlsError::RevocationUnknown {
                name: name.into(),
                stapled: false,
                source: InvalidCertificate::Webpki(error).into(),
            }),
            error => Err(error),
        }
    }

    /// Whether a certificate that is trusted itself is on a list. webpki builds no path for it, and asks none.
    pub(crate) fn check_trusted(&self, leaf: &[u8], name: &str) -> Result<(), TlsError> {
        match self.since(leaf) {
            None => Ok(()),
            since => Err(TlsError::Revoked { name: name.into(), issuer: None, since, stapled: false }),
        }
    }

    fn revoked(&self, name: &str, chain: Chain<'_>) -> TlsError {
        let issuer = |der: &[u8]| x509::subject(der).unwrap_or_default().into();
        let leaf = self.since(chain.leaf).map(|since| (None, since));
        let mut others = chain.others.iter();
        let found = leaf.or_else(|| others.find_map(|der| Some((Some(issuer(der)), self.since(der)?))));
        let (issuer, since) = found.map_or((None, None), |(issuer, since)| (issuer, Some(since)));
        TlsError::Revoked { name: name.into(), issuer, since, stapled: false }
    }

    /// Since when a certificate is revoked.
    fn since(&self, certificate: &[u8]) -> Option<SystemTime> {
        let (serial, issuer) = (x509::serial(certificate)?, x509::issuer_name(certificate)?);
        // Lists have it without its header.
        let issuer = AnyRef::from_der(issuer).ok()?.value();
        let since = self.newest_of(issuer).find_map(|list| Some(list.find_serial(serial).ok()??.revocation_date))?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(since.as_secs()))
    }

    /// The lists of an issuer that count, the newest first. It may give out its list in parts, each with an issuing
    /// distribution point (RFC 5280, section 5.2.5): of each part the newest, and none that is older than a whole one,
    /// as webpki has it. Whether a part is about a certificate only webpki tells, on a path; but no other certificate
    /// of the issuer has its number.
    fn newest_of(&self, issuer: &[u8]) -> impl Iterator<Item = &CertRevocationList<'static>> {
        let (mut parts, mut is_whole) = (Vec::new(), false);
        let theirs = self.lists.iter().map(|list| &*list.crl).filter(move |list| list.issuer() == issuer);
        theirs.filter(move |list| {
            let part = list.issuing_distribution_point();
            if is_whole || parts.contains(&part) {
                return false;
            }
            is_whole = part.is_none();
            parts.push(part);
            true
        })
    }
}
