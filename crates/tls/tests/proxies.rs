//! TLS to proxies.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use skybridge_core::{
    ConnectError, ConnectOptions, Connector, HttpVersions, Partition, Phase, Proxy, ProxyKind, Route, TlsConnect,
    TlsInfo,
};
use skybridge_testkit::{
    certs::{Ca, Cert},
    executor::run_until_idle,
    origin::Origin,
};
use skybridge_tls::{
    ConnectionSpec, Roots, TlsConfig, TlsConfigBuilder, TlsConnector, TlsError, TlsLayer, TlsVersion,
    rustls::crypto::{
        CryptoProvider,
        aws_lc_rs::{self, kx_group::SECP256R1},
    },
};
use std::{sync::Arc, time::Duration};
use support::{World, tls_error, trusting};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test(start_paused = true)]
async fn a_proxy_is_verified_by_its_own_name_and_offered_http_1_alone() {
    let root = Ca::new("root");
    let world = World::new(Origin::h2c().tls(&root.leaf(["proxy.test"])));
    let tls_connector = trusting(&root).pin("proxy.test", &root.pin()).build().unwrap().tls_connector();
    let route = world.route("https://a.test");
    let ctx = route.ctx().clone();
    let link = world.net.connector().connect(route).await.unwrap();
    let link = tls_connector.tls_connect(link, "Proxy.test", &ctx).await.unwrap();
    run_until_idle().await;
    let handshake = &world.origin.handshakes()[0];
    assert_eq!((handshake.sni.as_deref(), handshake.alpn.as_deref()), (Some("proxy.test"), Some("http/1.1")));
    assert!(link.info.tls.is_some());
}

#[tokio::test(start_paused = true)]
async fn http_2_is_offered_to_any_proxy_of_a_chain_where_that_was_said() {
    let root = Ca::new("root");
    for (said, proxies_passed, chosen) in [(true, 0, "h2"), (true, 1, "h2"), (false, 0, "http/1.1")] {
        let world = World::new(Origin::h2c().tls(&root.leaf(["proxy.test"])));
        let tls_connector = trusting(&root).build().unwrap().tls_connector();
        let tls_connector = if said { tls_connector.http2() } else { tls_connector };
        let route = world.route("https://a.test");
        let ctx = route.ctx().clone();
        let mut link = world.net.connector().connect(route).await.unwrap();
        link.info.proxies_passed = proxies_passed;
        tls_connector.tls_connect(link, "proxy.test", &ctx).await.unwrap();
        run_until_idle().await;
        assert_eq!(world.origin.handshakes()[0].alpn.as_deref(), Some(chosen), "{said} {proxies_passed}");
    }
}

