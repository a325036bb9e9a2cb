use crate::{Certificate, Origin, Protocol, StatusListener};
use std::{
    fmt,
    sync::{Arc, Weak},
    time::{Instant, SystemTime},
};

/// How the peer's certificate was verified.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Trust {
    /// By the stack's own verifier, which knows the certificate path and can check it for other names.
    Verified,
    /// By a verifier of somebody else, such as the system's. Such a connection is never used for another origin.
    #[default]
    Other,
    /// Not at all, as the configuration has it: whoever is on the path can be the peer. Nor is such a connection used
    /// for another origin.
    Unverified,
}

/// Whether the origin's name was hidden: Encrypted Client Hello (RFC 9849).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum EchStatus {
    /// It was sent in the clear.
    #[default]
    None,
    /// It was sent in the clear, beside an extension that looks as if another were encrypted.
    Grease,
    /// It was encrypted, and the server has accepted that.
    Accepted,
    /// It was sent in the clear, on a new connection, after it had been encrypted and the server proved to be the keys'
    /// public name, and to have no keys.
    Rejected,
}

/// What is known of a TLS connection and its peer.
#[derive(Clone)]
#[non_exhaustive]
pub struct TlsInfo {
    /// The version of TLS: `1.2` or `1.3`.
    pub version: Option<&'static str>,
    /// The cipher suite.
    pub cipher: Option<&'static str>,
    /// The key exchange group.
    pub group: Option<&'static str>,
    /// The protocol that was negotiated by ALPN.
    pub alpn: Option<Protocol>,
    /// The server name that was sent (SNI): the origin's, also where it was encrypted beside a public one.
    pub sni: Option<Arc<str>>,
    /// Whether a session was resumed.
    pub resumed: bool,
    /// Whether the name was encrypted.
    pub ech: EchStatus,
    /// Whether the client sent a certificate.
    pub client_auth: bool,
    /// When the first certificate of the path expires, on the runtime's clock; `None` when that isn't known.
    pub valid_until: Option<Instant>,
    /// How the peer's certificate was verified.
    pub trust: Trust,
    /// The hashes (`sha256/...`) of the public keys of the verified path, from the peer's certificate to the trust
    /// anchor.
    pub pins: Arc<[Box<str>]>,
    /// Which other origins the peer's certificate is valid for.
    pub covers: Arc<dyn CertificateScope>,
}

/// Which origins a peer's certificate is valid for. Implemented by the TLS layer, and called by the pool, which doesn't
/// know TLS.
pub trait CertificateScope: Send + Sync + 'static {
    /// Whether the peer would be trusted for this origin too: its certificate names the host *and* the host's pins
    /// match.
    fn covers(&self, origin: &Origin) -> bool;

    /// Whether the certificate names the host, whatever its pins say: asked only to tell why it doesn't
    /// [cover](Self::covers) it. Default: whether it does.
    fn names(&self, origin: &Origin) -> bool {
        self.covers(origin)
    }

    /// Whether a connection that is opened for this origin might show another client certificate than this one has.
    /// Default: false.
    fn identity_differs(&self, _origin: &Origin) -> bool {
        false
    }

    /// Whether the trusted roots and the client's certificate are still those that it was made with. Default: true.
    fn is_current(&self) -> bool {
        true
    }

    /// The name of the spec by which TLS was spoken: see [`TlsInfo::spec`]. Default: not known.
    fn spec(&self) -> Option<&str> {
        None
    }

    /// Whether the cryptography is one that FIPS 140-3 approves: see [`TlsInfo::is_fips`]. Default: false.
    fn is_fips(&self) -> bool {
        false
    }

    /// The number of the settings of TLS that it was made by, where these can be replaced: from 1, in order. Default:
    /// `None`.
    fn generation(&self) -> Option<u64> {
        None
    }

    /// Has a connection told when such settings are replaced: it is to be
    /// [drained](crate::ConnectionStatus::Draining), or has to be already. Kept weakly. Default: nothing is told.
    fn subscribe(&self, _listener: Weak<dyn StatusListener>) {}

    /// The certificates that the peer has presented, read when this is asked: see [`TlsInfo::certificates`]. Default:
    /// none.
    fn certificates(&self) -> Vec<Certificate> {
        Vec::new()
    }

    /// When the first certificate of the path expires: see [`TlsInfo::not_after`]. Default: not known.
    fn not_after(&self) -> Option<SystemTime> {
        None
    }

    /// Whether the peer has stapled a proof that its certificate isn't revoked: see [`TlsInfo::is_stapled`]. Default:
    /// no.
    fn is_stapled(&self) -> bool {
        false
    }

    /// The certificates on the verified path, read when this is asked: see [`TlsInfo::path`]. Default: none.
    fn path(&self) -> Vec<Certificate> {
        Vec::new()
    }
}

