//! Responses that nobody reads: redirects, challenges. The connection reads on for a while, and is used again.

use http::header;
use skybridge::{Client, H1, H2, NegotiateLayer, PoolConfig, PoolLayer, RaceLayer, RouteLayer};
use skybridge_hyper::HyperH1;
use skybridge_testkit::{executor::run_until_idle, h1::Script, net::Conn};
use skybridge_tests::{World, get, read};
use std::time::Duration;
use tokio::time::Instant;
use tower::{ServiceBuilder, ServiceExt};
use tower_http::follow_redirect::FollowRedirect;

const MILLISECOND: Duration = Duration::from_millis(1);

fn ends(world: &World) -> Vec<String> {
    let is_end = |line: &String| line.contains("closed") || line.contains("released");
    world.recorder.lines().into_iter().filter(is_end).collect()
}

/// A client of at most one connection, and that connection's peer, which has answered; the response is dropped, of
/// which the rest is missing.
async fn dropped(world: &World, pool: PoolConfig, answer: &str) -> (Client, Script<Conn>) {
    let client = world.builder().pool(pool.max_per_origin(1)).build();
    let peer = dropped_by(world, &client, answer).await;
    (client, peer)
}

async fn dropped_by(world: &World, client: &Client, answer: &str) -> Script<Conn> {
    dropped_of(world, client.request(get("/")), answer).await
}

async fn dropped_of<R, E: std::fmt::Debug>(
    world: &World,
    call: impl Future<Output = Result<R, E>>,
    answer: &str,
) -> Script<Conn> {
    let listener = world.listen();
    let server = async {
        let mut peer = Script::new(listener.accept().await.0);
        peer.request().await;
        peer.send(answer).await;
        peer
    };
    let (response, peer) = tokio::join!(call, server);
    drop(response.unwrap());
    peer
}

/// The shapes of a body whose second half comes later.
const HALVES: [[&str; 2]; 3] = [
    ["HTTP/1.1 401 Unauthorized\r\ncontent-length: 4\r\n\r\n", "half"],
    ["HTTP/1.1 401 Unauthorized\r\ncontent-length: 4\r\n\r\nha", "lf"],
    ["HTTP/1.1 401 Unauthorized\r\ntransfer-encoding: chunked\r\n\r\n4\r\nha", "lf\r\n0\r\nx-end: 1\r\n\r\n"],
];

#[tokio::test(start_paused = true)]
async fn a_challenge_whose_body_comes_soon_keeps_its_connection() {
    for [begin, rest] in HALVES {
        let world = World::new();
        let (client, mut peer) = dropped(&world, PoolConfig::new(), begin).await;
        tokio::time::sleep(20 * MILLISECOND).await;
        assert_eq!((client.stats().active, ends(&world).len()), (1, 0), "it is in use");
        peer.send(rest).await;
        run_until_idle().await;
        assert_eq!((client.stats().active, client.stats().idle), (0, 1));
        assert_eq!(ends(&world), ["connection_released c1"]);
        let mut request = get("/");
        request.headers_mut().insert(header::AUTHORIZATION, "Basic YTpi".parse().unwrap());
        let server = async {
            assert_eq!(peer.request().await.header("authorization"), Some("Basic YTpi"));
            peer.respond(200, "hello").await;
        };
        let (answer, ()) = tokio::join!(read(client.request(request)), server);
        assert_eq!(answer.unwrap(), "hello");
        drop(client);
        world.assert_nothing_left().await;
    }
}

