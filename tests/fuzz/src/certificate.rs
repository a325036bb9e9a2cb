//! A server with whatever certificate.

use skybridge_core::Connector as _;
use skybridge_testkit::{
    certs::{Ca, SelfSigned},
    executor::Executor,
    fixtures,
    net::Network,
};
use skybridge_tls::{
    Roots, TlsConfig, TlsError, TlsLayer,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, UnixTime},
        sign::{CertifiedKey, SingleCertAndKey},
    },
};
use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};
use tokio::{runtime::Builder, time::timeout};
use tokio_rustls::TlsAcceptor;
use tower_layer::Layer as _;
use webpki::{EndEntityCert, Error, KeyUsage, anchor_from_trusted_cert};

const SERVER: &str = "192.0.2.1:443";
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

/// Has signed nothing.
static CA: LazyLock<CertificateDer<'static>> = LazyLock::new(|| Ca::new("a root").der());
/// The server's, and no input's.
static KEY: LazyLock<CertifiedKey> = LazyLock::new(|| {
    let key = aws_lc_rs::sign::any_supported_type(&SelfSigned::new(["a.test"]).make().key());
    CertifiedKey::new(Vec::new(), key.expect("a key"))
});

/// What the verifier says of a certificate.
#[derive(Debug)]
enum Verdict {
    /// Only the handshake's signature is wrong, which no key of an input has made.
    Accepted,
    /// It has expired, or is not valid yet.
    NotNow,
    /// For another reason.
    Refused,
}

/// Nobody is taken for another. A certificate that is trusted byte for byte is taken only if webpki finds nothing wrong
/// with it but that it is nobody's, or a CA's.
pub fn certificate(input: &[u8]) {
    if input.is_empty() {
        return;
    }
    let certificate = CertificateDer::from(input.to_vec());
    // It is read even if it isn't verified.
    let anyone = TlsConfig::builder().insecure().build().expect("nothing to refuse");
    assert!(matches!(verdict(anyone, &certificate), Verdict::Accepted));
    let one = TlsConfig::builder().roots(Roots::Given(vec![CA.clone()])).build().expect("a root");
    assert!(!matches!(verdict(one, &certificate), Verdict::Accepted));
    let Ok(own) = TlsConfig::builder().roots(Roots::Given(vec![certificate.clone()])).build() else { return };
    let (found, theirs) = (verdict(own, &certificate), webpki(&certificate));
    let is_fine = matches!(theirs, Error::UnknownIssuer | Error::CaUsedAsEndEntity);
    match found {
        // We read less of what says nothing about its dates and its use, such as the length of paths.
        Verdict::Accepted => assert!(is_fine || matches!(theirs, Error::BadDer), "accepted, but {theirs:?}"),
        Verdict::NotNow => assert!(!is_fine, "of another time, but {theirs:?}"),
        Verdict::Refused => {}
    }
}

/// What is wrong with it, for who trusts another.
fn webpki(certificate: &CertificateDer<'_>) -> Error {
    let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
    let anchors = [anchor_from_trusted_cert(&CA).expect("a root")];
    let (now, usage) = (UnixTime::now(), KeyUsage::server_auth());
    let verified = EndEntityCert::try_from(certificate)
        .and_then(|leaf| leaf.verify_for_usage(algorithms.all, &anchors, &[], now, usage, None, None).map(drop));
    verified.expect_err("nobody has signed it")
}

fn verdict(config: TlsConfig, certificate: &CertificateDer<'static>) -> Verdict {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without I/O").block_on(async {
        let (executor, net) = (Executor::new(), Network::new());
        let listener = net.listen(SERVER.parse().expect("an address"));
        let route = fixtures::route("https://a.test", [SERVER], executor.ctx());
        let mut connector = TlsLayer::new(config).layer(net.connector());
        let server = async { acceptor(certificate).accept(listener.accept().await.0).await.map(drop) };
        let both = async { tokio::join!(connector.connect(route), server).0 };
        match timeout(PATIENCE, both).await.expect("a handshake that waits for ever") {
            // Nobody can say whose key it is, and nobody was to ask.
            Ok(link) => {
                let said = format!("{:?}", link.info.certificates());
                assert!(said.contains("Certificate") && !said.contains(char::is_control), "{said}");
                Verdict::Accepted
            }
            Err(error) => match error.source_as() {
                // rustls says this of the handshake, which comes after the verifier. webpki has other words for it.
                Some(TlsError::Certificate { source, .. }) if source.to_string() == "a signature is wrong" => {
                    Verdict::Accepted
                }
                Some(TlsError::Expired { .. } | TlsError::NotYetValid { .. }) => Verdict::NotNow,
                Some(error) if error.is_certificate() => Verdict::Refused,
                _ => panic!("no certificate's fault: {error:?}"),
            },
        }
    })
}

/// A server that presents this certificate, and has another key.
fn acceptor(certificate: &CertificateDer<'static>) -> TlsAcceptor {
    let mut key = KEY.clone();
    key.cert = vec![certificate.clone()];
    let provider = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let versions = provider.with_safe_default_protocol_versions().expect("there are some");
    let config = versions.with_no_client_auth().with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
    TlsAcceptor::from(Arc::new(config))
}
