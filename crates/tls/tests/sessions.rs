//! Sessions are resumed, and a resumed connection has the same facts as a first one.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use skybridge_core::{ConnectOptions, Partition, Trust};
use skybridge_testkit::{certs::Ca, executor::run_until_idle, origin::Origin};
use support::{World, trusting};

fn partition(name: &str) -> ConnectOptions {
    let mut connect_options = ConnectOptions::default();
    connect_options.partition = Some(Partition::new(name));
    connect_options
}

#[tokio::test(start_paused = true)]
async fn the_second_connection_is_resumed_on_both_sides() {
    let root = Ca::new("root");
    let cert = root.leaf(["a.test", "b.test"]);
    for (origin, version) in [(Origin::h1().tls(&cert), "1.3"), (Origin::h1().tls(&cert).tls12(), "1.2")] {
        let world = World::new(origin);
        let config = trusting(&root).build().unwrap();
        let mut infos = Vec::new();
        for _ in 0..4 {
            infos.push(world.exchange(&config, "https://a.test").await);
        }
        let resumed: Vec<bool> = world.origin.handshakes().iter().map(|handshake| handshake.resumed).collect();
        assert_eq!(resumed, [false, true, true, true], "{version}");
        for (tls, resumed) in infos.iter().zip(resumed) {
            assert_eq!((tls.resumed, tls.version, tls.trust), (resumed, Some(version), Trust::Verified));
            assert_eq!(tls.pins, infos[0].pins);
            assert!(tls.valid_until.is_some() && tls.cipher.is_some());
            assert!(tls.covers.covers(world.route("https://b.test").target.origin()));
            assert!(!tls.covers.covers(world.route("https://c.test").target.origin()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn clones_of_a_configuration_share_sessions_and_others_do_not() {
    let root = Ca::new("root");
    let world = World::h1(&root.leaf(["a.test"]));
    let config = trusting(&root).build().unwrap();
    world.exchange(&config, "https://a.test").await;
    assert!(world.exchange(&config.clone(), "https://a.test").await.resumed);
    assert!(!world.exchange(&trusting(&root).build().unwrap(), "https://a.test").await.resumed);
}

#[tokio::test(start_paused = true)]
async fn a_session_is_not_offered_across_partitions_names_or_ports() {
    let root = Ca::new("root");
    let world = World::h1(&root.leaf(["a.test", "b.test"]));
    let config = trusting(&root).build().unwrap();
    let rows = [
        ("https://a.test", ConnectOptions::default(), false),
        ("https://a.test", partition("x"), false),
        ("https://a.test", partition("y"), false),
        ("https://b.test", ConnectOptions::default(), false),
        ("https://a.test:8443", ConnectOptions::default(), false),
        ("https://a.test", partition("x"), true),
        ("https://a.test", ConnectOptions::default(), true),
    ];
    for (url, connect_options, resumed) in rows {
        let tls = world.exchange_by(&config, world.route_on(url, connect_options.clone())).await;
        assert_eq!(tls.resumed, resumed, "{url} {connect_options:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_is_resumed_for_another_alpn_protocol() {
    let root = Ca::new("root");
    let world = World::new(Origin::h2c().tls(&root.leaf(["a.test"])));
    let config = trusting(&root).build().unwrap();
    let mut connect_options = ConnectOptions::default();
    connect_options.http_versions = skybridge_core::HttpVersions::Http1;
    let first = world.exchange_by(&config, world.route_on("https://a.test", connect_options)).await;
    let second = world.connect(&config, "https://a.test").await.unwrap().info.tls.unwrap();
    assert_eq!(
        (first.alpn, second.alpn),
        (Some(skybridge_core::Protocol::Http1), Some(skybridge_core::Protocol::Http2))
    );
    assert_eq!((first.resumed, second.resumed), (false, true));
}

#[tokio::test(start_paused = true)]
async fn client_auth_is_known_on_a_resumed_connection() {
    let root = Ca::new("root");
    let me = root.client("me");
    for tls12 in [false, true] {
        let origin = Origin::h1().tls(&root.leaf(["a.test"])).require_client_cert(&root);
        let world = World::new(if tls12 { origin.tls12() } else { origin });
        let config =
            trusting(&root).client_auth_pem(me.chain_pem().as_bytes(), me.key_pem().as_bytes()).build().unwrap();
        for resumed in [false, true] {
            let tls = world.exchange(&config, "https://a.test").await;
            assert_eq!((tls.resumed, tls.client_auth), (resumed, true));
        }
    }
}

/// A server that forgets its sessions, and has another certificate since.
#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_resume_is_verified_anew() {
    let root = Ca::new("root");
    let config = trusting(&root).build().unwrap();
    let (old, new) = (root.leaf(["a.test"]), root.leaf(["a.test"]));
    let world = World::h1(&old);
    world.exchange(&config, "https://a.test").await;
    let world = World::h1(&new);
    let tls = world.exchange(&config, "https://a.test").await;
    assert_eq!((tls.resumed, &*tls.pins[0]), (false, &*new.pin()));

    let world = World::h1(&Ca::new("another").leaf(["a.test"]));
    world.refused(&config, "https://a.test").await;
}

#[tokio::test(start_paused = true)]
async fn the_memory_of_sessions_is_bounded_and_the_oldest_peers_are_dropped() {
    let root = Ca::new("root");
    let world = World::h1(&root.leaf(["*.a.test"]));
    for (bytes, kept) in [(16 << 10, 0..9), (1 << 20, 650..900)] {
        let config = trusting(&root).session_memory(bytes).build().unwrap();
        let name = |i: usize| format!("https://n{i}.a.test");
        let all = if bytes > 1 << 18 { 1_000 } else { 20 };
        for i in 0..all {
            world.exchange(&config, &name(i)).await;
        }
        run_until_idle().await;
        assert!(world.exchange(&config, &name(all - 1)).await.resumed);
        assert!(!world.exchange(&config, &name(0)).await.resumed, "{bytes}");
        let said = format!("{config:?}");
        let peers: usize =
            said.split("peers: ").nth(1).unwrap().split(' ').next().unwrap().trim_end_matches(',').parse().unwrap();
        assert!(kept.contains(&peers), "{bytes}: {said}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_memory_for_sessions_each_handshake_is_a_full_one() {
    let root = Ca::new("root");
    for tls12 in [false, true] {
        let origin = Origin::h1().tls(&root.leaf(["a.test"]));
        let world = World::new(if tls12 { origin.tls12() } else { origin });
        let config = trusting(&root).session_memory(0).build().unwrap();
        for _ in 0..3 {
            assert!(!world.exchange(&config, "https://a.test").await.resumed);
        }
        assert!(world.origin.handshakes().iter().all(|handshake| !handshake.resumed));
    }
}

/// rustls keeps all that a peer has presented with each session, more than we look at.
#[tokio::test(start_paused = true)]
async fn each_certificate_that_a_peer_presents_counts_as_memory() {
    let root = Ca::new("root");
    let junk = Ca::new("junk").der();
    for (certificates, resumed) in [(1, true), (90, false)] {
        let cert = (0..certificates).fold(root.leaf(["a.test"]), |cert, _| cert.also(junk.clone()));
        let config = trusting(&root).session_memory(16 << 10).build().unwrap();
        let world = World::h1(&cert);
        world.exchange(&config, "https://a.test").await;
        assert_eq!(world.exchange(&config, "https://a.test").await.resumed, resumed, "{certificates}");
    }
}