#[tokio::test(start_paused = true)]
async fn so_does_a_redirect_that_is_followed_at_once() {
    let world = World::new();
    let listener = world.listen();
    let client = world.builder().pool(PoolConfig::new().max_per_origin(1)).build();
    let request = get("/here");
    let server = async {
        let mut peer = Script::new(listener.accept().await.0);
        assert_eq!(peer.request().await.target(), "/here");
        peer.send("HTTP/1.1 302 Found\r\nlocation: /there\r\ncontent-length: 5\r\n\r\n").await;
        peer.expect_silence(20 * MILLISECOND).await;
        peer.send("there").await;
        assert_eq!(peer.request().await.target(), "/there");
        peer.respond(200, "hello").await;
        peer
    };
    let (response, _peer) = tokio::join!(FollowRedirect::new(client.clone()).oneshot(request), server);
    assert_eq!(response.unwrap().into_body().text().await.unwrap(), "hello");
    assert_eq!((client.stats().idle, world.recorder.count("connection_created")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_comes_closes_it_after_100_ms() {
    for [begin, _] in HALVES {
        let world = World::new();
        let since = Instant::now();
        let (client, mut peer) = dropped(&world, PoolConfig::new(), begin).await;
        peer.expect_close().await;
        assert_eq!(since.elapsed(), 100 * MILLISECOND);
        run_until_idle().await;
        let mut ends = ends(&world);
        ends.sort();
        assert_eq!(ends, ["connection_closed a1 c1 unread", "connection_released c1"]);
        assert_eq!(client.stats().origins, 0);
        drop(client);
        world.assert_nothing_left().await;
    }
}

/// One byte after the other: each is in time, and all of them aren't.
#[tokio::test(start_paused = true)]
async fn nor_does_one_that_drips_hold_it() {
    let world = World::new();
    let since = Instant::now();
    let (_client, mut peer) = dropped(&world, PoolConfig::new(), &HALVES[0][0].replace(": 4", ": 400")).await;
    while peer.try_send("x").await.is_ok() {
        tokio::time::sleep(MILLISECOND).await;
    }
    let took = since.elapsed();
    assert!(took >= 100 * MILLISECOND && took <= 102 * MILLISECOND, "{took:?}");
    run_until_idle().await;
    assert!(ends(&world).contains(&"connection_closed a1 c1 unread".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn one_that_is_too_large_closes_it_at_once() {
    for head in [
        "HTTP/1.1 200 OK\r\ncontent-length: 65537\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
    ] {
        let world = World::new();
        let since = Instant::now();
        let (_client, mut peer) = dropped(&world, PoolConfig::new(), head).await;
        peer.expect_close().await;
        assert_eq!(since.elapsed(), Duration::ZERO, "{head}");
    }
    // Its length isn't known before.
    let world = World::new();
    let since = Instant::now();
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let (_client, mut peer) = dropped(&world, PoolConfig::new(), head).await;
    let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
    for _ in 0..4 {
        peer.send(&chunk).await;
        run_until_idle().await;
        assert!(!ends(&world).iter().any(|line| line.contains("closed")));
    }
    peer.send("1\r\nx").await;
    run_until_idle().await;
    assert!(ends(&world).contains(&"connection_closed a1 c1 unread".to_owned()));
    assert!(since.elapsed() < 50 * MILLISECOND);
}

#[tokio::test(start_paused = true)]
async fn the_shorter_of_two_times_counts() {
    for (pool, h1, limit) in [
        (PoolConfig::new().unread_grace(30 * MILLISECOND), H1::new(), 30),
        (PoolConfig::new().unread_grace(Duration::MAX), H1::new(), 100),
        (PoolConfig::new(), H1::new().drain(64, 30 * MILLISECOND), 30),
        (PoolConfig::new().unread_grace(Duration::MAX), H1::new().drain(64, 700 * MILLISECOND), 700),
        (PoolConfig::new().unread_grace(Duration::ZERO), H1::new(), 0),
    ] {
        let world = World::new();
        let client = world.builder().pool(pool).negotiate(NegotiateLayer::new(h1, H2::new())).build();
        let since = Instant::now();
        let mut peer = dropped_by(&world, &client, HALVES[0][0]).await;
        peer.expect_close().await;
        assert_eq!(since.elapsed(), limit * MILLISECOND);
    }
}

/// It doesn't wait for the rest.
#[tokio::test(start_paused = true)]
async fn over_hyper_it_closes_at_once() {
    for [begin, _] in HALVES {
        let world = World::new();
        let stack = ServiceBuilder::new()
            .layer(PoolLayer::shared(world.executor.runtime()).observer(world.recorder.clone()))
            .layer(RouteLayer::new(world.net.resolver()))
            .layer(NegotiateLayer::new(HyperH1::new(), H2::new()))
            .layer(RaceLayer::happy_eyeballs())
            .service(world.net.dialer());
        let since = Instant::now();
        let mut peer = dropped_of(&world, stack.clone().oneshot(get("/")), begin).await;
        peer.expect_close().await;
        assert_eq!(since.elapsed(), Duration::ZERO);
        run_until_idle().await;
        let mut ends = ends(&world);
        ends.sort();
        assert_eq!(ends, ["connection_closed a1 c1 unread", "connection_released c1"]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_client_ends_it() {
    let world = World::new();
    let since = Instant::now();
    let (client, mut peer) = dropped(&world, PoolConfig::new(), HALVES[0][0]).await;
    drop(client);
    peer.expect_close().await;
    assert_eq!(since.elapsed(), Duration::ZERO);
    world.assert_nothing_left().await;
    assert_eq!(ends(&world), ["connection_released c1", "connection_closed a1 c1 shutdown"]);
}
