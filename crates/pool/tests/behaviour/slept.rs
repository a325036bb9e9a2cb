//! The machine slept: the wall clock is far ahead of the runtime's, and nobody knows which peers are still there.

use crate::stage::*;
use skybridge_core::{CloseReason, ConnectionStatus};
use skybridge_pool::{PoolConfig, PoolLayer};
use skybridge_testkit::{
    executor::{Executor, run_until_idle},
    fake::{Facts, Peer},
    observe::Recorder,
};
use tower_layer::Layer;

const TEN_MINUTES: i64 = 600;

/// Without an observer, so that no request has to read the clock.
fn unobserved(facts: fn() -> Facts) -> Stage {
    unobserved_with(PoolConfig::new(), facts)
}

fn unobserved_with(config: PoolConfig, facts: fn() -> Facts) -> Stage {
    let (executor, below) = (Executor::new(), Planner::new());
    below.connect_all(move |_| facts());
    let pool = PoolLayer::shared(executor.runtime()).config(config).layer(below.clone());
    Stage { executor, below, pool, recorder: Recorder::new() }
}

fn h2() -> Facts {
    Facts::h2(100)
}

/// The first connection, which is idle.
async fn warm(stage: &Stage, url: &str) -> Peer<Sent> {
    assert_eq!(stage.get(url).await, 1);
    stage.below.peers().remove(0)
}

