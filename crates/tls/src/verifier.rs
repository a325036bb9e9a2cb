use crate::{
    Pins, SkippedRoot, TlsError, TrustOutline,
    anchors::Anchors,
    classify,
    described_path::describe,
    fault::Chain,
    handshake_capture,
    invalid_certificate::InvalidCertificate,
    ocsp::Issuer,
    path,
    path::Path,
    peer,
    pins::{Pattern, Tell},
    revocation::Revocation,
    subject, trusted_leaf,
};
use rustls::{
    DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime},
};
use skybridge_core::Trust;
use std::{cell::RefCell, fmt, sync::Arc};
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};

/// Verifies peers. All connections of a configuration share it: see [`handshake_capture`].
pub(crate) struct Verifier {
    pub(crate) trust: TrustStore,
    pub(crate) algorithms: WebPkiSupportedAlgorithms,
    pub(crate) pins: Pins,
    /// Who is told of pins that weren't enforced in a foreign stack.
    pub(crate) tell: Option<Arc<Tell>>,
    pub(crate) revocation: Revocation,
    /// The hosts that aren't verified.
    pub(crate) exempt: Vec<Pattern>,
    /// The most intermediate certificates of a path. webpki has a bound of its own.
    pub(crate) most_intermediates: usize,
}

/// Who may vouch for a peer.
pub(crate) enum TrustStore {
    /// These trust anchors, by a path that webpki builds, or as what they are.
    Anchors(Anchors),
    /// Whoever the system's own verifier trusts; it doesn't say by which path.
    #[cfg(feature = "platform-verifier")]
    Platform(rustls_platform_verifier::Verifier),
    /// Whoever a user's own verifier trusts.
    Custom(Arc<dyn ServerCertVerifier>),
    /// Anyone: nothing is verified but pins.
    Anyone,
}

/// The bound that webpki has of its own.
const MOST_INTERMEDIATES: usize = 6;

// === impl Verifier ===

impl Verifier {
    /// Who may vouch for a peer of this name.
    pub(crate) fn trust(&self, name: &str) -> TrustOutline {
        match &self.trust {
            _ if self.is_exempt(name) => TrustOutline::Anyone,
            TrustStore::Anchors(anchors) => TrustOutline::Roots(anchors.count()),
            #[cfg(feature = "platform-verifier")]
            TrustStore::Platform(_) => TrustOutline::Platform,
            TrustStore::Custom(_) => TrustOutline::Custom,
            TrustStore::Anyone => TrustOutline::Anyone,
        }
    }

    /// The roots that paths end at, as far as they are known.
    pub(crate) fn anchors(&self) -> &[TrustAnchor<'static>] {
        match &self.trust {
            TrustStore::Anchors(anchors) => anchors.for_webpki(),
            #[cfg(feature = "platform-verifier")]
            TrustStore::Platform(_) => &[],
            TrustStore::Custom(_) | TrustStore::Anyone => &[],
        }
    }

    /// What couldn't be read of the system's roots.
    pub(crate) fn skipped_roots(&self) -> Option<&Arc<[SkippedRoot]>> {
        if let TrustStore::Anchors(anchors) = &self.trust { Some(&anchors.skipped) } else { None }
    }

    /// Tells of a host that was let through by this path without its pins.
    pub(crate) fn tell(&self, host: &str, path: &Path, now: UnixTime) {
        if let Some(tell) = &self.tell {
            self.pins.not_enforced(host, &path.pins, Some(now)).iter().for_each(|told| tell(told));
        }
    }

    fn is_exempt(&self, name: &str) -> bool {
        self.exempt.iter().any(|pattern| pattern.matches(name))
    }

