//! The lease in the body: when a connection comes back, and when it doesn't.

use crate::stage::*;
use http_body_util::BodyExt;
use skybridge_pool::PoolConfig;
use skybridge_testkit::{executor::run_until_idle, fake::Facts};

fn closed(stage: &Stage) -> Vec<String> {
    stage.recorder.lines().into_iter().filter(|line| line.contains("closed")).collect()
}

#[tokio::test(start_paused = true)]
async fn an_early_answer_does_not_make_a_connection_free() {
    for read_it in [true, false] {
        let stage = Stage::new(PoolConfig::new());
        let call = stage.send(post(A));
        let peer = stage.connected(Facts::h1()).await;
        let exchange = peer.exchange().await;
        peer.hold();
        exchange.respond(200, if read_it { "early" } else { "" });
        let answer = done(call).await;
        if read_it {
            read(answer).await;
        }
        run_until_idle().await;
        assert_eq!((stage.pool.stats().idle, stage.pool.stats().active), (0, 1), "the request is not over");
        peer.release();
        run_until_idle().await;
        assert_eq!((stage.pool.stats().idle, closed(&stage).len()), (1, 0));
        assert_eq!(stage.get(A).await, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_lags_behind_does_not_make_the_next_request_connect() {
    let stage = Stage::new(PoolConfig::new());
    let call = stage.call(A);
    let peer = stage.connected(Facts::h1()).await;
    let exchange = peer.exchange().await;
    peer.lag();
    exchange.respond(200, "all of it");
    read(done(call).await).await;
    let next = stage.call(A);
    run_until_idle().await;
    assert_eq!((stage.below.connects(), peer.started()), (1, 1), "it waits for the driver");
    peer.release();
    run_until_idle().await;
    assert_eq!((stage.below.connects(), peer.started()), (1, 2));
    drop(next);
}

#[tokio::test(start_paused = true)]
async fn a_slot_is_free_only_when_request_and_response_have_ended() {
    let stage = Stage::new(PoolConfig::new().max_per_origin(1));
    let (first, second) = (stage.send(post(SECURE)), stage.call(SECURE));
    let peer = stage.connected(Facts::h2(1)).await;
    let sender = peer.exchange().await.begin(200);
    let answer = done(first).await;
    run_until_idle().await;
    assert_eq!(peer.started(), 1, "the response has not ended");
    sender.data("all");
    sender.end();
    peer.hold();
    read(answer).await;
    run_until_idle().await;
    assert_eq!((peer.started(), stage.pool.stats().streams), (1, 1), "the request has not ended");
    peer.release();
    run_until_idle().await;
    assert_eq!((peer.started(), peer.max_in_flight()), (2, 1));
    drop(second);
}

#[tokio::test(start_paused = true)]
async fn a_body_read_in_part_and_dropped_closes_http1() {
    let stage = Stage::new(PoolConfig::new());
    let call = stage.call(A);
    let peer = stage.connected(Facts::h1()).await;
    let sender = peer.exchange().await.begin(200);
    sender.data("half");
    let mut answer = done(call).await;
    assert_eq!(answer.body_mut().frame().await.unwrap().unwrap().into_data().unwrap(), "half");
    drop(answer);
    run_until_idle().await;
    assert!(peer.is_dropped());
    assert_eq!((closed(&stage), stage.pool.stats().origins), (vec!["connection_closed a1 c1 unread".to_owned()], 0));
}

#[tokio::test(start_paused = true)]
async fn what_has_arrived_already_is_thrown_away_and_the_connection_kept() {
    let stage = Stage::new(PoolConfig::new());
    let call = stage.call(A);
    let peer = stage.connected(Facts::h1()).await;
    peer.exchange().await.respond(200, "a page that nobody reads");
    drop(done(call).await);
    assert_eq!((stage.pool.stats().idle, peer.is_dropped()), (1, false));
}

#[tokio::test(start_paused = true)]
async fn not_without_end() {
    for frames in [1, 100] {
        let stage = Stage::new(PoolConfig::new());
        let call = stage.call(A);
        let peer = stage.connected(Facts::h1()).await;
        let sender = peer.exchange().await.begin(200);
        for _ in 0..frames {
            sender.data(vec![0; 100_000 / frames]);
        }
        sender.end();
        drop(done(call).await);
        assert!(peer.is_dropped(), "{frames} frames are too much to throw away");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_dropped_early_frees_its_stream() {
    let stage = Stage::new(PoolConfig::new().max_per_origin(1));
    let (first, second) = (stage.call(SECURE), stage.call(SECURE));
    let peer = stage.connected(Facts::h2(1)).await;
    let sender = peer.exchange().await.begin(200);
    drop(done(first).await);
    peer.exchange().await.respond(200, "");
    assert_eq!(read(done(second).await).await, 1);
    assert!(sender.is_dropped() && !peer.is_dropped());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_closes_http1_and_not_http2() {
    for (facts, url, open) in [(Facts::h1(), A, 0), (Facts::h2(5), SECURE, 1)] {
        let stage = Stage::new(PoolConfig::new());
        let call = stage.call(url);
        let peer = stage.connected(facts).await;
        let sender = peer.exchange().await.begin(200);
        sender.data("half");
        sender.fail("the line broke");
        let error = done(call).await.into_body().collect().await.unwrap_err();
        assert_eq!((error.phase(), error.delivery()), (skybridge_core::Phase::Body, skybridge_core::Delivery::Unknown));
        assert!(error.connection().is_some());
        assert_eq!((stage.pool.stats().idle, stage.below.open()), (open, open));
    }
}

#[tokio::test(start_paused = true)]
async fn an_exchange_that_fails_closes_http1_and_not_http2() {
    for (facts, url, open) in [(Facts::h1(), A, 0), (Facts::h2(5), SECURE, 1)] {
        let stage = Stage::new(PoolConfig::new());
        let call = stage.call(url);
        let peer = stage.connected(facts).await;
        peer.exchange().await.fail(skybridge_core::Delivery::Unknown);
        let failed = failed(call).await;
        assert_eq!(failed.error.connection().unwrap().id.unwrap().0, 1);
        assert_eq!((stage.pool.stats().idle, stage.below.open()), (open, open));
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_dropped_while_it_waits_for_its_answer_cancels_it() {
    for (facts, url, open) in [(Facts::h1(), A, 0), (Facts::h2(5), SECURE, 1)] {
        let stage = Stage::new(PoolConfig::new());
        let call = stage.call(url);
        let peer = stage.connected(facts).await;
        let mut exchange = peer.exchange().await;
        call.abort();
        exchange.cancelled().await;
        run_until_idle().await;
        assert_eq!((stage.pool.stats().idle, stage.below.open(), peer.in_flight()), (open, open, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn an_upgraded_connection_leaves_the_pool() {
    let stage = Stage::new(PoolConfig::new().max_per_origin(1));
    let call = stage.call(A);
    let peer = stage.connected(Facts::h1()).await;
    let sender = peer.exchange().await.begin(101);
    let answer = done(call).await;
    assert_eq!(stage.pool.stats().idle + stage.pool.stats().active, 0);
    let other = stage.call(A);
    stage.connected(Facts::h1()).await.exchange().await.respond(200, "");
    read(done(other).await).await;
    assert!(!peer.is_dropped(), "it is its user's, and the pool has no limit for it");
    drop((answer, sender));
    run_until_idle().await;
    assert!(peer.is_dropped());
    assert_eq!(closed(&stage), ["connection_closed a1 c1 upgraded"]);
}

#[tokio::test(start_paused = true)]
async fn a_default_body_is_empty_and_of_no_connection() {
    let call = {
        let stage = Stage::easy(PoolConfig::new(), Facts::h1);
        let call = stage.call(A);
        run_until_idle().await;
        stage.below.peers()[0].exchange().await.begin(200).data("x");
        done(call).await
    };
    assert!(call.body().connection().is_some(), "the facts outlive the pool");
}
