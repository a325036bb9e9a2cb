//! A configuration that is replaced, and the proxies that it serves.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use skybridge_core::{Connector, Proxy, ProxyKind, TlsConnect};
use skybridge_testkit::{certs::Ca, origin::Origin};
use skybridge_tls::{ConnectionSpec, OlderConnections, TlsConfigBuilder, TlsLayer};
use std::time::Duration;
use support::{ADDR, TlsLink, World, trusting};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::Layer;

async fn proxy(world: &World, layer: &TlsLayer) -> TlsLink {
    let mut route = world.route("https://a.test");
    route.proxies = vec![Proxy::new(ProxyKind::Https, "proxy.test", 443)].into();
    let ctx = route.ctx().clone();
    let link = world.net.connector().connect(route).await.unwrap();
    layer.proxy_connector().tls_connect(link, "proxy.test", &ctx).await.unwrap()
}

/// Also where what is set of verification is for origins alone, so that proxies have a configuration of their own.
#[tokio::test(start_paused = true)]
async fn proxies_have_sessions_of_each_generation_and_their_connections_are_closed_with_it() {
    let root = Ca::new("root");
    let plain: fn(TlsConfigBuilder) -> TlsConfigBuilder = |config| config;
    for set in [plain, |config| config.insecure_for("b.test"), TlsConfigBuilder::insecure] {
        let world = World::new(Origin::h1().tls(&root.leaf(["proxy.test"])));
        let config = set(trusting(&root)).build().unwrap();
        let (layer, handle) = TlsLayer::replaceable(config.clone());
        for (generation, resumed) in [(1, false), (1, true), (2, false), (2, true)] {
            if handle.generation() != generation {
                handle.replace_and(config.clone(), OlderConnections::Keep);
            }
            let mut link = proxy(&world, &layer).await;
            let tls = link.info.tls.take().unwrap();
            assert_eq!((tls.generation(), tls.resumed), (Some(generation), resumed));
            link.io.write_all(b"GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n").await.unwrap();
            link.io.read_to_string(&mut String::new()).await.unwrap();
        }
        let mut link = proxy(&world, &layer).await;
        handle.replace_and(config.clone(), OlderConnections::Close);
        link.io.write_all(b"GET / HTTP/1.1\r\nhost: a.test\r\n\r\n").await.unwrap_err();
    }
}

/// Also where it is the same configuration that begins another, so that rustls itself would resume them.
#[tokio::test(start_paused = true)]
async fn origins_have_sessions_of_each_generation() {
    let root = Ca::new("root");
    for tls12 in [false, true] {
        let origin = Origin::h1().tls(&root.leaf(["a.test"]));
        let world = World::new(if tls12 { origin.tls12() } else { origin });
        let config = trusting(&root).build().unwrap();
        let (layer, handle) = TlsLayer::replaceable(config.clone());
        let mut tls = layer.layer(world.net.connector());
        for (generation, resumed) in [(1, false), (1, true), (2, false), (2, true)] {
            if handle.generation() != generation {
                handle.replace_and(config.clone(), OlderConnections::Keep);
            }
            let mut link = tls.connect(world.route("https://a.test")).await.unwrap();
            let facts = link.info.tls.take().unwrap();
            assert_eq!((facts.generation(), facts.resumed), (Some(generation), resumed), "TLS 1.2 {tls12}");
            link.io.write_all(b"GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n").await.unwrap();
            link.io.read_to_string(&mut String::new()).await.unwrap();
        }
    }
}

/// From then on, and where it may be again.
#[tokio::test(start_paused = true)]
async fn whether_cleartext_is_permitted_is_replaced_as_well() {
    let root = Ca::new("root");
    let world = World::new(Origin::h1());
    let permitting = || trusting(&root).build().unwrap();
    let (layer, handle) = TlsLayer::replaceable(permitting());
    let mut tls = layer.layer(world.net.connector());
    for (config, fine) in [(None, true), (Some([ConnectionSpec::MODERN]), false), (None, true)] {
        handle.replace(config.map_or_else(permitting, |specs| trusting(&root).specs(specs).build().unwrap()));
        assert_eq!(layer.permits_cleartext(), fine);
        let connected = tls.connect(world.route("http://a.test")).await.map(drop);
        assert_eq!(connected.is_ok(), fine);
        if let Err(error) = connected {
            // Whoever asks after the next replacement may well be let through.
            assert!(!error.is_superseded());
            handle.replace(permitting());
            assert!(error.is_superseded());
        }
    }
    assert_eq!(world.net.opened(), 2);
}

/// Handshakes that begin after it are of the new one, also those that follow another.
#[tokio::test(start_paused = true)]
async fn no_fallback_is_by_a_configuration_that_was_replaced_meanwhile() {
    let (root, clients) = (Ca::new("root"), Ca::new("clients"));
    let origin = Origin::h1().tls(&root.leaf(["a.test"])).tls12().require_client_cert(&clients);
    let world = World::new(origin);
    world.net.at(ADDR.parse().unwrap()).latency(Duration::from_secs(1));
    let [old, new] = ["old", "new"].map(|name| clients.client(name));
    let showing = |me: &skybridge_testkit::certs::Cert| {
        let specs = [ConnectionSpec::RESTRICTED, ConnectionSpec::MODERN];
        let config = trusting(&root).specs(specs);
        config.client_auth_pem(me.chain_pem().as_bytes(), me.key_pem().as_bytes()).build().unwrap()
    };
    let (layer, handle) = TlsLayer::replaceable(showing(&old));
    let mut tls = layer.layer(world.net.connector());
    let replace = async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        handle.replace(showing(&new));
    };
    let (link, ()) = tokio::join!(tls.connect(world.route("https://a.test")), replace);
    let facts = link.unwrap().info.tls.unwrap();
    assert_eq!((facts.generation(), facts.spec()), (Some(2), Some("modern")));
    let shown: Vec<_> = world.origin.handshakes().into_iter().map(|handshake| handshake.client).collect();
    assert_eq!(shown, [new.chain()]);
}
