use crate::{Pins, TlsError, classify, path, path::Path, peer, witness};
use rustls::{
    DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime},
};
use std::{cell::RefCell, fmt, sync::Arc};
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};

/// Judges certificates. One for all connections of a configuration: see [`witness`].
pub(crate) struct Verifier {
    trust: TrustIn,
    algorithms: WebPkiSupportedAlgorithms,
    pins: Pins,
}

/// Who may vouch for a peer.
pub(crate) enum TrustIn {
    /// These, by a path that we build.
    Anchors(Vec<TrustAnchor<'static>>),
    /// Whoever the system's own verifier says; it doesn't tell by which path.
    #[cfg(feature = "platform-verifier")]
    Platform(rustls_platform_verifier::Verifier),
    /// Anybody.
    Anybody,
}

// === impl Verifier ===

impl Verifier {
    pub(crate) fn new(trust: TrustIn, provider: &CryptoProvider, pins: Pins) -> Self {
        Self { trust, algorithms: provider.signature_verification_algorithms, pins }
    }

    fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        server: &ServerName<'_>,
        now: UnixTime,
        #[cfg_attr(not(feature = "platform-verifier"), expect(unused_variables, reason = "what it alone looks at"))]
        ocsp: &[u8],
    ) -> Result<Path, TlsError> {
        let name = peer::as_text(server);
        match &self.trust {
            TrustIn::Anchors(anchors) => self.verify(anchors, leaf, others, server, &name, now),
            #[cfg(feature = "platform-verifier")]
            TrustIn::Platform(platform) => {
                let feedback = platform.verify_server_cert(leaf, others, server, ocsp, now);
                feedback.map_err(|error| classify::platform(error, leaf, &name))?;
                self.pinned(Path::presented(leaf), &name)
            }
            TrustIn::Anybody => self.pinned(Path::presented(leaf), &name),
        }
    }

    fn pinned(&self, path: Path, name: &str) -> Result<Path, TlsError> {
        self.pins.check(name, &path.pins).map_err(TlsError::PinMismatch)?;
        Ok(path)
    }

    /// Builds a path to an anchor on which there is a pinned key, if one must be.
    fn verify(
        &self,
        anchors: &[TrustAnchor<'_>],
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        server: &ServerName<'_>,
        name: &str,
        now: UnixTime,
    ) -> Result<Path, TlsError> {
        let certificate = EndEntityCert::try_from(leaf).map_err(|error| classify::certificate(error, name))?;
        let mismatch = RefCell::new(None);
        // Refused paths are passed over: there may be another one, by a cross-signed certificate.
        let pinned = |path: &VerifiedPath<'_>| match self.pins.check(name, &path::pins(path)) {
            Ok(()) => Ok(()),
            Err(error) => {
                mismatch.borrow_mut().get_or_insert(error);
                Err(webpki::Error::UnknownIssuer)
            }
        };
        let usage = KeyUsage::server_auth();
        let verified =
            certificate.verify_for_usage(self.algorithms.all, anchors, others, now, usage, None, Some(&pinned));
        let path = match (verified, mismatch.take()) {
            (Ok(path), _) => Ok(Path::verified(&path)),
            (Err(_), Some(mismatch)) => Err(TlsError::PinMismatch(mismatch)),
            (Err(error), None) => return Err(classify::certificate(error, name)),
        };
        certificate
            .verify_is_valid_for_subject_name(server)
            .map_err(|error| classify::name(error, &certificate, name))?;
        path
    }

    /// Nothing is known of a certificate that can't be read, and only those who trust anybody come here with one.
    fn is_unreadable(&self, certificate: &CertificateDer<'_>) -> bool {
        matches!(self.trust, TrustIn::Anybody) && EndEntityCert::try_from(certificate).is_err()
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        server: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.judge(leaf, others, server, now, ocsp) {
            Ok(path) => {
                witness::saw(|seen| seen.path = Some(Arc::new(path)));
                Ok(ServerCertVerified::assertion())
            }
            Err(error) => {
                let alert = classify::alert(&error);
                witness::saw(|seen| seen.refused = Some(error));
                Err(alert)
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if self.is_unreadable(certificate) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if self.is_unreadable(certificate) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("trust", &self.trust).field("pins", &self.pins).finish_non_exhaustive()
    }
}

// === impl TrustIn ===

impl TrustIn {
    /// Whether a path up to an anchor is known, so that it may be judged for another name.
    pub(crate) fn knows_paths(&self) -> bool {
        matches!(self, Self::Anchors(_))
    }
}

impl fmt::Debug for TrustIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anchors(anchors) => write!(f, "{} anchors", anchors.len()),
            #[cfg(feature = "platform-verifier")]
            Self::Platform(_) => f.write_str("the platform"),
            Self::Anybody => f.write_str("anybody"),
        }
    }
}
