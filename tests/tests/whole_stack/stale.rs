//! HTTP/1.1 servers close connections when they like.

use http::{Response, header::CONNECTION};
use skybridge::{Delivery, Phase, Protocol, RetryLayer};
use skybridge_testkit::{executor::run_until_idle, h1::Script, origin::Origin};
use skybridge_tests::{World, addr, all, get, post, read};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{sync::Barrier, time::Instant};

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_closed_while_idle_costs_no_request_of_any_method() {
    let world = World::new();
    let listener = world.listen();
    let client = world.client();
    let calls = async {
        read(client.request(get("/1"))).await.unwrap();
        run_until_idle().await;
        assert_eq!(world.recorder.count("connection_closed"), 1);
        read(client.request(post("2"))).await.unwrap()
    };
    let server = async {
        let mut first = Script::new(listener.accept().await.0);
        first.request().await;
        first.respond(200, "one").await;
        first.fin().await;
        let mut second = Script::new(listener.accept().await.0);
        assert_eq!(second.request().await.body(), "2");
        second.respond(200, "two").await;
        (first, second)
    };
    assert_eq!(tokio::join!(calls, server).0, "two");
    assert_eq!(world.recorder.count("retry_decision"), 0);
}

#[tokio::test(start_paused = true)]
async fn so_does_a_reset() {
    let world = World::new();
    let origin = Origin::h1().serve_on(world.listen());
    let client = world.client();
    read(client.request(get("/"))).await.unwrap();
    world.net.wire(0).reset();
    read(client.request(post("x"))).await.unwrap();
    assert_eq!((origin.connections(), origin.requests().len()), (2, 2));
}

/// The FIN and the request pass each other on the wire.
async fn crossing(
    world: &World,
    request: http::Request<skybridge::RequestBody>,
    retry: RetryLayer<skybridge::RequestBody>,
) -> Result<String, skybridge::Error> {
    world.net.at(addr()).latency(Duration::from_millis(10));
    let listener = world.listen();
    let client = world.builder().retry(retry).build();
    let calls = async {
        read(client.request(get("/"))).await.unwrap();
        read(client.request(request)).await
    };
    let server = async {
        let mut first = Script::new(listener.accept().await.0);
        first.request().await;
        first.respond(200, "one").await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        first.fin().await;
        // Whatever arrives now is not answered.
        let _ = first.next_request().await;
        drop(first);
        let mut second = Script::new(listener.accept().await.0);
        second.request().await;
        second.respond(200, "two").await;
        std::future::pending::<()>().await;
    };
    tokio::select! { answer = calls => answer, () = server => unreachable!() }
}

