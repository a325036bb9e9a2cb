//! What is remembered of a route, and what a request does that waits for one.

use skybridge_testkit::{executor::run_until_idle, h1::Script, net::Listener, origin::Origin};
use skybridge_tests::{World, addr, get, read};
use std::{net::SocketAddr, time::Duration};
use tokio::time::{Instant, sleep};

const MILLISECOND: Duration = Duration::from_millis(1);

fn second() -> SocketAddr {
    "192.0.2.2:80".parse().unwrap()
}

fn two_addresses() -> World {
    let world = World::new();
    world.net.host("a.test", [addr().ip(), second().ip()]);
    world
}

/// Answers so many requests, and ends the connection at the next.
async fn answers(listener: &Listener, many: usize) {
    let mut peer = Script::new(listener.accept().await.0);
    for _ in 0..many {
        peer.request().await;
        peer.respond(200, "first").await;
    }
    peer.request().await;
    peer.fin().await;
    peer.expect_close().await;
}

/// A connection that ends says little of its address if it has carried a response before.
#[tokio::test(start_paused = true)]
async fn an_address_that_has_answered_is_tried_again_first_and_one_that_has_not_is_not() {
    for answered in [1, 0] {
        let world = two_addresses();
        let (first, _other) = (world.listen(), Origin::h1().serve_on(world.net.listen(second())));
        let client = world.client();
        let server = async {
            answers(&first, answered).await;
            let _again = Origin::h1().serve_on(first);
            std::future::pending::<()>().await;
        };
        let calls = async {
            for _ in 0..answered {
                assert_eq!(read(client.request(get("/"))).await.unwrap(), "first");
            }
            assert_eq!(read(client.request(get("/"))).await.unwrap(), "hello");
        };
        tokio::select! {
            () = calls => {}
            () = server => {}
        }
        let connects = (world.net.connects_to(addr()), world.net.connects_to(second()));
        assert_eq!(connects, if answered == 1 { (2, 0) } else { (1, 1) });
    }
}

/// The first attempt takes 520 ms, and the second, which begins after 250, another 260. After 500 a connection becomes
/// free, which is sooner than either.
#[tokio::test(start_paused = true)]
async fn a_connection_that_becomes_free_while_others_are_opened_is_taken() {
    let world = two_addresses();
    let (client, listener) = (world.client(), world.listen());
    let _second = world.net.listen(second());
    let server = async {
        let mut peer = Script::new(listener.accept().await.0);
        peer.request().await;
        sleep(500 * MILLISECOND).await;
        peer.respond(200, "busy").await;
        assert_eq!(peer.request().await.target(), "/waits");
        peer.respond(200, "hello").await;
        peer
    };
    let calls = async {
        let busy = read(client.request(get("/busy")));
        let waits = async {
            run_until_idle().await;
            world.net.at(addr()).connect_latency(520 * MILLISECOND);
            world.net.at(second()).connect_latency(260 * MILLISECOND);
            let since = Instant::now();
            let answer = read(client.request(get("/waits"))).await;
            (answer, since.elapsed())
        };
        tokio::join!(busy, waits)
    };
    let ((busy, (answer, waited)), _peer) = tokio::join!(calls, server);
    assert_eq!((&*busy.unwrap(), &*answer.unwrap()), ("busy", "hello"));
    assert_eq!(waited, 499 * MILLISECOND, "a millisecond later than the other");
    run_until_idle().await;
    assert_eq!(world.recorder.count("connect_dropped"), 2, "neither is needed any more");
    assert_eq!((client.stats().idle, client.stats().connecting, world.net.live_sockets()), (1, 0, 1));
}
