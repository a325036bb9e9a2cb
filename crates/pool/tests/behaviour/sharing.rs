//! One HTTP/2 connection for all, up to its live limit.

use crate::stage::*;
use skybridge_core::CloseReason;
use skybridge_pool::{AtStreamLimit, PoolConfig};
use skybridge_testkit::{
    executor::run_until_idle,
    fake::{Facts, Peer},
};

fn calls(stage: &Stage, many: usize) -> Vec<Call> {
    (0..many).map(|_| stage.call(SECURE)).collect()
}

fn unfinished(calls: &[Call]) -> usize {
    calls.iter().filter(|call| !call.is_finished()).count()
}

fn answer(peer: &Peer<Sent>) -> usize {
    std::iter::from_fn(|| peer.try_exchange()).map(|exchange| exchange.respond(200, "")).count()
}

#[tokio::test(start_paused = true)]
async fn fifty_at_once_on_a_cold_client_are_one_connect() {
    let stage = Stage::new(PoolConfig::new());
    let calls = calls(&stage, 50);
    let peer = stage.connected(Facts::h2_before_settings()).await;
    assert_eq!((peer.started(), stage.pool.stats().waiting), (1, 49), "only the first stream until SETTINGS are here");
    peer.set_capacity(100);
    run_until_idle().await;
    assert_eq!((peer.in_flight(), stage.pool.stats().streams, stage.below.connects()), (50, 50, 1));
    assert_eq!(answer(&peer), 50);
    for call in calls {
        assert_eq!(read(done(call).await).await, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn with_prior_knowledge_too() {
    let stage = Stage::new(PoolConfig::new());
    let options = || skybridge_core::RequestOptions::new().http_versions(skybridge_core::HttpVersions::Http2);
    let _calls: Vec<_> = (0..50).map(|_| stage.options(A, options())).collect();
    run_until_idle().await;
    assert_eq!(stage.below.connects(), 1);
}

#[tokio::test(start_paused = true)]
async fn settings_that_never_come_delay_and_do_not_stop() {
    let stage = Stage::new(PoolConfig::new());
    let calls = calls(&stage, 3);
    let peer = stage.connected(Facts::h2_before_settings()).await;
    for call in calls {
        peer.exchange().await.respond(200, "");
        read(done(call).await).await;
    }
    assert_eq!((peer.max_in_flight(), stage.below.connects()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn more_streams_before_settings_by_policy() {
    let stage = Stage::new(PoolConfig::new().streams_before_settings(10));
    let _calls = calls(&stage, 50);
    let peer = stage.connected(Facts::h2_before_settings()).await;
    assert_eq!(peer.in_flight(), 10);
}

#[tokio::test(start_paused = true)]
async fn beyond_the_limit_another_connection() {
    let stage = Stage::new(PoolConfig::new());
    let calls = calls(&stage, 5);
    let first = stage.connected(Facts::h2(2)).await;
    let (second, third) = (stage.connected(Facts::h2(2)).await, stage.connected(Facts::h2(2)).await);
    assert_eq!([first.in_flight(), second.in_flight(), third.in_flight()], [2, 2, 1]);
    assert_eq!(stage.below.connects(), 3, "as many as are needed, and no more");
    assert_eq!(unfinished(&calls), 5);
}

#[tokio::test(start_paused = true)]
async fn beyond_the_limit_wait() {
    let stage = Stage::new(PoolConfig::new().at_stream_limit(AtStreamLimit::Wait));
    let calls = calls(&stage, 5);
    let peer = stage.connected(Facts::h2(2)).await;
    for left in [3, 1, 0] {
        assert_eq!((stage.pool.stats().waiting, stage.below.connects()), (left, 1));
        answer(&peer);
        run_until_idle().await;
    }
    assert_eq!((unfinished(&calls), peer.max_in_flight()), (5 - 5, 2));
}

#[tokio::test(start_paused = true)]
async fn beyond_the_limit_refuse() {
    let stage = Stage::new(PoolConfig::new().at_stream_limit(AtStreamLimit::Refuse));
    let mut calls = calls(&stage, 5);
    let peer = stage.connected(Facts::h2(2)).await;
    assert_eq!((peer.in_flight(), unfinished(&calls), stage.below.connects()), (2, 2, 1));
    for call in calls.drain(2..) {
        let error = came_back(call).await;
        assert!(matches!(error.cause(), skybridge_core::Cause::Overloaded(full) if full.limit == 2), "{error:?}");
    }
    assert!(came_back(stage.call(SECURE)).await.to_string().contains(" is full (2)"));
}

#[tokio::test(start_paused = true)]
async fn a_limit_lowered_to_nothing_and_raised_again() {
    let stage = Stage::new(PoolConfig::new().at_stream_limit(AtStreamLimit::Wait));
    let first = calls(&stage, 2);
    let peer = stage.connected(Facts::h2(2)).await;
    peer.set_capacity(0);
    let second = calls(&stage, 2);
    run_until_idle().await;
    assert_eq!((peer.in_flight(), stage.pool.stats().waiting), (2, 2), "what runs goes on");
    answer(&peer);
    run_until_idle().await;
    assert_eq!((unfinished(&first), unfinished(&second), peer.started()), (0, 2, 2));
    peer.set_capacity(u32::MAX);
    run_until_idle().await;
    assert_eq!((peer.in_flight(), stage.pool.stats().waiting), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn room_for_more_than_anybody_can_use() {
    let stage = Stage::new(PoolConfig::new());
    let _calls = calls(&stage, 300);
    let peer = stage.connected(Facts::h2(u32::MAX)).await;
    assert_eq!((peer.in_flight(), stage.below.connects()), (300, 1));
    let stage = Stage::new(PoolConfig::new().max_streams(7));
    let _calls = calls(&stage, 7);
    let peer = stage.connected(Facts::h2(u32::MAX)).await;
    peer.set_capacity(u32::MAX);
    let _more = calls(&stage, 1);
    run_until_idle().await;
    assert_eq!((peer.in_flight(), stage.below.connects()), (7, 2), "our own limit holds too");
}

#[tokio::test(start_paused = true)]
async fn a_goaway_moves_those_who_wait_and_those_who_come() {
    let stage = Stage::new(PoolConfig::new().at_stream_limit(AtStreamLimit::Wait));
    let mut first = calls(&stage, 2);
    let old = stage.connected(Facts::h2(1)).await;
    old.drain(CloseReason::PeerGoAway);
    let more = calls(&stage, 1);
    let new = stage.connected(Facts::h2(9)).await;
    assert_eq!((old.in_flight(), new.in_flight(), stage.pool.stats().draining), (1, 2, 1));
    answer(&old);
    assert_eq!(read(done(first.remove(0)).await).await, 1, "what runs ends as it will");
    assert!(old.is_dropped());
    answer(&new);
    run_until_idle().await;
    assert_eq!((unfinished(&first) + unfinished(&more), stage.pool.stats().draining), (0, 0));
    let reported: Vec<_> = stage.recorder.lines().into_iter().filter(|line| line.contains("_closed")).collect();
    assert_eq!(reported, ["connection_closed a1 c1 peer_goaway"]);
}
