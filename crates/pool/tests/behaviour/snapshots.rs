//! What a pool says about itself to people who look.

use crate::stage::*;
use skybridge_core::{CloseReason, ConnectError, Phase, RequestOptions, Span};
use skybridge_pool::{ConnectionState, OriginSnapshot, PoolConfig, PoolSnapshot};
use skybridge_testkit::{executor::run_until_idle, fake::Facts};
use std::time::Instant;

fn origin<'a>(snapshot: &'a PoolSnapshot, host: &str) -> &'a OriginSnapshot {
    let found = snapshot.origins.iter().find(|origin| origin.key.origin.host() == host);
    found.unwrap_or_else(|| panic!("{host} is not in {snapshot:#?}"))
}

/// Idle since then, or a moment earlier.
fn is_idle_since(state: ConnectionState, at: Instant) -> bool {
    matches!(state, ConnectionState::Idle(since) if at.saturating_duration_since(since) < SECOND / 10 && since <= at)
}

fn now(stage: &Stage) -> Instant {
    stage.executor.runtime().now()
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_shown_with_its_state_its_age_and_what_it_carried() {
    let stage = Stage::new(PoolConfig::new());
    let opened = now(&stage);
    let dated = Facts::h2(7).amend(move |info| info.timings.set(Phase::Handshake, Span { start: opened, end: opened }));
    let peer = stage.warm(SECURE, dated).await;
    after(3 * SECOND).await;
    let call = stage.call(SECURE);
    peer.exchange().await.respond(200, "");
    assert_eq!(read(done(call).await).await, 1);
    let idle_since = now(&stage);
    after(2 * SECOND).await;

    let snapshot = stage.pool.snapshot(10);
    let [connection] = &*origin(&snapshot, "a.test").connections else { panic!("{snapshot:#?}") };
    assert_eq!(connection.info.id.unwrap().0, 1);
    assert_eq!((connection.streams, connection.max_streams, connection.carried), (0, Some(7), 2));
    assert!(is_idle_since(connection.state, idle_since), "{connection:?}");
    assert_eq!(connection.opened, Some(opened));
    assert_eq!((snapshot.at, snapshot.sockets, snapshot.closed), (now(&stage), 1, false));

    let call = stage.call(SECURE);
    let exchange = peer.exchange().await;
    let snapshot = stage.pool.snapshot(10);
    let in_use = &origin(&snapshot, "a.test").connections[0];
    assert_eq!((in_use.state, in_use.streams, in_use.carried), (ConnectionState::InUse, 1, 3));
    peer.drain(CloseReason::PeerGoAway);
    run_until_idle().await;
    let snapshot = stage.pool.snapshot(10);
    let draining = &origin(&snapshot, "a.test").connections[0];
    assert_eq!((draining.state, draining.streams), (ConnectionState::Draining(CloseReason::PeerGoAway), 1));
    exchange.respond(200, "");
    read(done(call).await).await;
    run_until_idle().await;
    assert!(stage.pool.snapshot(10).origins.is_empty(), "what is gone is not shown");
}

#[tokio::test(start_paused = true)]
async fn an_exclusive_connection_is_idle_or_in_use() {
    let stage = Stage::new(PoolConfig::new());
    let peer = stage.warm(A, Facts::h1()).await;
    let since = now(&stage);
    after(SECOND).await;
    let state = || origin(&stage.pool.snapshot(10), "a.test").connections[0].clone();
    assert!(is_idle_since(state().state, since), "{:?}", state());
    assert_eq!((state().streams, state().max_streams), (0, Some(1)));
    let call = stage.call(A);
    let exchange = peer.exchange().await;
    assert_eq!((state().state, state().streams, state().carried), (ConnectionState::InUse, 1, 2));
    exchange.respond(200, "");
    read(done(call).await).await;
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_shown_with_since_when_and_for_what() {
    let stage = Stage::new(PoolConfig::new().max_per_origin(1));
    let first = stage.call(A);
    let began = now(&stage);
    let connect = stage.below.connecting().await;
    after(SECOND).await;
    let snapshot = stage.pool.snapshot(10);
    let a = origin(&snapshot, "a.test");
    assert_eq!((a.connects.len(), a.connects[0].began, a.connects[0].joined), (1, began, 1));
    assert_eq!((a.waiting.len(), a.waiting[0].since, a.waiting[0].joined), (1, began, true));

    let peer = connect.succeed(Facts::h1());
    let exchange = peer.exchange().await;
    let (second, since) = (stage.call(A), now(&stage));
    after(4 * SECOND).await;
    let snapshot = stage.pool.snapshot(10);
    let a = origin(&snapshot, "a.test");
    assert_eq!((a.connects.len(), a.waiting_total), (0, 1));
    assert_eq!((a.waiting[0].since, a.waiting[0].joined), (since, false), "for what comes free");
    assert!(a.waiting[0].call.is_some(), "observed, so its call is known");
    assert!(!a.wants_permit);
    exchange.respond(200, "");
    read(done(first).await).await;
    peer.exchange().await.respond(200, "");
    read(done(second).await).await;
    assert_eq!(origin(&stage.pool.snapshot(10), "a.test").waiting_total, 0);
}

#[tokio::test(start_paused = true)]
async fn the_total_limit_and_who_wants_a_socket_are_shown() {
    let stage = Stage::new(PoolConfig::new().max_total(1));
    let holds = stage.call(A);
    let exchange = stage.connected(Facts::h1()).await.exchange().await;
    let waits = stage.call(B);
    run_until_idle().await;
    let snapshot = stage.pool.snapshot(10);
    assert_eq!((snapshot.sockets, snapshot.config.max_total), (1, 1));
    assert!(origin(&snapshot, "b.test").wants_permit && !origin(&snapshot, "a.test").wants_permit);
    exchange.respond(200, "");
    read(done(holds).await).await;
    waits.abort();
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_and_their_pause_are_shown() {
    let stage = Stage::new(PoolConfig::new());
    for _ in 0..3 {
        let call = stage.call(A);
        stage.below.connecting().await.fail(ConnectError::new(Phase::Tcp, "refused"));
        came_back(call).await;
    }
    let snapshot = stage.pool.snapshot(10);
    let a = origin(&snapshot, "a.test");
    assert_eq!(a.failures, 3);
    assert!(a.paused_until.is_some_and(|until| until > now(&stage)));
}

#[tokio::test(start_paused = true)]
async fn another_names_connection_is_named_and_not_counted_twice() {
    let stage = Stage::new(PoolConfig::new());
    stage.warm("https://one.test/", Facts::h2(50).covers(["one.test", "two.test"])).await;
    assert_eq!(stage.get("https://two.test/").await, 1);
    let snapshot = stage.pool.snapshot(10);
    let two = origin(&snapshot, "two.test");
    assert!(two.connections.is_empty());
    assert_eq!(two.coalesced.iter().map(|id| id.0).collect::<Vec<_>>(), [1]);
    assert_eq!(origin(&snapshot, "one.test").connections.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_is_bounded_and_says_how_much_is_left_out() {
    let stage = Stage::easy(PoolConfig::new().max_per_origin(1), Facts::h1);
    for host in ["c", "a", "b", "d"] {
        stage.get(&format!("http://{host}.test/")).await;
    }
    let snapshot = stage.pool.snapshot(3);
    let names: Vec<_> = snapshot.origins.iter().map(|origin| origin.key.origin.host()).collect();
    assert_eq!((names, snapshot.more_origins, snapshot.stats.origins), (vec!["a.test", "b.test", "c.test"], 1, 4));
    let stage = Stage::new(PoolConfig::new().max_per_origin(1));
    let calls: Vec<_> = (0..150).map(|_| stage.options(A, RequestOptions::new())).collect();
    run_until_idle().await;
    let snapshot = stage.pool.snapshot(1);
    let a = origin(&snapshot, "a.test");
    assert_eq!((a.waiting.len(), a.waiting_total), (OriginSnapshot::MOST_WAITING, 150));
    calls.iter().for_each(|call| call.abort());
}
