use super::{new_key, pin};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair};
use rustls::{
    ConfigBuilder, ServerConfig, WantsVerifier,
    crypto::aws_lc_rs,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{Error, PemObject},
    },
    server::{WantsServerCert, WebPkiClientVerifier},
    sign::{CertifiedKey, SingleCertAndKey},
};
use std::{fmt, sync::Arc};

/// A leaf certificate with its chain and its key.
#[derive(Clone)]
pub struct Cert {
    chain: Vec<CertificateDer<'static>>,
    chain_pem: String,
    key_pem: String,
    pin: String,
    staple: Vec<u8>,
}

/// The parameters of a certificate to be issued.
pub(super) struct Leaf {
    pub(super) params: CertificateParams,
    key: KeyPair,
}

// === impl Cert ===

impl Cert {
    /// This chain, the leaf first, and this key, as PEM. They need not belong together.
    ///
    /// # Panics
    /// When the key is none that rcgen knows.
    pub fn new(chain: Vec<CertificateDer<'static>>, key_pem: String) -> Self {
        let key = KeyPair::from_pem(&key_pem).unwrap_or_else(|error| panic!("no key: {error}"));
        Self { chain_pem: chain.iter().map(pem).collect(), chain, key_pem, pin: pin(&key), staple: Vec::new() }
    }

    /// The chain, the leaf first, without the root.
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.chain.clone()
    }

    /// The bytes of the leaf's serial number.
    ///
    /// # Panics
    /// When the leaf is none that rcgen makes.
    pub(super) fn serial(&self) -> Vec<u8> {
        let leaf = &self.chain[0];
        // Behind the headers of the certificate and of what is signed of it comes `[0] { INTEGER 2 }`, the version.
        let version = [0xa0, 3, 2, 1, 2, 2];
        let at = leaf.windows(version.len()).position(|bytes| bytes == version);
        let at = at.unwrap_or_else(|| panic!("no version")) + version.len();
        leaf[at + 1..][..usize::from(leaf[at])].to_vec()
    }

    /// The chain as PEM.
    pub fn chain_pem(&self) -> String {
        self.chain_pem.clone()
    }

    /// The private key, PKCS#8.
    pub fn key(&self) -> PrivateKeyDer<'static> {
        let key: Result<_, Error> = PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes());
        key.unwrap_or_else(|error| panic!("no key: {error}"))
    }

    /// The private key as PEM.
    pub fn key_pem(&self) -> String {
        self.key_pem.clone()
    }

    /// `sha256/` and the hash of its public key.
    pub fn pin(&self) -> String {
        self.pin.clone()
    }

    /// Staples this to it.
    pub fn stapling(mut self, staple: Vec<u8>) -> Self {
        self.staple = staple;
        self
    }

    /// Presents one more certificate.
    pub fn also(mut self, certificate: CertificateDer<'static>) -> Self {
        self.chain_pem += &pem(&certificate);
        self.chain.push(certificate);
        self
    }

    /// Presents this certificate in the place of the leaf, with the leaf's key.
    ///
    /// # Panics
    /// When the chain is empty.
    pub fn presenting(mut self, leaf: CertificateDer<'static>) -> Self {
        self.chain[0] = leaf;
        self.chain_pem = self.chain.iter().map(pem).collect();
        self
    }

    /// Presents the chain without the certificate at `index`.
    ///
    /// # Panics
    /// When there is none.
    pub fn without(mut self, index: usize) -> Self {
        self.chain.remove(index);
        self.chain_pem = self.chain.iter().map(pem).collect();
        self
    }

    /// A server's configuration with this certificate: TLS 1.2 and 1.3, these ALPN protocols, no client authentication.
    pub fn server(&self, alpn: &[&str]) -> ServerConfig {
        self.server_for(None, rustls::ALL_VERSIONS, alpn)
    }

    /// The same by another provider, for TLS 1.3 alone and without ALPN.
    pub(crate) fn server_by(&self, provider: rustls::crypto::CryptoProvider, clients: Option<Clients>) -> ServerConfig {
        let builder = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap_or_else(|error| panic!("versions: {error}"));
        let config = asking(builder, clients).with_single_cert(self.chain(), self.key());
        config.unwrap_or_else(|error| panic!("certificate: {error}"))
    }

    /// The same for certain versions; with roots, client certificates are requested, and required or not.
    pub(crate) fn server_for(
        &self,
        clients: Option<Clients>,
        versions: &[&'static rustls::SupportedProtocolVersion],
        alpn: &[&str],
    ) -> ServerConfig {
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .unwrap_or_else(|error| panic!("versions: {error}"));
        let builder = asking(builder, clients);
        // Unlike `with_single_cert` it doesn't mind that a certificate is malformed, or of another key.
        let key = aws_lc_rs::sign::any_supported_type(&self.key()).unwrap_or_else(|error| panic!("key: {error}"));
        let mut key = CertifiedKey::new(self.chain(), key);
        key.ocsp = (!self.staple.is_empty()).then(|| self.staple.clone());
        let resolver = SingleCertAndKey::from(key);
        let mut config = builder.with_cert_resolver(Arc::new(resolver));
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    }
}

/// Who vouches for clients, and whether each must show a certificate.
pub(crate) type Clients = (Arc<rustls::RootCertStore>, bool);

fn asking(
    builder: ConfigBuilder<ServerConfig, WantsVerifier>,
    clients: Option<Clients>,
) -> ConfigBuilder<ServerConfig, WantsServerCert> {
    let Some((roots, required)) = clients else { return builder.with_no_client_auth() };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
    let verifier = if required { verifier } else { verifier.allow_unauthenticated() }.build();
    builder.with_client_cert_verifier(verifier.unwrap_or_else(|error| panic!("client roots: {error}")))
}

impl fmt::Debug for Cert {
    /// Leaves out the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cert").field("pin", &self.pin).field("chain", &self.chain.len()).finish_non_exhaustive()
    }
}

// === impl Leaf ===

impl Leaf {
    pub(super) fn server<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let mut params = CertificateParams::new(names).unwrap_or_else(|error| panic!("names: {error}"));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        Self { params, key: new_key() }
    }

    pub(super) fn signed_by(self, issuer: &Issuer<'_, &KeyPair>, above: &[CertificateDer<'static>]) -> Cert {
        let made = self.params.signed_by(&self.key, issuer).unwrap_or_else(|error| panic!("no leaf: {error}"));
        self.with_chain([made.der()].into_iter().chain(above))
    }

    pub(super) fn self_signed(self) -> Cert {
        let made = self.params.self_signed(&self.key).unwrap_or_else(|error| panic!("no leaf: {error}"));
        self.with_chain([made.der()])
    }

    fn with_chain<'a>(&self, chain: impl IntoIterator<Item = &'a CertificateDer<'static>>) -> Cert {
        let chain: Vec<_> = chain.into_iter().cloned().collect();
        let chain_pem = chain.iter().map(pem).collect();
        Cert { chain, chain_pem, key_pem: self.key.serialize_pem(), pin: pin(&self.key), staple: Vec::new() }
    }
}

fn pem(certificate: &CertificateDer<'_>) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let base64 = STANDARD.encode(certificate);
    let lines = base64.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line) + "\n");
    format!("-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----\n", lines.collect::<String>())
}
