//! TLS at both ends: the stack's configuration, a bare client's, and the peer's.

use crate::over::Over;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use skybridge_tls::{
    Roots, TlsConfig, TlsConfigBuilder, TlsLayer,
    rustls::{
        ClientConfig, RootCertStore, ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName},
    },
};
use std::sync::{Arc, LazyLock};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

pub(crate) const NAME: &str = "example.test";

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

/// Where nothing is sealed, one that makes no configuration: a provider's first random byte takes 400 million
/// instructions, of which chance decides some, and would blur `instr`.
pub(crate) fn layer(over: Over) -> TlsLayer {
    match over {
        Over::Nothing => TlsLayer::native(),
        Over::Tls => TlsLayer::new(config(over)),
    }
}

/// What the stack trusts. Where nothing is sealed no certificate is made: how long a key takes to find is chance.
#[expect(clippy::expect_used, reason = "a root that was just made can be read")]
pub(crate) fn config(over: Over) -> TlsConfig {
    builder(over).build().expect("a configuration")
}

pub(crate) fn builder(over: Over) -> TlsConfigBuilder {
    let builder = TlsConfig::builder();
    match over {
        Over::Nothing => builder.insecure(),
        Over::Tls => builder.roots(Roots::Given(vec![ENDS.root.clone()])),
    }
}

/// The peer's end.
#[expect(clippy::expect_used, reason = "both ends are ours")]
pub(crate) async fn accept(io: DuplexStream) -> server::TlsStream<DuplexStream> {
    ENDS.acceptor.accept(io).await.expect("a handshake")
}

/// What a bare client trusts.
pub(crate) fn bare_config() -> Outcome<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(ENDS.root.clone())?;
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// The client's end, by rustls alone.
pub(crate) async fn connect<I>(io: I, config: Arc<ClientConfig>) -> Outcome<client::TlsStream<I>>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    Ok(TlsConnector::from(config).connect(ServerName::try_from(NAME)?, io).await?)
}
