//! A server whose certificate is itself one of the trusted roots, which is what `openssl req -x509` makes, and the path
//! that is found for certificates in any order.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use rustls::{crypto::CryptoProvider, pki_types::CertificateDer};
use skybridge_core::Trust;
use skybridge_testkit::{
    certs::{Ca, Cert, SelfSigned},
    origin::Origin,
};
use skybridge_tls::{Roots, TlsConfig, TlsConfigBuilder, TlsError};
use std::sync::Arc;
use support::{World, message, tls_error};

fn given(roots: impl IntoIterator<Item = CertificateDer<'static>>) -> TlsConfigBuilder {
    TlsConfig::builder().roots(Roots::Given(roots.into_iter().collect()))
}

/// Trusts this very certificate.
fn trusting(cert: &Cert) -> TlsConfigBuilder {
    given([cert.chain()[0].clone()])
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_is_a_root_is_accepted_though_it_says_ca() {
    let cert = SelfSigned::new(["a.test", "*.b.test"]).make();
    let config = trusting(&cert).build().unwrap();
    for (origin, version) in [(Origin::h1().tls(&cert), "1.3"), (Origin::h1().tls(&cert).tls12(), "1.2")] {
        let world = World::new(origin);
        let tls = world.exchange(&config, "https://a.test").await;
        assert_eq!((tls.trust, tls.version), (Trust::Verified, Some(version)));
        assert_eq!(*tls.pins, [cert.pin().into()], "the path is the certificate alone");
    }
    let config = TlsConfig::builder().roots(Roots::Given(vec![])).add_root_pem(cert.chain_pem().as_bytes());
    World::h1(&cert).exchange(&config.build().unwrap(), "https://a.test").await;
}

#[tokio::test(start_paused = true)]
async fn so_it_is_with_every_provider() {
    let cert = SelfSigned::new(["a.test"]).make();
    let providers: Vec<CryptoProvider> = vec![
        #[cfg(feature = "aws-lc-rs")]
        rustls::crypto::aws_lc_rs::default_provider(),
        #[cfg(feature = "ring")]
        rustls::crypto::ring::default_provider(),
    ];
    assert!(!providers.is_empty());
    for provider in providers {
        let provider = Arc::new(provider);
        let config = trusting(&cert).provider(Arc::clone(&provider)).build().unwrap();
        World::h1(&cert).exchange(&config, "https://a.test").await;
        let config = trusting(&SelfSigned::new(["a.test"]).make()).provider(provider).build().unwrap();
        let error = World::h1(&cert).refused(&config, "https://a.test").await;
        assert!(matches!(tls_error(&error), TlsError::SelfSigned { .. }), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_root_need_not_be_self_signed() {
    let root = Ca::new("root");
    let cert = root.leaf(["a.test"]);
    let tls = World::h1(&cert).exchange(&trusting(&cert).build().unwrap(), "https://a.test").await;
    assert_eq!(*tls.pins, [cert.pin().into()]);
    // With its issuer trusted too, a pin of that issuer's key is found all the same.
    let both = given([cert.chain()[0].clone(), root.der()]).pin("a.test", &root.pin()).build().unwrap();
    let tls = World::h1(&cert).exchange(&both, "https://a.test").await;
    assert_eq!(*tls.pins, [cert.pin().into(), root.pin().into()]);
}

/// Whoever has the key of a server that is trusted for what it is could be any server otherwise.
#[tokio::test(start_paused = true)]
async fn a_root_that_is_no_ca_signs_for_nobody() {
    let server = Ca::new("somebody").leaf(["a.test"]);
    let says_so = SelfSigned::new(["a.test"]).not_a_ca().make();
    for (trusted, why) in [(&server, "it says nothing"), (&says_so, "CA:FALSE")] {
        let forged = Ca::usurping(trusted).leaf(["bank.test"]);
        let config = trusting(trusted).build().unwrap();
        let error = World::h1(&forged).refused(&config, "https://bank.test").await;
        assert!(matches!(tls_error(&error), TlsError::UnknownIssuer { .. }), "{why}: {error:?}");
    }
    let ca = SelfSigned::new(["a.test"]).make();
    let issued = Ca::usurping(&ca).leaf(["bank.test"]);
    World::h1(&issued).exchange(&trusting(&ca).build().unwrap(), "https://bank.test").await;
}

#[tokio::test(start_paused = true)]
async fn a_root_is_refused_outside_its_dates() {
    let cert = SelfSigned::new(["a.test"]).expired().make();
    let error = World::h1(&cert).refused(&trusting(&cert).build().unwrap(), "https://a.test").await;
    assert!(matches!(tls_error(&error), TlsError::Expired { ago, .. } if ago.as_secs() > 86_400 * 365), "{error:?}");

    let cert = SelfSigned::new(["a.test"]).not_yet_valid().make();
    let error = World::h1(&cert).refused(&trusting(&cert).build().unwrap(), "https://a.test").await;
    assert!(matches!(tls_error(&error), TlsError::NotYetValid { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_root_is_refused_for_another_name() {
    let cert = SelfSigned::new(["b.test"]).make();
    let error = World::h1(&cert).refused(&trusting(&cert).build().unwrap(), "https://a.test").await;
    let TlsError::NotValidForName { presented, .. } = tls_error(&error) else { panic!("{error:?}") };
    assert_eq!(&*presented[0], "b.test");
}

#[tokio::test(start_paused = true)]
async fn the_pins_of_a_root_are_checked() {
    let cert = SelfSigned::new(["a.test"]).make();
    let pinned = |pin: &str| trusting(&cert).pin("a.test", pin).pin_leaf("a.test", pin).build().unwrap();
    let error = World::h1(&cert).refused(&pinned(&Ca::new("other").pin()), "https://a.test").await;
    assert!(tls_error(&error).is_pin(), "{error:?}");
    World::h1(&cert).exchange(&pinned(&cert.pin()), "https://a.test").await;
}

#[tokio::test(start_paused = true)]
async fn a_root_is_refused_for_what_its_key_is_not_for() {
    let made = |how: fn(SelfSigned) -> SelfSigned| how(SelfSigned::new(["a.test"])).make();
    for (cert, expected) in [
        (made(|cert| cert.for_servers(true)), None),
        (made(|cert| cert.for_servers(false)), Some("extended key usage")),
        (made(|cert| cert.signs_certificates(true)), None),
        (made(|cert| cert.signs_certificates(false)), Some("its key usage")),
    ] {
        let (world, config) = (World::h1(&cert), trusting(&cert).build().unwrap());
        match expected {
            None => drop(world.exchange(&config, "https://a.test").await),
            Some(expected) => {
                let message = message(&world.refused(&config, "https://a.test").await);
                assert!(message.contains(expected), "{message}");
            }
        }
    }
}

/// The same certificate but for one bit, at any place, is another one: also where the server can use it as well.
#[tokio::test(start_paused = true)]
async fn a_certificate_that_differs_from_the_root_in_one_bit_is_refused() {
    let cert = SelfSigned::new(["a.test"]).make();
    let der = cert.chain()[0].clone();
    // The last byte belongs to the signature, and the serial number begins at the 16th at the latest.
    for at in [16, der.len() - 1] {
        let mut other = der.to_vec();
        other[at] ^= 1;
        let config = given([other.into()]).build().unwrap();
        let error = World::h1(&cert).refused(&config, "https://a.test").await;
        assert!(matches!(tls_error(&error), TlsError::SelfSigned { .. }), "{at}: {error:?}");
    }
    let mut other = der.to_vec();
    *other.last_mut().unwrap() ^= 1;
    let world = World::h1(&cert.clone().presenting(other.into()));
    let error = world.refused(&trusting(&cert).build().unwrap(), "https://a.test").await;
    assert!(tls_error(&error).is_certificate(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn one_that_is_not_trusted_is_said_to_be_self_signed() {
    let config = given([Ca::new("root").der()]).build().unwrap();
    for cert in [SelfSigned::new(["a.test"]).make(), SelfSigned::new(["a.test"]).not_a_ca().make()] {
        let error = World::h1(&cert).refused(&config, "https://a.test").await;
        assert!(matches!(tls_error(&error), TlsError::SelfSigned { name } if &**name == "a.test"), "{error:?}");
        assert!(tls_error(&error).is_certificate());
        assert!(message(&error).ends_with("the certificate of a.test is self-signed, and not trusted"));
    }
}

/// A certificate that has the name of its issuer, but not its key, is not self-signed.
#[tokio::test(start_paused = true)]
async fn an_issuer_that_only_has_the_same_name_is_not_told_as_self_signed() {
    let config = given([Ca::new("root").der()]).build().unwrap();
    let cert = Ca::new("rcgen self signed cert").leaf(["a.test"]);
    let error = World::h1(&cert).refused(&config, "https://a.test").await;
    assert!(matches!(tls_error(&error), TlsError::UnknownIssuer { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_resumed_connection_keeps_what_was_verified() {
    let cert = SelfSigned::new(["a.test", "b.test"]).make();
    for origin in [Origin::h1().tls(&cert), Origin::h1().tls(&cert).tls12()] {
        let world = World::new(origin);
        let config = trusting(&cert).build().unwrap();
        for resumed in [false, true] {
            let tls = world.exchange(&config, "https://a.test").await;
            assert_eq!((tls.resumed, tls.trust), (resumed, Trust::Verified));
            assert_eq!(*tls.pins, [cert.pin().into()]);
            assert!(tls.valid_until.is_some());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_root_covers_the_hosts_it_names() {
    let cert = SelfSigned::new(["a.test", "*.b.test", "pinned.test"]).make();
    let config = trusting(&cert).pin("pinned.test", &Ca::new("other").pin()).build().unwrap();
    let world = World::h1(&cert);
    let covers = world.exchange(&config, "https://a.test").await.covers;
    for (host, expected) in [("a.test", true), ("x.b.test", true), ("c.test", false), ("pinned.test", false)] {
        let origin = skybridge_testkit::fixtures::key(&format!("https://{host}")).origin;
        assert_eq!(covers.covers(&origin), expected, "{host}");
    }
}

/// A root in the middle of the chain vouches for nobody but those it has signed.
#[tokio::test(start_paused = true)]
async fn only_the_servers_own_certificate_ends_the_path_this_way() {
    let cert = SelfSigned::new(["a.test"]).make();
    let stranger = Ca::new("stranger").leaf(["a.test"]).also(cert.chain()[0].clone());
    let error = World::h1(&stranger).refused(&trusting(&cert).build().unwrap(), "https://a.test").await;
    assert!(matches!(tls_error(&error), TlsError::UnknownIssuer { .. }), "{error:?}");
}

/// The path is what was verified, whatever is presented beside it, and in whichever order.
#[tokio::test(start_paused = true)]
async fn the_path_is_cleaned_of_all_that_does_not_belong_to_it() {
    let root = Ca::new("root");
    let (upper, unrelated) = (root.intermediate("upper"), Ca::new("unrelated"));
    let lower = upper.intermediate("lower");
    let cert = lower.leaf(["a.test"]);
    let expected = [cert.pin(), lower.pin(), upper.pin(), root.pin()];
    let ordered = cert.chain();
    let [leaf, low, up] = &ordered[..] else { panic!() };
    for others in [
        vec![low, up],
        vec![low, up, &root.der()],
        vec![up, low],
        vec![&root.der(), up, low],
        vec![up, &unrelated.der(), low, &unrelated.der(), up],
    ] {
        let mut presented = cert.clone().without(2).without(1);
        for other in others {
            presented = presented.also(other.clone());
        }
        assert_eq!(presented.chain()[0], *leaf);
        let tls = World::h1(&presented).exchange(&given([root.der()]).build().unwrap(), "https://a.test").await;
        assert_eq!(tls.pins.iter().map(|pin| pin.to_string()).collect::<Vec<_>>(), expected);
    }
    // It ends at the first that is trusted, be it self-signed or not.
    let tls = World::h1(&cert).exchange(&given([upper.der()]).build().unwrap(), "https://a.test").await;
    assert_eq!(tls.pins.iter().map(|pin| pin.to_string()).collect::<Vec<_>>(), expected[..3]);
}

/// webpki's bound: six intermediates.
#[tokio::test(start_paused = true)]
async fn the_length_of_a_path_is_bounded() {
    let root = Ca::new("root");
    let mut ca = root.intermediate("1");
    for n in 2..=6 {
        ca = ca.intermediate(&n.to_string());
    }
    let config = given([root.der()]).build().unwrap();
    let tls = World::h1(&ca.leaf(["a.test"])).exchange(&config, "https://a.test").await;
    assert_eq!(tls.pins.len(), 8);
    let error = World::h1(&ca.intermediate("7").leaf(["a.test"])).refused(&config, "https://a.test").await;
    let message = message(&error);
    assert!(message.ends_with("the chain to a trusted root is too long: the most intermediates are 6"), "{message}");
}
