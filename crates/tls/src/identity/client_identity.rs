use crate::{
    TlsConfigError,
    config::{certificates, provider},
    x509,
};
use rustls::{
    Error, InconsistentKeys, SignatureScheme,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use std::{fmt, sync::Arc};

/// A certificate of the client, with its chain and its private key. Cheap to clone. Nothing of the key is in its
/// `Debug`.
#[derive(Clone)]
pub struct ClientIdentity(Arc<CertifiedKey>);

/// A certificate and its key as they were given, before there is a provider to load them.
pub(crate) struct Given {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// What the errors call them.
const CERTIFICATE: &str = "client certificate";
const KEY: &str = "client's private key";

impl ClientIdentity {
    /// A chain of certificates, our own first, and its private key (PKCS#8, PKCS#1 or SEC1), both as PEM. The key is
    /// loaded by the process's default provider of cryptography, or else by that of this crate.
    ///
    /// # Errors
    /// When either can't be read or used, the key is encrypted, or it doesn't belong to the certificate.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsConfigError> {
        let provider = provider::choose(None).ok_or(TlsConfigError::NoProvider)?;
        Given::pem(chain, key)?.load(&provider)
    }

    /// The same as DER.
    ///
    /// # Errors
    /// As for [`from_pem`](Self::from_pem).
    pub fn from_der(chain: Vec<CertificateDer<'static>>, key: &[u8]) -> Result<Self, TlsConfigError> {
        let provider = provider::choose(None).ok_or(TlsConfigError::NoProvider)?;
        Given::der(chain, key)?.load(&provider)
    }

    /// One whose key may be anywhere, as in hardware: rustls' `SigningKey` is a trait.
    pub fn from_rustls(key: Arc<CertifiedKey>) -> Self {
        Self(key)
    }

    /// Its certificates, our own first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.0.cert
    }

    pub(super) fn signs_by(&self, schemes: &[SignatureScheme]) -> bool {
        self.0.key.choose_scheme(schemes).is_some()
    }

    pub(super) fn into_rustls(self) -> Arc<CertifiedKey> {
        self.0
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientIdentity").field("chain", &self.0.cert.len()).finish_non_exhaustive()
    }
}

// === impl Given ===

impl Given {
    pub(crate) fn pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsConfigError> {
        Ok(Self { chain: certificates(CERTIFICATE, chain)?, key: key_of_pem(key)? })
    }

    pub(crate) fn der(chain: Vec<CertificateDer<'static>>, key: &[u8]) -> Result<Self, TlsConfigError> {
        Ok(Self { chain, key: key_of_der(key)? })
    }

    /// Loads the key with the provider, and checks that it belongs to the certificate.
    pub(crate) fn load(self, provider: &CryptoProvider) -> Result<ClientIdentity, TlsConfigError> {
        let Self { chain, key } = self;
        let key = provider.key_provider.load_private_key(key).map_err(TlsConfigError::Key)?;
        let certified = CertifiedKey::new(chain, key);
        match keys_match(&certified) {
            // A key may not tell which public one is its own.
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(ClientIdentity(certified.into())),
            Err(error) => Err(TlsConfigError::Identity(error)),
        }
    }
}

fn key_of_pem(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsConfigError> {
    match PrivateKeyDer::from_pem_slice(pem) {
        Ok(key) => Ok(key),
        Err(_) if is_encrypted(pem) => Err(TlsConfigError::EncryptedKey),
        Err(source) => Err(TlsConfigError::Pem { what: KEY, number: 1, source }),
    }
}

/// Whether the first private key of a PEM is encrypted: by PKCS#8 (RFC 7468, section 11), or as OpenSSL has done it
/// before (RFC 1421, section 4.6).
fn is_encrypted(pem: &[u8]) -> bool {
    let text = String::from_utf8_lossy(pem);
    let mut lines = text.lines().map(str::trim).skip_while(|line| !is_begin_of_key(line));
    let begin = lines.next().unwrap_or_default();
    begin.contains("ENCRYPTED")
        || lines.next().is_some_and(|line| line.starts_with("Proc-Type:") && line.ends_with("ENCRYPTED"))
}

fn is_begin_of_key(line: &str) -> bool {
    line.starts_with("-----BEGIN ") && line.contains("PRIVATE KEY-----")
}

fn key_of_der(key: &[u8]) -> Result<PrivateKeyDer<'static>, TlsConfigError> {
    let is_encrypted = x509::is_encrypted_key(key);
    PrivateKeyDer::try_from(key.to_vec()).map_err(|_| match is_encrypted {
        true => TlsConfigError::EncryptedKey,
        false => TlsConfigError::Key(Error::General("it is neither PKCS#8 nor PKCS#1 nor SEC1".into())),
    })
}

/// As [`CertifiedKey::keys_match`], which refuses a certificate of X.509 version 1 as webpki does: `openssl x509 -req`
/// makes one, and who verifies a client may take it.
fn keys_match(certified: &CertifiedKey) -> Result<(), Error> {
    let matched = certified.keys_match();
    let Err(Error::InvalidCertificate(_)) = &matched else { return matched };
    let of_version_1 = certified.cert.first().and_then(|leaf| x509::key_of_version_1(leaf));
    match (of_version_1, certified.key.public_key()) {
        (None, _) => matched,
        (Some(_), None) => Err(InconsistentKeys::Unknown.into()),
        (Some(own), Some(key)) if own == key.as_ref() => Ok(()),
        (Some(_), Some(_)) => Err(InconsistentKeys::KeyMismatch.into()),
    }
}
