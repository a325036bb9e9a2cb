//! Given up at every point at which it can be given up, a request leaves nothing behind.

use crate::stage::*;
use http_body_util::BodyExt;
use skybridge_pool::PoolConfig;
use skybridge_testkit::{
    drop_walk::{DropPoint, drop_walk},
    executor::run_until_idle,
    fake::{Facts, Peer},
};
use tower_service::Service;

type Protocol = (fn() -> Facts, &'static str);

const ALL: [Protocol; 3] = [(Facts::h1, A), (|| Facts::h1().drains(), A), (|| Facts::h2(1), SECURE)];

/// A world in which every connect takes a while, and every answer is streamed.
fn world(config: PoolConfig, facts: fn() -> Facts) -> Stage {
    let stage = Stage::new(config);
    let below = stage.below.clone();
    tokio::spawn(async move {
        loop {
            let connect = below.connecting().await;
            tokio::time::sleep(SECOND).await;
            tokio::spawn(serve(connect.succeed(facts())));
        }
    });
    stage
}

async fn serve(peer: Peer<Sent>) {
    loop {
        let exchange = tokio::select! {
            exchange = peer.exchange() => exchange,
            () = peer.dropped() => return,
        };
        tokio::task::yield_now().await;
        let sender = exchange.begin(200);
        for _ in 0..2 {
            tokio::time::sleep(SECOND).await;
            sender.data("part");
        }
        sender.end();
    }
}

async fn trip(mut pool: Pool, url: &'static str) {
    let answer = pool.call(get(url)).await.unwrap();
    answer.into_body().collect().await.unwrap();
}

/// Everything works as before, and then nothing is left.
async fn check(stage: Stage, url: &'static str, moment: DropPoint) {
    trip(stage.pool.clone(), url).await;
    after(30 * SECOND).await;
    let stats = stage.pool.stats();
    let busy = (stats.connecting, stats.active, stats.draining, stats.streams, stats.waiting);
    assert_eq!(busy, (0, 0, 0, 0, 0), "{moment}");
    assert_eq!(stats.idle, stage.below.open(), "{moment}: every connection that is open is known");
    after(60 * SECOND).await;
    assert_eq!((stage.pool.stats(), stage.below.open()), (Default::default(), 0), "{moment}");
    stage.recorder.assert_balanced();
    let [acquired, released] = ["connection_acquired", "connection_released"].map(|name| stage.recorder.count(name));
    assert_eq!(acquired, released, "{moment}");
    let Stage { executor, pool, .. } = stage;
    drop(pool);
    executor.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_cold_request() {
    for (facts, url) in ALL {
        let build = async || {
            let stage = world(PoolConfig::new(), facts);
            let pool = stage.pool.clone();
            (stage, trip(pool, url))
        };
        let walked = drop_walk(build, async |stage, moment| check(stage, url, moment).await).await;
        assert!(walked.drops >= 8, "{walked:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_warm_request() {
    for (facts, url) in ALL {
        let build = async || {
            let stage = world(PoolConfig::new(), facts);
            trip(stage.pool.clone(), url).await;
            let pool = stage.pool.clone();
            (stage, trip(pool, url))
        };
        drop_walk(build, async |stage, moment| check(stage, url, moment).await).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_joins_or_waits_at_a_limit() {
    for (facts, url) in ALL {
        for config in [PoolConfig::new(), PoolConfig::new().max_per_origin(1), PoolConfig::new().max_total(1)] {
            let build = async || {
                let stage = world(config.clone(), facts);
                let first = tokio::spawn(trip(stage.pool.clone(), url));
                run_until_idle().await;
                let pool = stage.pool.clone();
                ((stage, first), trip(pool, url))
            };
            drop_walk(build, async |(stage, first), moment| {
                first.await.unwrap();
                check(stage, url, moment).await;
            })
            .await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_others_wait_behind() {
    for (facts, url) in ALL {
        let build = async || {
            let stage = world(PoolConfig::new().max_per_origin(1), facts);
            let (pool, behind) = (stage.pool.clone(), stage.pool.clone());
            let scenario = async move {
                // It is polled first, so it comes first.
                let mut first = Box::pin(trip(pool, url));
                std::future::poll_fn(|cx| {
                    assert!(first.as_mut().poll(cx).is_pending());
                    std::task::Poll::Ready(())
                })
                .await;
                first.await;
            };
            let behind = async move {
                run_until_idle().await;
                trip(behind, url).await;
            };
            ((stage, tokio::spawn(behind)), scenario)
        };
        drop_walk(build, async |(stage, behind), moment| {
            behind.await.unwrap();
            check(stage, url, moment).await;
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_goes_with_its_last_request() {
    for (facts, url) in ALL {
        let build = async || {
            let Stage { executor, below, pool, recorder } = world(PoolConfig::new(), facts);
            ((executor, below, recorder), trip(pool, url))
        };
        drop_walk(build, async |(executor, below, recorder), moment| {
            after(10 * SECOND).await;
            executor.assert_idle().await;
            assert_eq!(below.open(), 0, "{moment}");
            recorder.assert_balanced();
        })
        .await;
    }
}