/// Whose requests must be HTTP/1.1 shares no connection with others.
#[tokio::test(start_paused = true)]
async fn http_2_is_offered_to_a_proxy_that_forwards_where_the_version_is_open() {
    let root = Ca::new("root");
    for (http_versions, proxies_passed, chosen) in
        [(HttpVersions::Any, 0, "h2"), (HttpVersions::Any, 1, "h2"), (HttpVersions::Http1, 0, "http/1.1")]
    {
        let world = World::new(Origin::h2c().tls(&root.leaf(["proxy.test"])));
        let tls_connector = trusting(&root).build().unwrap().tls_connector().http2();
        let mut route = world.route("http://a.test");
        let proxies = vec![Proxy::new(ProxyKind::Https, "proxy.test", 443); proxies_passed + 1];
        route.proxies = proxies.into();
        Arc::make_mut(&mut route.target.key).connect_options.http_versions = http_versions;
        let ctx = route.ctx().clone();
        let mut link = world.net.connector().connect(route).await.unwrap();
        link.info.proxies_passed = proxies_passed;
        tls_connector.tls_connect(link, "proxy.test", &ctx).await.unwrap();
        run_until_idle().await;
        assert_eq!(world.origin.handshakes()[0].alpn.as_deref(), Some(chosen), "{http_versions:?} {proxies_passed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_proxy_is_refused() {
    let root = Ca::new("root");
    let world = World::h1(&root.leaf(["proxy.test"]));
    let wrong = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let tls_connector = trusting(&root).pin("proxy.test", wrong).build().unwrap().tls_connector();
    for (name, pin) in [("other.test", false), ("proxy.test", true)] {
        let route = world.route("https://a.test");
        let ctx = route.ctx().clone();
        let link = world.net.connector().connect(route).await.unwrap();
        let error = tls_connector.tls_connect(link, name, &ctx).await.unwrap_err();
        assert_eq!((error.phase(), error.is_fatal(), tls_error(&error).is_pin()), (Some(Phase::Tls), true, pin));
    }
    assert!(world.origin.handshakes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_does_not_answer_times_out() {
    let root = Ca::new("root");
    let world = World::h1(&root.leaf(["proxy.test"]));
    let addr = "192.0.2.2:443";
    let _listener = world.net.listen(addr.parse().unwrap());
    let route = skybridge_testkit::fixtures::route("https://a.test", [addr], world.executor.ctx());
    let ctx = route.ctx().clone();
    let link = world.net.connector().connect(route).await.unwrap();
    let tls_connector = trusting(&root).build().unwrap().tls_connector().timeout(Duration::from_secs(2));
    let error = tls_connector.tls_connect(link, "proxy.test", &ctx).await.unwrap_err();
    assert_eq!(error.timed_out().map(|out| (out.phase, out.limit)), Some((Phase::Tls, Duration::from_secs(2))));
}

/// TLS to `proxy.test`, which requests a client certificate, by the proxy connector of a layer for origins.
async fn by_proxy_connector(config: TlsConfig, world: &World) -> Result<TlsInfo, ConnectError> {
    through(&TlsLayer::new(config).proxy_connector(), world).await
}

async fn through(connector: &TlsConnector, world: &World) -> Result<TlsInfo, ConnectError> {
    through_by(connector, world, world.route("https://a.test")).await
}

async fn through_by(connector: &TlsConnector, world: &World, route: Route) -> Result<TlsInfo, ConnectError> {
    let ctx = route.ctx().clone();
    let link = world.net.connector().connect(route).await.unwrap();
    let mut link = connector.tls_connect(link, "proxy.test", &ctx).await?;
    // In TLS 1.3 a client certificate is rejected after the client's handshake is over.
    link.io.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
    let read = link.io.read_to_end(&mut Vec::new()).await;
    read.map(|_| link.info.tls.unwrap()).map_err(|error| ConnectError::new(Phase::Tls, error))
}

#[tokio::test(start_paused = true)]
async fn the_layers_proxy_connector_sends_no_client_certificate() {
    let (root, clients) = (Ca::new("root"), Ca::new("clients"));
    let me = clients.client("me");
    let identified =
        || trusting(&root).client_auth_pem(me.chain_pem().as_bytes(), me.key_pem().as_bytes()).build().unwrap();
    for tls12 in [true, false] {
        // A proxy that requires a client certificate, and one that requests none.
        let asking = Origin::h1().tls(&root.leaf(["proxy.test"])).require_client_cert(&clients);
        let asking = World::new(if tls12 { asking.tls12() } else { asking });
        assert!(by_proxy_connector(identified(), &asking).await.is_err());
        run_until_idle().await;
        assert!(asking.origin.handshakes().is_empty(), "it was shown a certificate");
        let world = World::h1(&root.leaf(["proxy.test"]));
        assert!(!by_proxy_connector(identified(), &world).await.unwrap().client_auth);
    }
    // A configuration for proxies sends its own.
    let asking = World::new(Origin::h1().tls(&root.leaf(["proxy.test"])).require_client_cert(&clients));
    let route = asking.route("https://a.test");
    let ctx = route.ctx().clone();
    let link = asking.net.connector().connect(route).await.unwrap();
    assert!(identified().tls_connector().tls_connect(link, "proxy.test", &ctx).await.is_ok());
    run_until_idle().await;
    assert_eq!(asking.origin.handshakes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_proxy_connector_of_an_insecure_layer_verifies() {
    let (root, others) = (Ca::new("root"), Ca::new("others"));
    let world = World::h1(&root.leaf(["proxy.test"]));
    assert!(by_proxy_connector(trusting(&root).insecure().build().unwrap(), &world).await.is_ok());
    let error = by_proxy_connector(trusting(&others).insecure().build().unwrap(), &world).await.unwrap_err();
    assert!(matches!(tls_error(&error), TlsError::UnknownIssuer { .. }), "{error:?}");
    // No roots means that nobody is trusted.
    let none = || TlsConfig::builder().roots(Roots::Given(Vec::new())).insecure().build().unwrap();
    let error = by_proxy_connector(none(), &world).await.unwrap_err();
    assert!(error.is_fatal() && error.root_cause().to_string() == "there is no root certificate to trust", "{error:?}");
    assert_eq!(world.origin.handshakes().len(), 1);
    // An insecure configuration for proxies accepts anyone.
    let route = world.route("https://a.test");
    let ctx = route.ctx().clone();
    let link = world.net.connector().connect(route).await.unwrap();
    assert!(none().tls_connector().tls_connect(link, "proxy.test", &ctx).await.is_ok());
}

/// Only whether origins are verified makes no difference.
#[tokio::test(start_paused = true)]
async fn the_proxy_connector_has_all_else_of_its_layer_whether_that_verifies_or_not() {
    let (root, other) = (Ca::new("root"), Ca::new("other"));
    let cert = root.leaf(["proxy.test"]);
    let old = || TlsVersion::Tls12..=TlsVersion::Tls12;
    let own = || ConnectionSpec::new("own").key_exchange_groups(["P-384"]);
    let provider = CryptoProvider { kx_groups: vec![SECP256R1], ..aws_lc_rs::default_provider() };
    let key_log = std::env::temp_dir().join(format!("skybridge-proxies-{}", std::process::id()));
    for insecure in [false, true] {
        let builder = || if insecure { trusting(&root).insecure() } else { trusting(&root) };
        let tried = async |builder: TlsConfigBuilder, cert: &Cert| {
            by_proxy_connector(builder.build().unwrap(), &World::h1(cert)).await
        };
        let tls = tried(builder().versions(old()), &cert).await.unwrap();
        assert_eq!(tls.version, Some("1.2"), "{insecure}");
        let tls = tried(builder().specs([own()]), &cert).await.unwrap();
        assert_eq!((tls.spec(), tls.group), (Some("own"), Some("secp384r1")), "{insecure}");
        let tls = tried(builder().provider(Arc::new(provider.clone())), &cert).await.unwrap();
        assert_eq!(tls.group, Some("secp256r1"), "{insecure}");
        let more = builder().add_root_pem(other.pem().as_bytes());
        tried(more, &other.leaf(["proxy.test"])).await.unwrap();
        let below = root.intermediate("between").leaf(["proxy.test"]);
        let error = tried(builder().max_intermediates(0), &below).await.unwrap_err();
        assert!(tls_error(&error).is_certificate(), "{insecure} {error:?}");
        let _ = std::fs::remove_file(&key_log);
        tried(builder().key_log_file(&key_log), &cert).await.unwrap();
        assert!(std::fs::read_to_string(&key_log).unwrap().contains("CLIENT_TRAFFIC_SECRET_0 "), "{insecure}");
        // One configuration, so that it could resume.
        for (memory, resumed) in [(0, [false, false]), (1 << 20, [false, true])] {
            let (config, world) = (builder().session_memory(memory).build().unwrap(), World::h1(&cert));
            let connector = TlsLayer::new(config).proxy_connector();
            for resumed in resumed {
                let tls = through(&connector, &world).await.unwrap();
                assert_eq!(tls.resumed, resumed, "{insecure} {memory}");
            }
        }
    }
    let _ = std::fs::remove_file(&key_log);
}

/// The way to it was opened by a layer below, which alone can open another.
#[tokio::test(start_paused = true)]
async fn a_proxy_is_spoken_to_by_the_first_spec_alone() {
    let root = Ca::new("root");
    let specs = || [ConnectionSpec::RESTRICTED, ConnectionSpec::MODERN];
    for insecure in [false, true] {
        let config = if insecure { trusting(&root).insecure() } else { trusting(&root) };
        let world = World::new(Origin::h1().tls(&root.leaf(["proxy.test"])).tls12());
        let config = config.specs(specs()).build().unwrap();
        let error = by_proxy_connector(config, &world).await.unwrap_err();
        assert!(matches!(tls_error(&error), TlsError::Handshake(_)), "{error:?}");
        assert_eq!((world.net.opened(), world.origin.handshakes().len()), (1, 0), "{insecure}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_proxy_connector_checks_the_pins_of_the_proxys_name() {
    let root = Ca::new("root");
    let leaf = root.leaf(["proxy.test"]);
    for insecure in [false, true] {
        for (pattern, pin, fits) in [
            ("proxy.test", leaf.pin(), true),
            ("proxy.test", Ca::new("another").pin(), false),
            ("a.test", Ca::new("another").pin(), true),
        ] {
            let world = World::h1(&leaf);
            let config = trusting(&root).pin(pattern, &pin);
            let config = if insecure { config.insecure() } else { config };
            let link = by_proxy_connector(config.build().unwrap(), &world).await;
            assert_eq!(link.is_ok(), fits, "{pattern}");
            assert!(link.err().is_none_or(|error| tls_error(&error).is_pin()));
        }
    }
}

/// A rule for every host has no exception: proxies that need one get a configuration of their own.
#[tokio::test(start_paused = true)]
async fn the_proxy_connector_checks_the_pins_of_every_leaf() {
    let root = Ca::new("root");
    let cert = root.leaf(["proxy.test"]);
    for insecure in [false, true] {
        let pinned = |pin: String| {
            let builder = trusting(&root).pin_every_leaf(&pin);
            let builder = if insecure { builder.insecure() } else { builder };
            builder.build().unwrap()
        };
        assert!(by_proxy_connector(pinned(cert.pin()), &World::h1(&cert)).await.is_ok());
        let error = by_proxy_connector(pinned(root.pin()), &World::h1(&cert)).await.unwrap_err();
        assert!(tls_error(&error).is_pin(), "{error:?}");
    }
}

/// A ticket says to the proxy who comes again.
#[tokio::test(start_paused = true)]
async fn a_session_of_a_proxy_is_of_one_partition() {
    let root = Ca::new("root");
    let world = World::h1(&root.leaf(["proxy.test"]));
    let connector = TlsLayer::new(trusting(&root).build().unwrap()).proxy_connector();
    for (partition, resumed) in [("one", false), ("two", false), ("one", true), ("two", true)] {
        let options = ConnectOptions::new().partition(Partition::new(partition));
        let tls = through_by(&connector, &world, world.route_on("https://a.test", options)).await.unwrap();
        assert_eq!(tls.resumed, resumed, "{partition}");
    }
}

/// A proxy of an origin's name, at an origin's port: what it gives must not shorten the handshake with the origin.
#[tokio::test(start_paused = true)]
async fn a_ticket_of_a_proxy_is_never_shown_to_an_origin() {
    let root = Ca::new("root");
    for tls12 in [false, true] {
        // One server is both, so that it would take the ticket.
        let origin = Origin::h1().tls(&root.leaf(["a.test"]));
        let world = World::new(if tls12 { origin.tls12() } else { origin });
        let config = trusting(&root).build().unwrap();
        for tls_connector in [config.tls_connector(), TlsLayer::new(config.clone()).proxy_connector()] {
            for _ in 0..2 {
                let route = world.route("https://a.test");
                let ctx = route.ctx().clone();
                let link = world.net.connector().connect(route).await.unwrap();
                let mut link = tls_connector.tls_connect(link, "a.test", &ctx).await.unwrap();
                link.io.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
                link.io.read_to_end(&mut Vec::new()).await.unwrap();
            }
        }
        for _ in 0..2 {
            world.exchange(&config, "https://a.test").await;
        }
        let resumed: Vec<_> = world.origin.handshakes().iter().map(|handshake| handshake.resumed).collect();
        assert_eq!(resumed, [false, true, false, true, false, true], "TLS 1.2: {tls12}");
    }
}