#[tokio::test(start_paused = true)]
async fn a_fin_that_crosses_an_idempotent_request_is_healed() {
    let world = World::new();
    assert_eq!(crossing(&world, get("/again"), RetryLayer::safe()).await.unwrap(), "two");
    assert_eq!((world.net.opened(), world.recorder.count("retry_decision")), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_fin_that_crosses_another_request_is_told_as_unknown() {
    let world = World::new();
    let error = crossing(&world, post("once"), RetryLayer::safe()).await.unwrap_err();
    assert_eq!(error.delivery(), Delivery::Unknown, "{error:?}");
    assert!(!error.is_connect() && !error.is_timeout());
    let connection = error.connection().unwrap();
    assert_eq!((connection.protocol, connection.remote.inet()), (Some(Protocol::Http1), Some(addr())));
    assert_eq!(world.net.opened(), 1);
}

/// Every connection of the pool is dead, and none of them is known to be: each is passed once, at once.
#[tokio::test(start_paused = true)]
async fn a_pool_full_of_stale_connections_costs_an_idempotent_request_nothing_but_a_try_each() {
    const IDLE: usize = 5;
    let world = World::new();
    let (asked, meet) = (Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(IDLE)));
    let serving = world.listen().serve({
        let asked = Arc::clone(&asked);
        move |_, conn| {
            let (asked, meet) = (Arc::clone(&asked), Arc::clone(&meet));
            async move {
                let mut peer = Script::new(conn);
                // The first requests meet, so that each needs a connection of its own.
                peer.request().await;
                if asked.fetch_add(1, SeqCst) < IDLE {
                    meet.wait().await;
                }
                peer.respond(200, "hello").await;
                if peer.next_request().await.is_some() {
                    asked.fetch_add(1, SeqCst);
                }
            }
        }
    });
    let client = world.client();
    let first: Vec<_> = (0..IDLE).map(|_| client.request(get("/"))).collect();
    assert!(all(first.into_iter().map(read)).await.iter().all(Result::is_ok));
    assert_eq!((world.net.opened(), client.stats().idle, asked.load(SeqCst)), (IDLE, IDLE, IDLE));
    let before = Instant::now();
    assert_eq!(read(client.request(get("/"))).await.unwrap(), "hello");
    assert_eq!((before.elapsed(), asked.load(SeqCst)), (Duration::ZERO, 2 * IDLE + 1));
    assert_eq!((world.net.opened(), serving.active()), (IDLE + 1, 1));
}

/// The first try was perhaps processed, the second couldn't connect: what is said is true of the request.
#[tokio::test(start_paused = true)]
async fn a_second_try_that_cannot_connect_does_not_undo_the_first() {
    let world = World::new();
    let listener = world.listen();
    let client = world.client();
    let calls = async {
        read(client.request(get("/1"))).await.unwrap();
        read(client.request(get("/2"))).await.unwrap_err()
    };
    let server = async {
        let mut peer = Script::new(listener.accept().await.0);
        peer.request().await;
        peer.respond(200, "one").await;
        peer.request().await;
        // Processed, say; and then the server goes down.
        drop(listener);
        drop(peer);
    };
    let (error, ()) = tokio::join!(calls, server);
    assert!(matches!(error.cause(), skybridge::Cause::Connect(_)), "{error:?}");
    assert_eq!((error.delivery(), error.earlier().len()), (Delivery::Unknown, 1), "{error:?}");
    assert_eq!(error.to_string(), "no connection; an earlier try may have been processed");
    assert!(!error.is_connect(), "who sends again what had no connection would send this twice");
}

#[tokio::test(start_paused = true)]
async fn connection_close_is_obeyed_by_both() {
    let close = |_| async { Response::builder().header(CONNECTION, "close").body(String::from("bye")).unwrap() };
    let world = World::new();
    let origin = Origin::h1().handle(close).serve_on(world.listen());
    let client = world.client();
    for round in 1..=5 {
        assert_eq!(read(client.request(post("x"))).await.unwrap(), "bye");
        assert_eq!((origin.connections(), client.stats().idle), (round, 0));
    }
    origin.until_open(0).await;
    assert_eq!(world.recorder.count("retry_decision"), 0);

    let mut request = get("/");
    request.headers_mut().insert(CONNECTION, "close".parse().unwrap());
    read(client.request(request)).await.unwrap();
    assert_eq!(client.stats().idle, 0);
}

/// With and without time on the wire in which things can cross.
const LATENCIES: [Duration; 2] = [Duration::ZERO, Duration::from_millis(3)];

#[tokio::test(start_paused = true)]
async fn a_server_that_keeps_connections_for_two_requests_fails_none_of_500() {
    for latency in LATENCIES {
        let world = World::new();
        world.net.at(addr()).latency(latency).connect_latency(latency);
        let origin = Origin::h1().requests_per_connection(2).serve_on(world.listen());
        let client = world.client();
        let callers = (0..20).map(|_| {
            let client = client.clone();
            async move {
                for _ in 0..25 {
                    assert_eq!(read(client.request(post("x"))).await.unwrap(), "hello");
                }
            }
        });
        all(callers).await;
        assert_eq!(origin.requests().len(), 500);
        let mut carried: HashMap<usize, usize> = HashMap::new();
        origin.requests().iter().for_each(|seen| *carried.entry(seen.connection).or_default() += 1);
        assert!(carried.values().all(|requests| *requests <= 2), "{carried:?}");
        assert!(carried.len() < 350, "{} connections for 500 requests", carried.len());
        drop(client);
        world.assert_nothing_left().await;
    }
}

/// It doesn't say `connection: close`, it just closes.
#[tokio::test(start_paused = true)]
async fn nor_does_one_that_does_not_announce_it() {
    for latency in LATENCIES {
        let world = World::new();
        world.net.at(addr()).latency(latency).connect_latency(latency);
        let serving = world.listen().serve(|_, conn| async move {
            let mut peer = Script::new(conn);
            for _ in 0..2 {
                let Some(request) = peer.next_request().await else { return };
                peer.respond(200, request.target()).await;
            }
        });
        let client = world.client();
        let callers = (0..20).map(|caller| {
            let client = client.clone();
            async move {
                for round in 0..25 {
                    let path = format!("/{caller}/{round}");
                    assert_eq!(read(client.request(get(&path))).await.unwrap(), path);
                }
            }
        });
        all(callers).await;
        assert!((250..350).contains(&world.net.opened()), "{}", world.net.opened());
        drop(client);
        world.assert_nothing_left().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(serving.active(), 0);
    }
}

/// An h2 server, asked by h1: its SETTINGS are here before the request is. A new connection that is dead at once isn't
/// stale, and the next one would be no better.
#[tokio::test(start_paused = true)]
async fn a_server_that_speaks_first_is_not_knocked_at_for_ever() {
    let world = World::new();
    let origin = Origin::h2c().serve_on(world.listen());
    let client = world.client();
    let error = read(client.request(get("/"))).await.unwrap_err();
    assert!(error.is_connect() && !error.is_timeout(), "{error:?}");
    assert_eq!((error.delivery(), error.phase()), (Delivery::Unsent, Phase::Handshake));
    assert_eq!(error.connection().unwrap().remote.inet(), Some(addr()));
    assert_eq!(origin.connections(), 1);
    drop(client);
    world.assert_nothing_left().await;
}
