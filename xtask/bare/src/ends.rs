//! TLS at both ends, by rustls alone.

use crate::Outcome;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::sync::{Arc, LazyLock};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio_rustls::{
    TlsAcceptor, TlsConnector, client,
    rustls::{
        ClientConfig, RootCertStore, ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName},
    },
    server,
};

/// The peer's name.
pub const NAME: &str = "example.test";

#[expect(clippy::expect_used, reason = "nothing that it is made of comes from elsewhere")]
static ENDS: LazyLock<Ends> = LazyLock::new(|| ends().expect("certificates"));

struct Ends {
    root: CertificateDer<'static>,
    acceptor: TlsAcceptor,
}

fn ends() -> Outcome<Ends> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let leaf = CertificateParams::new([NAME.to_owned()])?.signed_by(&key, &root)?;
    let key = PrivateKeyDer::try_from(key.serialize_der())?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Ends { root: root.der().clone(), acceptor: Arc::new(config).into() })
}

/// The root that has signed for the peer. How long a key takes to find is chance: where nothing is sealed it isn't
/// asked for.
pub fn root() -> CertificateDer<'static> {
    ENDS.root.clone()
}

/// The peer's end.
#[expect(clippy::expect_used, reason = "both ends are ours")]
pub async fn accept(io: DuplexStream) -> server::TlsStream<DuplexStream> {
    ENDS.acceptor.accept(io).await.expect("a handshake")
}

/// What a bare client trusts.
///
/// # Errors
/// rustls's.
pub fn config() -> Outcome<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(root())?;
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// The client's end.
///
/// # Errors
/// Those of the handshake.
pub async fn connect<I>(io: I, config: Arc<ClientConfig>) -> Outcome<client::TlsStream<I>>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    Ok(TlsConnector::from(config).connect(ServerName::try_from(NAME)?, io).await?)
}
