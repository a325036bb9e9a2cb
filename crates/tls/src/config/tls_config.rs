use super::first_use::FirstUse;
use crate::{
    Pins, SkippedRoot, TlsConfigError, TlsError, TrustOutline, alpn,
    ech::{GivenKeys, Offer},
    generation::Generation,
    identity::Identity,
    peer::Peer,
    sessions::{ConnectionStore, Sessions},
    standalone::Standalone,
    verifier::Verifier,
};
use rustls::{
    ClientConfig, SupportedProtocolVersion,
    client::{EchMode, Resumption, danger::ServerCertVerifier},
    pki_types::TrustAnchor,
    time_provider::TimeProvider,
};
use skybridge_core::{ConnInfo, ConnectError, Ctx, Phase, Runtime, phase_timeout, sync::Mutex};
use std::{
    fmt,
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

/// Roots, pins, client certificate and TLS versions. Cheap to clone; clones share their sessions.
///
/// Sessions of TLS 1.2 and 1.3 are resumed. Each is kept with the path that was verified when it was made, so that pins
/// and [`CertificateScope`](skybridge_core::CertificateScope) work on resumed connections too. Sessions of one
/// [`Partition`](skybridge_core::Partition) are not used by another.
#[derive(Clone)]
pub struct TlsConfig(Arc<Inner>);

#[derive(Clone)]
pub(crate) struct Inner {
    pub(crate) client: ClientConfig,
    /// That of `client`.
    pub(crate) verifier: Arc<Verifier>,
    /// That of `client` too.
    pub(crate) identity: Arc<Identity>,
    pub(crate) pins: Pins,
    pub(crate) sessions: Arc<Sessions>,
    /// Where it may be replaced: its connections.
    pub(crate) generation: Option<Arc<Generation>>,
    pub(crate) given_keys: GivenKeys,
    /// Whether all must be approved by FIPS 140-3.
    pub(crate) fips: bool,
    /// Whether TLS 1.3 is offered.
    pub(crate) tls13: bool,
    /// Whether TLS 1.2 is.
    pub(crate) tls12: bool,
    /// The name of its spec.
    pub(crate) spec: Arc<str>,
    /// The same by the next spec, with sessions of its own.
    pub(crate) fallback: Option<TlsConfig>,
    /// Whether cleartext is among its specs.
    pub(crate) permits_cleartext: bool,
    /// Of an insecure configuration: the one that verifies proxies.
    pub(crate) verifying: Option<LazyConfig>,
    /// What foreign stacks are given, made when it is first asked for.
    pub(crate) standalone: OnceLock<Standalone>,
}

/// A configuration that is built on first use. Clones share it.
#[derive(Clone)]
pub(crate) struct LazyConfig(Arc<Lazy>);

enum Lazy {
    Built(TlsConfig),
    OnFirstUse(Arc<FirstUse<TlsConfig>>),
    Replaceable { by: Arc<Replaceable>, for_proxies: bool },
}

/// The present configuration of a layer, and of the proxies that it serves.
pub(crate) struct Replaceable(Mutex<Current>);

struct Current {
    config: TlsConfig,
    proxies: LazyConfig,
    number: u64,
    /// The generations before, as long as they have connections.
    older: Vec<Weak<Generation>>,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

// === impl TlsConfig ===

impl TlsConfig {
    /// The verifier of this configuration by itself, for any user of rustls: it verifies a peer, and compares the pins
    /// of the name that it is asked for with the path that it found.
    ///
    /// What it refuses by a pin is a [`CertificateError::Other`](rustls::CertificateError::Other) with a [`TlsError`]
    /// in it, which [`TlsError::find`] finds behind whatever the stack has put around it.
    ///
    /// rustls resumes a session without asking a verifier, but only under the very `Arc` that had verified it. This one
    /// is the same for all clones of a configuration, and another for each that is built. So other pins mean another
    /// `TlsConfig`, and no session that was made under the former ones is resumed, whoever keeps it. But what only time
    /// changes is not looked at when a session is resumed: that the certificate has expired meanwhile, which the
    /// sessions of [`rustls_config`](Self::rustls_config) end with, but for tickets that are read late. Elsewhere turn
    /// resumption off, or live with a session being resumed for up to seven days.
    ///
    /// It stays as it is: what a [handle](crate::TlsHandle) replaces is the configuration of our own connections.
    ///
    /// There is no observer. Of pins that have expired or are for report only
    /// [somebody](crate::TlsConfigBuilder::on_pins_not_enforced) else is told.
    ///
    /// Of an [insecure](crate::TlsConfigBuilder::insecure) configuration it accepts any certificate, and compares pins
    /// with the peer's own key. With `Roots::Platform` they are compared with that key alone as well.
    pub fn verifier(&self) -> Arc<dyn ServerCertVerifier> {
        Arc::clone(&self.standalone().verifier)
    }

    /// A configuration of rustls for a foreign stack: this [verifier](Self::verifier), client certificate, versions,
    /// provider and key log. It offers no protocol by ALPN: hyper-rustls sets them itself, elsewhere `alpn_protocols`
    /// is the caller's to fill.
    ///
    /// A client certificate that is for some hosts alone, or is chosen by a function, is shown to nobody: rustls
    /// doesn't tell for whom it is asked.
    ///
    /// Sessions are kept for 256 peers, in as much memory as there is for those of our own connections
    /// ([`session_memory`](crate::TlsConfigBuilder::session_memory)) and apart from them, and are shared by all that
    /// this configuration and its clones return. rustls tells them apart by name alone: for
    /// [partitions](skybridge_core::Partition) see [`rustls_config_apart`](Self::rustls_config_apart). With another
    /// `resumption`, or another clock, what is said of the [verifier](Self::verifier) holds.
    ///
    /// A session ends when a certificate of its peer expires: of the certificates that were verified for that name
    /// and were valid when its ticket was read, the first. rustls doesn't tell which connection a ticket is of. So
    /// where it is read when the certificate of its connection has expired, and the name was verified by a renewed one
    /// since, it ends with that one; and likewise where the name was one too many of the 256 in between, and was
    /// verified anew. Such a session may be resumed for up to seven days after its own certificate has expired. A
    /// server sends tickets right after the handshake, so that this takes a client that leaves them unread.
    pub fn rustls_config(&self) -> ClientConfig {
        self.standalone().client.clone()
    }

    /// As [`rustls_config`](Self::rustls_config), with sessions of its own, which end as those do: for a
    /// [partition](skybridge_core::Partition), as to a server that tracks its clients a session is as good as a cookie.
    pub fn rustls_config_apart(&self) -> ClientConfig {
        self.standalone().apart()
    }

    /// The same roots, pins, versions and provider, without a client certificate, and with sessions of its own. It
    /// verifies even if this one is insecure, and has the first spec alone: only who has opened a connection can open
    /// another.
    pub(crate) fn for_proxies(&self) -> LazyConfig {
        if let Some(verifying) = &self.0.verifying {
            return verifying.clone();
        }
        let mut client = self.0.client.clone();
        let identity = Arc::new(Identity::none());
        client.client_auth_cert_resolver = Arc::<Identity>::clone(&identity);
        let Inner { verifier, pins, fips, tls13, tls12, generation, spec, .. } = &*self.0;
        Self::new(Inner {
            client,
            verifier: Arc::clone(verifier),
            identity,
            pins: pins.clone(),
            sessions: self.0.sessions.others(),
            generation: generation.clone(),
            given_keys: GivenKeys::default(),
            fips: *fips,
            tls13: *tls13,
            tls12: *tls12,
            spec: Arc::clone(spec),
            fallback: None,
            permits_cleartext: self.0.permits_cleartext,
            verifying: None,
            standalone: OnceLock::new(),
        })
        .into()
    }

    pub(crate) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    pub(crate) fn standalone(&self) -> &Standalone {
        let Inner { client, verifier, sessions, .. } = &*self.0;
        self.0.standalone.get_or_init(|| Standalone::new(client, Arc::clone(verifier), sessions.others()))
    }

    /// The same by another clock.
    #[cfg(test)]
    pub(crate) fn with_clock(&self, clock: Arc<dyn TimeProvider>) -> Self {
        let mut inner = Inner::clone(&self.0);
        inner.client.time_provider = clock;
        inner.standalone = OnceLock::new();
        Self::new(inner)
    }

    /// The same, with sessions and connections of its own.
    pub(crate) fn as_generation(&self, number: u64) -> Self {
        self.of_generation(&Arc::new(Generation::new(number)))
    }

    fn of_generation(&self, generation: &Arc<Generation>) -> Self {
        let fallback = self.fallback().map(|fallback| fallback.of_generation(generation));
        let verifying = self.0.verifying.as_ref().map(|verifying| verifying.of_generation(generation));
        let (sessions, generation) = (self.0.sessions.others(), Some(Arc::clone(generation)));
        Self::new(Inner { sessions, generation, fallback, verifying, ..Inner::clone(&self.0) })
    }

    pub(crate) fn generation(&self) -> Option<&Arc<Generation>> {
        self.0.generation.as_ref()
    }

    /// Whether a handle has replaced it.
    pub(crate) fn is_superseded(&self) -> bool {
        self.generation().is_some_and(|generation| generation.is_superseded())
    }

    /// Whether both are of one generation, or of none.
    pub(crate) fn is_of_generation_of(&self, other: &Self) -> bool {
        let number = |config: &Self| config.generation().map(|generation| generation.number);
        number(self) == number(other)
    }

    pub(crate) fn pins(&self) -> &Pins {
        &self.0.pins
    }

    /// The versions of TLS that are offered, the latest first.
    pub(crate) fn versions(&self) -> Vec<TlsVersion> {
        let offered = [(self.0.tls13, TlsVersion::Tls13), (self.0.tls12, TlsVersion::Tls12)];
        offered.into_iter().filter(|(is_offered, _)| *is_offered).map(|(_, version)| version).collect()
    }

    /// Whether connections by it are in a mode that FIPS 140-3 approves, as far as the provider says: all of its cipher
    /// suites and key exchanges must be, and extended master secrets be required of TLS 1.2
    /// ([`ClientConfig::fips`](rustls::ClientConfig::fips)). One whose name is encrypted may not be, by the keys for
    /// that. [`require_fips`](crate::TlsConfigBuilder::require_fips) refuses what isn't.
    pub fn is_fips(&self) -> bool {
        self.0.client.fips()
    }

    /// What can't be read of the system's roots ([`Roots::Native`](crate::Roots)), and why: one file among many is
    /// skipped, and the others are trusted all the same. Empty where all were read, or are none of these. The
    /// [outline](crate::TlsLayer::outline) of a layer has it too.
    pub fn skipped_roots(&self) -> &[SkippedRoot] {
        self.0.verifier.skipped_roots().map_or(&[], |skipped| skipped)
    }

    /// The name of its spec.
    pub(crate) fn spec(&self) -> &Arc<str> {
        &self.0.spec
    }

    /// The same by the next spec.
    pub(crate) fn fallback(&self) -> Option<&Self> {
        self.0.fallback.as_ref()
    }

    pub(crate) fn permits_cleartext(&self) -> bool {
        self.0.permits_cleartext
    }

    pub(crate) fn has_tls13(&self) -> bool {
        self.0.tls13
    }

    /// Who may vouch for a peer of this name.
    pub(crate) fn trust(&self, name: &str) -> TrustOutline {
        self.0.verifier.trust(name)
    }

    pub(crate) fn shared_skipped_roots(&self) -> Arc<[SkippedRoot]> {
        self.0.verifier.skipped_roots().cloned().unwrap_or_default()
    }

    /// The roots that paths end at, as far as they are known.
    pub(crate) fn anchors(&self) -> &[TrustAnchor<'static>] {
        self.0.verifier.anchors()
    }

    /// The client certificates.
    pub(crate) fn identity(&self) -> &Identity {
        &self.0.identity
    }

    pub(crate) fn clock(&self) -> &Arc<dyn TimeProvider> {
        &self.0.client.time_provider
    }

    /// What a handshake with this origin does about its name.
    pub(crate) fn offer(&self, info: &ConnInfo, peer: &Peer) -> Result<Option<Box<Offer>>, TlsError> {
        Offer::first(info, peer, &self.0.given_keys, self.0.tls13)
    }

    /// rustls' configuration for one connection: its session store, its ALPN offer and the keys that encrypt its name
    /// are its own, all else is shared.
    pub(crate) fn for_connection(
        &self,
        peer: &Peer,
        ech: Option<EchMode>,
    ) -> Result<(ClientConfig, Arc<ConnectionStore>), rustls::Error> {
        let store = ConnectionStore::new(Arc::clone(&self.0.sessions), peer.session.clone(), Arc::clone(self.clock()));
        let store = Arc::new(store);
        let mut client = match ech {
            None => self.0.client.clone(),
            Some(mode) => self.with_ech(mode)?,
        };
        client.resumption = Resumption::store(store.clone());
        // By whoever reads what was selected: see `alpn::selected`.
        client.check_selected_alpn = false;
        client.alpn_protocols = alpn::offer(peer.http_versions);
        Ok((client, store))
    }

    /// The verifier and the identity are the same, as sessions are resumed only under these.
    fn with_ech(&self, mode: EchMode) -> Result<ClientConfig, rustls::Error> {
        let (shared, verifier) = (&self.0.client, Arc::<Verifier>::clone(&self.0.verifier));
        let builder =
            ClientConfig::builder_with_details(Arc::clone(shared.crypto_provider()), Arc::clone(&shared.time_provider));
        let builder = builder.with_ech(mode)?.dangerous().with_custom_certificate_verifier(verifier);
        let mut client = builder.with_client_cert_resolver(Arc::clone(&shared.client_auth_cert_resolver));
        client.key_log = Arc::clone(&shared.key_log);
        if self.0.fips && !client.fips() {
            return Err(rustls::Error::General("FIPS 140-3 doesn't approve how the name would be encrypted".into()));
        }
        Ok(client)
    }
}

impl fmt::Debug for TlsConfig {
    /// Leaves out keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfig")
            .field("pins", &self.0.pins)
            .field("identity", &self.0.identity)
            .field("sessions", &self.0.sessions)
            .finish_non_exhaustive()
    }
}

// === impl LazyConfig ===

impl LazyConfig {
    /// To be built by this function on first use.
    pub(crate) fn new(build: impl Fn() -> Result<TlsConfig, TlsConfigError> + Send + Sync + 'static) -> Self {
        Self(Arc::new(Lazy::OnFirstUse(Arc::new(FirstUse::new(build)))))
    }

    /// The same, with sessions and connections of a generation.
    fn of_generation(&self, generation: &Arc<Generation>) -> Self {
        match &*self.0 {
            Lazy::Built(config) => config.of_generation(generation).into(),
            Lazy::OnFirstUse(first) => {
                let (first, generation) = (Arc::clone(first), Arc::clone(generation));
                Self::new(move || Ok(first.build()?.of_generation(&generation)))
            }
            Lazy::Replaceable { .. } => self.clone(),
        }
    }

    /// The one that it is at present.
    pub(crate) fn replaceable(by: Arc<Replaceable>) -> Self {
        Self(Arc::new(Lazy::Replaceable { by, for_proxies: false }))
    }

    /// Begins to build it where that is still to be done, on a thread that polls no futures.
    pub(crate) fn prepare(&self, runtime: &dyn Runtime) {
        if let Lazy::OnFirstUse(first) = &*self.0 {
            first.prepare(runtime);
        }
    }

    /// The present one, for a connect. Where it is built on first use that is waited for no longer than this, or what
    /// counts in its place: [`phase_timeout`].
    pub(crate) async fn present(&self, ctx: &Ctx, limit: Duration) -> Result<TlsConfig, ConnectError> {
        loop {
            let first = match self.at_hand() {
                Ok(config) => return Ok(config),
                Err(first) => first,
            };
            // In a box, as nearly all are built when they are needed.
            let built = Box::pin(phase_timeout(ctx, Phase::Tls, limit, first.wait(&**ctx.runtime()))).await??;
            // It may have been replaced meanwhile.
            if !built.is_superseded() {
                return Ok(built);
            }
        }
    }

    /// Builds it on first use, which may read the system's roots: not for a poll.
    pub(crate) fn block(&self) -> Result<TlsConfig, ConnectError> {
        self.at_hand().or_else(|first| first.block())
    }

    /// The one that it is at present, if that is built.
    fn at_hand(&self) -> Result<TlsConfig, Arc<FirstUse<TlsConfig>>> {
        match &*self.0 {
            Lazy::Built(config) => Ok(config.clone()),
            Lazy::OnFirstUse(first) => match first.built() {
                Some(Ok(config)) => Ok(config.clone()),
                _ => Err(Arc::clone(first)),
            },
            Lazy::Replaceable { by, for_proxies: false } => Ok(by.config()),
            Lazy::Replaceable { by, for_proxies: true } => by.proxies().at_hand(),
        }
    }

    /// The present one, where cleartext is not among its specs. By default it is.
    pub(crate) fn forbids_cleartext(&self) -> Option<TlsConfig> {
        self.at_hand().ok().filter(|config| !config.permits_cleartext())
    }

    /// The configuration for proxies: see [`TlsConfig::for_proxies`]. One that isn't built yet serves both.
    pub(crate) fn for_proxies(&self) -> Self {
        match &*self.0 {
            Lazy::Built(config) => config.for_proxies(),
            Lazy::OnFirstUse(first) => match first.built() {
                Some(Ok(config)) => config.for_proxies(),
                _ => self.clone(),
            },
            Lazy::Replaceable { by, .. } => Self(Arc::new(Lazy::Replaceable { by: Arc::clone(by), for_proxies: true })),
        }
    }
}

// === impl Replaceable ===

impl Replaceable {
    pub(crate) fn new(config: &TlsConfig) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Current::new(config, 1))))
    }

    /// Begins a new generation. Returns all older ones that have connections.
    pub(crate) fn replace(&self, config: &TlsConfig) -> Vec<Arc<Generation>> {
        let mut current = self.0.lock();
        let mut next = Current::new(config, current.number + 1);
        next.older = std::mem::take(&mut current.older);
        next.older.extend(current.config.generation().map(Arc::downgrade));
        next.older.retain(|generation| generation.strong_count() > 0);
        let superseded = next.older.iter().filter_map(Weak::upgrade).collect();
        let old = std::mem::replace(&mut *current, next);
        drop(current);
        // What a user has given goes with it, and may ask for the lock.
        drop(old);
        superseded
    }

    /// The number of the present generation.
    pub(crate) fn number(&self) -> u64 {
        self.0.lock().number
    }

    fn config(&self) -> TlsConfig {
        self.0.lock().config.clone()
    }

    fn proxies(&self) -> LazyConfig {
        self.0.lock().proxies.clone()
    }
}

