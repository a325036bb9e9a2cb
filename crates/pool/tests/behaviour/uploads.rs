//! Requests that outlive their responses, and connections that are not ready: nobody else waits for what a peer doesn't
//! take, or a caller doesn't send.

use crate::stage::*;
use http_body_util::{BodyExt, Full};
use skybridge_core::{Cause, CloseReason, Delivery, Phase, RequestOptions, TimedOut, Timeouts};
use skybridge_pool::PoolConfig;
use skybridge_testkit::{
    executor::run_until_idle,
    fake::{Facts, Peer},
};
use std::time::Duration;

fn closed(stage: &Stage) -> Vec<String> {
    stage.recorder.lines().into_iter().filter(|line| line.contains("closed")).collect()
}

/// However small it is: nobody knows when it comes.
fn small(url: &str) -> http::Request<Sent> {
    http::Request::post(url).body(Full::from("12345")).unwrap()
}

/// Answered, and the response read to its end, while the request is still being sent.
async fn answered_early(stage: &Stage, url: &str, facts: Facts) -> Peer<Sent> {
    let call = stage.send(small(url));
    let peer = stage.connected(facts).await;
    let exchange = peer.exchange().await;
    peer.hold();
    exchange.respond(413, "no");
    read(done(call).await).await;
    run_until_idle().await;
    peer
}

