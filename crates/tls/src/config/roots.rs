#[cfg(feature = "native-roots")]
use super::system_roots;
use crate::{TlsConfigError, anchors::Anchors};
use rustls::pki_types::CertificateDer;

/// The trusted root certificates.
///
/// A server whose own certificate is one of them, byte for byte, is trusted as well, whether it says CA:TRUE or not:
/// see [how this crate verifies](crate#how-it-verifies).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Roots {
    /// The system's, read when the configuration is built; `SSL_CERT_FILE` and `SSL_CERT_DIR` take precedence. One that
    /// can't be read is [skipped](crate::TlsConfig::skipped_roots).
    #[cfg(feature = "native-roots")]
    Native,
    /// Mozilla's, as of when this was built.
    #[cfg(feature = "webpki-roots")]
    WebPki,
    /// The system's own verifier decides, by rules of its own. It doesn't say by which path: pins apply to the leaf
    /// alone, and no connection is coalesced. It is asked within the handshake, whose thread waits for it: macOS and
    /// Windows may look for what is missing on the network.
    #[cfg(feature = "platform-verifier")]
    Platform,
    /// These certificates.
    Given(Vec<CertificateDer<'static>>),
}

impl Default for Roots {
    #[cfg(feature = "native-roots")]
    fn default() -> Self {
        Self::Native
    }

    #[cfg(not(feature = "native-roots"))]
    fn default() -> Self {
        Self::Given(Vec::new())
    }
}

impl Roots {
    /// These and some more roots. A system root that can't be read is skipped, and named; a given one is an error.
    pub(crate) fn anchors(self, more: &[CertificateDer<'static>]) -> Result<Anchors, TlsConfigError> {
        let mut anchors = Anchors::new(Vec::new());
        match self {
            #[cfg(feature = "native-roots")]
            Self::Native => anchors.skipped = system_roots::add_to(&mut anchors).into(),
            #[cfg(feature = "webpki-roots")]
            Self::WebPki => anchors = Anchors::new(webpki_roots::TLS_SERVER_ROOTS.to_vec()),
            #[cfg(feature = "platform-verifier")]
            Self::Platform => {}
            Self::Given(roots) => add_all(&mut anchors, &roots)?,
        }
        add_all(&mut anchors, more)?;
        match (anchors.is_empty(), &*anchors.skipped) {
            (false, _) => Ok(anchors),
            (true, []) => Err(TlsConfigError::NoRoots),
            (true, _) => Err(TlsConfigError::UnreadableRoots(anchors.skipped)),
        }
    }
}

fn add_all(anchors: &mut Anchors, roots: &[CertificateDer<'static>]) -> Result<(), TlsConfigError> {
    let mut numbered = roots.iter().zip(1..);
    numbered.try_for_each(|(root, number)| anchors.add(root).map_err(|source| TlsConfigError::Root { number, source }))
}
