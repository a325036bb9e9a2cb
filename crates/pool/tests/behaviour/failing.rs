//! Connects that fail one after the other: who learns of which, and who waits for how long.

use crate::stage::*;
use skybridge_core::{ConnectError, ConnectionStatus, Phase};
use skybridge_pool::{AtConnectionLimit, PoolConfig};
use skybridge_testkit::{executor::run_until_idle, fake::Facts};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

fn refused() -> ConnectError {
    ConnectError::new(Phase::Tcp, "refused")
}

impl Stage {
    /// A call whose connects fail; how many there were.
    async fn fails(&self, url: &str) -> usize {
        let (call, before) = (self.call(url), self.below.connects());
        while !call.is_finished() {
            run_until_idle().await;
            match self.below.try_connecting() {
                Some(connect) => connect.fail(refused()),
                None => after(MS).await,
            }
        }
        failed(call).await;
        self.below.connects() - before
    }

    fn pauses(&self) -> usize {
        self.recorder.lines().iter().filter(|line| line.contains("backoff_start")).count()
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_idle_elsewhere_makes_room_when_the_pause_is_over() {
    let stage = Stage::new(PoolConfig::new().max_total(1).at_connection_limit(AtConnectionLimit::Refuse));
    for _ in 0..2 {
        stage.fails(A).await;
    }
    let idle = stage.warm(B, Facts::h1()).await;
    let call = stage.call(A);
    run_until_idle().await;
    assert_eq!((stage.below.try_connecting().map(drop), idle.is_dropped()), (None, false), "it pauses");
    stage.connected(Facts::h1()).await.exchange().await.respond(200, "");
    assert!(idle.is_dropped());
    done(call).await;
}

/// A balancer with a dead backend: what fails on it fails alone.
#[tokio::test(start_paused = true)]
async fn who_comes_after_a_failure_waits_for_no_connect_from_before() {
    let stage = Stage::new(PoolConfig::new().max_connecting_per_origin(4));
    let calls: Vec<_> = (0..20).map(|_| stage.call(A)).collect();
    run_until_idle().await;
    let mut connects = Vec::new();
    while let Some(connect) = stage.below.try_connecting() {
        connects.push(connect);
    }
    assert_eq!(connects.len(), 4);
    let mut connects = connects.into_iter();
    connects.next().unwrap().fail(refused());
    run_until_idle().await;
    let next = stage.below.connecting().await;
    connects.next().unwrap().fail(refused());
    run_until_idle().await;
    stage.below.connect_all(|_| Facts::h1());
    for connect in connects.chain([next]) {
        connect.succeed(Facts::h1());
    }
    let mut lost = 0;
    for call in calls {
        run_until_idle().await;
        stage.answer();
        match call.await.unwrap() {
            Ok(answer) => _ = read(answer).await,
            Err(_) => lost += 1,
        }
    }
    assert_eq!(lost, 2, "those whose own connects failed");
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_ends_in_a_pause_makes_the_next_no_longer() {
    let stage = Stage::new(PoolConfig::new().connect_timeout(500 * MS));
    while stage.pauses() < 12 {
        stage.fails(A).await;
    }
    stage.below.connect_all(|_| Facts::h1());
    let mut tries = 0;
    loop {
        let call = stage.call(A);
        after(501 * MS).await;
        stage.answer();
        run_until_idle().await;
        if call.await.unwrap().is_ok() {
            break;
        }
        tries += 1;
        assert!(tries <= 5, "no pause is longer than 2 s");
    }
}

#[tokio::test(start_paused = true)]
async fn slow_failures_are_in_a_row_too() {
    let stage = Stage::new(PoolConfig::new().backup_connect(Duration::MAX));
    for pauses in [0, 0, 1, 2] {
        let call = stage.call(A);
        run_until_idle().await;
        after(1000 * MS).await;
        assert_eq!(stage.pauses(), pauses);
        let connect = stage.below.connecting().await;
        after(20_000 * MS).await;
        connect.fail(refused());
        failed(call).await;
    }
}

#[tokio::test(start_paused = true)]
async fn any_response_of_a_new_connection_ends_it() {
    let stage = Stage::new(PoolConfig::new());
    for _ in 0..8 {
        stage.fails(SECURE).await;
    }
    let slow = stage.call(SECURE);
    after(2001 * MS).await;
    let peer = stage.connected(Facts::h2(2)).await;
    let _slow = peer.exchange().await;
    let quick = stage.call(SECURE);
    peer.exchange().await.respond(200, "");
    read(done(quick).await).await;
    let (one, two) = (stage.call(SECURE), stage.call(SECURE));
    run_until_idle().await;
    assert!(stage.below.try_connecting().is_some(), "at once");
    drop((slow, one, two));
}

#[tokio::test(start_paused = true)]
async fn after_a_pause_idle_connections_of_others_make_room_before_anybody_is_refused() {
    let config = PoolConfig::new().max_total(1).at_connection_limit(AtConnectionLimit::Refuse);
    let stage = Stage::new(config);
    for _ in 0..8 {
        stage.fails(A).await;
    }
    let waits = stage.call(A);
    run_until_idle().await;
    assert!(stage.below.try_connecting().is_none());
    let idle = stage.warm(B, Facts::h1()).await;
    after(2001 * MS).await;
    assert!(idle.is_dropped());
    stage.connected(Facts::h1()).await.exchange().await.respond(200, "");
    read(done(waits).await).await;
}

#[tokio::test(start_paused = true)]
async fn where_limits_refuse_a_suspect_connection_is_waited_for() {
    let config = PoolConfig::new().max_per_origin(1).at_connection_limit(AtConnectionLimit::Refuse);
    let stage = Stage::new(config);
    let peer = stage.warm(SECURE, Facts::h2(9)).await;
    peer.status(ConnectionStatus::Suspect);
    let call = stage.call(SECURE);
    run_until_idle().await;
    assert!(!call.is_finished());
    peer.status(ConnectionStatus::Healthy);
    peer.exchange().await.respond(200, "");
    read(done(call).await).await;
}
