use super::{Inner, Source, provider};
use crate::{
    Pins, Roots, TlsConfig, TlsConfigError, TlsVersion,
    identity::Identity,
    verifier::{TrustIn, Verifier},
};
use rustls::{
    ClientConfig,
    crypto::CryptoProvider,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};
use std::{fmt, ops::RangeInclusive, sync::Arc};

/// Makes a [`TlsConfig`]. What is wrong with a setting, [`build`](Self::build) says.
#[must_use = "nothing is made until it is built"]
pub struct TlsConfigBuilder {
    roots: Roots,
    more_roots: Vec<CertificateDer<'static>>,
    identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    pins: Pins,
    versions: RangeInclusive<TlsVersion>,
    insecure: bool,
    provider: Option<Arc<CryptoProvider>>,
    wrong: Option<TlsConfigError>,
}

impl TlsConfigBuilder {
    pub(crate) fn new() -> Self {
        Self {
            roots: Roots::default(),
            more_roots: Vec::new(),
            identity: None,
            pins: Pins::new(),
            versions: TlsVersion::Tls12..=TlsVersion::Tls13,
            insecure: false,
            provider: None,
            wrong: None,
        }
    }

    /// Whom to trust (default: those whom the system trusts).
    pub fn roots(mut self, roots: Roots) -> Self {
        self.roots = roots;
        self
    }

    /// Trusts the certificates of a PEM too. `.roots(Roots::Given(vec![]))` before it trusts them alone.
    pub fn add_root_pem(mut self, pem: &[u8]) -> Self {
        match certificates("root certificate", pem) {
            Ok(roots) => self.more_roots.extend(roots),
            Err(wrong) => self.reject(wrong),
        }
        self
    }

    /// Who we are, to peers that ask: a chain of certificates, our own first, and its private key (PKCS#8, PKCS#1 or SEC1), both as PEM.
    pub fn client_auth_pem(mut self, chain: &[u8], key: &[u8]) -> Self {
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|source| not_pem("client's private key", source));
        match certificates("client certificate", chain).and_then(|chain| Ok((chain, key?))) {
            Ok(identity) => self.identity = Some(identity),
            Err(wrong) => self.reject(wrong),
        }
        self
    }

    /// Adds a pin: see [`Pins`].
    pub fn pin(mut self, pattern: &str, pin: &str) -> Self {
        if let Err(wrong) = self.pins.add(pattern, pin, false) {
            self.reject(TlsConfigError::Pin(wrong));
        }
        self
    }

    /// Adds a pin of the host's own certificate: see [`Pins::pin_leaf`].
    pub fn pin_leaf(mut self, pattern: &str, pin: &str) -> Self {
        if let Err(wrong) = self.pins.add(pattern, pin, true) {
            self.reject(TlsConfigError::Pin(wrong));
        }
        self
    }

    /// Adds a pin that every host's own certificate must have: see [`Pins::pin_every_leaf`].
    pub fn pin_every_leaf(mut self, pin: &str) -> Self {
        if let Err(wrong) = self.pins.add_every_leaf(pin) {
            self.reject(TlsConfigError::Pin(wrong));
        }
        self
    }

    /// Adds all of these pins.
    pub fn pins(mut self, pins: Pins) -> Self {
        self.pins.extend(pins);
        self
    }

    /// The versions of TLS (default: 1.2 to 1.3).
    pub fn versions(mut self, versions: RangeInclusive<TlsVersion>) -> Self {
        self.versions = versions;
        self
    }

    /// Accepts any certificate, of anybody: whoever is on the way can read and change everything. Pins still hold, for the leaf. Such a
    /// connection never carries another host.
    ///
    /// Proxies are verified all the same, by the roots that are set here, unless their [sealer](TlsConfig::tls_connector) is made insecure too.
    pub fn insecure(mut self) -> Self {
        self.insecure = true;
        self
    }

    /// Who does the cryptography (default: the process' default, otherwise aws-lc-rs or ring, as this crate was built).
    pub fn provider(mut self, provider: Arc<CryptoProvider>) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Makes it. Reads the system's roots, unless they aren't asked for.
    ///
    /// # Errors
    /// The first setting that was wrong; otherwise what is missing.
    pub fn build(mut self) -> Result<TlsConfig, TlsConfigError> {
        if let Some(wrong) = self.wrong.take() {
            return Err(wrong);
        }
        let provider = provider::choose(self.provider.clone()).ok_or(TlsConfigError::NoProvider)?;
        let identity = match self.identity.take() {
            Some((chain, key)) => Identity::new(chain, key, &provider).map_err(TlsConfigError::Identity)?,
            None => Identity::nobody(),
        };
        let versions: Vec<_> = TlsVersion::ALL
            .into_iter()
            .filter(|version| self.versions.contains(version))
            .map(TlsVersion::of_rustls)
            .collect();
        let verifying = self.insecure.then(|| Source::later(self.verifying()));
        let trust = self.trust(&provider)?;
        let knows_paths = trust.knows_paths();
        let verifier = Verifier::new(trust, &provider, self.pins.clone());
        let client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .map_err(TlsConfigError::Versions)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::new(identity));
        Ok(TlsConfig::new(Inner { client, pins: self.pins, knows_paths, sessions: Arc::default(), verifying }))
    }

    /// The same again, as far as whom to trust and what to pin goes: nobody's identity, and not insecure.
    pub(crate) fn verifying(&self) -> Self {
        Self {
            roots: self.roots.clone(),
            more_roots: self.more_roots.clone(),
            identity: None,
            pins: self.pins.clone(),
            versions: self.versions.clone(),
            insecure: false,
            provider: self.provider.clone(),
            wrong: None,
        }
    }

    fn trust(
        &mut self,
        #[cfg_attr(not(feature = "platform-verifier"), expect(unused_variables, reason = "for the platform's alone"))]
        provider: &Arc<CryptoProvider>,
    ) -> Result<TrustIn, TlsConfigError> {
        if self.insecure {
            return Ok(TrustIn::Anybody);
        }
        match std::mem::take(&mut self.roots) {
            #[cfg(feature = "platform-verifier")]
            Roots::Platform => {
                let more = self.more_roots.iter().cloned();
                rustls_platform_verifier::Verifier::new_with_extra_roots(more, Arc::clone(provider))
                    .map(TrustIn::Platform)
                    .map_err(TlsConfigError::Platform)
            }
            roots => roots.anchors(&self.more_roots).map(TrustIn::Anchors),
        }
    }

    fn reject(&mut self, wrong: TlsConfigError) {
        self.wrong.get_or_insert(wrong);
    }
}

fn certificates(what: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsConfigError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if found.is_empty() => Err(not_pem(what, pem::Error::NoItemsFound)),
        found => found.map_err(|source| not_pem(what, source)),
    }
}

fn not_pem(what: &'static str, source: pem::Error) -> TlsConfigError {
    TlsConfigError::Pem { what, source }
}

impl fmt::Debug for TlsConfigBuilder {
    /// Without keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfigBuilder")
            .field("pins", &self.pins)
            .field("versions", &self.versions)
            .field("insecure", &self.insecure)
            .field("identity", &self.identity.is_some())
            .finish_non_exhaustive()
    }
}