    fn verify_peer(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        server: &ServerName<'_>,
        now: UnixTime,
        ocsp: &[u8],
    ) -> Result<Path, TlsError> {
        let name = peer::as_text(server);
        let of_another = |result: Result<ServerCertVerified, rustls::Error>| {
            result.map_err(|error| match classify::refused_by_another(error, leaf, &name) {
                TlsError::UnknownIssuer { name, .. } if self.is_self_signed(leaf) => TlsError::SelfSigned { name },
                error => error.of_chain(leaf, others),
            })?;
            self.check_pins(Path::of_leaf(leaf, others, Trust::Other), &name, now)
        };
        match &self.trust {
            TrustStore::Anyone => self.check_pins(Path::of_leaf(leaf, others, Trust::Unverified), &name, now),
            _ if self.is_exempt(&name) => self.check_pins(Path::of_leaf(leaf, others, Trust::Unverified), &name, now),
            TrustStore::Anchors(anchors) => self.verify(anchors, leaf, others, (server, &name), ocsp, now),
            #[cfg(feature = "platform-verifier")]
            TrustStore::Platform(platform) => of_another(platform.verify_server_cert(leaf, others, server, ocsp, now)),
            TrustStore::Custom(custom) => of_another(custom.verify_server_cert(leaf, others, server, ocsp, now)),
        }
    }

    /// Says of a path without a pinned key whose the keys are that it has.
    fn with_subjects(&self, error: TlsError, leaf: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> TlsError {
        let TlsError::PinMismatch(mismatch) = error else { return error };
        let path = describe(&mismatch.path, [leaf].into_iter().chain(others), self.anchors());
        TlsError::PinMismatch(mismatch.of(&path))
    }

    fn check_pins(&self, path: Path, name: &str, now: UnixTime) -> Result<Path, TlsError> {
        self.pins.check(name, &path.pins, Some(now)).map_err(TlsError::PinMismatch)?;
        Ok(path)
    }

    /// Builds a path to an anchor, through a pinned key if the host has pins.
    fn verify(
        &self,
        anchors: &Anchors,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        (server, name): (&ServerName<'_>, &str),
        staple: &[u8],
        now: UnixTime,
    ) -> Result<Path, TlsError> {
        let certificate = EndEntityCert::try_from(leaf).map_err(|error| classify::certificate(error, name))?;
        let mismatch = RefCell::new(None);
        // webpki goes on to the next path when one is rejected: a cross-signed certificate may lead to a pinned key.
        let check_pins = |path: &VerifiedPath<'_>| match self.pins.check(name, &path::pins(path), Some(now)) {
            Ok(()) => Ok(()),
            Err(error) => {
                mismatch.borrow_mut().get_or_insert(error);
                Err(webpki::Error::UnknownIssuer)
            }
        };
        let check_path = |path: &VerifiedPath<'_>| match path.intermediate_certificates().count() {
            intermediates if intermediates > self.most_intermediates => Err(webpki::Error::MaximumPathDepthExceeded),
            _ => check_pins(path),
        };
        if anchors.contains(leaf) {
            trusted_leaf::check(leaf, now).map_err(|reason| classify::invalid(reason, name))?;
            let path = Path::of_leaf(leaf, others, Trust::Verified);
            match self.pins.check(name, &path.pins, Some(now)) {
                Ok(()) => {
                    self.revocation.check_trusted(leaf, name)?;
                    self.check_staple_of_trusted(staple, leaf, others, name, now)?;
                    return Self::check_name(&certificate, server, name).map(|()| path);
                }
                // A pinned key may be further up, where the issuer is trusted as well.
                Err(error) => mismatch.replace(Some(error)),
            };
        }
        let (anchors, usage) = (anchors.for_webpki(), KeyUsage::server_auth());
        let lists = self.revocation.lists();
        let revocation = self.revocation.options(&lists);
        let algorithms = self.algorithms.all;
        let verified =
            certificate.verify_for_usage(algorithms, anchors, others, now, usage, revocation, Some(&check_path));
        let path = match (verified, mismatch.take()) {
            (Ok(path), _) => {
                let issuer = || match path.intermediate_certificates().next() {
                    Some(issuer) => Issuer::of(&issuer.der()),
                    None => Issuer::of_anchor(path.anchor()),
                };
                self.check_staple(staple, leaf, issuer, name, now).map(|()| Path::verified(&path, others))
            }
            (Err(_), Some(mismatch)) => Err(TlsError::PinMismatch(mismatch)),
            (Err(webpki::Error::UnknownIssuer | webpki::Error::CaUsedAsEndEntity), None)
                if self.is_self_signed(leaf) =>
            {
                return Err(TlsError::SelfSigned { name: name.into() });
            }
            (Err(webpki::Error::MaximumPathDepthExceeded), None) => {
                let most = self.most_intermediates.min(MOST_INTERMEDIATES);
                return Err(classify::invalid(InvalidCertificate::TooLong(most), name));
            }
            (Err(error), None) => {
                let chain = Chain { leaf, others, anchors };
                let error = self.revocation.refused(error, name, chain);
                return Err(error.unwrap_or_else(|error| classify::chain(error, name, chain)));
            }
        };
        Self::check_name(&certificate, server, name)?;
        path
    }

