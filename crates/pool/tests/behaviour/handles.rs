//! Handles, the end of a pool, and what is left of it: nothing.

use crate::stage::*;
use http_body_util::BodyExt;
use skybridge_core::{Cause, Delivery};
use skybridge_pool::{PoolConfig, PoolLayer};
use skybridge_testkit::{executor::run_until_idle, fake::Facts};
use tower_layer::Layer;
use tower_service::Service;

#[tokio::test(start_paused = true)]
async fn the_last_handle_ends_all_but_bodies_under_way() {
    for (facts, url) in [(Facts::h1(), A), (Facts::h2(5), SECURE)] {
        let stage = Stage::new(PoolConfig::new());
        let idle = stage.warm(B, Facts::h1()).await;
        let call = stage.call(url);
        let busy = stage.connected(facts).await;
        let sender = busy.exchange().await.begin(200);
        let body = done(call).await.into_body();
        let mut cold = Box::pin(stage.pool.clone().call(get("http://c.test")));
        assert!(tokio::time::timeout(SECOND, cold.as_mut()).await.is_err());
        let mut connect = stage.below.connecting().await;
        drop(cold);
        let Stage { executor, pool, recorder, .. } = stage;
        drop(pool);
        run_until_idle().await;
        assert!(idle.is_dropped());
        connect.cancelled().await;
        assert_eq!((busy.is_dropped(), executor.tasks()), (false, 0));
        sender.data("to the end");
        sender.end();
        assert_eq!(body.collect().await.unwrap().to_bytes(), "to the end");
        assert!(busy.is_dropped());
        executor.assert_idle().await;
        let closed = recorder.lines().into_iter().filter(|line| line.contains("closed")).collect::<Vec<_>>();
        assert_eq!(closed, ["connection_closed a1 c1 shutdown", "connection_closed a1 c2 shutdown"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_under_way_is_a_handle_too() {
    let stage = Stage::new(PoolConfig::new());
    let call = stage.call(A);
    run_until_idle().await;
    let Stage { executor, below, pool, .. } = stage;
    drop(pool);
    let peer = below.connecting().await.succeed(Facts::h1());
    peer.exchange().await.respond(200, "");
    read(done(call).await).await;
    run_until_idle().await;
    assert!(peer.is_dropped());
    executor.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn memory_is_back_after_the_last_idle_limit() {
    let stage = Stage::easy(PoolConfig::new(), || Facts::h2(5));
    for i in 0..200 {
        stage.get(&format!("https://host{i}.test")).await;
    }
    assert_eq!((stage.pool.stats().origins, stage.pool.stats().idle), (200, 200));
    after(51 * SECOND).await;
    assert_eq!((stage.pool.stats(), stage.below.open()), (Default::default(), 0));
    // The reaper has nothing to look after any more, and comes back when there is.
    after(60 * SECOND).await;
    stage.executor.assert_idle().await;
    stage.get(A).await;
    after(51 * SECOND).await;
    assert_eq!(stage.pool.stats(), Default::default());
}

#[tokio::test(start_paused = true)]
async fn an_origin_is_removed_only_with_nothing_in_it() {
    let stage = Stage::new(PoolConfig::new());
    let origins = || stage.pool.stats().origins;
    let call = stage.call(A);
    run_until_idle().await;
    assert_eq!(origins(), 1, "a waiter and a connect");
    let peer = stage.connected(Facts::h1()).await;
    let sender = peer.exchange().await.begin(200);
    let answer = done(call).await;
    assert_eq!(origins(), 1, "a connection in use");
    sender.end();
    read(answer).await;
    assert_eq!(origins(), 1, "an idle one");
    peer.close(skybridge_core::CloseReason::PeerFin);
    assert_eq!(origins(), 0);
    let call = stage.call(A);
    run_until_idle().await;
    call.abort();
    run_until_idle().await;
    assert_eq!((origins(), stage.executor.tasks()), (0, 1), "only the reaper waits for its time");
}

#[tokio::test(start_paused = true)]
async fn a_closed_pool_tells_all_who_wait_and_all_who_come() {
    let stage = Stage::new(PoolConfig::new().max_per_origin(1));
    let call = stage.call(A);
    let peer = stage.connected(Facts::h1()).await;
    let (queued, cold) = (stage.call(A), stage.call(SECURE));
    run_until_idle().await;
    let connect = stage.below.connecting().await;
    stage.pool.close();
    for call in [queued, cold, stage.call(A)] {
        assert!(matches!(came_back(call).await.cause(), Cause::Closed));
    }
    run_until_idle().await;
    assert!(connect.is_cancelled());
    peer.exchange().await.respond(200, "to the end");
    read(done(call).await).await;
    run_until_idle().await;
    assert!(peer.is_dropped());
    stage.executor.assert_idle().await;
    assert_eq!(stage.pool.stats(), Default::default());
}

#[tokio::test(start_paused = true)]
async fn each_layer_call_is_a_pool_of_its_own_and_clones_share_one() {
    let stage = Stage::easy(PoolConfig::new(), Facts::h1);
    stage.get(A).await;
    let clone = stage.pool.clone();
    assert_eq!(clone.stats().idle, 1);
    let layer = PoolLayer::<Sent>::shared(stage.executor.runtime());
    let (one, other) = (layer.layer(stage.below.clone()), layer.clone().layer(stage.below.clone()));
    let _call = tokio::spawn(one.clone().call(get(A)));
    run_until_idle().await;
    assert_eq!((one.stats().active, other.stats().active), (1, 0));
    assert!(format!("{one:?}{layer:?}").contains("PoolStats"));
}

#[tokio::test(start_paused = true)]
async fn nobody_hangs_when_the_runtime_is_gone() {
    let stage = Stage::new(PoolConfig::new());
    let calls = [stage.call(A), stage.call(SECURE), stage.call(SECURE)];
    run_until_idle().await;
    let Stage { executor, pool, below, .. } = stage;
    drop(executor);
    for call in calls {
        came_back(call).await;
    }
    let late = tokio::spawn(pool.clone().call(get(A)));
    let error = came_back(late).await;
    assert_eq!((error.delivery(), pool.stats().waiting), (Delivery::Unsent, 0));
    assert_eq!(below.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_pool_is_always_ready_and_does_nothing_before_the_first_poll() {
    let mut stage = Stage::new(PoolConfig::new().max_per_origin(1).max_waiting_per_origin(0));
    std::future::poll_fn(|cx| stage.pool.poll_ready(cx)).await.unwrap();
    let exchange = stage.pool.call(get(A));
    run_until_idle().await;
    assert_eq!((stage.pool.stats().origins, stage.below.plans(), stage.executor.spawned()), (0, 0, 0));
    drop(exchange);
}

fn is_send<T: Send + 'static>(_: &T) {}

#[tokio::test(start_paused = true)]
async fn everything_can_be_sent_to_another_thread() {
    let stage = Stage::new(PoolConfig::new());
    is_send(&stage.pool);
    is_send(&stage.pool.clone().call(get(A)));
}
