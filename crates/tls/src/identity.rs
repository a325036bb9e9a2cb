use crate::witness;
use rustls::{
    SignatureScheme,
    client::ResolvesClientCert,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer},
    sign::CertifiedKey,
};
use std::{fmt, sync::Arc};

/// Who we are, when a peer asks. One for all connections of a configuration: see [`witness`].
pub(crate) struct Identity(Option<Arc<CertifiedKey>>);

impl Identity {
    pub(crate) fn nobody() -> Self {
        Self(None)
    }

    /// Reads the key with the provider, and makes sure that it is the certificate's.
    pub(crate) fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        provider: &CryptoProvider,
    ) -> Result<Self, rustls::Error> {
        Ok(Self(Some(Arc::new(CertifiedKey::from_der(chain, key, provider)?))))
    }
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let identity = self.0.as_ref()?;
        identity.key.choose_scheme(schemes)?;
        witness::saw(|seen| seen.showed = true);
        Some(Arc::clone(identity))
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Identity(..)" } else { "Identity(nobody)" })
    }
}
