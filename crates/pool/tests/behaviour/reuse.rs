//! Sequential requests share a connection; what is dead is found before it is used.

use crate::stage::*;
use skybridge_core::CloseReason;
use skybridge_pool::PoolConfig;
use skybridge_testkit::{executor::run_until_idle, fake::Facts};

#[tokio::test(start_paused = true)]
async fn sequential_requests_are_on_one_connection() {
    for facts in [Facts::h1 as fn() -> Facts, || Facts::h2(100)] {
        let stage = Stage::easy(PoolConfig::new(), facts);
        for _ in 0..5 {
            assert_eq!(stage.get(SECURE).await, 1);
        }
        let peer = &stage.below.peers()[0];
        assert_eq!((stage.below.connects(), peer.started(), stage.pool.stats().idle), (1, 5, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn the_most_recently_used_goes_first() {
    let stage = Stage::new(PoolConfig::new());
    let calls = [stage.call(A), stage.call(A), stage.call(A)];
    let mut peers = Vec::new();
    for _ in &calls {
        peers.push(stage.connected(Facts::h1()).await);
    }
    for (call, i) in calls.into_iter().zip([1, 2, 0]) {
        // Which call has which connection doesn't matter here, only in which order they come back.
        peers[i].exchange().await.respond(200, "");
        run_until_idle().await;
        drop(call);
    }
    peers.iter().for_each(|peer| peer.answer_all());
    run_until_idle().await;
    assert_eq!(stage.pool.stats().idle, 3);
    assert_eq!(stage.get(A).await, peers[0].info().id.unwrap().0);
}

#[tokio::test(start_paused = true)]
async fn each_origin_has_its_own() {
    let stage = Stage::easy(PoolConfig::new(), Facts::h1);
    assert_eq!((stage.get(A).await, stage.get(B).await, stage.get("http://A.test:80/x").await), (1, 2, 1));
    assert_eq!(stage.pool.stats().origins, 2);
}

#[tokio::test(start_paused = true)]
async fn a_connection_found_dead_at_hand_out_costs_nothing_but_another_look() {
    let stage = Stage::new(PoolConfig::new());
    let peer = stage.warm(A, Facts::h1()).await;
    // The last probe is the only one to notice: nothing was reported.
    peer.lag();
    let call = stage.call(A);
    run_until_idle().await;
    assert_eq!(peer.started(), 1);
    peer.close(CloseReason::PeerFin);
    let peer = stage.connected(Facts::h1()).await;
    peer.exchange().await.respond(200, "");
    assert_eq!(read(done(call).await).await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_closes_every_connection_is_not_asked_for_ever() {
    let stage = Stage::new(PoolConfig::new());
    let call = stage.call(A);
    for _ in 0..20 {
        run_until_idle().await;
        let Some(connect) = stage.below.try_connecting() else { break };
        let peer = connect.succeed(Facts::h1());
        peer.lag();
        run_until_idle().await;
        peer.close(CloseReason::PeerFin);
    }
    assert!(call.is_finished());
    came_back(call).await;
    assert!(stage.below.connects() < 12, "{}", stage.below.connects());
}

#[tokio::test(start_paused = true)]
async fn a_fin_while_idle_removes_it_at_once() {
    for facts in [Facts::h1(), Facts::h2(5)] {
        let stage = Stage::new(PoolConfig::new());
        let peer = stage.warm(SECURE, facts).await;
        assert_eq!(stage.pool.stats().idle, 1);
        peer.close(CloseReason::PeerFin);
        assert_eq!((stage.pool.stats().idle, stage.pool.stats().origins), (0, 0));
        assert!(peer.is_dropped());
        assert_eq!(stage.recorder.lines().last().unwrap(), "connection_closed a1 c1 peer_fin");
    }
}
