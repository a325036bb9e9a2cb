//! Time limits, on virtual time: each names its phase, and says whether anything was sent.

use crate::stage::*;
use http_body_util::BodyExt;
use skybridge_core::{Cause, Delivery, Error, Phase, RequestOptions, Timeouts};
use skybridge_pool::PoolConfig;
use skybridge_testkit::{executor::run_until_idle, fake::Facts};
use std::time::Duration;
use tokio::time::Instant;

fn timeouts(change: impl FnOnce(&mut Timeouts)) -> Timeouts {
    let mut timeouts = Timeouts::new();
    change(&mut timeouts);
    timeouts
}

fn timed_out(error: &Error, phase: Phase, delivery: Delivery) {
    assert_eq!((error.phase(), error.delivery(), error.is_timeout()), (phase, delivery, true), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn waiting_in_the_queue() {
    let limit = timeouts(|timeouts| timeouts.pool_wait = Some(3 * SECOND));
    let stage = Stage::with(|layer| layer.config(PoolConfig::new().max_per_origin(1)).timeouts(limit));
    let first = stage.call(A);
    let peer = stage.connected(Facts::h1()).await;
    let start = Instant::now();
    let error = came_back(stage.call(A)).await;
    timed_out(&error, Phase::Acquire, Delivery::Unsent);
    assert!(matches!(error.cause(), Cause::TimedOut(over) if over.limit == 3 * SECOND));
    assert_eq!((start.elapsed(), stage.pool.stats().waiting), (3 * SECOND, 0));
    peer.exchange().await.respond(200, "");
    read(done(first).await).await;
}

#[tokio::test(start_paused = true)]
async fn a_response_head() {
    for (facts, url, open) in [(Facts::h1(), A, 0), (Facts::h2(5), SECURE, 1)] {
        let stage = Stage::with(|layer| layer.timeouts(timeouts(|timeouts| timeouts.response_head = Some(SECOND))));
        let call = stage.call(url);
        let peer = stage.connected(facts).await;
        let mut exchange = peer.exchange().await;
        let failed = failed(call).await;
        timed_out(&failed.error, Phase::Wait, Delivery::Unknown);
        assert!(failed.error.connection().is_some() && !failed.has_request());
        exchange.cancelled().await;
        assert_eq!((stage.below.open(), stage.pool.stats().idle), (open, open), "HTTP/1.1 can only close");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_in_a_body() {
    let stage = Stage::with(|layer| layer.timeouts(timeouts(|timeouts| timeouts.read_idle = Some(2 * SECOND))));
    let call = stage.call(A);
    let peer = stage.connected(Facts::h1()).await;
    let sender = peer.exchange().await.begin(200);
    let mut body = done(call).await.into_body();
    let feeding = tokio::spawn(async move {
        for _ in 0..5 {
            tokio::time::sleep(SECOND * 3 / 2).await;
            sender.data("x");
        }
        sender
    });
    for _ in 0..5 {
        body.frame().await.unwrap().unwrap();
    }
    // A reader that takes its time is no silence of the peer.
    let sender = feeding.await.unwrap();
    after(10 * SECOND).await;
    sender.data("y");
    body.frame().await.unwrap().unwrap();
    let start = Instant::now();
    timed_out(&body.frame().await.unwrap().unwrap_err(), Phase::Body, Delivery::Unknown);
    assert_eq!(start.elapsed(), 2 * SECOND);
    assert!(sender.is_dropped() || peer.is_dropped());
}

#[tokio::test(start_paused = true)]
async fn plan_and_connect_together() {
    let stage = Stage::new(PoolConfig::new().connect_timeout(5 * SECOND));
    stage.below.hold_plans();
    let calls = [stage.call(SECURE), stage.call(SECURE)];
    let start = Instant::now();
    let planning = stage.below.planning().await;
    after(4 * SECOND).await;
    planning.answer([skybridge_testkit::fixtures::endpoint("192.0.2.1:443")]);
    let mut connect = stage.below.connecting().await;
    for call in calls {
        let error = came_back(call).await;
        assert!(error.is_timeout() && error.is_connect(), "{error:?}");
    }
    assert_eq!(start.elapsed(), 5 * SECOND);
    connect.cancelled().await;
}

#[tokio::test(start_paused = true)]
async fn one_callers_limit_does_not_end_what_others_wait_for() {
    let stage = Stage::new(PoolConfig::new().backup_connect(Duration::MAX));
    let short = |change: fn(&mut Timeouts)| stage.options(SECURE, RequestOptions::new().timeouts(timeouts(change)));
    // The short one begins the connect; the other one joins it.
    let (first, second) =
        (short(|timeouts| timeouts.connect = Some(SECOND)), short(|timeouts| timeouts.pool_wait = Some(SECOND)));
    let long = stage.call(SECURE);
    let start = Instant::now();
    timed_out(&came_back(first).await, Phase::Acquire, Delivery::Unsent);
    timed_out(&came_back(second).await, Phase::Acquire, Delivery::Unsent);
    assert_eq!(start.elapsed(), SECOND);
    after(5 * SECOND).await;
    stage.connected(Facts::h2(5)).await.exchange().await.respond(200, "");
    assert_eq!((read(done(long).await).await, stage.below.connects()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_its_own_goes_before_the_pools() {
    let stage = Stage::with(|layer| layer.timeouts(timeouts(|timeouts| timeouts.response_head = Some(SECOND))));
    let call = stage
        .options(A, RequestOptions::new().timeouts(timeouts(|timeouts| timeouts.response_head = Some(60 * SECOND))));
    let peer = stage.connected(Facts::h1()).await;
    let exchange = peer.exchange().await;
    after(30 * SECOND).await;
    exchange.respond(200, "");
    done(call).await;
    run_until_idle().await;
}
