//! Invalid configurations, and that no secret is in `Debug` output.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use skybridge_core::{ConnectError, Connector, Link, Route};
use skybridge_testkit::{certs::Ca, executor::Executor, fixtures, net::Conn, origin::Origin};
use skybridge_tls::{Pin, PinError, Roots, TlsConfig, TlsConfigError, TlsLayer, TlsVersion, rustls};
use std::{sync::Arc, time::Duration};
use support::{World, trusting};
use tower::{Layer, service_fn};

#[test]
fn no_roots_at_all() {
    let built = TlsConfig::builder().roots(Roots::Given(Vec::new())).build();
    assert!(matches!(built, Err(TlsConfigError::NoRoots)), "{built:?}");
}

#[test]
fn malformed_roots_are_rejected() {
    let built = TlsConfig::builder().roots(Roots::Given(vec![b"nonsense".to_vec().into()])).build();
    assert!(matches!(built, Err(TlsConfigError::Root { number: 1, .. })), "{built:?}");
    for pem in ["", "nonsense", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
        let built = TlsConfig::builder().add_root_pem(pem.as_bytes()).build();
        assert!(matches!(built, Err(TlsConfigError::Pem { what: "root certificate", .. })), "{built:?}");
    }
}

#[test]
fn malformed_client_certificates_are_rejected() {
    let root = Ca::new("root");
    let (me, you) = (root.client("me"), root.client("you"));
    let build = |chain: &str, key: &str| trusting(&root).client_auth_pem(chain.as_bytes(), key.as_bytes()).build();
    assert!(build(&me.chain_pem(), &me.key_pem()).is_ok());
    let (key, chain) = (build(&me.chain_pem(), ""), build("", &me.key_pem()));
    assert!(matches!(key, Err(TlsConfigError::Pem { what: "client's private key", .. })), "{key:?}");
    assert!(matches!(chain, Err(TlsConfigError::Pem { what: "client certificate", .. })), "{chain:?}");
    let mixed = build(&me.chain_pem(), &you.key_pem());
    assert!(matches!(mixed, Err(TlsConfigError::Identity(_))), "{mixed:?}");
}

const DER: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

/// Of a bundle, the number tells which certificate it is.
#[test]
fn what_is_wrong_in_a_pem_is_said_in_words_and_which_certificate_it_is() {
    let (root, me) = (Ca::new("root"), Ca::new("root").client("me"));
    let pem = root.pem();
    let behind = |second: &str| format!("{pem}{second}");
    let roots = [
        (behind(&pem[..pem.len() / 2]), "root certificate 2 in the PEM can't be read: its END line is missing"),
        (
            pem.replacen("E-----", "E", 1),
            "root certificate 1 in the PEM can't be read: its BEGIN line doesn't end in dashes",
        ),
        (behind(&DER.replace("AAAA", "!!!!")), "root certificate 2 in the PEM can't be read: it isn't base64"),
        (behind(DER), "root certificate 2 can't be used: the certificate is malformed"),
        (me.key_pem(), "there is no root certificate in the PEM"),
    ];
    let given = || TlsConfig::builder().roots(Roots::Given(Vec::new()));
    let roots = roots.map(|(pem, told)| (given().add_root_pem(pem.as_bytes()).build(), told));
    let (cert, key) = (me.chain_pem(), me.key_pem());
    let identities = [
        (DER, &*key, "the client's certificate and key can't be used: the certificate is malformed"),
        (&cert, &key[..key.len() / 2], "client's private key 1 in the PEM can't be read: its END line is missing"),
        (&cert, &cert, "there is no client's private key in the PEM"),
        (&cert, &DER.replace("CERTIFICATE", "PRIVATE KEY"), "the client's private key can't be used: failed to parse"),
        (
            &cert,
            &root.client("you").key_pem(),
            "the client's certificate and key can't be used: the private key does not",
        ),
    ];
    let identities = identities
        .map(|(cert, key, told)| (trusting(&root).client_auth_pem(cert.as_bytes(), key.as_bytes()).build(), told));
    for (built, told) in roots.into_iter().chain(identities) {
        let error = built.err().unwrap();
        let said = format!("{error:?}");
        assert!(said.starts_with(told), "{said}\n{told}");
        assert!(!said.contains('[') && std::error::Error::source(&error).is_none(), "{said}");
    }
}

#[test]
fn the_first_invalid_setting_is_reported() {
    let built = trusting(&Ca::new("root")).pin("*", "sha256/").pin("a.test", "md5/").build();
    assert!(matches!(built, Err(TlsConfigError::Pin(PinError::Pattern(_)))), "{built:?}");
}

#[test]
fn no_version_at_all() {
    let built = trusting(&Ca::new("root")).versions(TlsVersion::Tls13..=TlsVersion::Tls12).build();
    assert!(matches!(built, Err(TlsConfigError::Versions(_))), "{built:?}");
    let said = format!("{:?}", built.unwrap_err());
    assert_eq!(
        said,
        "the cryptography provider doesn't support these TLS versions: no usable cipher suites configured"
    );
}

#[tokio::test(start_paused = true)]
async fn versions() {
    let root = Ca::new("root");
    let cert = root.leaf(["a.test"]);
    let only = |version| trusting(&root).versions(version..=version).build().unwrap();
    for (version, message) in [(TlsVersion::Tls12, "1.2"), (TlsVersion::Tls13, "1.3")] {
        let tls = World::h1(&cert).exchange(&only(version), "https://a.test").await;
        assert_eq!(tls.version, Some(message));
    }
    let world = World::new(Origin::h1().tls(&cert).tls12());
    let error = world.connect(&only(TlsVersion::Tls13), "https://a.test").await.unwrap_err();
    assert!(!error.is_fatal());
}

