use crate::TlsConfigError;
use rustls::pki_types::{CertificateDer, TrustAnchor};

/// Whom to trust.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Roots {
    /// Those whom the system trusts, read when the configuration is built; `SSL_CERT_FILE` and `SSL_CERT_DIR` go before.
    #[cfg(feature = "native-roots")]
    Native,
    /// Those whom Mozilla trusted when this was built.
    #[cfg(feature = "webpki-roots")]
    WebPki,
    /// Those whom the system's own verifier trusts, by rules of its own. It doesn't tell by which path: pins hold for the leaf alone, and no
    /// connection carries another host than its own.
    #[cfg(feature = "platform-verifier")]
    Platform,
    /// These.
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
    /// The anchors of these and some more. A certificate of the system's that can't be read is left out; a given one is an error.
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
