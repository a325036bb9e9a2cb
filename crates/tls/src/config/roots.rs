use crate::TlsConfigError;
use rustls::pki_types::{CertificateDer, TrustAnchor};

/// The trusted root certificates.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Roots {
    /// The system's, read when the configuration is built; `SSL_CERT_FILE` and `SSL_CERT_DIR` take precedence.
    #[cfg(feature = "native-roots")]
    Native,
    /// Mozilla's, as of when this was built.
    #[cfg(feature = "webpki-roots")]
    WebPki,
    /// The system's own verifier decides, by rules of its own. It doesn't say by which path: pins apply to the leaf
    /// alone, and no connection is coalesced.
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
    /// The trust anchors of these and some more roots. A system root that can't be parsed is skipped; a given one is an
    /// error.
    pub(crate) fn anchors(self, more: &[CertificateDer<'static>]) -> Result<Vec<TrustAnchor<'static>>, TlsConfigError> {
        let mut anchors = match self {
            #[cfg(feature = "native-roots")]
            Self::Native => {
                let found = rustls_native_certs::load_native_certs().certs;
                found.iter().filter_map(|root| anchor(root).ok()).collect()
            }
            #[cfg(feature = "webpki-roots")]
            Self::WebPki => webpki_roots::TLS_SERVER_ROOTS.to_vec(),
            #[cfg(feature = "platform-verifier")]
            Self::Platform => Vec::new(),
            Self::Given(roots) => roots.iter().map(anchor).collect::<Result<Vec<_>, _>>()?,
        };
        for root in more {
            anchors.push(anchor(root)?);
        }
        if anchors.is_empty() { Err(TlsConfigError::NoRoots) } else { Ok(anchors) }
    }
}

fn anchor(root: &CertificateDer<'static>) -> Result<TrustAnchor<'static>, TlsConfigError> {
    webpki::anchor_from_trusted_cert(root).map(|anchor| anchor.to_owned()).map_err(TlsConfigError::Root)
}
