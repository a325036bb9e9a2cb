//! What FIPS 140-3 approves, as a provider tells it of itself. Here is one that says so of what rustls has, and in a
//! build with the feature `fips` (`cargo xtask fips`) the one that may say so.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use rustls::{
    Error, SupportedCipherSuite, Tls13CipherSuite,
    client::WebPkiServerVerifier,
    crypto::{
        ActiveKeyExchange, CipherSuiteCommon, CryptoProvider, GetRandomFailed, KeyProvider, SecureRandom,
        SupportedKxGroup, WebPkiSupportedAlgorithms, aws_lc_rs,
        cipher::{AeadKey, Iv, MessageDecrypter, MessageEncrypter, Tls13AeadAlgorithm, UnsupportedOperationError},
        hash::{self, Hash, HashAlgorithm},
        hmac,
        tls13::{Hkdf, HkdfExpander, OkmBlock},
    },
    pki_types::{AlgorithmIdentifier, InvalidSignature, PrivateKeyDer, SignatureVerificationAlgorithm},
    sign::SigningKey,
};
use skybridge_core::{ConnectOptions, EchMode};
use skybridge_testkit::{certs::Ca, ech::EchKeys};
use skybridge_tls::{TlsConfigError, rustls};
use std::sync::Arc;
use support::{World, message, trusting};

/// What it is made of says that it is approved.
#[derive(Debug)]
struct Claimed<T: ?Sized + 'static>(&'static T);

fn claim<T: ?Sized>(what: &'static T) -> &'static Claimed<T> {
    Box::leak(Box::new(Claimed(what)))
}

impl Hash for Claimed<dyn Hash> {
    fn start(&self) -> Box<dyn hash::Context> {
        self.0.start()
    }

    fn hash(&self, data: &[u8]) -> hash::Output {
        self.0.hash(data)
    }

    fn output_len(&self) -> usize {
        self.0.output_len()
    }

    fn algorithm(&self) -> HashAlgorithm {
        self.0.algorithm()
    }

    fn fips(&self) -> bool {
        true
    }
}

impl Hkdf for Claimed<dyn Hkdf> {
    fn extract_from_zero_ikm(&self, salt: Option<&[u8]>) -> Box<dyn HkdfExpander> {
        self.0.extract_from_zero_ikm(salt)
    }

    fn extract_from_secret(&self, salt: Option<&[u8]>, secret: &[u8]) -> Box<dyn HkdfExpander> {
        self.0.extract_from_secret(salt, secret)
    }

    fn expander_for_okm(&self, okm: &OkmBlock) -> Box<dyn HkdfExpander> {
        self.0.expander_for_okm(okm)
    }

    fn hmac_sign(&self, key: &OkmBlock, message: &[u8]) -> hmac::Tag {
        self.0.hmac_sign(key, message)
    }

    fn fips(&self) -> bool {
        true
    }
}

impl Tls13AeadAlgorithm for Claimed<dyn Tls13AeadAlgorithm> {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        self.0.encrypter(key, iv)
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        self.0.decrypter(key, iv)
    }

    fn key_len(&self) -> usize {
        self.0.key_len()
    }

    fn extract_keys(
        &self,
        key: AeadKey,
        iv: Iv,
    ) -> Result<rustls::ConnectionTrafficSecrets, UnsupportedOperationError> {
        self.0.extract_keys(key, iv)
    }

    fn fips(&self) -> bool {
        true
    }
}

impl SupportedKxGroup for Claimed<dyn SupportedKxGroup> {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        self.0.start()
    }

    fn name(&self) -> rustls::NamedGroup {
        self.0.name()
    }

    fn fips(&self) -> bool {
        true
    }
}

impl SignatureVerificationAlgorithm for Claimed<dyn SignatureVerificationAlgorithm> {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        self.0.verify_signature(key, message, signature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.0.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.0.signature_alg_id()
    }

    fn fips(&self) -> bool {
        true
    }
}

impl SecureRandom for Claimed<dyn SecureRandom> {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        self.0.fill(bytes)
    }

    fn fips(&self) -> bool {
        true
    }
}

