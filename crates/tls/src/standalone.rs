//! For a stack that isn't ours: what verifies and pins as our connector does, and needs nothing of it.
//!
//! The verifier and the client certificate resolver note what they see in a thread-local, which our handshake empties
//! within the same poll. Here there is no such handshake: so each call empties it itself. Otherwise a connection of
//! ours whose poll drives a foreign handshake would take what that one has seen for its own.

use crate::{
    TlsError, classify,
    foreign_sessions::{ForeignSessions, VerifiedPeers},
    handshake_capture::capture,
    identity::asked_by_a_stranger,
    peer,
    sessions::Sessions,
    verifier,
};
use rustls::{
    ClientConfig, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
    client::{
        ResolvesClientCert, Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
    sign::CertifiedKey,
};
use std::{fmt, sync::Arc};

/// What a configuration gives to foreign stacks: always the same, since rustls resumes a session only under the very
/// same verifier and resolver.
#[derive(Clone)]
pub(crate) struct Standalone {
    pub(crate) verifier: Arc<dyn ServerCertVerifier>,
    pub(crate) client: ClientConfig,
    sessions: Arc<Sessions>,
    peers: Arc<VerifiedPeers>,
}

struct Verifier {
    verifier: Arc<verifier::Verifier>,
    peers: Arc<VerifiedPeers>,
}

struct Resolver(Arc<dyn ResolvesClientCert>);

// === impl Standalone ===

impl Standalone {
    /// From the parts that our own connections have.
    pub(crate) fn new(client: &ClientConfig, verifier: Arc<verifier::Verifier>, sessions: Arc<Sessions>) -> Self {
        let peers = Arc::new(VerifiedPeers::default());
        let verifier: Arc<dyn ServerCertVerifier> = Arc::new(Verifier { verifier, peers: Arc::clone(&peers) });
        let mut client = client.clone();
        client.client_auth_cert_resolver = Arc::new(Resolver(Arc::clone(&client.client_auth_cert_resolver)));
        client.dangerous().set_certificate_verifier(Arc::clone(&verifier));
        let mut standalone = Self { verifier, client, sessions, peers };
        standalone.client.resumption = standalone.resumption(Arc::clone(&standalone.sessions));
        standalone
    }

    /// The same with sessions of its own.
    pub(crate) fn apart(&self) -> ClientConfig {
        let mut client = self.client.clone();
        client.resumption = self.resumption(self.sessions.others());
        client
    }

    fn resumption(&self, sessions: Arc<Sessions>) -> Resumption {
        let clock = Arc::clone(&self.client.time_provider);
        Resumption::store(Arc::new(ForeignSessions::new(sessions, Arc::clone(&self.peers), clock)))
    }
}

// === impl Verifier ===

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        server: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let (verified, captured) = capture(|| self.verifier.verify_server_cert(leaf, others, server, ocsp, now));
        let verified = verified.map_err(|alert| match captured.refused {
            Some(error) => classify::refused(*error, alert),
            None => alert,
        })?;
        if let Some(path) = captured.path {
            self.verifier.tell(&peer::as_text(server), &path, now);
            self.peers.add(server, path, now);
        }
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        self.verifier.requires_raw_public_keys()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        self.verifier.root_hint_subjects()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.verifier.fmt(f)
    }
}

// === impl Resolver ===

impl ResolvesClientCert for Resolver {
    fn resolve(&self, issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        // Whoever is polled around it is not the one who asks.
        capture(|| asked_by_a_stranger(|| self.0.resolve(issuers, schemes))).0
    }

    fn only_raw_public_keys(&self) -> bool {
        self.0.only_raw_public_keys()
    }

    fn has_certs(&self) -> bool {
        self.0.has_certs()
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

// === impl TlsError ===

impl TlsError {
    /// Finds the error of this crate behind another: behind that of a client of `skybridge`, a `ConnectError` or its
    /// like; or behind what rustls, `io::Error` and a foreign stack have put around what a
    /// [standalone verifier](crate::TlsConfig::verifier) refused.
    pub fn find<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Self> {
        classify::find(error)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Roots, TlsConfig};
    use rustls::pki_types::{CertificateDer, UnixTime};
    use std::time::Duration;

    #[test]
    fn it_leaves_nothing_that_another_handshake_could_take_for_its_own() {
        let ca = skybridge_testkit::certs::Ca::new("a root");
        let chain = ca.leaf(["a.test"]).chain();
        let roots = || TlsConfig::builder().roots(Roots::Given(vec![ca.der()]));
        let clients = skybridge_testkit::certs::Ca::new("clients").client("me");
        let identity = (clients.chain_pem(), clients.key_pem());
        let right = roots().client_auth_pem(identity.0.as_bytes(), identity.1.as_bytes());
        let right = right.pin("a.test", &ca.pin()).build().unwrap();
        let wrong = roots().pin("a.test", &clients.pin()).build().unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000));
        let verify = |config: &TlsConfig, chain: &[CertificateDer<'_>]| {
            let name = "a.test".try_into().unwrap();
            config.verifier().verify_server_cert(&chain[0], &chain[1..], &name, &[], now).is_ok()
        };
        let (verdicts, captured) = super::capture(|| {
            let schemes = [rustls::SignatureScheme::ECDSA_NISTP256_SHA256];
            let resolver = right.rustls_config().client_auth_cert_resolver;
            (verify(&right, &chain), verify(&wrong, &chain), resolver.resolve(&[], &schemes).is_some())
        });
        assert_eq!(verdicts, (true, false, true));
        assert!(captured.path.is_none() && captured.refused.is_none() && !captured.client_auth);
    }
}
