//! The facts of a connection, which hosts it covers, and links that pass through.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use skybridge_core::{ConnectOptions, Connector, HttpVersions, Phase, Protocol, Trust};
use skybridge_testkit::{
    certs::{Ca, CertBuilder},
    executor::run_until_idle,
    net::Conn,
    origin::Origin,
};
use skybridge_tls::{MaybeTls, TlsError, TlsLayer};
use std::time::{Duration, SystemTime};
use support::{ADDR, World, tls_error, trusting};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tower::Layer;

/// The protocol that ALPN selected, or none without ALPN; `Err` if the handshake failed.
type Agreed = Result<Option<Protocol>, ()>;

fn asking_for(http_versions: HttpVersions) -> ConnectOptions {
    let mut connect_options = ConnectOptions::default();
    connect_options.http_versions = http_versions;
    connect_options
}

#[tokio::test(start_paused = true)]
async fn the_facts_of_a_handshake() {
    let root = Ca::new("root");
    let cert = root.leaf(["a.test"]);
    for (origin, version) in [(Origin::h2c().tls(&cert), "1.3"), (Origin::h2c().tls(&cert).tls12(), "1.2")] {
        let world = World::new(origin);
        world.net.at(ADDR.parse().unwrap()).latency(Duration::from_millis(10));
        let config = trusting(&root).build().unwrap();
        let link = world.connect(&config, "https://a.test").await.unwrap();
        let tls = link.info.tls.as_ref().unwrap();
        assert_eq!((tls.version, tls.alpn), (Some(version), Some(Protocol::Http2)));
        assert!(tls.cipher.unwrap().starts_with("TLS"), "{:?}", tls.cipher);
        assert!(tls.group.is_some());
        assert_eq!((tls.sni.as_deref(), tls.resumed, tls.client_auth), (Some("a.test"), false, false));
        assert_eq!(tls.trust, Trust::Verified);
        assert_eq!(&*tls.pins, [cert.pin().into(), root.pin().into()] as [Box<str>; 2]);
        // Until the year 4096.
        let left = tls.valid_until.unwrap() - world.executor.runtime().now();
        assert!(left > Duration::from_secs(1_900 * 365 * 86_400) && left < Duration::from_secs(2_100 * 366 * 86_400));
        let took = link.info.timings.get(Phase::Tls).unwrap().elapsed();
        assert_eq!(took, Duration::from_millis(if version == "1.3" { 20 } else { 40 }));
        run_until_idle().await;
    }
}