impl fmt::Debug for Replaceable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let current = self.0.lock();
        f.debug_struct("TlsHandle").field("generation", &current.number).field("config", &current.config).finish()
    }
}

impl Current {
    fn new(config: &TlsConfig, number: u64) -> Self {
        let config = config.as_generation(number);
        let proxies = config.for_proxies();
        Self { config, proxies, number, older: Vec::new() }
    }
}

impl From<TlsConfig> for LazyConfig {
    fn from(config: TlsConfig) -> Self {
        Self(Arc::new(Lazy::Built(config)))
    }
}

impl fmt::Debug for LazyConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Lazy::Built(config) => config.fmt(f),
            Lazy::OnFirstUse(first) => match first.built() {
                Some(Ok(config)) => config.fmt(f),
                Some(Err(error)) => error.fmt(f),
                None => f.write_str("not built yet"),
            },
            Lazy::Replaceable { by, .. } => by.fmt(f),
        }
    }
}

// === impl TlsVersion ===

impl TlsVersion {
    pub(crate) const ALL: [Self; 2] = [Self::Tls13, Self::Tls12];

    pub(crate) fn to_rustls(self) -> &'static SupportedProtocolVersion {
        match self {
            Self::Tls12 => &rustls::version::TLS12,
            Self::Tls13 => &rustls::version::TLS13,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Roots, Session, SessionPeer, SessionStore, handshake_capture, sessions::SessionKey};
    use rustls::{
        ClientConnection, ServerConnection,
        pki_types::{ServerName, UnixTime},
    };
    use skybridge_testkit::certs::Ca;
    use std::time::Duration;

