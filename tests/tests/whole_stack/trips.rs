//! What becomes of a request: cold, warm, parallel, its body dropped, over h1 and h2.

use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt, Full};
use skybridge::{Body, PoolConfig, Protocol, ResponseExt};
use skybridge_testkit::{
    executor::run_until_idle,
    h1::Script,
    h2::{Frame, Peer, code},
    origin::Origin,
};
use skybridge_tests::{World, all, get, h2, post, read};

#[tokio::test(start_paused = true)]
async fn cold_then_warm_on_one_connection() {
    let world = World::new();
    let origin = Origin::h1().serve_on(world.listen());
    let client = world.client();
    for _ in 0..3 {
        assert_eq!(read(client.request(get("/"))).await.unwrap(), "hello");
    }
    assert_eq!(origin.exchanges(), ["c0e0", "c0e1", "c0e2"]);
    assert_eq!(world.net.name("a.test").queries(), 1);
    drop(client);
    world.assert_nothing_left().await;
}

#[tokio::test(start_paused = true)]
async fn at_once_each_has_a_connection_and_all_come_back() {
    let world = World::new();
    let origin = Origin::h1().serve_on(world.listen());
    let client = world.client();
    for _ in 0..2 {
        let answers = all((0..10).map(|_| read(client.request(get("/"))))).await;
        assert!(answers.iter().all(|answer| answer.as_ref().unwrap() == "hello"));
    }
    assert_eq!((origin.connections(), origin.requests().len()), (10, 20));
    assert_eq!((client.stats().idle, client.stats().active), (10, 0));
}

#[tokio::test(start_paused = true)]
async fn fifty_at_once_over_h2_share_one_connection_cold_or_warm() {
    let world = World::new();
    let origin = Origin::h2c().serve_on(world.listen());
    let client = world.client();
    for round in 1..=2 {
        let calls = (0..50).map(|_| client.request(h2(get("/"))));
        for response in all(calls).await {
            let response = response.unwrap();
            assert_eq!(response.connection().unwrap().protocol, Some(Protocol::Http2));
            assert_eq!(response.into_body().text().await.unwrap(), "hello");
        }
        assert_eq!((origin.connections(), origin.requests().len()), (1, round * 50));
    }
    drop(client);
    world.assert_nothing_left().await;
}

#[tokio::test(start_paused = true)]
async fn beyond_the_peers_limit_of_streams_there_is_another_connection() {
    let world = World::new();
    let slow = async |_| {
        run_until_idle().await;
        Response::new(Full::new(Bytes::from("slow")))
    };
    let origin = Origin::h2c().max_concurrent_streams(10).handle(slow).serve_on(world.listen());
    let client = world.client();
    read(client.request(h2(get("/")))).await.unwrap();
    let answers = all((0..25).map(|_| read(client.request(h2(get("/")))))).await;
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap() == "slow"));
    let connections = origin.connections();
    assert!((3..=25).contains(&connections), "{connections}");
}

/// So that those of a burst become idle, and are closed in time.
#[tokio::test(start_paused = true)]
async fn of_several_h2_connections_the_oldest_is_used() {
    let world = World::new();
    let origin = Origin::h2c().max_concurrent_streams(2).serve_on(world.listen());
    let client = world.client();
    let answers = all((0..6).map(|_| read(client.request(h2(get("/"))))));
    assert!(answers.await.iter().all(Result::is_ok));
    let burst = origin.exchanges().len();
    assert!(origin.connections() > 1);
    for _ in 0..4 {
        read(client.request(h2(get("/")))).await.unwrap();
    }
    let after = origin.exchanges().split_off(burst);
    assert!(after.iter().all(|exchange| exchange.starts_with("c0")), "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn bodies_large_and_streamed_go_both_ways() {
    let echo = |request: http::Request<hyper::body::Incoming>| async { Response::new(request.into_body()) };
    for over_h2 in [false, true] {
        let world = World::new();
        let builder = if over_h2 { Origin::h2c() } else { Origin::h1() };
        let _origin = builder.handle(echo).serve_on(world.listen());
        let client = world.client();
        let big = Bytes::from(vec![b'x'; 1_000_000]);
        let request = post(big.clone());
        let request = if over_h2 { h2(request) } else { request };
        let response = client.request(request).await.unwrap();
        assert_eq!(response.into_body().bytes().await.unwrap(), big);
        assert_eq!((client.stats().active, client.stats().streams), (0, 0));
        drop(client);
        world.assert_nothing_left().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_dropped_early_costs_an_h1_connection_and_no_more() {
    let world = World::new();
    let listener = world.listen();
    let client = world.client();
    let call = async {
        let response = client.request(get("/")).await.unwrap();
        let mut body: Body = response.into_body();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "half");
        drop(body);
        run_until_idle().await;
        assert_eq!(world.net.live_sockets(), 0);
        read(client.request(get("/"))).await.unwrap()
    };
    let server = async {
        let mut first = Script::new(listener.accept().await.0);
        first.request().await;
        first.send("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nhalf").await;
        first.expect_close().await;
        let mut second = Script::new(listener.accept().await.0);
        second.request().await;
        second.respond(200, "whole").await;
        second
    };
    assert_eq!(tokio::join!(call, server).0, "whole");
    assert_eq!(world.recorder.count("connection_closed"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_body_dropped_early_resets_an_h2_stream_and_the_connection_goes_on() {
    let world = World::new();
    let listener = world.listen();
    let client = world.client();
    let call = async {
        let response = client.request(h2(get("/"))).await.unwrap();
        let mut body: Body = response.into_body();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "half");
        drop(body);
        read(client.request(h2(get("/")))).await.unwrap()
    };
    let server = async {
        let mut peer = Peer::accept(listener.accept().await.0).await;
        let first = peer.request().await.stream;
        peer.headers(first, &[(":status", "200")], false).await;
        peer.data(first, "half", false).await;
        assert_eq!(peer.expect_reset(first).await, code::CANCEL);
        let second = peer.request().await.stream;
        peer.respond(second, 200, "whole").await;
        peer
    };
    let (answer, mut peer) = tokio::join!(call, server);
    assert_eq!((answer.as_str(), world.net.opened()), ("whole", 1));
    drop(client);
    peer.expect_close().await;
    assert!(peer.received().iter().any(|frame| matches!(frame, Frame::GoAway { code: code::NO_ERROR, .. })));
}

#[tokio::test(start_paused = true)]
async fn idle_connections_are_closed_after_their_time_and_beyond_their_number() {
    let world = World::new();
    let origin = Origin::h1().serve_on(world.listen());
    let client = world.builder().pool(PoolConfig::okhttp()).build();
    all((0..8).map(|_| read(client.request(get("/"))))).await;
    assert_eq!(client.stats().idle, 5);
    origin.until_open(5).await;
    tokio::time::sleep(std::time::Duration::from_secs(301)).await;
    assert_eq!((client.stats().idle, world.net.live_sockets()), (0, 0));
    world.executor.assert_idle().await;
}