/// Of the path: an issuer's may be, and the root's doesn't count.
#[tokio::test(start_paused = true)]
async fn a_connection_is_good_until_the_first_certificate_expires() {
    let root = CertBuilder::ca("root").years(1990, 2001).root();
    let between = CertBuilder::ca("between").years(1990, 3000).ca_by(&root);
    for (year, expires) in [(3500, 32_503_680_000), (2999, 32_472_144_000)] {
        let cert = CertBuilder::server(["a.test"]).years(1990, year).by(&between);
        let tls = World::h1(&cert).exchange(&trusting(&root).build().unwrap(), "https://a.test").await;
        assert_eq!(tls.not_after(), Some(SystemTime::UNIX_EPOCH + Duration::from_secs(expires)), "{year}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_is_verified_and_not_sent_as_sni() {
    let root = Ca::new("root");
    let world = World::h1(&root.leaf(["192.0.2.1"]));
    let tls = world.exchange(&trusting(&root).build().unwrap(), "https://192.0.2.1").await;
    assert_eq!(tls.sni, None);
    assert_eq!(world.origin.handshakes()[0].sni, None);
}

#[tokio::test(start_paused = true)]
async fn alpn() {
    let (h1, h2) = (Some(Protocol::Http1), Some(Protocol::Http2));
    let root = Ca::new("root");
    let config = trusting(&root).build().unwrap();
    let both: &[&str] = &["h2", "http/1.1"];
    let rows: [(HttpVersions, &[&str], Agreed); 11] = [
        (HttpVersions::Any, both, Ok(h2)),
        (HttpVersions::Any, &["http/1.1", "h2"], Ok(h1)),
        (HttpVersions::Any, &["http/1.1"], Ok(h1)),
        (HttpVersions::Any, &["h2"], Ok(h2)),
        (HttpVersions::Any, &[], Ok(None)),
        (HttpVersions::Http1, both, Ok(h1)),
        (HttpVersions::Http1, &[], Ok(None)),
        (HttpVersions::Http2, both, Ok(h2)),
        (HttpVersions::Http2, &["http/1.1"], Err(())),
        (HttpVersions::Http2, &[], Err(())),
        (HttpVersions::Http1, &["h2"], Err(())),
    ];
    for (http_versions, server, expected) in rows {
        let world = World::new(Origin::h2c().tls(&root.leaf(["a.test"])).alpn(server.iter().copied()));
        let link = world.connect_by(&config, world.route_on("https://a.test", asking_for(http_versions))).await;
        let agreed = link.map(|link| link.info.tls.unwrap().alpn);
        assert_eq!(agreed.as_ref().map_err(drop).copied(), expected, "{http_versions:?} {server:?}");
        if server.is_empty() && http_versions == HttpVersions::Http2 {
            let error = agreed.unwrap_err();
            assert!(matches!(tls_error(&error), TlsError::NoHttp2) && error.is_fatal(), "{error:?}");
        }
        run_until_idle().await;
        assert!(world.origin.requests().is_empty());
    }
}

#[cfg(not(feature = "fips"))]
#[tokio::test(start_paused = true)]
async fn what_no_provider_calls_approved_is_not_of_fips() {
    let root = Ca::new("root");
    let config = trusting(&root).build().unwrap();
    let tls = World::h1(&root.leaf(["a.test"])).exchange(&config, "https://a.test").await;
    assert_eq!((config.is_fips(), tls.is_fips()), (false, false));
}

#[tokio::test(start_paused = true)]
async fn a_protocol_that_was_not_offered_is_a_fatal_error_that_names_it() {
    let root = Ca::new("root");
    let rows = [
        (HttpVersions::Any, "foo", "h2 and http/1.1", "foo"),
        (HttpVersions::Http1, "h2", "http/1.1", "h2"),
        (HttpVersions::Http2, "http/1.1", "h2", "http/1.1"),
        // No terminal obeys it.
        (HttpVersions::Any, "a\u{1b}[2J", "h2 and http/1.1", "a\\x1b[2J"),
    ];
    for (http_versions, chosen, offered, told) in rows {
        let world = World::new(Origin::h1().tls(&root.leaf(["a.test"])).alpn_unasked(chosen));
        let route = world.route_on("https://a.test", asking_for(http_versions));
        let error = world.connect_by(&trusting(&root).build().unwrap(), route).await.unwrap_err();
        assert!(matches!(tls_error(&error), TlsError::UnknownProtocol { .. }) && error.is_fatal(), "{error:?}");
        let said = format!("the peer chose the protocol `{told}` by ALPN, and was offered {offered}");
        assert_eq!(error.reason(), Some(&*said));
        run_until_idle().await;
        assert_eq!((world.origin.requests().len(), world.net.live_sockets(), world.net.opened()), (0, 0, 1));
    }
    // What is offered may be chosen so.
    let world = World::new(Origin::h1().tls(&root.leaf(["a.test"])).alpn_unasked("http/1.1"));
    let tls = world.exchange(&trusting(&root).build().unwrap(), "https://a.test").await;
    assert_eq!(tls.alpn, Some(Protocol::Http1));
}

#[tokio::test(start_paused = true)]
async fn a_connection_covers_hosts_of_its_certificate_whose_pins_match() {
    let root = Ca::new("root");
    let intermediate = root.intermediate("intermediate");
    let names = ["a.test", "*.b.test", "pinned.test", "rightly.test", "192.0.2.1"];
    let world = World::new(Origin::h2c().tls(&intermediate.leaf(names)));
    let config = trusting(&root)
        .pin("pinned.test", "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
        .pin("rightly.test", &root.pin())
        .build()
        .unwrap();
    let covers = world.connect(&config, "https://a.test").await.unwrap().info.tls.unwrap().covers;
    let rows = [
        ("a.test", true),
        ("A.TEST.", true),
        ("x.b.test", true),
        ("b.test", false),
        ("c.test", false),
        ("pinned.test", false),
        ("rightly.test", true),
        ("192.0.2.1", true),
        ("192.0.2.2", false),
    ];
    for (host, expected) in rows {
        let origin = skybridge_testkit::fixtures::key(&format!("https://{host}")).origin;
        assert_eq!(covers.covers(&origin), expected, "{host}");
    }
    assert!(covers.is_current());
}

#[tokio::test(start_paused = true)]
async fn a_route_in_cleartext_passes_through() {
    let world = World::new(Origin::h1());
    let config = trusting(&Ca::new("root")).build().unwrap();
    let mut connector = TlsLayer::new(config).layer(world.net.connector());
    let connecting = connector.connect(world.route("http://a.test"));
    assert!(format!("{connecting:?}").contains("plain: true"));
    let mut link = connecting.await.unwrap();
    assert!(link.info.tls.is_none() && link.info.timings.get(Phase::Tls).is_none());
    assert!(link.io.is_write_vectored());
    link.io.write_all(b"GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    link.io.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("hello"));
}

#[test]
fn a_maybe_tls_stream_is_hardly_larger_than_the_stream_below() {
    assert!(size_of::<MaybeTls<Conn>>() <= size_of::<Conn>() + size_of::<usize>());
}

/// hyper writes a head and a body as two slices: they are sent as one TLS record or two, but never copied into one
/// buffer.
#[tokio::test(start_paused = true)]
async fn a_tls_stream_forwards_vectored_writes() {
    let root = Ca::new("root");
    let world = World::h1(&root.leaf(["a.test"]));
    let mut link = world.connect(&trusting(&root).build().unwrap(), "https://a.test").await.unwrap();
    assert!(link.io.is_write_vectored());
    let parts = [&b"GET / HTTP/1.1\r\n"[..], b"host: a.test\r\n\r\n"].map(std::io::IoSlice::new);
    assert_eq!(link.io.write_vectored(&parts).await.unwrap(), 32);
    link.io.flush().await.unwrap();
    let mut answer = [0; 15];
    link.io.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
}
