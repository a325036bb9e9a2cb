//! A store of the user's own: what it keeps is resumed, and by nobody but whom it was made for.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use skybridge_core::{ConnectOptions, Connector, Link, Partition, Route, TlsConnect, TlsInfo};
use skybridge_testkit::{
    certs::{Ca, Cert},
    net::Conn,
    origin::Origin,
};
use skybridge_tls::{
    ConnectionSpec, MaybeTls, Session, SessionPeer, SessionStore, TlsConfigBuilder, TlsLayer, rustls::HandshakeKind,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use support::{ADDR, World, trusting};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use tower::Layer;

/// Keeps all, by peer.
#[derive(Default)]
struct Kept(Mutex<HashMap<SessionPeer, Vec<Session>>>);

impl SessionStore for Kept {
    fn insert(&self, peer: &SessionPeer, session: Session) {
        assert_eq!(session.peer(), peer);
        self.0.lock().unwrap().entry(peer.clone()).or_default().push(session);
    }

    fn take(&self, peer: &SessionPeer) -> Option<Session> {
        self.0.lock().unwrap().get_mut(peer)?.pop()
    }
}

/// Gives whoever asks the newest one of all, and so mixes up what it can.
#[derive(Default)]
struct Mixed(Mutex<Stack>);

#[derive(Default)]
struct Stack {
    sessions: Vec<Session>,
    given: usize,
}

impl SessionStore for Mixed {
    fn insert(&self, _: &SessionPeer, session: Session) {
        self.0.lock().unwrap().sessions.push(session);
    }

    fn take(&self, peer: &SessionPeer) -> Option<Session> {
        let mut stack = self.0.lock().unwrap();
        let newest = stack.sessions.iter().rposition(|session| session.peer().is_tls13() == peer.is_tls13())?;
        stack.given += 1;
        Some(stack.sessions.remove(newest))
    }
}

impl Mixed {
    fn given(&self) -> usize {
        self.0.lock().unwrap().given
    }
}

/// A server of one version, with a certificate for any of a few names.
fn world(cert: &Cert, tls12: bool) -> World {
    let origin = Origin::h1().tls(cert);
    World::new(if tls12 { origin.tls12() } else { origin })
}

/// One request, to the end.
async fn exchange(mut link: Link<MaybeTls<Conn>>) -> TlsInfo {
    link.io.write_all(b"GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n").await.unwrap();
    link.io.flush().await.unwrap();
    link.io.read_to_end(&mut Vec::new()).await.unwrap();
    link.info.tls.unwrap()
}

async fn exchange_by(layer: &TlsLayer, world: &World, route: Route) -> TlsInfo {
    exchange(layer.clone().layer(world.net.connector()).connect(route).await.unwrap()).await
}

#[tokio::test(start_paused = true)]
async fn sessions_that_a_users_store_keeps_are_resumed_with_all_facts() {
    let (root, me) = (Ca::new("root"), Ca::new("clients"));
    let cert = root.leaf(["a.test", "b.test"]);
    for (tls12, version) in [(false, "1.3"), (true, "1.2")] {
        let origin = Origin::h1().tls(&cert).require_client_cert(&me);
        let world = World::new(if tls12 { origin.tls12() } else { origin });
        let (store, me) = (Arc::new(Kept::default()), me.client("me"));
        let config = trusting(&root).session_store(Arc::clone(&store) as _);
        let config = config.client_auth_pem(me.chain_pem().as_bytes(), me.key_pem().as_bytes()).build().unwrap();
        let mut first = None;
        for resumed in [false, true, true, true] {
            let tls = world.exchange(&config, "https://a.test").await;
            assert_eq!((tls.resumed, tls.version, tls.client_auth), (resumed, Some(version), true));
            assert!(tls.covers.covers(world.route("https://b.test").target.origin()));
            assert!(!tls.covers.covers(world.route("https://c.test").target.origin()));
            assert_eq!(&tls.pins, &first.get_or_insert(tls.clone()).pins);
        }
        let seen: Vec<bool> = world.origin.handshakes().iter().map(|handshake| handshake.resumed).collect();
        assert_eq!(seen, [false, true, true, true], "{version}");
        // It is told of whom they are, and when nobody asks for them any more.
        let kept = store.0.lock().unwrap();
        let [(peer, sessions)] = kept.iter().filter(|(_, sessions)| !sessions.is_empty()).collect::<Vec<_>>()[..]
        else {
            panic!("{kept:?}")
        };
        assert_eq!((&*peer.host(), peer.port(), peer.partition()), ("a.test", Some(443), None));
        assert_eq!((peer.is_tls13(), peer.is_gone()), (!tls12, false));
        let certificates = cert.chain().iter().map(|certificate| certificate.len()).sum::<usize>();
        assert_eq!(sessions[0].bytes(), 640 + certificates);
        drop((config, first));
        assert!(peer.is_gone());
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_mixes_up_what_it_keeps_has_nothing_resumed() {
    let root = Ca::new("root");
    let cert = root.leaf(["a.test", "b.test"]);
    let me = Ca::new("clients").client("me");
    for tls12 in [false, true] {
        let (world, store) = (world(&cert, tls12), Arc::new(Mixed::default()));
        let shared = || trusting(&root).session_store(Arc::clone(&store) as _);
        // Whose configurations differ in pins or the client's certificate, or don't differ at all.
        let configs: [&dyn Fn(TlsConfigBuilder) -> TlsConfigBuilder; 4] = [
            &|config| config,
            &|config| config.pin("a.test", &root.pin()),
            &|config| config.client_auth_pem(me.chain_pem().as_bytes(), me.key_pem().as_bytes()),
            &|config| config,
        ];
        for config in configs {
            assert!(!world.exchange(&config(shared()).build().unwrap(), "https://a.test").await.resumed);
        }
        // Of one and the same.
        let partition = |name: &str| {
            let mut options = ConnectOptions::default();
            options.partition = Some(Partition::new(name));
            options
        };
        let config = shared().build().unwrap();
        for (url, options) in [
            ("https://a.test", ConnectOptions::default()),
            ("https://a.test", partition("x")),
            ("https://a.test", partition("y")),
            ("https://a.test:8443", ConnectOptions::default()),
            ("https://b.test", ConnectOptions::default()),
            ("https://a.test", ConnectOptions::default()),
        ] {
            let before = store.given();
            let tls = world.exchange_by(&config, world.route_on(url, options.clone())).await;
            assert_eq!((tls.resumed, store.given() > before), (false, true), "{tls12} {url} {options:?}");
        }
        // And when it does not mix up any, it is resumed.
        assert!(world.exchange(&config, "https://a.test").await.resumed);
    }
}

#[tokio::test(start_paused = true)]
async fn generations_and_proxies_share_nothing_in_a_users_store() {
    let root = Ca::new("root");
    let cert = root.leaf(["a.test", "proxy.test"]);
    for tls12 in [false, true] {
        let (world, store) = (world(&cert, tls12), Arc::new(Mixed::default()));
        let config = trusting(&root).session_store(Arc::clone(&store) as _).build().unwrap();
        let (layer, handle) = TlsLayer::replaceable(config.clone());
        let route = || world.route("https://a.test");
        assert!(!exchange_by(&layer, &world, route()).await.resumed);
        assert!(exchange_by(&layer, &world, route()).await.resumed);
        handle.replace(config.clone());
        assert!(!exchange_by(&layer, &world, route()).await.resumed);
        assert!(exchange_by(&layer, &world, route()).await.resumed);
        // The same name and verifier, on the way to an origin.
        for resumed in [false, true] {
            let link = world.net.connector().connect(route()).await.unwrap();
            let ctx = route().ctx().clone();
            let proxy = layer.proxy_connector().tls_connect(link, "a.test", &ctx).await.unwrap();
            assert_eq!(exchange(proxy).await.resumed, resumed);
        }
        assert!(!exchange_by(&layer, &world, route()).await.resumed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_spec_that_is_fallen_back_to_is_resumed_from_a_users_store() {
    let root = Ca::new("root");
    let (world, store) = (world(&root.leaf(["a.test"]), true), Arc::new(Kept::default()));
    let specs = [ConnectionSpec::RESTRICTED, ConnectionSpec::MODERN];
    let config = trusting(&root).specs(specs).session_store(Arc::clone(&store) as _).build().unwrap();
    for resumed in [false, true] {
        let tls = world.exchange(&config, "https://a.test").await;
        assert_eq!((tls.resumed, tls.spec()), (resumed, Some("modern")));
    }
}

#[tokio::test(start_paused = true)]
async fn without_memory_for_sessions_a_users_store_is_never_asked() {
    let root = Ca::new("root");
    for tls12 in [false, true] {
        let (world, store) = (world(&root.leaf(["a.test"]), tls12), Arc::new(Mixed::default()));
        let config = trusting(&root).session_memory(0).session_store(Arc::clone(&store) as _).build().unwrap();
        for _ in 0..2 {
            assert!(!world.exchange(&config, "https://a.test").await.resumed);
        }
        let stack = store.0.lock().unwrap();
        assert_eq!((stack.sessions.len(), stack.given), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn foreign_stacks_are_resumed_from_a_users_store_and_stay_apart() {
    let root = Ca::new("root");
    for tls12 in [false, true] {
        let (world, store) = (world(&root.leaf(["a.test"]), tls12), Arc::new(Mixed::default()));
        let config = trusting(&root).session_store(Arc::clone(&store) as _).build().unwrap();
        let (one, two) = (config.rustls_config_apart(), config.rustls_config_apart());
        for (client, resumed) in [(&one, false), (&one, true), (&two, false), (&two, true), (&one, false)] {
            let stream = world.net.connect(ADDR.parse().unwrap()).await.unwrap();
            let connector = TlsConnector::from(Arc::new(client.clone()));
            let mut stream = connector.connect("a.test".try_into().unwrap(), stream).await.unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n").await.unwrap();
            stream.read_to_end(&mut Vec::new()).await.unwrap();
            assert_eq!(stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed), resumed, "{tls12}");
        }
        assert!(!world.exchange(&config, "https://a.test").await.resumed);
    }
}
