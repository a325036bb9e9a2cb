//! Connections per origin and in total, queues, and what makes room.

use crate::stage::*;
use skybridge_core::{Cause, CloseReason};
use skybridge_pool::{AtConnectionLimit, PoolConfig};
use skybridge_testkit::{executor::run_until_idle, fake::Facts};

const C: &str = "http://c.test/";

fn overloaded(error: &skybridge_core::Error) -> usize {
    match error.cause() {
        Cause::Overloaded(full) => full.limit,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn so_many_per_origin_and_the_others_wait() {
    let stage = Stage::new(PoolConfig::new().max_per_origin(2));
    let calls: Vec<_> = (0..5).map(|_| stage.call(A)).collect();
    let peers = [stage.connected(Facts::h1()).await, stage.connected(Facts::h1()).await];
    assert_eq!((stage.below.connects(), stage.pool.stats().waiting, stage.pool.stats().active), (2, 3, 2));
    let other = stage.call(B);
    stage.connected(Facts::h1()).await.answer_all();
    peers.iter().for_each(|peer| peer.answer_all());
    for peer in peers {
        peer.exchange().await.respond(200, "");
    }
    for call in calls {
        read(done(call).await).await;
    }
    assert_eq!(stage.below.connects(), 3);
    drop(other);
}

#[tokio::test(start_paused = true)]
async fn beyond_the_limits_refuse() {
    for config in [PoolConfig::new().max_per_origin(1), PoolConfig::new().max_total(1)] {
        let stage = Stage::new(config.at_connection_limit(AtConnectionLimit::Refuse));
        let call = stage.call(A);
        let peer = stage.connected(Facts::h1()).await;
        assert_eq!(overloaded(&came_back(stage.call(A)).await), 1);
        peer.exchange().await.respond(200, "");
        read(done(call).await).await;
        assert_eq!(stage.get(A).await, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_idle_elsewhere_goes_before_anybody_is_refused() {
    let stage = Stage::new(PoolConfig::new().max_total(1).at_connection_limit(AtConnectionLimit::Refuse));
    let idle = stage.warm(A, Facts::h1()).await;
    let call = stage.call(B);
    stage.connected(Facts::h1()).await.exchange().await.respond(200, "");
    done(call).await;
    assert!(idle.is_dropped());
}

#[tokio::test(start_paused = true)]
async fn a_total_is_for_all_origins_and_the_queue_is_in_order() {
    let stage = Stage::new(PoolConfig::new().max_total(1));
    let (a, b, c) = (stage.call(A), stage.call(B), stage.call(C));
    run_until_idle().await;
    assert_eq!((stage.below.connects(), stage.pool.stats().waiting), (1, 3));
    for (call, host) in [(a, "a.test"), (b, "b.test"), (c, "c.test")] {
        let connect = stage.below.connecting().await;
        assert_eq!(connect.target().origin().host(), host);
        connect.succeed(Facts::h1()).exchange().await.respond(200, "");
        read(done(call).await).await;
        run_until_idle().await;
        assert!(stage.below.open() <= 1);
    }
    let reclaimed = stage.recorder.lines().iter().filter(|line| line.ends_with("limit_reclaimed")).count();
    assert_eq!(reclaimed, 2, "{:#?}", stage.recorder.lines());
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_of_another_origin_is_reclaimed() {
    for facts in [Facts::h1 as fn() -> Facts, || Facts::h2(5)] {
        let stage = Stage::new(PoolConfig::new().max_total(2));
        let old = stage.warm(A, facts()).await;
        after(10 * SECOND).await;
        let _new = stage.warm(B, facts()).await;
        let call = stage.call(C);
        stage.connected(Facts::h1()).await.exchange().await.respond(200, "");
        done(call).await;
        assert!(old.is_dropped(), "the one that has been idle longest");
        assert_eq!(stage.pool.stats().idle, 1 + 1);
        assert!(stage.recorder.lines().contains(&"connection_closed a1 c1 limit_reclaimed".to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_permit_has_exactly_one_owner_at_each_step() {
    // Waiting, searching, found dead, connected, idle, gone: after each, exactly the others may connect.
    let stage = Stage::new(PoolConfig::new().max_total(1));
    let (a, b) = (stage.call(A), stage.call(B));
    run_until_idle().await;
    stage.below.connecting().await.fail(skybridge_core::ConnectError::new(skybridge_core::Phase::Tcp, "refused"));
    came_back(a).await;
    let connect = stage.below.connecting().await;
    b.abort();
    run_until_idle().await;
    assert!(connect.is_cancelled());
    let peer = stage.warm(A, Facts::h1()).await;
    peer.close(CloseReason::PeerFin);
    let peer = stage.warm(B, Facts::h2(1)).await;
    let call = stage.call(B);
    run_until_idle().await;
    let other = stage.call(A);
    run_until_idle().await;
    assert_eq!(stage.below.try_connecting().map(drop), None);
    drop(peer.exchange().await);
    failed(call).await;
    stage.connected(Facts::h1()).await.exchange().await.respond(200, "");
    done(other).await;
}

#[tokio::test(start_paused = true)]
async fn no_permit_is_free_while_somebody_waits() {
    let stage = Stage::new(PoolConfig::new().max_total(1).max_per_origin(1));
    let first = stage.call(A);
    let peer = stage.connected(Facts::h1()).await;
    let (second, third) = (stage.call(B), stage.call(B));
    run_until_idle().await;
    // Who stood first in the queue has left: it is the other's turn.
    second.abort();
    run_until_idle().await;
    peer.exchange().await.fail(skybridge_core::Delivery::Unknown);
    failed(first).await;
    stage.connected(Facts::h1()).await.exchange().await.respond(200, "");
    done(third).await;
}

#[tokio::test(start_paused = true)]
async fn draining_counts_for_the_total_and_not_for_the_origin() {
    let stage = Stage::new(PoolConfig::new().max_per_origin(1).max_total(2));
    let _first = stage.call(SECURE);
    let old = stage.connected(Facts::h2(5)).await;
    old.drain(CloseReason::PeerGoAway);
    let _second = stage.call(SECURE);
    let new = stage.connected(Facts::h2(5)).await;
    assert_eq!((new.in_flight(), stage.pool.stats().draining, stage.pool.stats().active), (1, 1, 1));
    let other = stage.call(B);
    run_until_idle().await;
    assert_eq!(stage.below.connects(), 2, "two sockets are open");
    old.exchange().await.respond(200, "");
    run_until_idle().await;
    drop(_first.await);
    stage.connected(Facts::h1()).await.exchange().await.respond(200, "");
    done(other).await;
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses() {
    let stage = Stage::new(PoolConfig::new().max_waiting_per_origin(2));
    let calls = [stage.call(A), stage.call(A)];
    run_until_idle().await;
    assert_eq!(overloaded(&came_back(stage.call(A)).await), 2);
    calls[0].abort();
    run_until_idle().await;
    let third = stage.call(A);
    run_until_idle().await;
    assert!(!third.is_finished(), "who has left takes no place");
    assert!(!stage.call(B).is_finished());
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_leaves_nothing_behind() {
    let stage = Stage::new(PoolConfig::new().max_waiting_per_origin(0));
    for i in 0..100 {
        assert_eq!(overloaded(&came_back(stage.call(&format!("http://h{i}.test/"))).await), 0);
    }
    assert_eq!(stage.pool.stats(), Default::default());
    let stage = Stage::new(PoolConfig::new().max_total(1).at_connection_limit(AtConnectionLimit::Refuse));
    let _busy = stage.call(A);
    run_until_idle().await;
    for i in 0..100 {
        assert_eq!(overloaded(&came_back(stage.call(&format!("http://h{i}.test/"))).await), 1);
    }
    assert_eq!(stage.pool.stats().origins, 1);
}
