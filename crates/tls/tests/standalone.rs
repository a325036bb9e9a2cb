//! The verifier without our connector, under tokio-rustls.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use rustls::{
    CertificateError, ClientConfig, HandshakeKind,
    client::{ClientSessionMemoryCache, Resumption, danger::ServerCertVerifier},
    pki_types::UnixTime,
};
use skybridge_testkit::{certs::Ca, executor::run_until_idle, origin::Origin};
use skybridge_tls::{Pins, TlsConfig, TlsError, rustls};
use std::{
    io,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};
use support::{ADDR, World, trusting};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;

/// Of no key.
const WRONG: &str = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// One exchange with a.test by tokio-rustls, and whether its session was resumed. Reads to the end, so that tickets are
/// processed.
async fn exchange(world: &World, client: ClientConfig) -> io::Result<bool> {
    let stream = world.net.connect(ADDR.parse().unwrap()).await?;
    let mut stream = TlsConnector::from(Arc::new(client)).connect("a.test".try_into().unwrap(), stream).await?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    assert!(answer.ends_with("hello"), "{answer}");
    Ok(stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed))
}

async fn refused(world: &World, client: ClientConfig) -> io::Error {
    let before = world.origin.handshakes().len();
    let error = exchange(world, client).await.unwrap_err();
    run_until_idle().await;
    assert_eq!(world.origin.handshakes().len(), before);
    error
}