fn both() -> [(fn() -> Facts, &'static str); 2] {
    [(Facts::h1, A), (|| Facts::h2(1), SECURE)]
}

#[tokio::test(start_paused = true)]
async fn a_connection_whose_request_is_not_over_is_not_idle_however_small_that_is() {
    let stage = Stage::new(PoolConfig::new());
    let first = answered_early(&stage, A, Facts::h1()).await;
    assert_eq!((stage.pool.stats().idle, stage.pool.stats().active), (0, 1));
    let next = stage.call(A);
    stage.connected(Facts::h1()).await.exchange().await.respond(200, "");
    assert_eq!(read(done(next).await).await, 2);
    first.release();
    run_until_idle().await;
    assert_eq!((stage.pool.stats().idle, first.started()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn the_rest_of_a_request_has_its_time_and_is_then_given_up() {
    for (grace, config) in [
        (5 * SECOND, PoolConfig::new()),
        (5 * SECOND, PoolConfig::okhttp()),
        (60 * SECOND, PoolConfig::new().upload_grace(60 * SECOND)),
        (Duration::ZERO, PoolConfig::new().upload_grace(Duration::ZERO)),
    ] {
        for (facts, url) in both() {
            let stage = Stage::new(config.clone().max_per_origin(1));
            let peer = answered_early(&stage, url, facts()).await;
            let next = stage.call(url);
            if !grace.is_zero() {
                after(grace - Duration::from_millis(10)).await;
                assert_eq!((peer.handles(), stage.pool.stats().active), (if url == A { 1 } else { 2 }, 1));
            }
            after(Duration::from_millis(10)).await;
            if url == A {
                assert!(peer.is_dropped(), "{grace:?}");
                assert_eq!(closed(&stage), ["connection_closed a1 c1 upload_stalled"]);
                stage.connected(facts()).await.exchange().await.respond(200, "");
                assert_eq!(read(done(next).await).await, 2);
            } else {
                // The stream alone.
                peer.release();
                peer.exchange().await.respond(200, "");
                assert_eq!(read(done(next).await).await, 1);
                assert!(closed(&stage).is_empty());
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_over_in_time_is_kept() {
    for (facts, url) in both() {
        let stage = Stage::new(PoolConfig::new());
        let peer = answered_early(&stage, url, facts()).await;
        after(4 * SECOND).await;
        peer.release();
        after(10 * SECOND).await;
        assert_eq!((stage.pool.stats().idle, stage.pool.stats().streams, closed(&stage).len()), (1, 0, 0));
        assert_eq!(stage.get(url).await, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_may_be_without_end() {
    let stage = Stage::new(PoolConfig::new().upload_grace(Duration::MAX));
    let peer = answered_early(&stage, A, Facts::h1()).await;
    after(3600 * SECOND).await;
    assert!(!peer.is_dropped());
    peer.release();
    run_until_idle().await;
    assert_eq!(stage.pool.stats().idle, 1);
}

#[tokio::test(start_paused = true)]
async fn close_ends_what_is_left_of_a_request_at_once() {
    for (facts, url) in both() {
        let stage = Stage::new(PoolConfig::new());
        let peer = answered_early(&stage, url, facts()).await;
        stage.pool.close();
        run_until_idle().await;
        assert!(peer.is_dropped());
        assert_eq!(closed(&stage), ["connection_closed a1 c1 shutdown"]);
        stage.executor.assert_idle().await;
        assert_eq!(stage.pool.stats(), Default::default());
    }
}

/// Its response is under way: that runs to its end, and no longer.
#[tokio::test(start_paused = true)]
async fn after_close_no_request_outlives_its_response() {
    for (facts, url) in both() {
        let stage = Stage::new(PoolConfig::new());
        let call = stage.send(small(url));
        let peer = stage.connected(facts()).await;
        let exchange = peer.exchange().await;
        peer.hold();
        let sender = exchange.begin(200);
        let body = done(call).await.into_body();
        stage.pool.close();
        sender.data("to the end");
        sender.end();
        assert_eq!(body.collect().await.unwrap().to_bytes(), "to the end");
        assert!(peer.is_dropped());
        stage.executor.assert_idle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn with_the_last_handle_gone_a_request_still_has_its_time_and_leaves_nothing() {
    for over in [true, false] {
        for (facts, url) in both() {
            let stage = Stage::new(PoolConfig::new());
            let peer = answered_early(&stage, url, facts()).await;
            let Stage { executor, pool, recorder, .. } = stage;
            drop(pool);
            after(4 * SECOND).await;
            assert_eq!((peer.is_dropped(), executor.tasks()), (false, 1));
            if over {
                peer.release();
                run_until_idle().await;
            } else {
                after(SECOND).await;
            }
            assert!(peer.is_dropped());
            executor.assert_idle().await;
            let closed: Vec<_> = recorder.lines().into_iter().filter(|line| line.contains("closed")).collect();
            let reason = if over || url == SECURE { "shutdown" } else { "upload_stalled" };
            assert_eq!(closed, [format!("connection_closed a1 c1 {reason}")]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn many_uploads_that_nobody_takes_leave_nothing_behind() {
    let stage = Stage::new(PoolConfig::new());
    let peer = stage.warm(SECURE, Facts::h2(1000)).await;
    let before = stage.executor.tasks();
    let calls: Vec<_> = (0..300).map(|_| stage.send(small(SECURE))).collect();
    run_until_idle().await;
    peer.hold();
    for call in calls {
        peer.exchange().await.respond(413, "");
        read(done(call).await).await;
    }
    assert_eq!((stage.pool.stats().streams, peer.handles()), (300, 301));
    after(5 * SECOND).await;
    assert_eq!((stage.pool.stats().streams, peer.handles(), stage.executor.tasks()), (0, 1, before));
}

/// It was idle, and is found not to be ready: it is passed by for the one beside it, and comes back.
#[tokio::test(start_paused = true)]
async fn when_a_connection_is_not_ready_another_is_taken() {
    let stage = Stage::new(PoolConfig::new());
    let (first, second) = (stage.call(A), stage.call(A));
    let (good, bad) = (stage.connected(Facts::h1()).await, stage.connected(Facts::h1()).await);
    for (peer, call) in [(&good, first), (&bad, second)] {
        peer.exchange().await.respond(200, "");
        read(done(call).await).await;
    }
    assert_eq!(stage.pool.stats().idle, 2);
    // The one used last is taken first.
    bad.hold();
    let next = stage.call(A);
    good.exchange().await.respond(200, "");
    assert_eq!(read(done(next).await).await, 1, "it waits for a connection that is not ready");
    assert_eq!((stage.below.connects(), stage.pool.stats().idle, stage.pool.stats().active), (2, 1, 1));
    bad.release();
    run_until_idle().await;
    assert_eq!((stage.pool.stats().idle, bad.started(), closed(&stage).len()), (2, 1, 0));
    stage.recorder.assert_balanced();
}

/// And no longer than a request may outlive its response.
#[tokio::test(start_paused = true)]
async fn a_connection_that_never_gets_ready_again_is_closed() {
    let stage = Stage::new(PoolConfig::new());
    let bad = stage.warm(A, Facts::h1()).await;
    bad.hold();
    let next = stage.call(A);
    stage.connected(Facts::h1()).await.exchange().await.respond(200, "");
    assert_eq!(read(done(next).await).await, 2);
    after(6 * SECOND).await;
    assert!(bad.is_dropped());
    assert_eq!(closed(&stage), ["connection_closed a1 c1 upload_stalled"]);
}

/// What only lags is waited for; but not for longer than a connection may be.
#[tokio::test(start_paused = true)]
async fn the_limit_of_the_wait_holds_until_the_connection_is_ready() {
    let mut timeouts = Timeouts::new();
    timeouts.pool_wait = Some(SECOND);
    for new in [false, true] {
        let stage = Stage::new(PoolConfig::new());
        let peer = if new { None } else { Some(stage.warm(A, Facts::h1()).await) };
        if let Some(peer) = &peer {
            peer.lag();
        }
        let call = stage.options(A, RequestOptions::new().timeouts(timeouts.clone()));
        let peer = match peer {
            Some(peer) => peer,
            None => {
                after(SECOND / 2).await;
                let peer = stage.below.connecting().await.succeed(Facts::h1());
                peer.lag();
                run_until_idle().await;
                peer
            }
        };
        after(SECOND / 4).await;
        assert!(!call.is_finished());
        after(SECOND).await;
        assert!(call.is_finished(), "new {new}: it waits without end");
        let error = came_back(call).await;
        assert_eq!((error.phase(), error.delivery()), (Phase::Acquire, Delivery::Unsent));
        assert!(matches!(error.cause(), Cause::TimedOut(TimedOut { phase: Phase::Acquire, limit: SECOND })));
        peer.release();
        assert_eq!((peer.started(), stage.pool.stats().idle), (u64::from(!new) as usize, 1));
    }
}

/// It counts from when the wait began, however often something was found dead since.
#[tokio::test(start_paused = true)]
async fn what_is_found_dead_does_not_lengthen_the_wait() {
    let mut timeouts = Timeouts::new();
    timeouts.pool_wait = Some(SECOND);
    let stage = Stage::new(PoolConfig::new());
    let peer = stage.warm(A, Facts::h1()).await;
    peer.lag();
    let call = stage.options(A, RequestOptions::new().timeouts(timeouts));
    after(SECOND * 3 / 4).await;
    peer.close(CloseReason::PeerFin);
    let _connect = stage.below.connecting().await;
    after(SECOND / 2).await;
    assert!(call.is_finished(), "it waits anew");
    assert!(matches!(came_back(call).await.cause(), Cause::TimedOut(_)));
}

/// A connect has its own time, which is over when it is.
#[tokio::test(start_paused = true)]
async fn the_limit_of_a_connect_is_not_that_of_the_wait_after_it() {
    let mut timeouts = Timeouts::new();
    timeouts.connect = Some(SECOND);
    let stage = Stage::new(PoolConfig::new());
    let call = stage.options(A, RequestOptions::new().timeouts(timeouts));
    run_until_idle().await;
    let peer = stage.below.connecting().await.succeed(Facts::h1());
    peer.lag();
    after(10 * SECOND).await;
    assert!(!call.is_finished());
    peer.release();
    peer.exchange().await.respond(200, "");
    read(done(call).await).await;
}