impl KeyProvider for Claimed<dyn KeyProvider> {
    fn load_private_key(&self, key: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        self.0.load_private_key(key)
    }

    fn fips(&self) -> bool {
        true
    }
}

fn real() -> CryptoProvider {
    aws_lc_rs::default_provider()
}

/// TLS 1.3 by AES-128, P-256 and ECDSA, all of which are approved if who does them is.
fn claimed() -> CryptoProvider {
    let SupportedCipherSuite::Tls13(suite) = aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256 else { panic!() };
    let suite = Tls13CipherSuite {
        common: CipherSuiteCommon {
            suite: suite.common.suite,
            hash_provider: claim(suite.common.hash_provider),
            confidentiality_limit: suite.common.confidentiality_limit,
        },
        hkdf_provider: claim(suite.hkdf_provider),
        aead_alg: claim(suite.aead_alg),
        quic: None,
    };
    let scheme = rustls::SignatureScheme::ECDSA_NISTP256_SHA256;
    let known = real().signature_verification_algorithms;
    let by_scheme = known.mapping.iter().find(|(known, _)| *known == scheme).unwrap().1;
    let claims = by_scheme.iter().map(|algorithm| claim(*algorithm) as &'static dyn SignatureVerificationAlgorithm);
    let algorithms: &'static [_] = claims.collect::<Vec<_>>().leak();
    CryptoProvider {
        cipher_suites: vec![SupportedCipherSuite::Tls13(Box::leak(Box::new(suite)))],
        kx_groups: vec![claim(aws_lc_rs::kx_group::SECP256R1)],
        signature_verification_algorithms: WebPkiSupportedAlgorithms {
            all: algorithms,
            mapping: vec![(scheme, algorithms)].leak(),
        },
        secure_random: claim(real().secure_random),
        key_provider: claim(real().key_provider),
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_approved_where_all_that_it_is_by_says_so() {
    let root = Ca::new("root");
    for required in [false, true] {
        let config = trusting(&root).provider(Arc::new(claimed())).require_fips(required).build().unwrap();
        let world = World::h1(&root.leaf(["a.test"]));
        for resumed in [false, true] {
            let tls = world.exchange(&config, "https://a.test").await;
            assert_eq!((config.is_fips(), tls.is_fips(), tls.resumed), (true, true, resumed));
        }
    }
}

fn refused(build: Result<skybridge_tls::TlsConfig, TlsConfigError>) -> String {
    match build.unwrap_err() {
        error @ TlsConfigError::NotFips { .. } => error.to_string(),
        error => panic!("{error:?}"),
    }
}

#[test]
fn what_is_not_approved_is_named_where_it_must_be() {
    use aws_lc_rs::{cipher_suite::TLS13_CHACHA20_POLY1305_SHA256 as CHACHA20, kx_group::X25519};
    let root = Ca::new("root");
    let of = |provider| refused(trusting(&root).provider(Arc::new(provider)).require_fips(true).build());
    let mut chacha20 = claimed();
    chacha20.cipher_suites.push(CHACHA20);
    assert_eq!(
        of(chacha20),
        "FIPS 140-3 is required, and doesn't approve the cipher suite TLS13_CHACHA20_POLY1305_SHA256"
    );
    let x25519 = CryptoProvider { kx_groups: vec![X25519], ..claimed() };
    assert_eq!(of(x25519), "FIPS 140-3 is required, and doesn't approve the key exchange X25519");
}

/// A provider that isn't of the approved module.
#[cfg(not(feature = "fips"))]
#[test]
fn each_part_of_a_provider_must_be_approved() {
    let root = Ca::new("root");
    let of = |provider| refused(trusting(&root).provider(Arc::new(provider)).require_fips(true).build());
    let signatures = real().signature_verification_algorithms;
    for (provider, what) in [
        (real(), "the cipher suite TLS13_AES_256_GCM_SHA384"),
        (
            CryptoProvider { signature_verification_algorithms: signatures, ..claimed() },
            "how the provider verifies signatures",
        ),
        (
            CryptoProvider { secure_random: real().secure_random, ..claimed() },
            "where the provider's random bytes are from",
        ),
        (CryptoProvider { key_provider: real().key_provider, ..claimed() }, "how the provider signs"),
    ] {
        assert_eq!(of(provider), format!("FIPS 140-3 is required, and doesn't approve {what}"));
    }
    let built_in = refused(trusting(&root).require_fips(true).build());
    assert!(built_in.ends_with("the cipher suite TLS13_AES_256_GCM_SHA384"), "{built_in}");
}

#[test]
fn another_verifier_is_not_known_to_be_approved() {
    let root = Ca::new("root");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(root.der()).unwrap();
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::new(real())).build().unwrap();
    let builder = || trusting(&root).provider(Arc::new(claimed())).custom_verifier(verifier.clone());
    let said = refused(builder().require_fips(true).build());
    assert_eq!(said, "FIPS 140-3 is required, and doesn't approve this verifier, of which it isn't known");
    assert!(builder().build().is_ok());
}

/// Those of the test kit are of X25519, as most are.
#[cfg(not(feature = "fips"))]
#[tokio::test(start_paused = true)]
async fn a_name_that_is_encrypted_by_other_means_is_not_approved() {
    let root = Ca::new("root");
    let list = EchKeys::new("public.test").list();
    let builder = || trusting(&root).provider(Arc::new(claimed()));
    let said = refused(builder().ech_keys_for_every_host(&list).require_fips(true).build());
    assert_eq!(said, "FIPS 140-3 is required, and doesn't approve the keys of Encrypted Client Hello");
    let world = World::h1(&root.leaf(["a.test"]));
    let mut options = ConnectOptions::default();
    options.ech = Some(EchMode::Grease);
    let route = || world.route_on("https://a.test", options.clone());
    let tls = world.exchange_by(&builder().build().unwrap(), route()).await;
    assert!(!tls.is_fips());
    let error = world.connect_by(&builder().require_fips(true).build().unwrap(), route()).await.unwrap_err();
    assert!(message(&error).contains("FIPS 140-3 doesn't approve how the name would be encrypted"), "{error:?}");
}

#[cfg(feature = "fips")]
#[tokio::test(start_paused = true)]
async fn the_built_in_provider_is_approved_and_has_nothing_else() {
    use skybridge_core::HttpVersions;
    use skybridge_testkit::origin::Origin;
    use skybridge_tls::{ConnectionSpec, SpecError};
    let root = Ca::new("root");
    let builder = || trusting(&root).require_fips(true);
    let cert = root.leaf(["a.test"]);
    for (origin, version) in [(Origin::h1().tls(&cert), "1.3"), (Origin::h1().tls(&cert).tls12(), "1.2")] {
        let config = builder().build().unwrap();
        let tls = World::new(origin).exchange(&config, "https://a.test").await;
        assert_eq!((tls.version, config.is_fips(), tls.is_fips()), (Some(version), true, true));
    }
    // What looks like an encrypted name is by an approved key.
    let mut options = ConnectOptions::default();
    (options.ech, options.http_versions) = (Some(EchMode::Grease), HttpVersions::Http1);
    let world = World::h1(&cert);
    let route = world.route_on("https://a.test", options);
    assert!(world.exchange_by(&builder().build().unwrap(), route).await.is_fips());
    let spec = || ConnectionSpec::new("own");
    for (spec, expected) in [
        (spec().cipher_suites(["TLS_CHACHA20_POLY1305_SHA256"]), SpecError::NoCipherSuite),
        (spec().key_exchange_groups(["X25519"]), SpecError::NoGroup),
    ] {
        let error = builder().specs([spec]).build().unwrap_err();
        assert!(matches!(&error, TlsConfigError::Spec { source, .. } if *source == expected), "{error:?}");
    }
    let list = EchKeys::new("public.test").list();
    let error = builder().ech_keys_for_every_host(&list).build().unwrap_err();
    assert!(matches!(error, TlsConfigError::Ech(_)), "{error:?}");
}