fn of_rustls(error: &io::Error) -> &rustls::Error {
    error.get_ref().unwrap().downcast_ref().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_foreign_handshake_is_verified_and_pinned() {
    let root = Ca::new("root");
    let intermediate = root.intermediate("intermediate");
    let leaf = intermediate.leaf(["a.test"]);
    let world = World::h1(&leaf);
    for pin in [leaf.pin(), intermediate.pin(), root.pin()] {
        let config = trusting(&root).pin("*.test", WRONG).pin("a.test", &pin).build().unwrap();
        assert!(!exchange(&world, config.rustls_config()).await.unwrap());
    }
    let config = trusting(&root).pin("a.test", WRONG).build().unwrap();
    let error = refused(&world, config.rustls_config()).await;
    assert!(
        matches!(of_rustls(&error), rustls::Error::InvalidCertificate(CertificateError::Other(_))),
        "it is rustls' own kind of error: {error}"
    );
    let Some(TlsError::PinMismatch(mismatch)) = TlsError::find(&error) else { panic!("{error:?}") };
    let path: Vec<String> = mismatch.path.iter().map(ToString::to_string).collect();
    assert_eq!((&*mismatch.host, path), ("a.test", vec![leaf.pin(), intermediate.pin(), root.pin()]));
    assert_eq!(mismatch.pinned.iter().map(ToString::to_string).collect::<Vec<_>>(), [WRONG]);
}

#[tokio::test(start_paused = true)]
async fn what_is_presented_beside_the_path_is_no_pin_there_either() {
    let (root, pinned) = (Ca::new("root"), Ca::new("pinned"));
    let world = World::h1(&root.leaf(["a.test"]).also(pinned.der()));
    let config = trusting(&root).pin("a.test", &pinned.pin()).build().unwrap();
    assert!(TlsError::find(&refused(&world, config.rustls_config()).await).unwrap().is_pin());
}

#[tokio::test(start_paused = true)]
async fn a_refused_certificate_has_the_words_of_rustls_where_they_say_as_much() {
    let root = Ca::new("root");
    let config = trusting(&root).build().unwrap();
    for (cert, expected) in [
        (root.expired(["a.test"]), CertificateError::Expired),
        (Ca::new("other").leaf(["a.test"]), CertificateError::UnknownIssuer),
    ] {
        let error = refused(&World::h1(&cert), config.rustls_config()).await;
        assert_eq!(*of_rustls(&error), rustls::Error::InvalidCertificate(expected));
    }
    let error = refused(&World::h1(&root.leaf(["b.test"])), config.rustls_config()).await;
    assert!(matches!(TlsError::find(&error), Some(TlsError::NotValidForName { .. })), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn sessions_are_resumed_under_one_configuration_and_its_clones() {
    let root = Ca::new("root");
    for tls12 in [false, true] {
        let origin = Origin::h1().tls(&root.leaf(["a.test"]));
        let world = World::new(if tls12 { origin.tls12() } else { origin });
        let config = trusting(&root).pin("a.test", &root.pin()).build().unwrap();
        assert!(!exchange(&world, config.rustls_config()).await.unwrap());
        assert!(exchange(&world, config.rustls_config()).await.unwrap());
        assert!(exchange(&world, config.clone().rustls_config()).await.unwrap());
    }
}

/// A session is resumed without asking a verifier.
#[tokio::test(start_paused = true)]
async fn a_session_that_was_made_under_other_pins_is_not_resumed_from_any_store() {
    let root = Ca::new("root");
    for tls12 in [false, true] {
        let origin = Origin::h1().tls(&root.leaf(["a.test"]));
        let world = World::new(if tls12 { origin.tls12() } else { origin });
        let store = Arc::new(ClientSessionMemoryCache::new(8));
        let with_store = |config: &TlsConfig| {
            let mut client = config.rustls_config();
            client.resumption = Resumption::store(store.clone());
            client
        };
        let unpinned = trusting(&root).build().unwrap();
        assert!(!exchange(&world, with_store(&unpinned)).await.unwrap());
        assert!(exchange(&world, with_store(&unpinned)).await.unwrap(), "the store works");
        let pinned = trusting(&root).pin("a.test", WRONG).build().unwrap();
        assert!(TlsError::find(&refused(&world, with_store(&pinned)).await).unwrap().is_pin());
        // The plain verifier in a configuration that somebody else has made.
        let made = |config: &TlsConfig| {
            let mut client = with_store(&unpinned);
            client.dangerous().set_certificate_verifier(config.verifier());
            client
        };
        assert!(exchange(&world, made(&unpinned)).await.unwrap(), "tls12: {tls12}");
        assert!(TlsError::find(&refused(&world, made(&pinned)).await).unwrap().is_pin());
    }
}

#[tokio::test(start_paused = true)]
async fn of_an_insecure_configuration_it_compares_the_peers_own_key_alone() {
    let root = Ca::new("root");
    let leaf = root.leaf(["b.test"]);
    let world = World::h1(&leaf);
    let insecure = |pin: &str| TlsConfig::builder().insecure().pin("a.test", pin).build().unwrap().rustls_config();
    assert!(!exchange(&world, insecure(&leaf.pin())).await.unwrap());
    for pin in [root.pin(), WRONG.to_owned()] {
        assert!(TlsError::find(&refused(&world, insecure(&pin)).await).unwrap().is_pin());
    }
}

/// Our own connector asks for a host as pins write it; a foreign stack asks as its user has written it.
#[test]
fn a_host_has_its_pins_however_its_name_is_written() {
    let root = Ca::new("root");
    let chain = root.leaf(["a.test", "192.0.2.1", "::ffff:192.0.2.1"]).chain();
    let pinned = |pattern: &str| trusting(&root).pin(pattern, WRONG).build().unwrap().verifier();
    let exempt = |pattern: &str| trusting(&Ca::new("other")).insecure_for(pattern).build().unwrap().verifier();
    for (pattern, names) in [
        ("a.test", &["a.test", "A.Test", "a.test.", "A.TEST."][..]),
        ("*.test", &["a.test.", "A.TEST"]),
        ("192.0.2.1", &["192.0.2.1", "::ffff:192.0.2.1"]),
    ] {
        for name in names {
            let now = UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000));
            let verify = |verifier: Arc<dyn ServerCertVerifier>| {
                verifier.verify_server_cert(&chain[0], &chain[1..], &(*name).try_into().unwrap(), &[], now)
            };
            verify(trusting(&root).build().unwrap().verifier()).unwrap();
            let error = verify(pinned(pattern)).expect_err(name);
            assert!(TlsError::find(&error).is_some_and(TlsError::is_pin), "{name}: {error:?}");
            verify(exempt(pattern)).unwrap();
        }
    }
}

/// Nobody observes it: who was given to the configuration is told, once a handshake.
#[tokio::test(start_paused = true)]
async fn pins_that_are_not_enforced_are_told_to_who_was_given() {
    let root = Ca::new("root");
    let cert = root.leaf(["a.test"]);
    let set = |pin: &str| Pins::new().pin("a.test", pin).unwrap();
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    for (pins, told) in [
        (set(WRONG).report_only(), "has none of its pins, which is only reported"),
        (set(WRONG).until(long_ago), "have expired"),
        (set(&root.pin()).report_only(), ""),
        (Pins::new().pin("b.test", WRONG).unwrap().report_only(), ""),
    ] {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hears = Arc::clone(&heard);
        let config = trusting(&root).pins(pins);
        let config = config.on_pins_not_enforced(move |told| hears.lock().unwrap().push(told.to_string()));
        let config = config.build().unwrap();
        let world = World::h1(&cert);
        assert!(!exchange(&world, config.rustls_config()).await.unwrap());
        let first = std::mem::take(&mut *heard.lock().unwrap());
        assert_eq!(first.len(), usize::from(!told.is_empty()), "{first:?}");
        assert!(first.iter().all(|line| line.contains("a.test") && line.contains(told) && line.contains(WRONG)));
        // No verifier is asked.
        assert!(exchange(&world, config.rustls_config()).await.unwrap() && heard.lock().unwrap().is_empty());
        // Our own connections have an observer.
        world.exchange(&config, "https://a.test").await;
        assert!(heard.lock().unwrap().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_by_a_pin_is_not_reported() {
    let root = Ca::new("root");
    let lenient = Pins::new().pin("a.test", WRONG).unwrap().report_only();
    let config = trusting(&root).pins(lenient).pin("a.test", WRONG);
    let config = config.on_pins_not_enforced(|told| panic!("{told}")).build().unwrap();
    refused(&World::h1(&root.leaf(["a.test"])), config.rustls_config()).await;
}
