//! HTTP/1.1 servers close connections when they like.

use http::{Response, header::CONNECTION};
use skybridge::{Client, Delivery, Phase, Protocol, RetryLayer};
use skybridge_testkit::{executor::run_until_idle, h1::Script, net::Serving, origin::Origin};
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

/// A restarted server, or a NAT that has forgotten: `idle` connections are dead, and none of them is known to be. Says
/// how many requests came on them.
async fn all_dead(world: &World, idle: usize, resets: bool) -> (Client, Arc<AtomicUsize>, Serving) {
    let (asked, meet) = (Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(idle)));
    let serving = world.listen().serve({
        let asked = Arc::clone(&asked);
        move |index, conn| {
            let (asked, meet) = (Arc::clone(&asked), Arc::clone(&meet));
            async move {
                let wire = conn.wire();
                let mut peer = Script::new(conn);
                peer.request().await;
                // The first requests meet, so that each needs a connection of its own.
                if index < idle {
                    meet.wait().await;
                }
                peer.respond(200, "hello").await;
                while peer.next_request().await.is_some() {
                    if index < idle {
                        asked.fetch_add(1, SeqCst);
                        if resets {
                            wire.reset();
                        }
                        return;
                    }
                    peer.respond(200, "hello").await;
                }
            }
        }
    });
    let client = world.client();
    let first: Vec<_> = (0..idle).map(|_| client.request(get("/"))).collect();
    assert!(all(first.into_iter().map(read)).await.iter().all(Result::is_ok));
    assert_eq!((world.net.opened(), client.stats().idle), (idle, idle));
    (client, asked, serving)
}

/// Those that have been idle for longer than one that is dead are not tried, whatever is asked.
#[tokio::test(start_paused = true)]
async fn a_pool_full_of_stale_connections_costs_one_try() {
    for (idle, resets) in [(1, true), (3, true), (20, true), (1, false), (3, false), (20, false)] {
        let world = World::new();
        let (client, asked, serving) = all_dead(&world, idle, resets).await;
        let before = Instant::now();
        assert_eq!(read(client.request(get("/"))).await.unwrap(), "hello");
        assert_eq!((before.elapsed(), asked.load(SeqCst)), (Duration::ZERO, 1), "{idle}, {resets}");
        run_until_idle().await;
        assert_eq!((world.net.opened(), client.stats().idle, serving.active()), (idle + 1, 1, 1));
        let closed = |reason| world.recorder.lines().iter().filter(|line| line.ends_with(reason)).count();
        assert_eq!(closed(" stale"), idle - 1);
    }
}

/// What may have been processed isn't sent again, and the next request finds none of the dead.
#[tokio::test(start_paused = true)]
async fn of_a_pool_full_of_stale_connections_one_request_fails_that_must_not_be_repeated() {
    let world = World::new();
    let (client, asked, _serving) = all_dead(&world, 20, true).await;
    let error = read(client.request(post("x"))).await.unwrap_err();
    assert_eq!((error.delivery(), error.earlier().len()), (Delivery::Unknown, 0), "{error:?}");
    for _ in 0..3 {
        assert_eq!(read(client.request(post("x"))).await.unwrap(), "hello");
    }
    assert_eq!((asked.load(SeqCst), world.net.opened()), (1, 21));
}

/// A connection that answered after the dead one was used last may be alive.
#[tokio::test(start_paused = true)]
async fn a_connection_that_was_used_later_than_a_stale_one_is_kept() {
    let world = World::new();
    let listener = world.listen();
    let client = world.client();
    let calls = async {
        let two = [client.request(get("/1")), client.request(get("/2"))];
        all(two.into_iter().map(read)).await;
        // The second that was put back is taken first. While it is used, the first is too, and comes back before.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (dead, alive) = (client.request(get("/dead")), client.request(get("/alive")));
        let alive = async {
            run_until_idle().await;
            read(alive).await
        };
        let (dead, alive) = tokio::join!(read(dead), alive);
        assert_eq!((dead.unwrap(), alive.unwrap()), ("again".to_owned(), "alive".to_owned()));
    };
    let server = async {
        let mut one = Script::new(listener.accept().await.0);
        let conn = listener.accept().await.0;
        let (wire, mut two) = (conn.wire(), Script::new(conn));
        for peer in [&mut one, &mut two] {
            peer.request().await;
        }
        one.respond(200, "one").await;
        run_until_idle().await;
        two.respond(200, "two").await;
        assert_eq!(two.request().await.target(), "/dead");
        assert_eq!(one.request().await.target(), "/alive");
        one.respond(200, "alive").await;
        run_until_idle().await;
        wire.reset();
        assert_eq!(one.request().await.target(), "/dead");
        one.respond(200, "again").await;
    };
    tokio::join!(calls, server);
    assert_eq!(world.net.opened(), 2);
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
    assert_eq!(
        error.to_string(),
        "http://a.test: TCP to 192.0.2.1:80 failed: connection refused (an earlier try may have been processed)"
    );
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
