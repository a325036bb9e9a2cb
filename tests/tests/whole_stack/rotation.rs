//! The configuration of TLS is replaced while a client is in use.

use skybridge::{
    Client, ConnectionSpec, OlderConnections, PoolConfig, Proxy, ResponseExt, Roots, TlsConfig, TlsConnector,
    TlsHandle, TlsLayer, types::TlsInfo,
};
use skybridge_testkit::{
    certs::{Ca, Cert},
    executor::run_until_idle,
    origin::{Answer, Builder, Origin},
    proxy::ProxyServer,
};
use skybridge_tests::World;
use std::{net::SocketAddr, time::Duration};
use tokio::time::Instant;

const ADDR: &str = "192.0.2.1:443";
const SECOND: Duration = Duration::from_secs(1);

fn addr() -> SocketAddr {
    ADDR.parse().unwrap()
}

/// An origin that asks for a certificate, and two to show it, one after the other.
struct Rotation {
    world: World,
    origin: Origin,
    client: Client,
    handle: TlsHandle,
    root: Ca,
    people: [Cert; 2],
}

impl Rotation {
    fn new(http2: bool) -> Self {
        let builder = if http2 { Origin::h2c() } else { Origin::h1() };
        Self::with(builder, PoolConfig::new().idle_timeout(Duration::MAX))
    }

    fn with(builder: Builder, pool: PoolConfig) -> Self {
        let (world, root, clients) = (World::new(), Ca::new("root"), Ca::new("clients"));
        world.net.host("b.test", [addr().ip()]);
        let people = ["one", "two"].map(|name| clients.client(name));
        let origin = builder.tls(&root.leaf(["a.test", "b.test"])).require_client_cert(&clients);
        let origin = origin.serve_on(world.net.listen(addr()));
        let (layer, handle) = TlsLayer::replaceable(config(&root, &people[0]));
        let client = world.builder().tls(layer).pool(pool).build();
        Self { world, origin, client, handle, root, people }
    }

    fn replace(&self, person: usize, older: OlderConnections) {
        self.handle.replace_and(config(&self.root, &self.people[person]), older);
    }

    async fn get(&self) -> TlsInfo {
        let response = self.client.get("https://a.test/").await.unwrap();
        let tls = response.connection().unwrap().tls.clone().unwrap();
        response.into_body().text().await.unwrap();
        run_until_idle().await;
        tls
    }

    /// By whom each connection was opened, and whether it was resumed.
    fn seen(&self) -> Vec<(usize, bool)> {
        let who = |client: &Vec<_>| self.people.iter().position(|person| person.chain() == *client).unwrap();
        self.origin.handshakes().iter().map(|handshake| (who(&handshake.client), handshake.resumed)).collect()
    }

    fn ends(&self) -> Vec<String> {
        let is_end = |line: &String| line.contains("connection_draining") || line.contains("connection_closed");
        self.world.recorder.lines().into_iter().filter(is_end).collect()
    }
}

