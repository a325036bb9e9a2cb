//! Certificates that are rejected, and the error that says why. The server never sees the handshake complete.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use skybridge_core::{ConnectOptions, Connector, Phase, Trust};
use skybridge_testkit::{certs::Ca, origin::Origin};
use skybridge_tls::{Roots, TlsConfig, TlsError, TlsLayer};
use support::{World, message, tls_error, trusting};
use tower::Layer;

#[tokio::test(start_paused = true)]
async fn a_certificate_of_an_unknown_issuer() {
    let (ours, theirs) = (Ca::new("ours"), Ca::new("theirs"));
    let world = World::h1(&theirs.leaf(["a.test"]));
    let error = world.refused(&trusting(&ours).build().unwrap(), "https://a.test").await;
    assert!(matches!(tls_error(&error), TlsError::UnknownIssuer { name, .. } if &**name == "a.test"), "{error:?}");
    assert!(tls_error(&error).is_certificate());
    assert_eq!(
        message(&error),
        "could not connect at 192.0.2.1:443: tls failed: the issuer `theirs` of the certificate of a.test is not trusted"
    );
}

#[tokio::test(start_paused = true)]
async fn an_issuer_of_the_same_name_with_another_key() {
    let (ours, theirs) = (Ca::new("root"), Ca::new("root"));
    let world = World::h1(&theirs.leaf(["a.test"]));
    let error = world.refused(&trusting(&ours).build().unwrap(), "https://a.test").await;
    assert!(tls_error(&error).is_certificate(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_chain_without_its_intermediate() {
    let root = Ca::new("root");
    let leaf = root.intermediate("intermediate").leaf(["a.test"]).without(1);
    let error = World::h1(&leaf).refused(&trusting(&root).build().unwrap(), "https://a.test").await;
    assert!(matches!(tls_error(&error), TlsError::UnknownIssuer { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_leaf_cannot_issue_certificates() {
    let root = Ca::new("root");
    let world = World::h1(&root.client("a client"));
    let error = world.refused(&trusting(&root).build().unwrap(), "https://a.test").await;
    let TlsError::Certificate { source, .. } = tls_error(&error) else { panic!("{error:?}") };
    assert_eq!(source.to_string(), "its extended key usage is clientAuth, which doesn't allow server authentication");
}

#[tokio::test(start_paused = true)]
async fn a_certificate_for_another_name() {
    let root = Ca::new("root");
    let cert = root.leaf(["wronghostname", "192.0.2.9"]);
    let error = World::h1(&cert).refused(&trusting(&root).build().unwrap(), "https://localhost").await;
    let TlsError::NotValidForName { name, presented, leaf } = tls_error(&error) else { panic!("{error:?}") };
    assert_eq!((&**name, &*presented[0], &*presented[1]), ("localhost", "wronghostname", "192.0.2.9"));
    assert_eq!(leaf.to_string(), cert.pin());
    let message = message(&error);
    assert!(message.contains("not valid for localhost, but for wronghostname, 192.0.2.9"), "{message}");
    assert!(message.contains(&cert.pin()), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_certificate_without_a_name() {
    let root = Ca::new("root");
    let error = World::h1(&root.leaf([])).refused(&trusting(&root).build().unwrap(), "https://a.test").await;
    assert!(
        message(&error).contains("not valid for a.test, but for no name (a common name doesn't count)"),
        "{}",
        message(&error)
    );
}

#[tokio::test(start_paused = true)]
async fn an_expired_certificate_and_one_that_is_not_valid_yet() {
    let root = Ca::new("root");
    let config = trusting(&root).build().unwrap();
    let error = World::h1(&root.expired(["a.test"])).refused(&config, "https://a.test").await;
    assert!(matches!(tls_error(&error), TlsError::Expired { ago, .. } if ago.as_secs() > 86_400 * 365), "{error:?}");
    assert!(
        message(&error).contains("a.test expired") && message(&error).ends_with("days ago, on 2001-02-03"),
        "{}",
        message(&error)
    );

    let error = World::h1(&root.not_yet_valid(["a.test"])).refused(&config, "https://a.test").await;
    assert!(matches!(tls_error(&error), TlsError::NotYetValid { .. }), "{error:?}");
    assert!(message(&error).contains("is not valid for another"), "{}", message(&error));
}

#[tokio::test(start_paused = true)]
async fn names_and_wildcards() {
    let root = Ca::new("root");
    let config = trusting(&root).build().unwrap();
    let rows = [
        ("a.test", "a.test", true),
        ("A.Test", "a.test", true),
        ("a.test", "A.TEST", true),
        ("a.test", "a.test.", true),
        // Stricter than RFC 6125: webpki wants two labels behind the star.
        ("*.test", "a.test", false),
        ("*.a.test", "b.a.test", true),
        ("*.a.test", "a.test", false),
        ("*.a.test", "c.b.a.test", false),
        ("f*.test", "foo.test", false),
        ("a.test", "b.test", false),
        ("127.0.0.1", "127.0.0.1", true),
        ("127.0.0.1", "127.0.0.2", false),
        ("2001:db8::1", "[2001:0DB8:0::1]", true),
        ("2001:db8::1", "[2001:db8::2]", false),
        ("*.0.0.1", "127.0.0.1", false),
    ];
    for (named, asked, valid) in rows {
        let world = World::h1(&root.leaf([named]));
        let url = format!("https://{asked}");
        if valid {
            world.exchange(&config, &url).await;
        } else {
            let error = world.refused(&config, &url).await;
            assert!(matches!(tls_error(&error), TlsError::NotValidForName { .. }), "{named} {asked}: {error:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn server_name_is_verified_and_sent_as_sni() {
    let root = Ca::new("root");
    let config = trusting(&root).build().unwrap();
    let world = World::h1(&root.leaf(["b.test"]));
    world.refused(&config, "https://a.test").await;
    let mut connect_options = ConnectOptions::default();
    connect_options.server_name = Some("B.test.".into());
    let tls = world.exchange_by(&config, world.route_on("https://a.test", connect_options)).await;
    assert_eq!(tls.sni.as_deref(), Some("b.test"));
    assert_eq!(world.origin.handshakes()[0].sni.as_deref(), Some("b.test"));
}

/// IPv4 within IPv6 is the same address, whoever has written it.
#[tokio::test(start_paused = true)]
async fn a_server_name_may_be_an_address_in_any_spelling() {
    let root = Ca::new("root");
    let named = |name: &str| ConnectOptions::new().server_name(name);
    for name in ["192.0.2.1", "::ffff:192.0.2.1", "[::ffff:c000:201]"] {
        let world = World::h1(&root.leaf(["192.0.2.1"]));
        let config = trusting(&root).build().unwrap();
        let tls = world.exchange_by(&config, world.route_on("https://a.test", named(name))).await;
        assert_eq!(tls.sni, None, "{name}");
        let other = trusting(&root).pin("192.0.2.1", &Ca::new("other").pin()).build().unwrap();
        let error = world.connect_by(&other, world.route_on("https://a.test", named(name))).await.unwrap_err();
        assert!(tls_error(&error).is_pin(), "{name}: {error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_no_certificate_can_have_starts_no_handshake() {
    let root = Ca::new("root");
    let world = World::h1(&root.leaf(["a.test"]));
    let mut connect_options = ConnectOptions::default();
    connect_options.server_name = Some("not a name".into());
    let route = world.route_on("https://a.test", connect_options);
    let error = world.connect_by(&trusting(&root).build().unwrap(), route).await.unwrap_err();
    assert!(matches!(tls_error(&error), TlsError::NotAName(name) if &**name == "not a name"), "{error:?}");
    assert!(error.is_fatal());
}

#[tokio::test(start_paused = true)]
async fn insecure_accepts_any_certificate_and_reports_it() {
    let config = TlsConfig::builder().insecure().build().unwrap();
    for cert in [Ca::new("x").leaf(["b.test"]), Ca::new("x").expired(["a.test"]), Ca::new("x").client("a client")] {
        let world = World::h1(&cert);
        for _first_then_resumed in 0..2 {
            let tls = world.exchange(&config, "https://a.test").await;
            assert_eq!((tls.trust, &*tls.pins), (Trust::Unverified, &[cert.pin().into()][..]));
            assert!(!tls.covers.covers(world.route("https://b.test").target.origin()));
        }
        assert_eq!(world.origin.exchanges(), ["c0e0", "c1e0"]);
    }
}

#[tokio::test(start_paused = true)]
async fn insecure_still_checks_the_pins_of_the_leaf() {
    let root = Ca::new("root");
    let cert = root.leaf(["b.test"]);
    let world = World::h1(&cert);
    let pinned = |pin: String| TlsConfig::builder().insecure().pin("a.test", &pin).build().unwrap();
    let error = world.refused(&pinned(root.pin()), "https://a.test").await;
    assert!(tls_error(&error).is_pin(), "{error:?}");
    world.exchange(&pinned(cert.pin()), "https://a.test").await;
}

#[tokio::test(start_paused = true)]
async fn roots_can_be_given_as_pem() {
    let (root, other) = (Ca::new("root"), Ca::new("other"));
    let both = root.pem() + &other.pem();
    let config = TlsConfig::builder().roots(Roots::Given(vec![])).add_root_pem(both.as_bytes()).build().unwrap();
    for ca in [&root, &other] {
        World::h1(&ca.leaf(["a.test"])).exchange(&config, "https://a.test").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_speak_tls() {
    let root = Ca::new("root");
    let world = World::new(Origin::h1());
    let error = world.connect(&trusting(&root).build().unwrap(), "https://a.test").await.unwrap_err();
    assert!(matches!(tls_error(&error), TlsError::Handshake(_)), "{error:?}");
    assert!(message(&error).contains("the peer does not speak TLS"), "{}", message(&error));
    // Another address may do better.
    assert!(!error.is_fatal() && !tls_error(&error).is_certificate());
}

/// Whether there are any roots on this machine or not.
#[tokio::test(start_paused = true)]
async fn the_system_does_not_trust_a_root_made_for_the_test() {
    let world = World::h1(&Ca::new("root").leaf(["a.test"]));
    let mut connector = TlsLayer::native().layer(world.net.connector());
    let error = connector.connect(world.route("https://a.test")).await.unwrap_err();
    assert_eq!((error.phase(), error.is_fatal()), (Some(Phase::Tls), true), "{error:?}");
    assert!(world.origin.handshakes().is_empty());
}
