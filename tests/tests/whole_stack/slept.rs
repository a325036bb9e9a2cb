//! The machine slept, and what is on the way to the peers, or they themselves, may have forgotten its connections.

use skybridge::Client;
use skybridge_testkit::{
    executor::run_until_idle,
    h1::Script,
    h2::{Frame, Peer},
};
use skybridge_tests::{World, get, h2, read};
use std::time::Duration;
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);
const TEN_MINUTES: i64 = 600;

/// Without an observer: nothing but the pool's own looks reads the clocks. Or with one.
fn clients(world: &World) -> [Client; 2] {
    let client = Client::builder().runtime(world.executor.runtime());
    [client.resolver(world.net.resolver()).dialer(world.net.dialer()).build(), world.client()]
}

/// Long enough for the pool to have looked.
async fn idle() {
    tokio::time::sleep(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn a_get_over_http2_is_not_sent_to_a_peer_that_is_gone() {
    for i in 0..2 {
        let world = World::new();
        let listener = world.listen();
        let client = &clients(&world)[i];
        let calls = async {
            read(client.request(h2(get("/")))).await.unwrap();
            idle().await;
            world.executor.move_wall_clock(TEN_MINUTES);
            let start = Instant::now();
            assert_eq!(read(client.request(h2(get("/")))).await.unwrap(), "new");
            assert!(start.elapsed() < SECOND, "{:?}", start.elapsed());
            assert_eq!(client.stats().idle, 2, "the old one has its time to answer");
            tokio::time::sleep(6 * SECOND).await;
            assert_eq!(client.stats().idle, 1);
        };
        let server = async {
            let mut first = Peer::accept(listener.accept().await.0).await;
            let stream = first.request().await.stream;
            first.respond(stream, 200, "old").await;
            run_until_idle().await;
            first.stall();
            let mut second = Peer::accept(listener.accept().await.0).await;
            let stream = second.request().await.stream;
            second.respond(stream, 200, "new").await;
            (first, second)
        };
        tokio::join!(calls, server);
        assert_eq!(world.net.opened(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn an_http2_connection_whose_peer_answers_the_ping_is_kept() {
    for i in 0..2 {
        let world = World::new();
        let listener = world.listen();
        let client = &clients(&world)[i];
        let calls = async {
            read(client.request(h2(get("/")))).await.unwrap();
            idle().await;
            world.executor.move_wall_clock(TEN_MINUTES);
            // The pool looks, and asks.
            tokio::time::sleep(4 * SECOND).await;
            assert_eq!(read(client.request(h2(get("/")))).await.unwrap(), "again");
        };
        let server = async {
            let mut peer = Peer::accept(listener.accept().await.0).await;
            let stream = peer.request().await.stream;
            peer.respond(stream, 200, "once").await;
            peer.until(|frame| matches!(frame, Frame::Ping { ack: false, .. })).await;
            let stream = peer.request().await.stream;
            peer.respond(stream, 200, "again").await;
            peer
        };
        tokio::join!(calls, server);
        assert_eq!(world.net.opened(), 1);
    }
}

/// The first request doesn't wait for that, the next ones share the connection that answered with the new one.
#[tokio::test(start_paused = true)]
async fn an_http2_connection_is_asked_by_the_first_request_too() {
    let world = World::new();
    let origin = skybridge_testkit::origin::Origin::h2c().serve_on(world.listen());
    let client = world.client();
    read(client.request(h2(get("/")))).await.unwrap();
    world.executor.move_wall_clock(TEN_MINUTES);
    read(client.request(h2(get("/")))).await.unwrap();
    tokio::time::sleep(20 * SECOND).await;
    read(client.request(h2(get("/")))).await.unwrap();
    assert_eq!((world.recorder.count("connection_closed"), origin.requests().len()), (0, 3));
}

#[tokio::test(start_paused = true)]
async fn a_get_over_http1_is_sent_on_a_new_connection() {
    for i in 0..2 {
        let world = World::new();
        let listener = world.listen();
        let client = &clients(&world)[i];
        let calls = async {
            read(client.request(get("/"))).await.unwrap();
            idle().await;
            world.executor.move_wall_clock(TEN_MINUTES);
            let start = Instant::now();
            assert_eq!(read(client.request(get("/"))).await.unwrap(), "new");
            assert!(start.elapsed() < SECOND, "{:?}", start.elapsed());
        };
        let server = async {
            let mut first = Script::new(listener.accept().await.0);
            first.request().await;
            first.respond(200, "old").await;
            // It would read, and say nothing: as if nothing came through.
            assert!(first.next_request().await.is_none());
            let mut second = Script::new(listener.accept().await.0);
            second.request().await;
            second.respond(200, "new").await;
        };
        tokio::join!(calls, server);
        assert_eq!(world.net.opened(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_or_by_seconds_costs_no_connection_and_no_ping() {
    for seconds in [-TEN_MINUTES, 2] {
        let world = World::new();
        let listener = world.listen();
        let client = world.client();
        let calls = async {
            for _ in 0..3 {
                read(client.request(h2(get("/")))).await.unwrap();
                idle().await;
                world.executor.move_wall_clock(seconds);
            }
        };
        let server = async {
            let mut peer = Peer::accept(listener.accept().await.0).await;
            for _ in 0..3 {
                let stream = peer.request().await.stream;
                peer.respond(stream, 200, "").await;
            }
            peer
        };
        let ((), peer) = tokio::join!(calls, server);
        assert!(!peer.received().iter().any(|frame| matches!(frame, Frame::Ping { .. })), "{seconds}");
        assert_eq!(world.net.opened(), 1);
    }
}
