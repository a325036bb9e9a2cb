use super::{
    certificates::{certificates, not_pem},
    fips,
    key_log::KeyLogTo,
    provider,
    tls_config::{Inner, LazyConfig},
};
use crate::{
    ConnectionSpec, Pins, Roots, TlsConfig, TlsConfigError, TlsVersion,
    ech::GivenKeys,
    identity::{ChooseIdentity, ClientIdentity, Given, Identity, IdentityRequest},
    pins::{Pattern, Tell},
    revocation::Revocation,
    sessions::{MEMORY, SessionStore, Sessions},
    spec::Resolved,
    verifier::{TrustStore, Verifier},
};
use rustls::{
    ClientConfig,
    client::danger::ServerCertVerifier,
    crypto::CryptoProvider,
    pki_types::{
        CertificateDer, CertificateRevocationListDer,
        pem::{self, PemObject},
    },
};
use skybridge_core::PinsNotEnforced;
use std::{
    fmt,
    ops::RangeInclusive,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

/// Builds a [`TlsConfig`]. An invalid setting is reported by [`build`](Self::build).
#[must_use = "nothing is made until it is built"]
pub struct TlsConfigBuilder {
    roots: Roots,
    more_roots: Vec<CertificateDer<'static>>,
    identities: Identities,
    revocation: Revocation,
    pins: Pins,
    /// Who is told of pins that weren't enforced in a foreign stack.
    tell: Option<Arc<Tell>>,
    versions: RangeInclusive<TlsVersion>,
    /// None where they are the default ones.
    specs: Vec<ConnectionSpec>,
    given_keys: GivenKeys,
    insecure: bool,
    insecure_for: Vec<Pattern>,
    custom: Option<Arc<dyn ServerCertVerifier>>,
    most_intermediates: usize,
    provider: Option<Arc<CryptoProvider>>,
    key_log: Option<KeyLogTo>,
    fips: bool,
    session_memory: usize,
    session_store: Option<Arc<dyn SessionStore>>,
    error: Option<TlsConfigError>,
}

/// The client certificates that were given.
#[derive(Default)]
struct Identities {
    by_host: Vec<(Pattern, Given)>,
    every_host: Option<Given>,
    choose: Option<Arc<ChooseIdentity>>,
}

impl TlsConfig {
    /// Starts with the system's roots, TLS 1.2 and 1.3, no pins and no client certificate.
    pub fn builder() -> TlsConfigBuilder {
        TlsConfigBuilder::new()
    }
}

impl Default for LazyConfig {
    /// The default configuration.
    fn default() -> Self {
        Self::new(|| TlsConfig::builder().build())
    }
}

impl TlsConfigBuilder {
    fn new() -> Self {
        Self {
            roots: Roots::default(),
            more_roots: Vec::new(),
            identities: Identities::default(),
            revocation: Revocation::default(),
            pins: Pins::new(),
            tell: None,
            versions: TlsVersion::Tls12..=TlsVersion::Tls13,
            specs: Vec::new(),
            given_keys: GivenKeys::default(),
            insecure: false,
            insecure_for: Vec::new(),
            custom: None,
            most_intermediates: usize::MAX,
            provider: None,
            key_log: None,
            fips: false,
            session_memory: MEMORY,
            session_store: None,
            error: None,
        }
    }

    /// The trusted roots (default: the system's, or none without the feature `native-roots`).
    pub fn roots(mut self, roots: Roots) -> Self {
        self.roots = roots;
        self
    }

    /// Trusts the certificates of a PEM file too. To trust them alone, set `.roots(Roots::Given(vec![]))` as well.
    pub fn add_root_pem(mut self, pem: &[u8]) -> Self {
        match certificates("root certificate", pem) {
            Ok(roots) => self.more_roots.extend(roots),
            Err(error) => self.reject(error),
        }
        self
    }

    /// Refuses what these lists say is revoked: certificate revocation lists (RFC 5280, section 5) as PEM, each signed
    /// by the issuer of the certificates that it is about. No list is ever fetched. By default there is none.
    ///
    /// They count for each certificate below a root: the peer's own and those of its issuers. Of two lists of an issuer
    /// the newer one counts; of one that it gives out in parts (section 5.2.5), the newer one of the same part. One
    /// that has expired, or isn't signed by the issuer, makes its certificates unknown, and the connect fails:
    /// [`TlsError::RevocationUnknown`](crate::TlsError::RevocationUnknown). With another verifier they are an error.
    ///
    /// A peer's own certificate that is among the roots is refused where such a list of its issuer, or any part, has
    /// it. None needs to be about it, whatever is [required](Self::crl_required); as its issuer may not be known, none
    /// needs to be signed by that, nor be in time.
    pub fn crl_pem(mut self, pem: &[u8]) -> Self {
        let mut found = 0;
        for crl in CertificateRevocationListDer::pem_slice_iter(pem) {
            found += 1;
            let added = crl.map_err(|source| not_pem(CRL, found, source)).and_then(|crl| self.revocation.add(&crl));
            if let Err(error) = added {
                self.reject(error);
                return self;
            }
        }
        if found == 0 {
            self.reject(not_pem(CRL, 1, pem::Error::NoItemsFound));
        }
        self
    }

    /// The same of one list in DER.
    pub fn add_crl(mut self, der: &[u8]) -> Self {
        if let Err(error) = self.revocation.add(der) {
            self.reject(error);
        }
        self
    }

    /// Whether a certificate that no list is about is refused (default: no), as curl does with `--crlfile`.
    pub fn crl_required(mut self, required: bool) -> Self {
        self.revocation.required = required;
        self
    }

    /// Whether a list counts after the time at which the next was due as well (default: no).
    pub fn crl_may_be_expired(mut self, may: bool) -> Self {
        self.revocation.expired = may;
        self
    }

    /// Whether servers must staple to their certificate (OCSP, RFC 6960) that it isn't revoked (default: no), as curl
    /// requires with `--cert-status`. Of a TLS 1.2 or 1.3 server that does so without being asked to, it is checked in
    /// any case: one that says otherwise, has expired or isn't signed by the certificate's issuer, or by who may do so
    /// in its place, is refused. One that has no end counts for a day. Nobody is ever asked.
    ///
    /// A certificate that says of itself that it is stapled (must-staple, RFC 7633) is refused without a good staple
    /// whatever is set here: [`TlsError::MustStaple`](crate::TlsError::MustStaple). Its owner has asked for that, so
    /// that whoever has stolen the key gains nothing by leaving out the proof that it is revoked. Firefox does so too;
    /// OkHttp and curl don't. Another verifier decides by itself, so that it is an
    /// error to require one of it, and what isn't verified needs none.
    pub fn require_staple(mut self, required: bool) -> Self {
        self.revocation.staple = required;
        self
    }

    /// The client certificate, for peers that request one: a chain of certificates, our own first, and its private key
    /// (PKCS#8, PKCS#1 or SEC1), both as PEM. By default none is sent.
    pub fn client_auth_pem(mut self, chain: &[u8], key: &[u8]) -> Self {
        match Given::pem(chain, key) {
            Ok(given) => self.identities.every_host = Some(given),
            Err(error) => self.reject(error),
        }
        self
    }

    /// The same for the hosts alone that a pattern matches, written as for [`Pins`]: see
    /// [`IdentityRequest::host`]. The first that matches counts, and goes before the one for every host.
    pub fn client_auth_pem_for(mut self, pattern: &str, chain: &[u8], key: &[u8]) -> Self {
        let pattern = Pattern::parse(pattern).map_err(TlsConfigError::IdentityHost);
        match pattern.and_then(|pattern| Ok((pattern, Given::pem(chain, key)?))) {
            Ok(given) => self.identities.by_host.push(given),
            Err(error) => self.reject(error),
        }
        self
    }

    /// As [`client_auth_pem`](Self::client_auth_pem), of DER.
    pub fn client_auth_der(mut self, chain: Vec<CertificateDer<'static>>, key: &[u8]) -> Self {
        match Given::der(chain, key) {
            Ok(given) => self.identities.every_host = Some(given),
            Err(error) => self.reject(error),
        }
        self
    }

    /// Chooses the client certificate for each peer that requests one, from what it says of itself: for `None` it is
    /// shown none. This alone decides then: what the methods above were given is shown to nobody.
    ///
    /// It is called within a handshake, so it must not block; also for a peer that is shown nothing then, as it has
    /// rejected Encrypted Client Hello. It is not called for a resumed connection, which has the
    /// certificate of the one that its session is of; sessions are kept apart by all that a [request](IdentityRequest)
    /// says of who the peer is. The proxies of a [layer](crate::TlsLayer::proxy_connector) for origins are shown none.
    ///
    /// ```
    /// use skybridge_tls::{ClientIdentity, Roots, TlsConfig};
    ///
    /// # let ca = skybridge_testkit::certs::Ca::new("a root");
    /// # let (root, me) = (ca.der(), ca.client("me"));
    /// # let (chain, key) = (me.chain_pem(), me.key_pem());
    /// let me = ClientIdentity::from_pem(chain.as_bytes(), key.as_bytes())?;
    /// let config = TlsConfig::builder()
    ///     .roots(Roots::Given(vec![root]))
    ///     .client_auth(move |asked| (asked.host() == "a.test" && asked.accepts(&me)).then(|| me.clone()))
    ///     .build()?;
    /// # let _ = config;
    /// # Ok::<_, skybridge_tls::TlsConfigError>(())
    /// ```
    pub fn client_auth(
        mut self,
        choose: impl Fn(&IdentityRequest<'_>) -> Option<ClientIdentity> + Send + Sync + 'static,
    ) -> Self {
        self.identities.choose = Some(Arc::new(choose));
        self
    }

    /// Adds a pin for the hosts that match a pattern: see [`Pins`].
    pub fn pin(mut self, pattern: &str, pin: &str) -> Self {
        if let Err(error) = self.pins.add(pattern, pin, false) {
            self.reject(TlsConfigError::Pin(error));
        }
        self
    }

    /// Adds a pin of the host's own certificate: see [`Pins::pin_leaf`].
    pub fn pin_leaf(mut self, pattern: &str, pin: &str) -> Self {
        if let Err(error) = self.pins.add(pattern, pin, true) {
            self.reject(TlsConfigError::Pin(error));
        }
        self
    }

    /// Adds a pin that every host's own certificate must have: see [`Pins::pin_every_leaf`].
    pub fn pin_every_leaf(mut self, pin: &str) -> Self {
        if let Err(error) = self.pins.add_every_leaf(pin) {
            self.reject(TlsConfigError::Pin(error));
        }
        self
    }

    /// Adds all pins of a set.
    pub fn pins(mut self, pins: Pins) -> Self {
        self.pins.extend(pins);
        self
    }

    /// Who is told of a host that a [verifier that stands alone](TlsConfig::verifier) has let through without its pins,
    /// because they have [expired](Pins::until) or are [for report only](Pins::report_only) (default: nobody). It is
    /// called within the handshake, so it must not block; not for resumed ones. Our own connections tell the observer
    /// instead ([`EventKind::PinsNotEnforced`](skybridge_core::EventKind)).
    ///
    /// ```
    /// use skybridge_tls::{Pins, TlsConfig};
    ///
    /// let pins = Pins::new().pin("a.test", "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")?.report_only();
    /// let config = TlsConfig::builder().pins(pins).on_pins_not_enforced(|told| eprintln!("{told}"));
    /// # let _ = config;
    /// # Ok::<_, skybridge_tls::PinError>(())
    /// ```
    pub fn on_pins_not_enforced(mut self, tell: impl Fn(&PinsNotEnforced) + Send + Sync + 'static) -> Self {
        self.tell = Some(Arc::new(tell));
        self
    }

    /// The TLS versions to offer (default: 1.2 and 1.3); of [specs](Self::specs), what is outside of them is left out.
    pub fn versions(mut self, versions: RangeInclusive<TlsVersion>) -> Self {
        self.versions = versions;
        self
    }

    /// How TLS is spoken (default: [`ConnectionSpec::MODERN`] alone). With several, the next one is tried where the
    /// handshake with one has failed in a way that another may change: what both allow is nothing, or the peer has
    /// broken the rules of TLS. It isn't where the peer could not prove who it is, asks for a certificate, or chose
    /// none of our protocols, nor after a timeout, or a stream that broke or ended. Each try is on a connection of its
    /// own, to the same address by the same way, and has its own sessions; a name that has been encrypted is not shown
    /// by it.
    ///
    /// **Whoever can write to the connection can force it**, by an alert, and so choose the weakest of the specs. That
    /// is why there is no second one by default, and why each fallback is an event
    /// ([`EventKind::TlsFallback`](skybridge_core::EventKind)) and a fact ([`TlsInfo::spec`]). rustls can't send
    /// `TLS_FALLBACK_SCSV` (RFC 7507), by which a server would notice. A server that speaks TLS 1.3 and is forced to
    /// 1.2 says so in its random bytes (RFC 8446, section 4.1.3), which only a client looks at that has offered 1.3;
    /// where they say so, no other spec is tried.
    ///
    /// With specs of which none is [`ConnectionSpec::CLEARTEXT`], origins of `http` are refused: by
    /// [`TlsLayer`](crate::TlsLayer) before a connection is opened, and by the client of `skybridge` before a name is
    /// looked up. Without a call to this they are permitted.
    ///
    /// Proxies are spoken to by the first spec alone.
    ///
    /// [`TlsInfo::spec`]: skybridge_core::TlsInfo::spec
    pub fn specs(mut self, specs: impl IntoIterator<Item = ConnectionSpec>) -> Self {
        self.specs = specs.into_iter().collect();
        if self.specs.is_empty() {
            self.reject(TlsConfigError::NoSpec);
        }
        self
    }

    /// The keys of Encrypted Client Hello (RFC 9849) for the hosts that a pattern matches, written as for [`Pins`]: an
    /// `ECHConfigList`, as it is in an HTTPS record. They go before those of records, and are not for proxies.
    ///
    /// The names of these hosts are never sent in the clear: where the server doesn't accept them, nor others that it
    /// gives itself, the connect fails. [`ConnectOptions::ech`](skybridge_core::ConnectOptions::ech) may turn it off.
    pub fn ech_keys(mut self, pattern: &str, list: &[u8]) -> Self {
        if let Err(error) = self.given_keys.add(Some(pattern), list) {
            self.reject(error);
        }
        self
    }

    /// The same for every host that no pattern matches.
    pub fn ech_keys_for_every_host(mut self, list: &[u8]) -> Self {
        if let Err(error) = self.given_keys.add(None, list) {
            self.reject(error);
        }
        self
    }

    /// Accepts any certificate: an attacker on the path can read and change everything. Pins are still checked, for the
    /// leaf. Such a connection is never coalesced.
    ///
    /// Proxies are verified all the same, by the roots that are set here, unless the configuration of their
    /// [connector](TlsConfig::tls_connector) is insecure too.
    pub fn insecure(mut self) -> Self {
        self.insecure = true;
        self
    }

    /// Accepts any certificate of the hosts that a pattern matches, written as for [`Pins`]: **whoever is on the path
    /// can be each of them**, and read and change everything. All other hosts are verified.
    ///
    /// The name counts that the certificate would have to be for, which
    /// [`server_name`](skybridge_core::ConnectOptions::server_name) may set. A certificate must be readable all the
    /// same, and its key the server's. Pins are still checked, for the leaf. Such a connection is never coalesced, an
    /// event tells of it ([`EventKind::TlsUnverified`](skybridge_core::EventKind)), and its
    /// [facts](skybridge_core::Trust::Unverified) do. Proxies are verified all the same, whatever their names.
    pub fn insecure_for(mut self, pattern: &str) -> Self {
        match Pattern::parse(pattern) {
            Ok(pattern) => self.insecure_for.push(pattern),
            Err(error) => self.reject(TlsConfigError::InsecureFor(error)),
        }
        self
    }

    /// Lets this verifier decide in the place of ours, for origins. It is asked once for each connection that isn't
    /// resumed, with the origin's name, also through proxies, and its refusal is final.
    ///
    /// It tells no path: [`Pins`] are compared with the server's own key alone, and connections are never coalesced.
    /// The roots that are set here are then for proxies alone, which are verified as ever.
    pub fn custom_verifier(mut self, verifier: Arc<dyn ServerCertVerifier>) -> Self {
        self.custom = Some(verifier);
        self
    }

    /// The most intermediate certificates of a path, between the server's own and the root (default: 6, which is also
    /// the most that is possible: webpki follows no longer path, so one has 8 certificates at most, where OkHttp takes
    /// 10). A shorter one, where there is one, is taken. With another verifier, which doesn't tell its paths, it is an
    /// error.
    pub fn max_intermediates(mut self, most: usize) -> Self {
        self.most_intermediates = most;
        self
    }

    /// The cryptography provider (default: the process's default if one is installed, otherwise aws-lc-rs or ring, as
    /// this crate was built).
    pub fn provider(mut self, provider: Arc<CryptoProvider>) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Whether all cryptography must be in a mode that FIPS 140-3 approves (default: it needn't). It is told by the
    /// provider of itself: with this crate's feature `fips` the built-in one is approved, and has no other cipher suite
    /// or key exchange. TLS 1.2 is then spoken with extended master secrets alone (RFC 7627).
    ///
    /// What contradicts it is an error when this is built, and nothing is left out in silence
    /// ([`TlsConfigError::NotFips`]): a provider with a cipher suite (ChaCha20) or key exchange (X25519 by itself) that
    /// isn't approved, another verifier, of which it isn't known, and such keys of Encrypted Client Hello. Where an
    /// HTTPS record has such keys the connect fails, unless the built-in provider is approved, which doesn't use them.
    /// It also holds for the proxies that this configuration serves.
    ///
    /// Not looked at is the key of a [`ClientIdentity`], which whoever made it has loaded. Outside of the provider are
    /// the hashes by which pins are compared, trusted roots found, and staples assigned to their certificates: nothing
    /// is signed, encrypted or agreed by them.
    pub fn require_fips(mut self, required: bool) -> Self {
        self.fips = required;
        self
    }

    /// Appends the secrets of all connections to this file (default: none), in the format of `SSLKEYLOGFILE`
    /// (RFC 9850), for Wireshark and the like.
    ///
    /// **Whoever reads this file reads all that was sent and received**, passwords and cookies included, and can change
    /// what is still open. It is for debugging on a machine of one's own. It is created so that its owner alone can
    /// read it (mode 0600; one that exists keeps its own), and grows with each handshake. The environment variable of
    /// that name is never read: nobody but who writes the configuration turns this on. It also holds for the proxies
    /// that this configuration serves.
    ///
    /// Nothing else changes by it. Where a line can't be written, the connection goes on. Each is written within the
    /// handshake, whose thread waits for the file.
    pub fn key_log_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.key_log = Some(KeyLogTo::Path(path.into()));
        self
    }

    /// How much memory the sessions may take that are kept to be resumed, in bytes (default: 1 MiB); 0 keeps none, so
    /// that each handshake is a full one. It is an estimate, as rustls doesn't tell how long a ticket is.
    ///
    /// rustls keeps all certificates of the peer with each session. So 1 MiB is for the sessions of about 730 peers
    /// that show 500 bytes of certificates, and for 260 that show 3 KiB; 1,000 of those take 4 MiB. A peer has up to 8
    /// sessions while there is room, and then the latest alone; the oldest peer's is dropped first.
    ///
    /// Sessions of origins are kept apart from those of proxies, and those of each spec and each
    /// [generation](crate::TlsHandle) from all others, with as much memory for each that is in use.
    pub fn session_memory(mut self, bytes: usize) -> Self {
        self.session_memory = bytes;
        self
    }

    /// Keeps the sessions that may be resumed in this [store](SessionStore) (default: none, they are kept in the memory
    /// that [`session_memory`](Self::session_memory) allows). Several configurations may have the same one: what is
    /// kept apart otherwise is kept apart in it, also from those of [`rustls_config`](TlsConfig::rustls_config).
    ///
    /// `session_memory` then bounds what else is remembered of peers, the kind of key exchange that each has chosen; at
    /// 0 the store is never asked, and each handshake is a full one.
    pub fn session_store(mut self, store: Arc<dyn SessionStore>) -> Self {
        self.session_store = Some(store);
        self
    }

    /// Builds the configuration. Opens the key log, if there is to be one. Reads the system's roots, if they are to be
    /// trusted, and draws a first random byte: the first of a process takes aws-lc-rs tens of milliseconds, which no
    /// handshake should have to wait for.
    ///
    /// # Errors
    /// The first invalid setting; otherwise what is missing or doesn't fit together.
    pub fn build(mut self) -> Result<TlsConfig, TlsConfigError> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let key_log = self.key_log.take().map(KeyLogTo::open).transpose();
        let key_log = key_log.map_err(|(path, source)| TlsConfigError::KeyLog { path, source })?;
        self.key_log = key_log.clone().map(KeyLogTo::Open);
        let provider = provider::choose(self.provider.clone()).ok_or(TlsConfigError::NoProvider)?;
        provider::start(&provider);
        let identity = Arc::new(std::mem::take(&mut self.identities).load(&provider)?);
        let specs = self.resolve(&provider)?;
        let verifying = self.is_for_origins_alone().then(|| {
            let builder = self.verifying();
            LazyConfig::new(move || builder.verifying().build())
        });
        self.revocation.check()?;
        let trust = self.trust(&provider)?;
        if !self.revocation.is_empty() && trust.is_platform() {
            return Err(TlsConfigError::CrlsOfPlatform);
        }
        if self.most_intermediates != usize::MAX && trust.is_platform() {
            return Err(TlsConfigError::IntermediatesOfPlatform);
        }
        if self.fips && trust.is_platform() {
            return Err(fips::refused("this verifier, of which it isn't known"));
        }
        if self.fips && !self.given_keys.are_fips() {
            return Err(fips::refused("the keys of Encrypted Client Hello"));
        }
        let verifier = Arc::new(Verifier {
            trust,
            algorithms: provider.signature_verification_algorithms,
            pins: self.pins.clone(),
            tell: self.tell.clone(),
            revocation: self.revocation,
            exempt: self.insecure_for,
            most_intermediates: self.most_intermediates,
        });
        let mut fallback = None;
        for Resolved { name, provider, versions } in specs.into_iter().rev() {
            let tls13 = versions.contains(&TlsVersion::Tls13);
            if !self.given_keys.is_empty() && !tls13 {
                return Err(TlsConfigError::Ech(rustls::Error::General("TLS 1.3 is not offered".into())));
            }
            let rustls_versions: Vec<_> = versions.iter().map(|version| version.to_rustls()).collect();
            let mut client = ClientConfig::builder_with_provider(provider)
                .with_protocol_versions(&rustls_versions)
                .map_err(TlsConfigError::Versions)?
                .dangerous()
                .with_custom_certificate_verifier(Arc::<Verifier>::clone(&verifier))
                .with_client_cert_resolver(Arc::<Identity>::clone(&identity));
            if self.fips {
                fips::check(&client)?;
            }
            if let Some(key_log) = &key_log {
                client.key_log = key_log.clone();
            }
            fallback = Some(TlsConfig::new(Inner {
                client,
                verifier: Arc::clone(&verifier),
                identity: Arc::clone(&identity),
                pins: self.pins.clone(),
                sessions: Sessions::new(self.session_memory, self.session_store.clone()),
                generation: None,
                given_keys: self.given_keys.clone(),
                fips: self.fips,
                tls13,
                tls12: versions.contains(&TlsVersion::Tls12),
                spec: name,
                fallback,
                permits_cleartext: self.specs.is_empty() || self.specs.iter().any(ConnectionSpec::is_cleartext),
                verifying: verifying.clone(),
                standalone: OnceLock::new(),
            }));
        }
        fallback.ok_or(TlsConfigError::NoSpec)
    }

    /// The specs that speak TLS, at least one.
    fn resolve(&self, provider: &Arc<CryptoProvider>) -> Result<Vec<Resolved>, TlsConfigError> {
        if self.specs.is_empty() {
            let versions = TlsVersion::ALL.into_iter().filter(|version| self.versions.contains(version)).collect();
            let name = ConnectionSpec::MODERN.name().into();
            return Ok(vec![Resolved { name, provider: Arc::clone(provider), versions }]);
        }
        let tls = self.specs.iter().filter(|spec| !spec.is_cleartext());
        let resolved = tls.map(|spec| {
            let error = |source| TlsConfigError::Spec { spec: spec.name().into(), source };
            spec.resolve(&self.versions, provider).map_err(error)
        });
        resolved.collect()
    }

    /// Whether what is set of verification isn't for proxies.
    fn is_for_origins_alone(&self) -> bool {
        self.insecure || self.custom.is_some() || !self.insecure_for.is_empty()
    }

    /// A builder with the same roots, pins, versions, provider and key log, but without a client certificate, and never
    /// insecure.
    fn verifying(&self) -> Self {
        Self {
            roots: self.roots.clone(),
            more_roots: self.more_roots.clone(),
            identities: Identities::default(),
            revocation: self.revocation.clone(),
            pins: self.pins.clone(),
            tell: self.tell.clone(),
            versions: self.versions.clone(),
            specs: self.specs.clone(),
            given_keys: GivenKeys::default(),
            insecure: false,
            insecure_for: Vec::new(),
            custom: None,
            most_intermediates: self.most_intermediates,
            provider: self.provider.clone(),
            key_log: self.key_log.clone(),
            fips: self.fips,
            session_memory: self.session_memory,
            session_store: self.session_store.clone(),
            error: None,
        }
    }

    fn trust(
        &mut self,
        #[cfg_attr(
            not(feature = "platform-verifier"),
            expect(unused_variables, reason = "only the platform's verifier needs it")
        )]
        provider: &Arc<CryptoProvider>,
    ) -> Result<TrustStore, TlsConfigError> {
        if self.insecure {
            return Ok(TrustStore::Anyone);
        }
        if let Some(verifier) = self.custom.take() {
            return Ok(TrustStore::Custom(verifier));
        }
        match std::mem::take(&mut self.roots) {
            #[cfg(feature = "platform-verifier")]
            Roots::Platform => {
                let more = self.more_roots.iter().cloned();
                rustls_platform_verifier::Verifier::new_with_extra_roots(more, Arc::clone(provider))
                    .map(TrustStore::Platform)
                    .map_err(TlsConfigError::Platform)
            }
            roots => roots.anchors(&self.more_roots).map(TrustStore::Anchors),
        }
    }

    fn reject(&mut self, error: TlsConfigError) {
        self.error.get_or_insert(error);
    }
}

/// What lists of revoked certificates are called.
const CRL: &str = "list of revoked certificates";

impl Identities {
    fn is_empty(&self) -> bool {
        self.by_host.is_empty() && self.every_host.is_none() && self.choose.is_none()
    }

    fn load(self, provider: &CryptoProvider) -> Result<Identity, TlsConfigError> {
        let every_host = self.every_host.map(|given| given.load(provider)).transpose()?;
        let load = |(pattern, given): (Pattern, Given)| Ok((pattern, given.load(provider)?));
        let by_host = self.by_host.into_iter().map(load).collect::<Result<_, TlsConfigError>>()?;
        Ok(self.choose.map_or_else(|| Identity::given(by_host, every_host), Identity::chosen))
    }
}

impl fmt::Debug for TlsConfigBuilder {
    /// Leaves out keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfigBuilder")
            .field("pins", &self.pins)
            .field("versions", &self.versions)
            .field("insecure", &self.insecure)
            .field("insecure_for", &self.insecure_for)
            .field("identity", &!self.identities.is_empty())
            .finish_non_exhaustive()
    }
}
