//! What the certificates of a peer say.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use skybridge_core::{Certificate, SubjectName};
use skybridge_testkit::{certs::Ca, fixtures, origin::Origin};
use skybridge_tls::{Roots, TlsConfig, rustls};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use support::{World, trusting};
use tokio_rustls::TlsAcceptor;

fn names(certificate: &Certificate) -> Vec<String> {
    certificate.names.iter().flatten().map(ToString::to_string).collect()
}

#[tokio::test(start_paused = true)]
async fn what_a_peer_presents_is_told_also_when_its_session_is_resumed() {
    let root = Ca::new("a root");
    let middle = root.intermediate("a \u{202e}middle, or so");
    let cert = middle.leaf(["a.test", "*.b.test", "192.0.2.1"]);
    for origin in [Origin::h1().tls(&cert), Origin::h1().tls(&cert).tls12()] {
        let (world, config) = (World::new(origin), trusting(&root).build().unwrap());
        for resumed in [false, true] {
            let tls = world.exchange(&config, "https://a.test").await;
            assert_eq!(tls.resumed, resumed);
            let [leaf, issuer] = &*tls.certificates() else { panic!("{:?}", tls.certificates()) };
            assert_eq!([&*leaf.der, &*issuer.der], [&*cert.chain()[0], &*cert.chain()[1]]);
            assert_eq!(leaf.issuer.as_deref(), Some("CN=a \\e2\\80\\aemiddle\\, or so"));
            assert_eq!((leaf.issuer.as_ref(), Some("CN=a root")), (issuer.subject.as_ref(), issuer.issuer.as_deref()));
            assert_eq!(names(leaf), ["DNS:a.test", "DNS:*.b.test", "IP Address:192.0.2.1"]);
            assert_eq!(leaf.names_for("x.b.test").collect::<Vec<_>>(), [&SubjectName::Dns("*.b.test".into())]);
            assert_eq!((tls.not_after(), tls.is_stapled()), (leaf.not_after, false));
            assert!(names(issuer).is_empty() && issuer.names.is_some());
            assert_eq!((leaf.is_ca, issuer.is_ca), (Some(false), Some(true)));
            assert_eq!(
                [leaf.pin.as_deref(), issuer.pin.as_deref()],
                [&tls.pins[0], &tls.pins[1]].map(|pin| Some(&**pin))
            );
            // From 1975-01-01 to 4096-01-01.
            let since = |time: Option<SystemTime>| time.unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap();
            assert_eq!(since(leaf.not_before), Duration::from_secs(157_766_400));
            assert_eq!(since(leaf.not_after), Duration::from_secs(67_090_118_400));
            assert_eq!(leaf.key.as_ref().unwrap().to_string(), "EC P-256 (256 bits)");
            assert_eq!(leaf.signature_algorithm.as_deref(), Some("ecdsa-with-SHA256"));
            // Of 20 bytes at random, of which the first is rarely zero, and then left out.
            let is_hex =
                |serial: &str| serial.len().is_multiple_of(2) && serial.bytes().all(|it| it.is_ascii_hexdigit());
            assert!(leaf.serial.as_ref().is_some_and(|serial| (30..=40).contains(&serial.len()) && is_hex(serial)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_list_of_certificates_is_not_kept_whole() {
    let root = Ca::new("a root");
    let cert = (0..20).fold(root.leaf(["a.test"]), |cert, _| cert.also(root.der()));
    let tls = World::h1(&cert).exchange(&trusting(&root).build().unwrap(), "https://a.test").await;
    let certificates = tls.certificates();
    assert_eq!((certificates.len(), names(&certificates[0])), (16, vec!["DNS:a.test".to_owned()]));
}

/// Of what a peer presents, the path has what vouches for it, up to the root that it hasn't presented.
#[tokio::test(start_paused = true)]
async fn the_verified_path_is_described_up_to_its_root() {
    let (old, new) = (Ca::new("an old root"), Ca::new("a new root"));
    let middle = new.intermediate("a middle");
    // Two certificates of the same name and key, and the path goes through the second.
    let cert = middle.leaf(["a.test"]);
    let leaf_alone = cert.clone().without(1);
    let cert = leaf_alone.also(Ca::new("a stranger").der()).also(old.cross_sign(&middle)).also(cert.chain()[1].clone());
    let world = World::h1(&cert);
    for (root, at) in [(&new, 3), (&old, 2)] {
        let config = trusting(root).build().unwrap();
        for resumed in [false, true] {
            let tls = world.exchange(&config, "https://a.test").await;
            assert_eq!((tls.resumed, tls.path().len()), (resumed, tls.pins.len()));
            let pins: Vec<_> = tls.path().into_iter().filter_map(|it| it.pin).collect();
            assert_eq!(pins, *tls.pins);
            let [leaf, issuer, anchor] = &*tls.path() else { panic!("{:?}", tls.path()) };
            assert_eq!([&*leaf.der, &*issuer.der], [&*cert.chain()[0], &*cert.chain()[at]]);
            assert_eq!((&issuer.issuer, anchor.der.len()), (&anchor.subject, 0));
            assert_eq!(anchor.key.as_ref().unwrap().to_string(), "EC P-256 (256 bits)");
        }
    }
    let tls = world.exchange(&TlsConfig::builder().insecure().build().unwrap(), "https://a.test").await;
    assert_eq!((tls.path().len(), tls.certificates().len()), (0, 4));
}

/// The peer's word is told whether it is believed or not.
#[tokio::test(start_paused = true)]
async fn what_is_not_verified_is_read_as_well() {
    let cert = Ca::new("nobody").expired(["b.test"]);
    let tls = World::h1(&cert).exchange(&TlsConfig::builder().insecure().build().unwrap(), "https://a.test").await;
    let [leaf] = &*tls.certificates() else { panic!("{:?}", tls.certificates()) };
    assert_eq!((names(leaf), leaf.issuer.as_deref()), (vec!["DNS:b.test".to_owned()], Some("CN=nobody")));
    assert_eq!(leaf.not_after, SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(981_158_400)));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_none_and_not_guessed() {
    let root = Ca::new("a root");
    let cert = root.leaf(["a.test"]);
    let mut of_month_13 = cert.chain()[0].to_vec();
    let year = of_month_13.windows(8).position(|digits| digits == b"40960101").unwrap();
    of_month_13[year + 4..year + 6].copy_from_slice(b"13");
    let odd = cert.also(vec![0x30, 3, 2, 1, 0].into()).also(of_month_13.into());
    let tls = World::h1(&odd).exchange(&trusting(&root).build().unwrap(), "https://a.test").await;
    let [_, unread, undated] = &*tls.certificates() else { panic!("{:?}", tls.certificates()) };
    let Certificate { subject, names: unnamed, is_ca, pin, .. } = unread;
    assert!(subject.is_none() && unnamed.is_none() && is_ca.is_none() && pin.is_none(), "{unread:?}");
    assert_eq!(unread.to_string(), "what can't be read, issued by what can't be read");
    assert_eq!(&*unread.der, [0x30, 3, 2, 1, 0]);
    assert_eq!((undated.not_before, undated.not_after, names(undated)), (None, None, vec!["DNS:a.test".to_owned()]));
}

/// A certificate and what its root says of it, by `fixtures/stapled/make.sh`.
#[tokio::test(start_paused = true)]
async fn a_staple_is_told_also_when_the_session_is_resumed() {
    let pem = |pem: &[u8]| CertificateDer::from_pem_slice(pem).unwrap();
    let root = pem(include_bytes!("fixtures/stapled/root.pem"));
    let leaf = pem(include_bytes!("fixtures/stapled/leaf.pem"));
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("fixtures/stapled/key.pem")).unwrap();
    for staple in [&include_bytes!("fixtures/stapled/good.ocsp")[..], &[]] {
        let world = World::h1(&Ca::new("nobody").leaf(["b.test"]));
        let address = "192.0.2.2:443";
        let listener = world.net.listen(address.parse().unwrap());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let server = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS12])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert_with_ocsp(vec![leaf.clone()], key.clone_key(), staple.to_vec())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(server));
        let config = TlsConfig::builder().roots(Roots::Given(vec![root.clone()])).build().unwrap();
        for resumed in [false, true] {
            let route = fixtures::route("https://a.test", [address], world.executor.ctx());
            let accepted = async { acceptor.accept(listener.accept().await.0).await };
            let (link, accepted) = tokio::join!(world.connect_by(&config, route), accepted);
            let (tls, _) = (link.unwrap().info.tls.unwrap(), accepted.unwrap());
            assert_eq!((tls.resumed, tls.is_stapled()), (resumed, !staple.is_empty()));
        }
    }
}
