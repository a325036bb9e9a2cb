//! HTTP/2 peers that allow no streams (RFC 9113, section 5.1.2: for a short time, or they should close instead).

use crate::stage::*;
use skybridge_core::{CloseReason, ConnectionStatus, Delivery, Phase, RequestOptions, Timeouts};
use skybridge_pool::{AtStreamLimit, PoolConfig};
use skybridge_testkit::{executor::run_until_idle, fake::Facts};
use std::error::Error as _;
use tokio::time::Instant;

const TWO: &str = "https://two.test/";

/// Lets so many connects succeed as are asked for, within reason; each allows no streams.
async fn connect_in_vain(stage: &Stage) {
    for _ in 0..200 {
        run_until_idle().await;
        if let Some(connect) = stage.below.try_connecting() {
            connect.succeed(Facts::h2(0));
        }
    }
}

fn message(error: &skybridge_core::Error) -> String {
    let mut text = String::new();
    let mut next = error.source();
    while let Some(error) = next {
        text += &format!(": {error}");
        next = error.source();
    }
    text
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_room_justifies_no_other() {
    for config in [PoolConfig::new(), PoolConfig::new().max_total(1), PoolConfig::new().max_per_origin(1)] {
        for many in [1, 50] {
            let stage = Stage::new(config.clone());
            let calls: Vec<_> = (0..many).map(|_| stage.call(SECURE)).collect();
            connect_in_vain(&stage).await;
            assert_eq!((stage.below.connects(), stage.pool.stats().waiting), (1, many));
            let peer = &stage.below.peers()[0];
            assert_eq!(peer.started(), 0);
            peer.answer_all();
            peer.set_capacity(100);
            for call in calls {
                assert_eq!(read(done(call).await).await, 1);
            }
            assert_eq!((stage.below.connects(), stage.pool.stats().idle), (1, 1));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_its_room_does_so_for_as_long_as_connecting_may_take() {
    let stage = Stage::new(PoolConfig::new());
    let start = Instant::now();
    let calls = [stage.call(SECURE), stage.call(SECURE)];
    connect_in_vain(&stage).await;
    for call in calls {
        let error = came_back(call).await;
        assert!(error.is_timeout() && error.is_connect(), "{error:?}");
        assert_eq!(error.phase(), Phase::Handshake);
        assert!(message(&error).contains("allows no streams"), "{}", message(&error));
    }
    assert_eq!((start.elapsed(), stage.below.connects()), (30 * SECOND, 1));
    run_until_idle().await;
    assert_eq!((stage.pool.stats(), stage.below.open()), (Default::default(), 0));
    let ends: Vec<_> = stage.recorder.lines().into_iter().filter(|line| line.contains(" a1 ")).collect();
    assert_eq!(ends, ["connection_created a1 c1", "connection_closed a1 c1 protocol"], "{ends:?}");
    // The next one gets its own chance.
    let call = stage.call(SECURE);
    stage.connected(Facts::h2(1)).await.exchange().await.respond(200, "");
    assert_eq!(read(done(call).await).await, 2);
}

#[tokio::test(start_paused = true)]
async fn its_own_limit_ends_its_own_wait() {
    let stage = Stage::new(PoolConfig::new());
    let mut timeouts = Timeouts::new();
    timeouts.connect = Some(2 * SECOND);
    let start = Instant::now();
    let (short, long) = (stage.options(SECURE, RequestOptions::new().timeouts(timeouts)), stage.call(SECURE));
    connect_in_vain(&stage).await;
    assert!(came_back(short).await.is_timeout());
    assert_eq!(start.elapsed(), 2 * SECOND);
    stage.below.peers()[0].set_capacity(1);
    stage.below.peers()[0].exchange().await.respond(200, "");
    assert_eq!(read(done(long).await).await, 1);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_less_long_does_not_make_the_next_dial_again() {
    let stage = Stage::new(PoolConfig::new());
    let first = stage.call(SECURE);
    let peer = stage.connected(Facts::h2_before_settings()).await;
    peer.set_capacity(0);
    let mut timeouts = Timeouts::new();
    timeouts.pool_wait = Some(SECOND);
    for _ in 0..10 {
        let call = stage.options(SECURE, RequestOptions::new().timeouts(timeouts.clone()));
        run_until_idle().await;
        assert!(came_back(call).await.is_timeout());
    }
    assert_eq!((stage.below.connects(), stage.pool.stats().connecting), (1, 0));
    peer.exchange().await.respond(200, "");
    read(done(first).await).await;
}

#[tokio::test(start_paused = true)]
async fn when_all_have_left_the_connection_closes_sooner_or_later() {
    let stage = Stage::new(PoolConfig::new());
    let call = stage.call(SECURE);
    connect_in_vain(&stage).await;
    call.abort();
    after(30 * SECOND).await;
    assert_eq!((stage.pool.stats(), stage.below.open()), (Default::default(), 0));
    assert_eq!(stage.recorder.count("connection_closed"), 1);
    stage.executor.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_ends_meanwhile_fails_its_connect() {
    for status in [ConnectionStatus::Closed(CloseReason::PeerFin), ConnectionStatus::Draining(CloseReason::PeerGoAway)]
    {
        let stage = Stage::new(PoolConfig::new());
        let call = stage.call(SECURE);
        connect_in_vain(&stage).await;
        let peer = &stage.below.peers()[0];
        match status {
            ConnectionStatus::Closed(reason) => peer.close(reason),
            _ => peer.drain(CloseReason::PeerGoAway),
        }
        let error = came_back(call).await;
        assert!(error.is_connect() && !error.is_timeout(), "{error:?}");
        assert_eq!((stage.below.connects(), stage.pool.stats().origins), (1, 0));
        assert_eq!(stage.recorder.count("connection_closed"), 1);
    }
}

/// What is said after the first stream was opened on trust holds for those that come.
#[tokio::test(start_paused = true)]
async fn one_that_says_so_after_its_first_stream_justifies_no_other_either() {
    for policy in [AtStreamLimit::Open, AtStreamLimit::Wait] {
        let stage = Stage::new(PoolConfig::new().at_stream_limit(policy));
        let mut calls: Vec<_> = (0..20).map(|_| stage.call(SECURE)).collect();
        let peer = stage.connected(Facts::h2_before_settings()).await;
        assert_eq!((peer.started(), stage.pool.stats().waiting), (1, 19));
        peer.set_capacity(0);
        peer.exchange().await.respond(200, "");
        read(done(calls.remove(0)).await).await;
        let start = Instant::now();
        connect_in_vain(&stage).await;
        assert_eq!((stage.below.connects(), stage.pool.stats().waiting), (1, 19));
        let last = calls.pop().unwrap();
        for call in calls {
            let error = came_back(call).await;
            assert!(error.is_timeout() && message(&error).contains("allows no streams"), "{error:?}");
        }
        assert!(came_back(last).await.is_timeout());
        assert!(start.elapsed() <= 30 * SECOND);
        run_until_idle().await;
        assert_eq!((stage.pool.stats(), stage.below.open()), (Default::default(), 0));
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_says_so_and_thinks_better_of_it_is_used() {
    let stage = Stage::new(PoolConfig::new());
    let calls: Vec<_> = (0..20).map(|_| stage.call(SECURE)).collect();
    let peer = stage.connected(Facts::h2_before_settings()).await;
    peer.set_capacity(0);
    connect_in_vain(&stage).await;
    peer.answer_all();
    peer.set_capacity(3);
    peer.exchange().await.respond(200, "");
    for call in calls {
        assert_eq!(read(done(call).await).await, 1);
    }
}

/// It has had room, and is out of it for now: others may have some.
#[tokio::test(start_paused = true)]
async fn one_that_had_room_before_is_at_its_limit_and_no_more() {
    let stage = Stage::new(PoolConfig::new());
    let peer = stage.warm(SECURE, Facts::h2(5)).await;
    peer.set_capacity(0);
    let (first, second) = (stage.call(SECURE), stage.call(SECURE));
    let other = stage.connected(Facts::h2(5)).await;
    other.answer_all();
    other.exchange().await.respond(200, "");
    other.exchange().await.respond(200, "");
    assert_eq!((read(done(first).await).await, read(done(second).await).await), (2, 2));
    // And if they have none either, that is the end of it.
    other.set_capacity(0);
    let call = stage.call(SECURE);
    connect_in_vain(&stage).await;
    assert_eq!(stage.below.connects(), 3);
    peer.answer_all();
    peer.set_capacity(1);
    assert_eq!(read(done(call).await).await, 1);
}

/// A slot that was granted before the peer lowered its limit is not used: the stream would wait for as long as the peer
/// likes.
#[tokio::test(start_paused = true)]
async fn what_was_promised_before_it_was_taken_back_is_not_used() {
    let stage = Stage::new(PoolConfig::new());
    let mut call = Box::pin(tower_service::Service::call(&mut stage.pool.clone(), get(SECURE)));
    let mut poll = || call.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    assert!(poll().is_pending());
    let peer = stage.connected(Facts::h2(5)).await;
    peer.set_capacity(0);
    assert!(poll().is_pending());
    assert_eq!((peer.started(), peer.in_flight()), (0, 0));
    let other = stage.connected(Facts::h2(5)).await;
    assert!(poll().is_pending());
    other.exchange().await.respond(200, "");
    assert!(poll().is_ready());
}

#[tokio::test(start_paused = true)]
async fn other_names_do_not_wait_for_it() {
    let stage = Stage::new(PoolConfig::new());
    let both = |capacity| Facts::h2(capacity).covers(["a.test", "two.test"]);
    let calls: Vec<_> = (0..2).map(|_| stage.call(SECURE)).collect();
    let peer = stage.connected(Facts::h2_before_settings().covers(["a.test", "two.test"])).await;
    peer.set_capacity(0);
    let other = stage.call(TWO);
    stage.connected(both(5)).await.exchange().await.respond(200, "");
    assert_eq!(read(done(other).await).await, 2);
    drop(calls);
}

#[tokio::test(start_paused = true)]
async fn what_it_takes_to_be_refused_is_not_a_dial_each() {
    let stage = Stage::new(PoolConfig::new());
    let first = stage.call(SECURE);
    let peer = stage.connected(Facts::h2_before_settings()).await;
    peer.set_capacity(0);
    peer.exchange().await.fail(Delivery::Refused);
    assert_eq!(failed(first).await.error.delivery(), Delivery::Refused);
    // Sent again, as a retry layer would.
    let again = stage.call(SECURE);
    connect_in_vain(&stage).await;
    assert!(came_back(again).await.is_timeout());
    assert_eq!(stage.below.connects(), 1);
}