    /// Keeps the last one.
    #[derive(Default)]
    struct Last(Mutex<Option<Session>>);

    impl SessionStore for Last {
        fn insert(&self, _: &SessionPeer, session: Session) {
            *self.0.lock() = Some(session);
        }

        fn take(&self, peer: &SessionPeer) -> Option<Session> {
            self.0.lock().take_if(|session| session.peer() == peer)
        }
    }

    /// Shakes hands in memory, and reads all tickets.
    fn shake_hands(mut client: ClientConnection, mut server: ServerConnection) {
        for _ in 0..8 {
            let mut bytes = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut bytes).unwrap();
            }
            let mut read = &bytes[..];
            while !read.is_empty() {
                server.read_tls(&mut read).unwrap();
                server.process_new_packets().unwrap();
            }
            bytes.clear();
            while server.wants_write() {
                server.write_tls(&mut bytes).unwrap();
            }
            let mut read = &bytes[..];
            while !read.is_empty() {
                client.read_tls(&mut read).unwrap();
                client.process_new_packets().unwrap();
            }
        }
    }

    #[test]
    fn a_session_is_not_offered_once_the_certificate_has_expired() {
        let root = Ca::new("root");
        let server = Arc::new(root.leaf(["a.test"]).server(&[]));
        let name = ServerName::try_from("a.test").unwrap();
        let key = SessionKey { partition: None, name: name.clone(), port: Some(443) };
        let before = UnixTime::now();
        let after = UnixTime::since_unix_epoch(Duration::from_secs(1 << 40));
        for version in TlsVersion::ALL {
            for is_given in [false, true] {
                for (now, is_valid) in [(before, true), (after, false)] {
                    let config = TlsConfig::builder().roots(Roots::Given(vec![root.der()])).versions(version..=version);
                    let store = Arc::new(Last::default());
                    let config = if is_given { config.session_store(store) } else { config }.build().unwrap();
                    let text = "a.test".into();
                    let peer = Peer { name: name.clone(), text, host: None, http_versions: None, session: key.clone() };
                    let (client, _) = config.for_connection(&peer, None).unwrap();
                    let client = ClientConnection::new(Arc::new(client), name.clone()).unwrap();
                    let server = ServerConnection::new(Arc::clone(&server)).unwrap();
                    handshake_capture::capture(|| shake_hands(client, server));
                    let sessions = &config.0.sessions;
                    let (tls13, tls12) = (sessions.take_tls13(&key, now), sessions.tls12(&key, now));
                    let expected = (is_valid && version == TlsVersion::Tls13, is_valid && version == TlsVersion::Tls12);
                    assert_eq!((tls13.is_some(), tls12.is_some()), expected, "{version:?}, given {is_given}");
                }
            }
        }
    }
}
