//! No file descriptor is left for one more socket: requests wait for those that the pool has, as at a limit.

use crate::stage::*;
use http::Request;
use skybridge_core::{Cause, ConnectError, Phase};
use skybridge_pool::{AtConnectionLimit, PoolConfig};
use skybridge_testkit::{executor::run_until_idle, fake::Facts};
use std::io;

/// `EMFILE`, and `ENFILE`.
const CODES: [i32; 2] = [24, 23];

fn no_descriptor() -> ConnectError {
    ConnectError::new(Phase::Tcp, io::Error::from_raw_os_error(CODES[0]))
}

impl Stage {
    /// The next connect finds no descriptor.
    async fn finds_none(&self) {
        self.below.connecting().await.fail(no_descriptor());
        run_until_idle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn requests_wait_for_the_connections_that_there_are_in_order() {
    let stage = Stage::new(PoolConfig::new());
    let first = stage.call(A);
    let peer = stage.connected(Facts::h1()).await;
    let rest: Vec<_> = (0..3).map(|n| stage.call(&format!("{A}{n}"))).collect();
    for _ in 0..3 {
        stage.finds_none().await;
    }
    assert_eq!((stage.below.connects(), stage.pool.stats().waiting), (4, 3));
    peer.exchange().await.respond(200, "");
    read(done(first).await).await;
    for (n, call) in rest.into_iter().enumerate() {
        let exchange = peer.exchange().await;
        assert_eq!(exchange.request().uri().path(), format!("/{n}"));
        exchange.respond(200, "");
        assert_eq!(read(done(call).await).await, 1);
    }
    assert_eq!(stage.below.connects(), 4, "nothing was tried again");
}

#[tokio::test(start_paused = true)]
async fn all_who_had_joined_wait_and_a_request_with_a_body_is_sent_once() {
    let stage = Stage::new(PoolConfig::new());
    let busy = stage.call(B);
    let other = stage.connected(Facts::h1()).await;
    let post = Request::post(SECURE).body(Sent::from("a body")).unwrap();
    let calls = [stage.call(SECURE), stage.send(post), stage.call(SECURE)];
    stage.finds_none().await;
    assert_eq!(stage.pool.stats().waiting, 3);
    other.exchange().await.respond(200, "");
    read(done(busy).await).await;
    let peer = stage.connected(Facts::h2(9)).await;
    assert!(other.is_dropped(), "it made room");
    let methods: Vec<_> = [peer.exchange().await, peer.exchange().await, peer.exchange().await]
        .into_iter()
        .map(|exchange| {
            let method = exchange.request().method().to_string();
            exchange.respond(200, "");
            method
        })
        .collect();
    assert_eq!(methods, ["GET", "POST", "GET"]);
    for call in calls {
        read(done(call).await).await;
    }
    assert_eq!(stage.below.connects(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_is_idle_elsewhere_makes_room() {
    for code in CODES {
        let stage = Stage::new(PoolConfig::new());
        let idle = stage.warm(A, Facts::h1()).await;
        let call = stage.call(B);
        stage.below.connecting().await.fail(io::Error::from_raw_os_error(code));
        stage.connected(Facts::h1()).await.exchange().await.respond(200, "");
        read(done(call).await).await;
        assert!(idle.is_dropped());
        assert!(stage.recorder.lines().contains(&"connection_closed a1 c1 limit_reclaimed".to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_in_use_makes_room_for_an_origin_that_has_none() {
    let stage = Stage::new(PoolConfig::new());
    let mine: Vec<_> = (0..3).map(|_| stage.call(A)).collect();
    let peer = stage.connected(Facts::h1()).await;
    stage.finds_none().await;
    stage.finds_none().await;
    let theirs = stage.call(B);
    run_until_idle().await;
    assert_eq!(stage.below.connects(), 3, "the limit is known: nothing is tried in vain");
    // It is overtaken, as at any limit, until a second later one more is tried for it, in vain: then it is the next.
    for _ in 0..2 {
        peer.exchange().await.respond(200, "");
        run_until_idle().await;
    }
    drop(mine);
    after(SECOND).await;
    stage.finds_none().await;
    let more = stage.call(A);
    peer.exchange().await.respond(200, "");
    run_until_idle().await;
    assert!(peer.is_dropped(), "the next that comes back makes room");
    let other = stage.below.connecting().await;
    assert_eq!(other.target().origin().host(), "b.test");
    other.succeed(Facts::h1()).exchange().await.respond(200, "");
    read(done(theirs).await).await;
    drop(more);
}

#[tokio::test(start_paused = true)]
async fn without_a_socket_of_the_pools_own_it_is_an_error_that_says_so() {
    let stage = Stage::new(PoolConfig::new());
    let calls = [stage.call(A), stage.call(A)];
    run_until_idle().await;
    // One after the other, as each fails: the second may be lucky while the first is under way.
    stage.finds_none().await;
    assert!(calls.iter().all(|call| !call.is_finished()), "the other may open one");
    stage.finds_none().await;
    stage.finds_none().await;
    for call in calls {
        let error = came_back(call).await;
        assert!(error.is_out_of_descriptors() && error.is_connect(), "{error:?}");
        let Cause::Connect(error) = error.cause() else { panic!("{error:?}") };
        assert_eq!(error.source_as::<io::Error>().unwrap().raw_os_error(), Some(CODES[0]));
    }
    assert_eq!((stage.below.connects(), stage.pool.stats()), (3, Default::default()));
}

#[tokio::test(start_paused = true)]
async fn more_is_tried_as_time_passes_and_no_sooner() {
    let stage = Stage::new(PoolConfig::new());
    let busy = stage.call(A);
    let _peer = stage.connected(Facts::h1()).await;
    let calls: Vec<_> = (0..7).map(|_| stage.call(B)).collect();
    for _ in &calls {
        stage.finds_none().await;
    }
    let tried = |n: usize| assert_eq!((stage.below.connects(), stage.pool.stats().connecting), (8 + n, n.min(1)));
    after(SECOND / 2).await;
    tried(0);
    // One connect a second, as long as it fails.
    for n in 1..5 {
        after(SECOND).await;
        tried(n);
        stage.finds_none().await;
    }
    after(SECOND).await;
    // From then on it succeeds, and each second twice as many are tried.
    let mut peers = vec![stage.connected(Facts::h1()).await];
    for more in [2, 4] {
        after(SECOND).await;
        let before = peers.len();
        while let Some(connect) = stage.below.try_connecting() {
            peers.push(connect.succeed(Facts::h1()));
        }
        run_until_idle().await;
        assert_eq!(peers.len() - before, more);
    }
    for peer in &peers {
        peer.exchange().await.respond(200, "");
    }
    for call in calls {
        read(done(call).await).await;
    }
    busy.abort();
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_is_in_nobodys_way_is_forgotten() {
    let stage = Stage::new(PoolConfig::new());
    let first = stage.call(A);
    let peer = stage.connected(Facts::h1()).await;
    let second = stage.call(A);
    stage.finds_none().await;
    second.abort();
    after(2 * SECOND).await;
    let calls: Vec<_> = (0..5).map(|_| stage.call(A)).collect();
    run_until_idle().await;
    assert_eq!(stage.pool.stats().connecting, 5);
    drop((first, peer, calls));
}

#[tokio::test(start_paused = true)]
async fn who_may_not_wait_is_refused() {
    let stage = Stage::new(PoolConfig::new().at_connection_limit(AtConnectionLimit::Refuse));
    let busy = stage.call(A);
    let peer = stage.connected(Facts::h1()).await;
    let call = stage.call(A);
    stage.finds_none().await;
    let error = came_back(call).await;
    let Cause::Overloaded(full) = error.cause() else { panic!("{error:?}") };
    assert_eq!(full.to_string(), "the system's limit on descriptors is full (1)");
    peer.exchange().await.respond(200, "");
    read(done(busy).await).await;
    // What is idle elsewhere goes first.
    let call = stage.call(B);
    stage.connected(Facts::h1()).await.exchange().await.respond(200, "");
    read(done(call).await).await;
    assert!(peer.is_dropped());
}

#[tokio::test(start_paused = true)]
async fn an_error_that_no_descriptor_would_mend_is_told() {
    let stage = Stage::new(PoolConfig::new());
    let busy = stage.call(A);
    let peer = stage.connected(Facts::h1()).await;
    let call = stage.call(B);
    stage.below.connecting().await.fail(no_descriptor().fatal());
    assert!(came_back(call).await.is_out_of_descriptors());
    let call = stage.call(B);
    stage.below.connecting().await.fail(ConnectError::new(Phase::Tcp, io::Error::from_raw_os_error(111)));
    assert!(!came_back(call).await.is_out_of_descriptors());
    drop((busy, peer));
}