/// Until the reaper has looked: from then on the next request compares the clocks.
async fn some_seconds() {
    after(4 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn the_first_request_after_it_takes_no_connection_from_before() {
    for (facts, url) in [(Facts::h1 as fn() -> Facts, A), (h2, SECURE)] {
        for stage in [unobserved(facts), Stage::easy(PoolConfig::new(), facts)] {
            stage.get(url).await;
            some_seconds().await;
            assert_eq!(stage.get(url).await, 1);
            some_seconds().await;
            stage.executor.move_wall_clock(TEN_MINUTES);
            assert_eq!(stage.get(url).await, 2, "{url}");
            assert_eq!(stage.get(url).await, 2, "once");
        }
    }
}

/// An observer, or a limit of its own: the clock is read for it anyway, so that it knows at once.
#[tokio::test(start_paused = true)]
async fn a_request_for_which_the_clock_is_read_compares_it_each_time() {
    for (facts, url) in [(Facts::h1 as fn() -> Facts, A), (h2, SECURE)] {
        let stage = Stage::easy(PoolConfig::new(), facts);
        for connection in 1..=3 {
            assert_eq!(stage.get(url).await, connection);
            assert_eq!(stage.get(url).await, connection);
            stage.executor.move_wall_clock(TEN_MINUTES);
        }
    }
}

/// The looks are few while nothing is used, and there is one soon after each use.
#[tokio::test(start_paused = true)]
async fn the_first_request_finds_it_out_also_where_connections_may_be_idle_for_long() {
    for (facts, url) in [(Facts::h1 as fn() -> Facts, A), (h2, SECURE)] {
        for idle in [SECOND, 1_000 * SECOND] {
            let stage = unobserved_with(PoolConfig::new().idle_timeout(std::time::Duration::MAX), facts);
            for connection in 1..=3 {
                assert_eq!(stage.get(url).await, connection);
                after(idle).await;
                assert_eq!(stage.get(url).await, connection, "after {idle:?}");
                after(21 * SECOND).await;
                stage.executor.move_wall_clock(TEN_MINUTES);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_request_it_is_noticed_within_seconds() {
    let stage = unobserved(Facts::h1);
    let idle = warm(&stage, A).await;
    stage.executor.move_wall_clock(TEN_MINUTES);
    some_seconds().await;
    assert!(idle.is_dropped());
    assert_eq!(stage.pool.stats(), Default::default());
}

#[tokio::test(start_paused = true)]
async fn exclusive_ones_that_are_idle_are_closed_as_stale_at_every_origin() {
    let stage = Stage::easy(PoolConfig::new(), Facts::h1);
    assert_eq!((stage.get(A).await, stage.get(B).await), (1, 2));
    stage.executor.move_wall_clock(TEN_MINUTES);
    assert_eq!(stage.get(A).await, 3);
    run_until_idle().await;
    let closed: Vec<_> = stage.recorder.lines().into_iter().filter(|line| line.contains("_closed")).collect();
    assert_eq!(closed.len(), 2, "{closed:?}");
    assert!(closed.iter().all(|line| line.ends_with(CloseReason::Stale.as_str())), "{closed:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_in_use_goes_on_and_is_kept() {
    for (facts, url) in [(Facts::h1 as fn() -> Facts, A), (h2, SECURE)] {
        let stage = Stage::new(PoolConfig::new());
        let call = stage.call(url);
        let peer = stage.connected(facts()).await;
        stage.executor.move_wall_clock(TEN_MINUTES);
        some_seconds().await;
        peer.status(ConnectionStatus::Healthy);
        peer.exchange().await.respond(200, "");
        assert_eq!(read(done(call).await).await, 1);
        assert_eq!((stage.get(url).await, stage.below.connects()), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_shared_one_is_used_again_when_its_peer_has_answered() {
    let stage = unobserved(h2);
    let peer = warm(&stage, SECURE).await;
    some_seconds().await;
    stage.executor.move_wall_clock(TEN_MINUTES);
    assert_eq!(stage.get(SECURE).await, 2);
    stage.below.peers()[1].close(CloseReason::PeerFin);
    peer.status(ConnectionStatus::Healthy);
    assert_eq!((stage.get(SECURE).await, stage.below.connects()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn where_no_other_may_be_opened_its_answer_is_waited_for() {
    let stage = Stage::with(|layer| layer.config(PoolConfig::new().max_per_origin(1)));
    let peer = stage.warm(SECURE, h2()).await;
    stage.executor.move_wall_clock(TEN_MINUTES);
    let call = stage.call(SECURE);
    run_until_idle().await;
    assert_eq!((peer.started(), stage.pool.stats().waiting), (1, 1));
    peer.status(ConnectionStatus::Healthy);
    peer.exchange().await.respond(200, "");
    assert_eq!(read(done(call).await).await, 1);
}

/// The origin that asks first is not the one that the connection was opened for.
#[tokio::test(start_paused = true)]
async fn one_of_another_name_is_not_used_either() {
    let both = || Facts::h2(50).covers(["one.test", "two.test"]);
    let stage = unobserved(both);
    assert_eq!((stage.get("https://one.test/").await, stage.get("https://two.test/").await), (1, 1));
    some_seconds().await;
    stage.executor.move_wall_clock(TEN_MINUTES);
    assert_eq!(stage.get("https://two.test/").await, 2);
}

#[tokio::test(start_paused = true)]
async fn one_that_was_made_after_it_is_as_good_as_any() {
    for (facts, url) in [(Facts::h1 as fn() -> Facts, A), (h2, SECURE)] {
        let stage = unobserved(facts);
        stage.get(url).await;
        // Nothing is open, and nobody looks at the clocks.
        after(60 * SECOND).await;
        stage.executor.move_wall_clock(TEN_MINUTES);
        assert_eq!(stage.get(url).await, 2);
        some_seconds().await;
        assert_eq!((stage.get(url).await, stage.below.connects()), (2, 2));
    }
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_is_set_back_or_drifts_is_nothing() {
    for (facts, url) in [(Facts::h1 as fn() -> Facts, A), (h2, SECURE)] {
        for seconds in [-TEN_MINUTES, -1, 1, 5] {
            for stage in [unobserved(facts), Stage::easy(PoolConfig::new(), facts)] {
                for _ in 0..10 {
                    assert_eq!(stage.get(url).await, 1, "{seconds} s");
                    some_seconds().await;
                    stage.executor.move_wall_clock(seconds);
                }
            }
        }
    }
}