fn config(root: &Ca, me: &Cert) -> TlsConfig {
    let config = TlsConfig::builder().roots(Roots::Given(vec![root.der()]));
    config.client_auth_pem(me.chain_pem().as_bytes(), me.key_pem().as_bytes()).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_next_request_is_on_a_new_connection_of_the_new_identity_and_the_idle_one_is_closed() {
    for http2 in [false, true] {
        let rotation = Rotation::new(http2);
        assert_eq!([rotation.get().await.generation(), rotation.get().await.generation()], [Some(1), Some(1)]);
        rotation.handle.replace(config(&rotation.root, &rotation.people[1]));
        run_until_idle().await;
        // At once, and not when somebody comes.
        assert_eq!(rotation.origin.open(), 0, "HTTP/2 {http2}");
        let ends = rotation.ends();
        assert!(!ends.is_empty() && ends.iter().all(|line| line.ends_with("tls_replaced")), "{ends:?}");
        let tls = rotation.get().await;
        assert_eq!((tls.generation(), tls.resumed, rotation.handle.generation()), (Some(2), false, 2));
        rotation.client.evict_all();
        // Within one generation sessions are resumed; those of another, also of the same identity, are not.
        assert!(rotation.get().await.resumed);
        rotation.replace(0, OlderConnections::Drain);
        assert_eq!(rotation.get().await.generation(), Some(3));
        assert_eq!(rotation.seen(), [(0, false), (1, false), (1, true), (0, false)], "HTTP/2 {http2}");
        assert_eq!(rotation.client.stats().idle, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_on_an_older_connection_runs_to_its_end_and_then_it_closes() {
    for http2 in [false, true] {
        let rotation = Rotation::new(http2);
        rotation.origin.enqueue(Answer::new("slow").body_delay(10 * SECOND));
        let slow = rotation.client.get("https://a.test/").await.unwrap();
        rotation.replace(1, OlderConnections::default());
        assert_eq!(rotation.get().await.generation(), Some(2));
        assert_eq!(rotation.origin.open(), 2, "HTTP/2 {http2}");
        assert_eq!(slow.into_body().text().await.unwrap(), "slow");
        run_until_idle().await;
        assert_eq!((rotation.origin.open(), rotation.client.stats().idle), (1, 1), "HTTP/2 {http2}");
    }
}

#[tokio::test(start_paused = true)]
async fn older_connections_are_kept_if_asked_and_closed_with_what_is_on_them_if_asked() {
    for http2 in [false, true] {
        let rotation = Rotation::new(http2);
        rotation.get().await;
        rotation.replace(1, OlderConnections::Keep);
        assert_eq!((rotation.get().await.generation(), rotation.origin.connections()), (Some(1), 1));

        rotation.origin.enqueue(Answer::new("never").body_delay(1_000 * SECOND));
        let cut = rotation.client.get("https://a.test/").await.unwrap();
        let start = Instant::now();
        rotation.replace(1, OlderConnections::Close);
        let error = cut.into_body().text().await.unwrap_err();
        assert!(start.elapsed() < SECOND, "HTTP/2 {http2}: {error:?}");
        run_until_idle().await;
        assert_eq!(rotation.origin.open(), 0, "HTTP/2 {http2}");
        let ends = rotation.ends();
        assert!(!ends.is_empty() && ends.iter().all(|line| line.ends_with("tls_replaced")), "{ends:?}");
        assert_eq!(rotation.get().await.generation(), Some(3));
        assert_eq!(rotation.seen(), [(0, false), (1, false)], "HTTP/2 {http2}");
    }
}

/// A host's own connection is kept, and is no other's any more.
#[tokio::test(start_paused = true)]
async fn another_name_takes_no_connection_of_an_older_generation() {
    let root = Ca::new("root");
    let world = World::new();
    world.net.host("b.test", [addr().ip()]);
    let origin = Origin::h2c().tls(&root.leaf(["a.test", "b.test"])).serve_on(world.net.listen(addr()));
    let config = || TlsConfig::builder().roots(Roots::Given(vec![root.der()])).build().unwrap();
    let (layer, handle) = TlsLayer::replaceable(config());
    let client = world.builder().tls(layer).build();
    let get = async |url: &str| {
        client.get(url).await.unwrap().into_body().text().await.unwrap();
    };
    get("https://a.test/").await;
    get("https://b.test/").await;
    assert_eq!(origin.connections(), 1);
    handle.replace_and(config(), OlderConnections::Keep);
    get("https://a.test/").await;
    assert_eq!(origin.connections(), 1);
    get("https://b.test/").await;
    assert_eq!(origin.connections(), 2);
}

/// Nobody who asked after the configuration was replaced is served by a connection of the old one.
#[tokio::test(start_paused = true)]
async fn a_handshake_that_ends_after_it_was_replaced_carries_nothing_and_the_request_is_sent_by_the_new_one() {
    for http2 in [false, true] {
        for older in [OlderConnections::Keep, OlderConnections::Drain, OlderConnections::Close] {
            let rotation = Rotation::new(http2);
            rotation.world.net.at(addr()).latency(SECOND);
            let get = rotation.get();
            let replace = async {
                tokio::time::sleep(3 * SECOND / 2).await;
                assert_eq!(rotation.world.recorder.count("tls_start"), 1);
                assert_eq!(rotation.world.recorder.count("tls_end"), 0);
                rotation.replace(1, older);
            };
            let (tls, ()) = tokio::join!(get, replace);
            assert_eq!(tls.generation(), Some(2), "HTTP/2 {http2}, {older:?}");
            let requests = rotation.origin.requests();
            assert_eq!(requests.len(), 1, "HTTP/2 {http2}, {older:?}");
            let handshakes = rotation.origin.handshakes();
            let carried_it = handshakes.iter().find(|handshake| handshake.connection == requests[0].connection);
            assert_eq!(carried_it.unwrap().client, rotation.people[1].chain(), "HTTP/2 {http2}, {older:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn roots_that_are_trusted_no_more_count_from_the_next_handshake_on() {
    let rotation = Rotation::new(true);
    rotation.get().await;
    rotation.handle.replace(config(&Ca::new("another"), &rotation.people[0]));
    rotation.client.get("https://a.test/").await.unwrap_err();
    rotation.replace(0, OlderConnections::Drain);
    assert_eq!(rotation.get().await.generation(), Some(3));
    drop(rotation.client);
    rotation.world.assert_nothing_left().await;
}

/// Who asks after the configuration was replaced joins the connect that was begun before.
#[tokio::test(start_paused = true)]
async fn a_handshake_that_fails_after_its_configuration_was_replaced_fails_nobody() {
    for http2 in [false, true] {
        let rotation = Rotation::new(http2);
        rotation.handle.replace(config(&Ca::new("another"), &rotation.people[0]));
        rotation.world.net.at(addr()).latency(SECOND);
        let replace = async {
            tokio::time::sleep(3 * SECOND / 2).await;
            assert_eq!(
                (rotation.world.recorder.count("tls_start"), rotation.world.recorder.count("tls_failed")),
                (1, 0)
            );
            rotation.replace(1, OlderConnections::Drain);
            rotation.get().await
        };
        let (before, after) = tokio::join!(rotation.get(), replace);
        assert_eq!((before.generation(), after.generation()), (Some(3), Some(3)), "HTTP/2 {http2}");
        assert_eq!(rotation.world.recorder.count("tls_failed"), 1, "HTTP/2 {http2}");
        assert_eq!(rotation.origin.requests().len(), 2, "HTTP/2 {http2}");
    }
}

/// Idle ones at once, and what is on others runs to its end, unless they are closed.
#[tokio::test(start_paused = true)]
async fn connections_through_a_proxy_end_with_the_tls_of_that_proxy() {
    let at: SocketAddr = "192.0.2.9:3128".parse().unwrap();
    for url in ["http://a.test/", "https://a.test/"] {
        for older in [OlderConnections::Keep, OlderConnections::Drain, OlderConnections::Close] {
            let (world, root) = (World::new(), Ca::new("root"));
            let trusting = || TlsConfig::builder().roots(Roots::Given(vec![root.der()])).build().unwrap();
            let builder = Origin::h1();
            let builder = if url.starts_with("https") { builder.tls(&root.leaf(["a.test"])) } else { builder };
            let origin_addr = SocketAddr::new(addr().ip(), if url.starts_with("https") { 443 } else { 80 });
            let origin = builder.serve_on(world.net.listen(origin_addr));
            let proxy = ProxyServer::http().tls(&root.leaf(["192.0.2.9"])).host("a.test", origin_addr);
            let proxy = proxy.serve_on(world.net.listen(at), &world.net);
            let (connector, handle) = TlsConnector::replaceable(trusting());
            let way = Proxy::parse("https://192.0.2.9:3128").unwrap();
            let client = world.builder().tls(TlsLayer::new(trusting())).proxy_tls(connector).proxies([[way]]).build();
            let get = async || client.get(url).await.unwrap().into_body().text().await;
            get().await.unwrap();
            origin.enqueue(Answer::new("slow").body_delay(10 * SECOND));
            let slow = client.get(url).await.unwrap();
            handle.replace_and(trusting(), older);
            get().await.unwrap();
            let opened = world.recorder.count("connection_created");
            let slow = slow.into_body().text().await;
            assert_eq!(slow.is_err(), older == OlderConnections::Close, "{url} {older:?}");
            run_until_idle().await;
            let idle = client.stats().idle;
            assert_eq!(idle, if older == OlderConnections::Keep { 2 } else { 1 }, "{url} {older:?}");
            // Nobody who asks now is sent on one of before, and what was made since is kept.
            get().await.unwrap();
            assert_eq!((opened, world.recorder.count("connection_created")), (2, 2), "{url} {older:?}");
            let ends = world.recorder.lines();
            let ends: Vec<_> = ends.iter().filter(|line| line.contains("connection_closed")).collect();
            assert_eq!(ends.len(), usize::from(older != OlderConnections::Keep), "{url} {older:?}");
            assert!(ends.iter().all(|line| line.ends_with("tls_replaced")), "{ends:?}");
            drop(proxy);
        }
    }
}

/// A client asks as it is built what is permitted, so that it looks up no name for nothing.
#[tokio::test(start_paused = true)]
async fn cleartext_that_a_client_was_built_without_is_permitted_by_no_later_configuration() {
    let (world, root) = (World::new(), Ca::new("root"));
    let _origin = Origin::h1().serve_on(world.listen());
    let trusting = || TlsConfig::builder().roots(Roots::Given(vec![root.der()]));
    let permitting = || trusting().build().unwrap();
    let without = || trusting().specs([ConnectionSpec::MODERN]).build().unwrap();
    for (first, second, expected) in
        [(permitting(), without(), [true, false, true]), (without(), permitting(), [false, false, false])]
    {
        let (layer, handle) = TlsLayer::replaceable(first.clone());
        let client = world.builder().tls(layer).build();
        let mut got = Vec::new();
        for config in [None, Some(second), Some(first)] {
            config.into_iter().for_each(|config| handle.replace(config));
            got.push(client.get("http://a.test/").await.is_ok());
            client.evict_all();
        }
        assert_eq!(got, expected);
    }
}
