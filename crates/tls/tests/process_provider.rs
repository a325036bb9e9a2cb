//! Whose cryptography it is: a process of its own, as it installs a default.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use skybridge_testkit::certs::Ca;
use skybridge_tls::rustls::{
    SupportedCipherSuite,
    crypto::{CryptoProvider, aws_lc_rs},
};
use std::sync::Arc;
use support::{World, trusting};

fn with(suite: SupportedCipherSuite) -> CryptoProvider {
    CryptoProvider { cipher_suites: vec![suite], ..aws_lc_rs::default_provider() }
}

#[tokio::test(start_paused = true)]
async fn the_given_provider_goes_before_the_processs_and_that_before_the_built_in_one() {
    use aws_lc_rs::cipher_suite::{TLS13_AES_128_GCM_SHA256, TLS13_CHACHA20_POLY1305_SHA256};
    let root = Ca::new("root");
    let spoken = async |builder: skybridge_tls::TlsConfigBuilder| {
        let world = World::h1(&root.leaf(["a.test"]));
        let tls = world.exchange(&builder.build().unwrap(), "https://a.test").await;
        (tls.cipher.unwrap(), tls.group.unwrap())
    };
    assert_eq!(spoken(trusting(&root)).await, ("TLS13_AES_256_GCM_SHA384", "X25519MLKEM768"));
    with(TLS13_CHACHA20_POLY1305_SHA256).install_default().unwrap();
    assert_eq!(spoken(trusting(&root)).await.0, "TLS13_CHACHA20_POLY1305_SHA256");
    let given = trusting(&root).provider(Arc::new(with(TLS13_AES_128_GCM_SHA256)));
    assert_eq!(spoken(given).await.0, "TLS13_AES_128_GCM_SHA256");
}