// === impl EchStatus ===

impl EchStatus {
    /// The name for logs and reports, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Grease => "grease",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
        }
    }
}

// === impl TlsInfo ===

impl TlsInfo {
    /// TLS of which nothing is known. Such a connection is never used for another origin.
    pub fn unknown() -> Self {
        Self::new(Arc::new(NoScope))
    }

    /// TLS of which nothing is known but the origins that its certificate is valid for.
    pub fn new(covers: Arc<dyn CertificateScope>) -> Self {
        Self {
            version: None,
            cipher: None,
            group: None,
            alpn: None,
            sni: None,
            resumed: false,
            ech: EchStatus::None,
            client_auth: false,
            valid_until: None,
            trust: Trust::Other,
            pins: [].into(),
            covers,
        }
    }

    /// The name of the spec by which TLS was spoken, such as `modern`. It is another than the first that was asked for
    /// where the handshake with that had failed: see [`EventKind::TlsFallback`](crate::EventKind). `None` where it
    /// isn't known.
    pub fn spec(&self) -> Option<&str> {
        self.covers.spec()
    }

    /// Whether the cryptography is in a mode that FIPS 140-3 approves, as far as its provider says. False where that
    /// isn't known.
    pub fn is_fips(&self) -> bool {
        self.covers.is_fips()
    }

    /// What the certificates say that the peer has presented: its own first, the others in the order that it has sent
    /// them, which needn't be the verified path; at most 16. On a resumed connection they are those of the one whose
    /// session it is. Empty where they aren't known.
    ///
    /// They are read each time that this is called, not before.
    pub fn certificates(&self) -> Vec<Certificate> {
        self.covers.certificates()
    }

    /// Until when the certificates of the path are valid by the calendar: the first of them to expire counts, and a
    /// trust anchor doesn't. [`valid_until`](Self::valid_until) is the same on the runtime's clock.
    pub fn not_after(&self) -> Option<SystemTime> {
        self.covers.not_after()
    }

    /// Whether the peer has stapled to its certificate what its issuer says of it (OCSP, RFC 6066, section 8). On a
    /// resumed connection it is the one whose session it is that counts.
    pub fn is_stapled(&self) -> bool {
        self.covers.is_stapled()
    }

    /// The number of the settings of TLS that the connection was made by, where these can be replaced: those that a
    /// layer begins with are 1.
    pub fn generation(&self) -> Option<u64> {
        self.covers.generation()
    }

    /// The path that was verified, from the peer's own certificate to the trust anchor: one for each of
    /// [`pins`](Self::pins). Of the anchor only its subject and its key are known, and its `der` is empty, unless it is
    /// the peer's own. Empty where nothing was verified.
    ///
    /// It is put together each time that this is called, not before.
    pub fn path(&self) -> Vec<Certificate> {
        if self.trust == Trust::Verified { self.covers.path() } else { Vec::new() }
    }
}

/// Valid for no other origin.
struct NoScope;

impl CertificateScope for NoScope {
    fn covers(&self, _: &Origin) -> bool {
        false
    }
}

impl fmt::Debug for TlsInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsInfo")
            .field("version", &self.version)
            .field("cipher", &self.cipher)
            .field("alpn", &self.alpn)
            .field("sni", &self.sni)
            .field("resumed", &self.resumed)
            .field("ech", &self.ech)
            .finish_non_exhaustive()
    }
}