#[tokio::test(start_paused = true)]
async fn the_given_provider_is_used() {
    use rustls::crypto::aws_lc_rs;
    let root = Ca::new("root");
    let suite = aws_lc_rs::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256;
    let provider = rustls::crypto::CryptoProvider { cipher_suites: vec![suite], ..aws_lc_rs::default_provider() };
    let config = trusting(&root).provider(Arc::new(provider)).versions(TlsVersion::Tls13..=TlsVersion::Tls13).build();
    let tls = World::h1(&root.leaf(["a.test"])).exchange(&config.unwrap(), "https://a.test").await;
    assert_eq!(tls.cipher, Some("TLS13_CHACHA20_POLY1305_SHA256"));
}

/// The first byte of a process may take tens of milliseconds, which belong to no handshake.
#[test]
fn a_configuration_that_is_built_has_drawn_a_random_byte() {
    use rustls::crypto::{CryptoProvider, GetRandomFailed, SecureRandom, aws_lc_rs};
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    #[derive(Debug)]
    struct Counted(AtomicUsize);
    impl SecureRandom for Counted {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
            self.0.fetch_add(bytes.len(), Relaxed);
            Err(GetRandomFailed)
        }
    }
    static RANDOM: Counted = Counted(AtomicUsize::new(0));
    let provider = CryptoProvider { secure_random: &RANDOM, ..aws_lc_rs::default_provider() };
    let built = trusting(&Ca::new("root")).provider(Arc::new(provider)).build();
    assert!(built.is_ok(), "a source that fails says so in the handshake: {built:?}");
    assert_eq!(RANDOM.0.load(Relaxed), 1);
}

/// The socket below is never open, so that no handshake asks for it.
#[tokio::test]
async fn the_default_configuration_is_built_while_the_first_socket_is_opened() {
    let (layer, executor) = (TlsLayer::native(), Executor::new());
    let below = service_fn(|_: Route| std::future::pending::<Result<Link<Conn>, ConnectError>>());
    let is_built = || !format!("{layer:?}").contains("not built yet");
    let mut tls = layer.layer(below);
    let of = |url| fixtures::route(url, [support::ADDR], executor.ctx());
    assert!(!is_built());
    let _connecting = tls.connect(of("https://a.test"));
    let built = async {
        while !is_built() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), built).await.unwrap();
}

/// Preferred by our configuration, and by no other one in the same binary.
#[tokio::test(start_paused = true)]
async fn a_post_quantum_key_exchange_is_preferred_here_alone() {
    use rustls::{NamedGroup::X25519MLKEM768, crypto::aws_lc_rs};
    let root = Ca::new("root");
    let tls = World::h1(&root.leaf(["a.test"])).exchange(&trusting(&root).build().unwrap(), "https://a.test").await;
    assert_eq!(tls.group, Some("X25519MLKEM768"));
    let elsewhere: Vec<_> = aws_lc_rs::default_provider().kx_groups.iter().map(|group| group.name()).collect();
    assert_ne!(elsewhere.first(), Some(&X25519MLKEM768), "rustls' feature is on: {elsewhere:?}");
    assert!(elsewhere.contains(&X25519MLKEM768));
}

#[test]
fn a_provider_without_cipher_suites_is_an_error() {
    let provider =
        rustls::crypto::CryptoProvider { cipher_suites: Vec::new(), ..rustls::crypto::aws_lc_rs::default_provider() };
    let built = trusting(&Ca::new("root")).provider(Arc::new(provider)).build();
    assert!(matches!(built, Err(TlsConfigError::Versions(_))), "{built:?}");
}

#[tokio::test(start_paused = true)]
async fn keys_and_tickets_are_in_no_debug() {
    let root = Ca::new("root");
    let me = root.client("me");
    let builder = || trusting(&root).client_auth_pem(me.chain_pem().as_bytes(), me.key_pem().as_bytes());
    let config = builder().build().unwrap();
    let world = World::new(Origin::h1().tls(&root.leaf(["a.test"])).require_client_cert(&root));
    let tls = world.exchange(&config, "https://a.test").await;
    let layer = TlsLayer::new(config.clone());
    let shown =
        [format!("{:?}", builder()), format!("{config:?} {layer:?} {:?} {tls:?}", config.tls_connector())].concat();
    let key: String = me.key_pem().lines().filter(|line| !line.starts_with('-')).collect();
    assert!(key.len() > 100);
    assert!(!shown.contains(&key[..20]) && !shown.contains("ticket") && !shown.contains("secret"), "{shown}");
    // Nor as a list of bytes.
    assert!(!shown.contains("[48, ") && !shown.contains("0x30"), "{shown}");
    assert!(shown.len() < 2_000, "{shown}");
}

#[test]
fn every_error_has_a_message_and_its_source() {
    let built = trusting(&Ca::new("root")).pin("a.test", "sha256/").build();
    let error = built.unwrap_err();
    assert_eq!(error.to_string(), "invalid pin");
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "pin `sha256/` is not `sha256/` and the base64 of 32 bytes");
}

#[test]
fn a_pin_in_curls_spelling_is_explained() {
    let pin = Ca::new("root").pin().replace("sha256/", "sha256//");
    let error = pin.parse::<Pin>().unwrap_err();
    assert!(error.to_string().contains("has two slashes, as curl writes pins"), "{error}");
}
