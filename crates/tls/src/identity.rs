use crate::{TlsConfigError, handshake_capture};
use rustls::{
    Error, InconsistentKeys, SignatureScheme,
    client::ResolvesClientCert,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer},
    sign::CertifiedKey,
};
use std::{fmt, sync::Arc};

/// The client certificate, for peers that request one. All connections of a configuration share it: see
/// [`handshake_capture`].
pub(crate) struct Identity(Option<Arc<CertifiedKey>>);

impl Identity {
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// Loads the key with the provider, and checks that it belongs to the certificate.
    pub(crate) fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        provider: &CryptoProvider,
    ) -> Result<Self, TlsConfigError> {
        let key = provider.key_provider.load_private_key(key).map_err(TlsConfigError::Key)?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            // A key may not tell which public one is its own.
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(Self(Some(Arc::new(certified)))),
            Err(error) => Err(TlsConfigError::Identity(error)),
        }
    }
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let identity = self.0.as_ref()?;
        identity.key.choose_scheme(schemes)?;
        handshake_capture::record(|captured| captured.client_auth = true);
        Some(Arc::clone(identity))
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Identity(..)" } else { "Identity(none)" })
    }
}
