use crate::handshake_capture;
use rustls::{
    SignatureScheme,
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
    ) -> Result<Self, rustls::Error> {
        Ok(Self(Some(Arc::new(CertifiedKey::from_der(chain, key, provider)?))))
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