    fn check_staple(
        &self,
        staple: &[u8],
        leaf: &[u8],
        issuer: impl FnOnce() -> Option<Issuer>,
        name: &str,
        now: UnixTime,
    ) -> Result<(), TlsError> {
        let checked = match staple {
            [] => self.revocation.without_staple(leaf),
            _ => self.revocation.check_staple(staple, leaf, issuer().as_ref(), &self.algorithms, now),
        };
        checked.map_err(|fault| TlsError::of_staple(fault, name))
    }

    /// Of a certificate that is trusted itself. Where its issuer isn't shown nobody can tell whose word it is.
    fn check_staple_of_trusted(
        &self,
        staple: &[u8],
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &str,
        now: UnixTime,
    ) -> Result<(), TlsError> {
        let shown = [leaf].into_iter().chain(others).map(|certificate| &**certificate);
        let issuer = if staple.is_empty() { None } else { Issuer::who_signed(leaf, shown, &self.algorithms) };
        if issuer.is_none() && self.revocation.without_staple(leaf).is_ok() {
            return Ok(());
        }
        self.check_staple(staple, leaf, || issuer, name, now)
    }

    fn check_name(leaf: &EndEntityCert<'_>, server: &ServerName<'_>, name: &str) -> Result<(), TlsError> {
        subject::verify(leaf, server).map_err(|error| classify::name(error, leaf, name))
    }

    fn is_self_signed(&self, leaf: &CertificateDer<'_>) -> bool {
        trusted_leaf::is_self_signed(leaf, self.algorithms.all)
    }

    /// Without verification even a certificate that can't be parsed is accepted, and there is no key to check its
    /// signature with.
    fn is_unreadable(&self, certificate: &CertificateDer<'_>) -> bool {
        matches!(self.trust, TrustStore::Anyone) && EndEntityCert::try_from(certificate).is_err()
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
        let verified = self.verify_peer(leaf, others, server, now, ocsp);
        match verified.map_err(|error| self.with_subjects(error, leaf, others)) {
            Ok(mut path) => {
                path.is_stapled = !ocsp.is_empty();
                handshake_capture::record(|captured| captured.path = Some(Arc::new(path)));
                Ok(ServerCertVerified::assertion())
            }
            Err(error) => {
                let alert = classify::alert(&error);
                handshake_capture::record(|captured| captured.refused = Some(Box::new(error)));
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
        let verified = match &self.trust {
            TrustStore::Custom(custom) => custom.verify_tls12_signature(message, certificate, signature),
            _ => verify_tls12_signature(message, certificate, signature, &self.algorithms),
        };
        verified.map_err(|error| classify::signature(error, certificate))
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
        let verified = match &self.trust {
            TrustStore::Custom(custom) => custom.verify_tls13_signature(message, certificate, signature),
            _ => verify_tls13_signature(message, certificate, signature, &self.algorithms),
        };
        verified.map_err(|error| classify::signature(error, certificate))
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

impl TrustStore {
    /// Whether another verifier decides.
    pub(crate) fn is_platform(&self) -> bool {
        !matches!(self, Self::Anchors(_) | Self::Anyone)
    }
}

impl fmt::Debug for TrustStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anchors(anchors) => write!(f, "{} anchors", anchors.for_webpki().len()),
            #[cfg(feature = "platform-verifier")]
            Self::Platform(_) => f.write_str("the platform"),
            Self::Custom(verifier) => verifier.fmt(f),
            Self::Anyone => f.write_str("anyone"),
        }
    }
}
