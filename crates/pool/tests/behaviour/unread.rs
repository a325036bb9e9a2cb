//! Responses that are dropped before their end: an HTTP/1.1 connection reads on for a while, and is kept if that was
//! enough.

use crate::stage::*;
use skybridge_pool::PoolConfig;
use skybridge_testkit::{
    executor::run_until_idle,
    fake::{Facts, Peer, Sender},
};
use std::time::Duration;

const MILLISECOND: Duration = Duration::from_millis(1);

fn ends(stage: &Stage) -> Vec<String> {
    let is_end = |line: &String| line.contains("closed") || line.contains("released");
    stage.recorder.lines().into_iter().filter(is_end).collect()
}

/// Answered, and the response dropped, whose body is on its way.
async fn dropped(stage: &Stage) -> (Peer<Sent>, Sender) {
    let call = stage.call(A);
    let peer = stage.connected(Facts::h1().drains()).await;
    let sender = peer.exchange().await.begin(401);
    drop(done(call).await);
    run_until_idle().await;
    (peer, sender)
}

#[tokio::test(start_paused = true)]
async fn a_body_that_comes_soon_keeps_its_connection() {
    let stage = Stage::new(PoolConfig::new());
    let (peer, sender) = dropped(&stage).await;
    sender.data("log");
    after(20 * MILLISECOND).await;
    assert_eq!((stage.pool.stats().active, stage.pool.stats().idle, ends(&stage).len()), (1, 0, 0), "it is in use");
    sender.data(" in");
    sender.end();
    run_until_idle().await;
    assert_eq!((stage.pool.stats().active, stage.pool.stats().idle), (0, 1));
    assert_eq!(ends(&stage), ["connection_released c1"]);
    stage.recorder.assert_balanced();
    assert_eq!((stage.get(A).await, peer.started()), (1, 2));
    assert_eq!(stage.executor.tasks(), 1, "the reaper");
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_come_in_time_closes_it() {
    for (grace, config) in [
        (100 * MILLISECOND, PoolConfig::new()),
        (100 * MILLISECOND, PoolConfig::okhttp()),
        (SECOND, PoolConfig::new().unread_grace(SECOND)),
        // The request is sent: it has no say.
        (100 * MILLISECOND, PoolConfig::new().upload_grace(Duration::MAX)),
        (100 * MILLISECOND, PoolConfig::new().upload_grace(Duration::ZERO)),
    ] {
        let stage = Stage::new(config);
        let (peer, sender) = dropped(&stage).await;
        // The millisecond in which everything came to rest.
        after(grace - 3 * MILLISECOND).await;
        // Whatever comes, as long as it is not the end.
        sender.data("x");
        run_until_idle().await;
        assert_eq!((peer.is_dropped(), ends(&stage).len()), (false, 0), "{grace:?}");
        after(3 * MILLISECOND).await;
        assert!(peer.is_dropped(), "{grace:?}");
        assert_eq!(ends(&stage), ["connection_released c1", "connection_closed a1 c1 unread"]);
        assert_eq!((stage.pool.stats().origins, stage.executor.tasks()), (0, 1), "the reaper alone");
    }
}

#[tokio::test(start_paused = true)]
async fn its_time_may_be_none_or_without_end() {
    let stage = Stage::new(PoolConfig::new().unread_grace(Duration::ZERO));
    let (peer, _sender) = dropped(&stage).await;
    assert!(peer.is_dropped());
    assert_eq!(ends(&stage), ["connection_released c1", "connection_closed a1 c1 unread"]);

    let stage = Stage::new(PoolConfig::new().unread_grace(Duration::MAX));
    let (_, sender) = dropped(&stage).await;
    after(3600 * SECOND).await;
    sender.end();
    run_until_idle().await;
    assert_eq!(stage.pool.stats().idle, 1);
}

#[tokio::test(start_paused = true)]
async fn one_that_breaks_closes_it() {
    let stage = Stage::new(PoolConfig::new());
    let (peer, sender) = dropped(&stage).await;
    sender.fail("the line broke");
    run_until_idle().await;
    assert!(peer.is_dropped());
    // The peer has reported its end first, and that the response was cut.
    let mut ends = ends(&stage);
    ends.sort();
    assert_eq!(ends, ["connection_closed a1 c1 unread", "connection_released c1"]);
}

/// Its own limits may be shorter.
#[tokio::test(start_paused = true)]
async fn the_connection_may_give_up_before() {
    let stage = Stage::new(PoolConfig::new());
    let (peer, _sender) = dropped(&stage).await;
    peer.close(skybridge_core::CloseReason::Protocol);
    run_until_idle().await;
    assert!(peer.is_dropped());
    assert!(ends(&stage).contains(&"connection_closed a1 c1 protocol".to_owned()), "{:?}", ends(&stage));
}

#[tokio::test(start_paused = true)]
async fn who_waits_has_the_connection_next_or_one_in_its_place() {
    for comes in [true, false] {
        let stage = Stage::new(PoolConfig::new().max_per_origin(1));
        let (peer, sender) = dropped(&stage).await;
        let next = stage.call(A);
        after(20 * MILLISECOND).await;
        assert_eq!(
            (stage.pool.stats().waiting, stage.below.connects(), peer.started()),
            (1, 1, 1),
            "its slot is taken"
        );
        if comes {
            sender.end();
            run_until_idle().await;
            peer.exchange().await.respond(200, "");
            assert_eq!(read(done(next).await).await, 1);
        } else {
            stage.connected(Facts::h1()).await.exchange().await.respond(200, "");
            assert_eq!(read(done(next).await).await, 2);
            assert!(peer.is_dropped());
        }
    }
}

/// What is one too many costs no more than before.
#[tokio::test(start_paused = true)]
async fn not_for_a_connection_that_would_not_be_kept() {
    let stage = Stage::new(PoolConfig::new().max_requests(1));
    let (peer, _sender) = dropped(&stage).await;
    assert!(peer.is_dropped());

    let stage = Stage::new(PoolConfig::new());
    let call = stage.call(A);
    let peer = stage.connected(Facts::h1().drains()).await;
    let _sender = peer.exchange().await.begin(200);
    let answer = done(call).await;
    stage.pool.close();
    drop(answer);
    run_until_idle().await;
    assert!(peer.is_dropped());
}

#[tokio::test(start_paused = true)]
async fn an_evicted_one_closes_when_it_comes_back() {
    let stage = Stage::new(PoolConfig::new());
    let (peer, sender) = dropped(&stage).await;
    stage.pool.evict_all();
    sender.end();
    run_until_idle().await;
    assert!(peer.is_dropped());
    assert_eq!(ends(&stage), ["connection_released c1", "connection_closed a1 c1 evicted"]);
}

#[tokio::test(start_paused = true)]
async fn no_more_than_256_at_once() {
    let stage = Stage::new(PoolConfig::new());
    let mut all = Vec::new();
    for _ in 0..257 {
        all.push(dropped_at_once(&stage).await);
    }
    run_until_idle().await;
    let open = || all.iter().filter(|(peer, _)| !peer.is_dropped()).count();
    assert_eq!((open(), all[256].0.is_dropped(), stage.pool.stats().active), (256, true, 256));
    after(100 * MILLISECOND).await;
    assert_eq!((open(), stage.pool.stats().active), (0, 0));
    let (peer, sender) = dropped(&stage).await;
    sender.end();
    run_until_idle().await;
    assert_eq!((peer.is_dropped(), stage.pool.stats().idle), (false, 1), "there is a place again");
}

/// As [`dropped`], in no time.
async fn dropped_at_once(stage: &Stage) -> (Peer<Sent>, Sender) {
    let call = stage.call(A);
    let peer = stage.below.connecting().await.succeed(Facts::h1().drains());
    let sender = peer.exchange().await.begin(401);
    drop(done(call).await);
    (peer, sender)
}

#[tokio::test(start_paused = true)]
async fn with_the_pool_it_ends_at_once() {
    for close in [true, false] {
        let stage = Stage::new(PoolConfig::new());
        let (peer, _sender) = dropped(&stage).await;
        let Stage { executor, pool, recorder, .. } = stage;
        if close {
            pool.close();
            run_until_idle().await;
            assert_eq!(pool.stats(), Default::default());
        }
        drop(pool);
        executor.assert_idle().await;
        assert!(peer.is_dropped());
        let closed: Vec<_> = recorder.lines().into_iter().filter(|line| line.contains("closed")).collect();
        assert_eq!(closed, ["connection_closed a1 c1 shutdown"]);
    }
}

#[tokio::test(start_paused = true)]
async fn nor_does_it_begin_after_the_pools_end() {
    for close in [true, false] {
        let stage = Stage::new(PoolConfig::new());
        let call = stage.call(A);
        let peer = stage.connected(Facts::h1().drains()).await;
        let _sender = peer.exchange().await.begin(200);
        let answer = done(call).await;
        let Stage { executor, pool, .. } = stage;
        if close {
            pool.close();
        }
        drop((pool, answer));
        executor.assert_idle().await;
        assert!(peer.is_dropped());
    }
}

/// Its request is not over either: once the response is, or its time, that has what is left of its own.
#[tokio::test(start_paused = true)]
async fn the_request_keeps_its_own_time() {
    for taken in [true, false] {
        let stage = Stage::new(PoolConfig::new());
        let call = stage.send(post(A));
        let peer = stage.connected(Facts::h1().drains()).await;
        let exchange = peer.exchange().await;
        peer.hold();
        let sender = exchange.begin(413);
        drop(done(call).await);
        sender.end();
        after(SECOND).await;
        assert_eq!((peer.is_dropped(), stage.pool.stats().active), (false, 1));
        if taken {
            peer.release();
            run_until_idle().await;
            assert_eq!(stage.get(A).await, 1);
        } else {
            after(4 * SECOND).await;
            assert_eq!(ends(&stage), ["connection_released c1", "connection_closed a1 c1 upload_stalled"]);
        }
    }
}

/// Nobody else waits for a response that nobody reads.
#[tokio::test(start_paused = true)]
async fn another_request_takes_another_connection_if_it_may() {
    let stage = Stage::new(PoolConfig::new());
    let (_, sender) = dropped(&stage).await;
    let next = stage.call(A);
    let second = stage.connected(Facts::h1()).await;
    sender.end();
    second.exchange().await.respond(200, "");
    assert_eq!(read(done(next).await).await, 2);
    run_until_idle().await;
    assert_eq!(stage.pool.stats().idle, 2);
}
