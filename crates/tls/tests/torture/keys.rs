//! Kinds and sizes of keys, and kinds of signatures.

use super::{expect, expect_at, invalid};
use skybridge_testkit::certs::{Ca, Cert, CertBuilder, KeyKind};
use skybridge_tls::{
    Roots, TlsConfig,
    rustls::pki_types::{CertificateDer, pem::PemObject},
};

#[tokio::test(start_paused = true)]
async fn keys_of_the_usual_kinds_are_taken_at_each_place() {
    use KeyKind::{Ed25519, P256, P384, P521, Rsa};
    for kind in [P256, P384, P521, Ed25519, Rsa] {
        let root = CertBuilder::ca("root").key(kind).root();
        let between = CertBuilder::ca("between").key(kind).ca_by(&root);
        let cert = CertBuilder::server(["a.test"]).key(kind).by(&between);
        expect(&format!("{kind:?}"), &root, &cert, Ok(())).await;
    }
}

/// A certificate that `fixtures/make.sh` has made. The server's key is this one, or none that belongs to it.
macro_rules! fixture {
    ($name:literal) => {
        fixture(include_str!(concat!("../fixtures/", $name, ".pem")), &CertBuilder::server([]).self_signed().key_pem())
    };
    ($name:literal, $key:literal) => {
        fixture(include_str!(concat!("../fixtures/", $name, ".pem")), include_str!(concat!("../fixtures/", $key)))
    };
}

fn fixture(chain: &str, key: &str) -> Cert {
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).map(Result::unwrap);
    Cert::new(chain.collect(), key.to_owned())
}

fn root() -> TlsConfig {
    let root = fixture!("root").chain().swap_remove(0);
    TlsConfig::builder().roots(Roots::Given(vec![root])).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_is_weak_or_unknown_is_refused_and_named() {
    let rows = [
        ("sha1", fixture!("sha1"), "its signature is sha1WithRSAEncryption, which is broken"),
        ("md5", fixture!("md5"), "its signature is md5WithRSAEncryption, which is broken"),
        ("rsa1024", fixture!("rsa1024"), "its RSA key has 1024 bits, and 2048 are the least"),
        ("rsa2047", fixture!("rsa2047"), "its RSA key has 2047 bits, and 2048 are the least"),
        ("RSA-PSS key", fixture!("pss"), "its key is id-RSASSA-PSS, which is not supported"),
        ("ed448", fixture!("ed448"), "its key is Ed448 (456 bits), which is not supported"),
        ("secp256k1", fixture!("secp256k1"), "its key is EC 1.3.132.0.10, which is not supported"),
        ("X.509 version 1", fixture!("v1"), "its X.509 version is not 3"),
        (
            "an issuer's key is RSA 1024",
            fixture!("below_ca1024"),
            "the RSA key of the issuer `ca1024` has 1024 bits, and 2048 are the least",
        ),
        (
            "an issuer's signature is by SHA-1",
            fixture!("below_ca_sha1"),
            "the signature of the issuer `ca_sha1` is sha1WithRSAEncryption, which is broken",
        ),
        (
            "an issuer's key is an RSA-PSS key",
            fixture!("below_ca_pss"),
            "its signature is id-RSASSA-PSS, which is not supported",
        ),
    ];
    for (what, cert, why) in rows {
        expect_at("https://a.test", what, &root(), &cert, Err(&invalid(why))).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_rsa_key_and_sha512_are_taken() {
    let cert = fixture!("rsa8192", "rsa8192.key");
    expect_at("https://a.test", "rsa8192", &root(), &cert, Ok(())).await;
    // Its key isn't the server's: the path is fine, and the handshake's signature is not.
    let why = invalid("a signature is wrong");
    expect_at("https://a.test", "sha512", &root(), &fixture!("sha512"), Err(&why)).await;
}

/// Who has the certificate, and not its key.
#[tokio::test(start_paused = true)]
async fn a_certificate_without_its_key_proves_nothing() {
    let root = Ca::new("root");
    let stolen = Cert::new(root.leaf(["a.test"]).chain(), root.leaf([]).key_pem());
    expect("stolen", &root, &stolen, Err(&invalid("a signature is wrong"))).await;
}
