//! Connects: shared, failed together, given up, first come first served.

use crate::stage::*;
use skybridge_core::{Cause, ConnectError, Error, Phase, PhaseGuard};
use skybridge_pool::PoolConfig;
use skybridge_testkit::{
    executor::run_until_idle,
    fake::{Connect, Facts},
    fixtures,
};
use std::error::Error as _;

/// It has got as far as a socket.
fn socket(connect: &Connect<Sent>) {
    let ctx = connect.route().ctx();
    let attempt = connect.route().attempt(fixtures::endpoint("192.0.2.1:80")).id;
    let _ = PhaseGuard::begin(ctx, Phase::Tcp, Some(attempt)).done();
}

#[tokio::test(start_paused = true)]
async fn http1_connects_for_each() {
    let stage = Stage::new(PoolConfig::new());
    let calls: Vec<_> = (0..5).map(|_| stage.call(A)).collect();
    run_until_idle().await;
    assert_eq!((stage.below.connects(), stage.pool.stats().connecting), (5, 5));
    for _ in &calls {
        stage.connected(Facts::h1()).await;
    }
    for peer in stage.below.peers() {
        peer.exchange().await.respond(200, "");
    }
    let mut numbers = Vec::new();
    for call in calls {
        numbers.push(read(done(call).await).await);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    assert!(stage.below.peers().iter().all(|peer| peer.max_in_flight() <= 1));
    assert_eq!(stage.pool.stats().connecting, 0);
}

#[tokio::test(start_paused = true)]
async fn so_many_connects_at_once_and_no_more() {
    let stage = Stage::new(PoolConfig::new().max_connecting_per_origin(2));
    let calls: Vec<_> = (0..4).map(|_| stage.call(A)).collect();
    run_until_idle().await;
    assert_eq!(stage.below.connects(), 2);
    for i in 0..calls.len() {
        stage.connected(Facts::h1()).await;
        assert_eq!((stage.below.connects(), stage.below.open()), ((i + 3).min(4), i + 1));
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_protocol_is_asked_for_once_and_http1_fans_out_then() {
    let stage = Stage::new(PoolConfig::new());
    let calls: Vec<_> = (0..4).map(|_| stage.call(SECURE)).collect();
    run_until_idle().await;
    assert_eq!(stage.below.connects(), 1);
    let first = stage.connected(Facts::h1()).await;
    assert_eq!((stage.below.connects(), first.in_flight()), (4, 1));
    for _ in 0..3 {
        stage.connected(Facts::h1()).await;
    }
    for peer in stage.below.peers() {
        peer.exchange().await.respond(200, "");
    }
    for call in calls {
        read(done(call).await).await;
    }
    let again: Vec<_> = (0..5).map(|_| stage.call(SECURE)).collect();
    run_until_idle().await;
    assert_eq!(stage.below.connects(), 5, "what it spoke last time is remembered");
    drop(again);
}

fn text(error: &Error) -> String {
    match error.cause() {
        Cause::Connect(error) => error.root_cause().to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_search_fails_all_who_had_joined_with_one_error_and_nobody_else() {
    let stage = Stage::new(PoolConfig::new());
    let calls: Vec<_> = (0..10).map(|_| stage.call(SECURE)).collect();
    run_until_idle().await;
    stage.below.connecting().await.fail(ConnectError::new(Phase::Tls, "a bad certificate"));
    let mut sources = Vec::new();
    for call in calls {
        let error = came_back(call).await;
        assert_eq!((error.phase(), text(&error).as_str()), (Phase::Tls, "a bad certificate"));
        let Cause::Connect(shared) = error.cause() else { panic!() };
        sources.push(std::ptr::from_ref(shared.root_cause()).cast::<()>());
        assert!(error.source().is_some());
    }
    assert!(sources.iter().all(|source| *source == sources[0]), "one error, shared");
    assert_eq!((stage.below.connects(), stage.pool.stats().origins), (1, 0));
    let later = stage.call(SECURE);
    stage.connected(Facts::h2(9)).await.exchange().await.respond(200, "");
    done(later).await;
}

#[tokio::test(start_paused = true)]
async fn who_fails_alone_takes_nobody_along() {
    let stage = Stage::new(PoolConfig::new());
    let mut calls = vec![stage.call(A), stage.call(A), stage.call(A)];
    run_until_idle().await;
    stage.below.connecting().await.fail(ConnectError::new(Phase::Tcp, "refused"));
    run_until_idle().await;
    came_back(calls.remove(0)).await;
    assert!(calls.iter().all(|call| !call.is_finished()));
}

#[tokio::test(start_paused = true)]
async fn first_come_first_served() {
    for (facts, url) in [(Facts::h1 as fn() -> Facts, A), (|| Facts::h2(1), SECURE)] {
        let stage = Stage::new(PoolConfig::new().max_per_origin(1));
        let mut calls = Vec::new();
        for i in 0..6 {
            calls.push(stage.call(&format!("{url}{i}")));
            run_until_idle().await;
        }
        let peer = stage.connected(facts()).await;
        // Those in the middle and at the end leave.
        calls.remove(5).abort();
        calls.remove(2).abort();
        for (call, i) in calls.into_iter().zip([0, 1, 3, 4]) {
            let exchange = peer.exchange().await;
            assert_eq!(exchange.request().uri().path(), format!("/{i}"));
            // Who comes now waits behind the others.
            exchange.respond(200, "");
            read(done(call).await).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_that_comes_first_serves_who_waited_longest() {
    let stage = Stage::new(PoolConfig::new());
    let first = stage.call(A);
    let peer = stage.connected(Facts::h1()).await;
    let exchange = peer.exchange().await;
    let second = stage.call(A);
    run_until_idle().await;
    let connect = stage.below.connecting().await;
    assert!(!connect.is_cancelled());
    exchange.respond(200, "");
    read(done(first).await).await;
    peer.exchange().await.respond(200, "");
    assert_eq!(read(done(second).await).await, 1);
    run_until_idle().await;
    assert!(connect.is_cancelled(), "nobody waits for the other connection any more, and it had no socket");
    assert_eq!((stage.pool.stats().connecting, stage.pool.stats().idle), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_connect_goes_on_for_those_who_have_none() {
    let stage = Stage::new(PoolConfig::new().max_per_origin(2));
    let first = stage.call(A);
    let peer = stage.connected(Facts::h1()).await;
    let (second, third) = (stage.call(A), stage.call(A));
    run_until_idle().await;
    let connect = stage.below.connecting().await;
    // The first connection comes back and serves the second call: the third takes over its connect.
    peer.exchange().await.respond(200, "");
    read(done(first).await).await;
    run_until_idle().await;
    assert!(!connect.is_cancelled());
    connect.succeed(Facts::h1()).exchange().await.respond(200, "");
    assert_eq!(read(done(third).await).await, 2);
    assert!(!second.is_finished());
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_not_stranded_when_the_connect_of_another_is_given_up() {
    let stage = Stage::new(PoolConfig::new().max_per_origin(1));
    let (first, second) = (stage.call(A), stage.call(A));
    run_until_idle().await;
    first.abort();
    run_until_idle().await;
    stage.connected(Facts::h1()).await.exchange().await.respond(200, "");
    done(second).await;
    assert_eq!(stage.below.peers().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_connect_without_a_socket_is_given_up_with_its_last_ticket() {
    let stage = Stage::new(PoolConfig::new());
    let (first, second) = (stage.call(SECURE), stage.call(SECURE));
    run_until_idle().await;
    let connect = stage.below.connecting().await;
    first.abort();
    run_until_idle().await;
    assert!(!connect.is_cancelled(), "one request is left");
    second.abort();
    run_until_idle().await;
    assert!(connect.is_cancelled());
    assert_eq!((stage.executor.tasks(), stage.pool.stats()), (0, Default::default()));
}

#[tokio::test(start_paused = true)]
async fn a_connect_with_a_socket_is_finished_and_pooled() {
    let stage = Stage::new(PoolConfig::new());
    let call = stage.call(SECURE);
    run_until_idle().await;
    let connect = stage.below.connecting().await;
    socket(&connect);
    call.abort();
    run_until_idle().await;
    assert!(!connect.is_cancelled());
    connect.succeed(Facts::h2(5));
    run_until_idle().await;
    assert_eq!(stage.pool.stats().idle, 1);
    assert_eq!((stage.get(SECURE).await, stage.below.connects()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_nobody_waits_for_is_given_up() {
    let stage = Stage::new(PoolConfig::new());
    stage.below.hold_plans();
    let call = stage.call(SECURE);
    let planning = stage.below.planning().await;
    call.abort();
    run_until_idle().await;
    assert!(planning.is_cancelled());
    let call = stage.call(SECURE);
    stage.below.planning().await.fail(ConnectError::new(Phase::Resolve, "no such host"));
    assert_eq!(text(&came_back(call).await), "no such host");
}

#[tokio::test(start_paused = true)]
async fn what_was_delivered_to_a_dropped_request_goes_to_the_next() {
    for (facts, url) in [(Facts::h1 as fn() -> Facts, A), (|| Facts::h2(1), SECURE)] {
        let stage = Stage::new(PoolConfig::new().max_per_origin(1));
        let mut first = Box::pin(tower_service::Service::call(&mut stage.pool.clone(), get(url)));
        assert!(futures_poll(first.as_mut()).is_pending());
        let second = stage.call(url);
        run_until_idle().await;
        let peer = stage.connected(facts()).await;
        assert_eq!(peer.started(), 0, "it is the first one's, which has not looked");
        drop(first);
        peer.exchange().await.respond(200, "");
        done(second).await;
        assert_eq!(stage.below.connects(), 1);
    }
}

fn futures_poll<F: Future + ?Sized>(future: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
    future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_dead_on_arrival_fails_its_connect() {
    let stage = Stage::new(PoolConfig::new());
    let call = stage.call(SECURE);
    run_until_idle().await;
    let connect = stage.below.connecting().await;
    connect.succeed(Facts::h2(5)).close(skybridge_core::CloseReason::PeerFin);
    run_until_idle().await;
    let failed = call.await.unwrap();
    assert!(failed.is_err() || stage.below.connects() > 1);
    assert_eq!((stage.pool.stats().idle, stage.below.open()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_thousand_at_once_need_no_time_for_each_other() {
    let stage = Stage::new(PoolConfig::new().max_per_origin(1));
    let calls: Vec<_> = (0..5000).map(|_| stage.call(SECURE)).collect();
    run_until_idle().await;
    assert_eq!((stage.below.connects(), stage.pool.stats().waiting), (1, 5000));
    stage.connected(Facts::h2(10_000)).await.answer_all();
    stage.below.peers()[0].answer_all();
    run_until_idle().await;
    assert_eq!(stage.below.peers()[0].started(), 5000);
    drop(calls);
}
