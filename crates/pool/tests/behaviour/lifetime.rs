//! How long connections live, and why they end.

use crate::stage::*;
use skybridge_core::CloseReason;
use skybridge_pool::PoolConfig;
use skybridge_testkit::{executor::run_until_idle, fake::Facts};
use std::time::Duration;

fn ends(stage: &Stage) -> Vec<String> {
    let ended = |line: &String| line.contains("_closed") || line.contains("_draining");
    stage.recorder.lines().into_iter().filter(ended).map(|line| line["connection_".len()..].to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_lives_so_long_and_no_longer() {
    for (facts, url) in [(Facts::h1 as fn() -> Facts, A), (|| Facts::h2(5), SECURE)] {
        let stage = Stage::easy(PoolConfig::new().idle_timeout(50 * SECOND), facts);
        stage.get(url).await;
        after(44 * SECOND).await;
        assert_eq!(stage.get(url).await, 1, "its idle time begins anew");
        after(44 * SECOND).await;
        assert_eq!(stage.pool.stats().idle, 1);
        after(7 * SECOND).await;
        assert_eq!((stage.pool.stats(), stage.below.open()), (Default::default(), 0));
        assert!(ends(&stage).last().unwrap().ends_with("c1 idle"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_in_use_is_not_idle() {
    for (facts, url) in [(Facts::h1(), A), (Facts::h2(5), SECURE)] {
        let stage = Stage::new(PoolConfig::new().idle_timeout(SECOND));
        let call = stage.call(url);
        let peer = stage.connected(facts).await;
        after(100 * SECOND).await;
        peer.exchange().await.respond(200, "");
        assert_eq!(read(done(call).await).await, 1);
        assert_eq!(stage.pool.stats().idle, 1);
        after(2 * SECOND).await;
        assert_eq!(stage.pool.stats().idle, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn so_many_idle_connections_and_the_oldest_goes_first() {
    let stage = Stage::easy(PoolConfig::okhttp(), || Facts::h2(5));
    for i in 1..=7 {
        assert_eq!(stage.get(&format!("https://host{i}.test")).await, i);
        after(SECOND).await;
    }
    assert_eq!((stage.pool.stats().idle, stage.below.open()), (5, 5), "HTTP/2 counts too");
    assert_eq!(
        ends(&stage),
        ["draining a1 c1 evicted", "closed a1 c1 evicted", "draining a1 c2 evicted", "closed a1 c2 evicted"]
    );
    after(Duration::from_secs(301)).await;
    assert_eq!(stage.pool.stats(), Default::default());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_kept_when_nothing_may_be() {
    for config in [PoolConfig::new().max_idle(0), PoolConfig::new().idle_timeout(Duration::ZERO)] {
        for (facts, url) in [(Facts::h1 as fn() -> Facts, A), (|| Facts::h2(5), SECURE)] {
            let stage = Stage::easy(config.clone(), facts);
            assert_eq!((stage.get(url).await, stage.get(url).await), (1, 2));
            assert_eq!((stage.pool.stats().idle, stage.below.open()), (0, 0));
            let _call = stage.call(url);
            after(SECOND).await;
        }
    }
}

/// What `max_idle(0)` promises: nothing stays unused. Who waits is not made to open another.
#[tokio::test(start_paused = true)]
async fn with_no_idle_connections_a_finished_one_still_goes_to_who_waits() {
    for (facts, url) in [(Facts::h1 as fn() -> Facts, A), (|| Facts::h2(1), SECURE)] {
        let stage = Stage::new(PoolConfig::new().max_idle(0).max_per_origin(1));
        let (first, second) = (stage.call(url), stage.call(url));
        let peer = stage.connected(facts()).await;
        peer.exchange().await.respond(200, "");
        assert_eq!(read(done(first).await).await, 1);
        assert_eq!((peer.started(), peer.is_dropped()), (2, false));
        peer.exchange().await.respond(200, "");
        assert_eq!(read(done(second).await).await, 1);
        run_until_idle().await;
        assert!(peer.is_dropped());
    }
}

/// For those who want a new connection for each request, `max_requests(1)`: whoever waits, and whoever may share.
#[tokio::test(start_paused = true)]
async fn with_one_request_per_connection_none_is_used_again() {
    for config in [PoolConfig::new(), PoolConfig::new().max_per_origin(3), PoolConfig::new().max_total(3)] {
        for (facts, url) in [(Facts::h1 as fn() -> Facts, A), (|| Facts::h2(100), SECURE)] {
            let stage = Stage::easy(config.clone().max_requests(1), facts);
            let calls: Vec<_> = (0..50).map(|_| stage.call(url)).collect();
            let mut numbers = Vec::new();
            for call in calls {
                run_until_idle().await;
                stage.below.peers().iter().for_each(|peer| {
                    peer.answer_all();
                    peer.try_exchange().into_iter().for_each(|exchange| exchange.respond(200, ""));
                });
                numbers.push(read(done(call).await).await);
            }
            numbers.sort_unstable();
            assert_eq!(numbers, (1..=50).collect::<Vec<_>>());
            assert!(stage.below.peers().iter().all(|peer| peer.started() == 1 && peer.is_dropped()));
        }
    }
}

/// A limit on requests is one on those that were promised a place on the connection, not only on those that are there.
#[tokio::test(start_paused = true)]
async fn nobody_is_promised_a_connection_that_will_have_carried_its_last() {
    for most in [1, 2, 3] {
        let stage = Stage::easy(PoolConfig::new().max_requests(most), || Facts::h2(100));
        let calls: Vec<_> = (0..60).map(|_| stage.call(SECURE)).collect();
        run_until_idle().await;
        stage.below.peers().iter().for_each(|peer| {
            std::iter::from_fn(|| peer.try_exchange()).for_each(|exchange| exchange.respond(200, ""));
        });
        for call in calls {
            read(done(call).await).await;
        }
        assert_eq!(stage.below.connects() as u64, 60 / most);
        assert!(stage.below.peers().iter().all(|peer| peer.started() as u64 == most));
    }
}

#[tokio::test(start_paused = true)]
async fn who_was_promised_the_last_request_of_a_connection_and_leaves_gives_it_to_the_next() {
    let stage = Stage::new(PoolConfig::new().max_requests(1));
    let mut first = Box::pin(tower_service::Service::call(&mut stage.pool.clone(), get(SECURE)));
    let polled = first.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    assert!(polled.is_pending());
    let peer = stage.connected(Facts::h2(5)).await;
    drop(first);
    peer.answer_all();
    assert_eq!((stage.get(SECURE).await, stage.below.connects()), (1, 1));
}

/// It had the connection by then, which was not ready.
#[tokio::test(start_paused = true)]
async fn a_request_that_leaves_before_it_began_takes_none_of_the_connections_requests() {
    let stage = Stage::easy(PoolConfig::new().max_requests(2), || Facts::h2(5));
    assert_eq!(stage.get(SECURE).await, 1);
    let peer = stage.below.peers().remove(0);
    peer.hold();
    let left = stage.call(SECURE);
    run_until_idle().await;
    assert_eq!((stage.pool.stats().idle, peer.started()), (0, 1));
    left.abort();
    run_until_idle().await;
    peer.release();
    assert_eq!((stage.get(SECURE).await, stage.below.connects()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn so_many_idle_per_origin() {
    let stage = Stage::new(PoolConfig::new().max_idle_per_origin(2));
    let calls: Vec<_> = (0..4).map(|_| stage.call(A)).collect();
    for _ in &calls {
        stage.connected(Facts::h1()).await;
    }
    stage.warm(B, Facts::h1()).await;
    for peer in stage.below.peers() {
        if let Some(exchange) = peer.try_exchange() {
            exchange.respond(200, "");
        }
    }
    for call in calls {
        read(done(call).await).await;
    }
    assert_eq!(stage.pool.stats().idle, 3);
}

#[tokio::test(start_paused = true)]
async fn a_connection_gets_only_so_old() {
    for (facts, url) in [(Facts::h1 as fn() -> Facts, A), (|| Facts::h2(5), SECURE)] {
        let stage = Stage::easy(PoolConfig::new().max_age(20 * SECOND).idle_timeout(15 * SECOND), facts);
        for _ in 0..8 {
            assert_eq!(stage.get(url).await, 1);
            after(2 * SECOND).await;
        }
        after(5 * SECOND).await;
        assert_eq!(stage.get(url).await, 2);
        assert!(ends(&stage).last().unwrap().ends_with("c1 max_age"), "{:?}", ends(&stage));
    }
}

#[tokio::test(start_paused = true)]
async fn its_age_counts_also_where_it_may_be_idle_for_long() {
    for idle_timeout in [10_000 * SECOND, Duration::MAX] {
        for (facts, url) in [(Facts::h1 as fn() -> Facts, A), (|| Facts::h2(5), SECURE)] {
            let stage = Stage::easy(PoolConfig::new().max_age(60 * SECOND).idle_timeout(idle_timeout), facts);
            assert_eq!(stage.get(url).await, 1);
            after(61 * SECOND).await;
            assert_eq!(stage.pool.stats().idle, 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn old_and_never_idle_when_looked_at_it_is_not_kept_either() {
    let stage = Stage::new(PoolConfig::new().max_age(10 * SECOND));
    let call = stage.call(A);
    let peer = stage.connected(Facts::h1()).await;
    after(20 * SECOND).await;
    peer.exchange().await.respond(200, "");
    read(done(call).await).await;
    assert_eq!((stage.pool.stats().idle, ends(&stage)), (0, vec!["closed a1 c1 max_age".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_connection_carries_only_so_many() {
    for (facts, url) in [(Facts::h1 as fn() -> Facts, A), (|| Facts::h2(5), SECURE)] {
        let stage = Stage::easy(PoolConfig::new().max_requests(2), facts);
        let mut numbers = Vec::new();
        for _ in 0..5 {
            numbers.push(stage.get(url).await);
        }
        assert_eq!(numbers, [1, 1, 2, 2, 3]);
        assert!(ends(&stage).iter().all(|line| line.ends_with("max_requests")));
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_request_on_a_shared_connection_does_not_cut_the_others() {
    let stage = Stage::new(PoolConfig::new().max_requests(2));
    let (first, second) = (stage.call(SECURE), stage.call(SECURE));
    let peer = stage.connected(Facts::h2(9)).await;
    assert_eq!((peer.in_flight(), stage.pool.stats().draining), (2, 1));
    for call in [first, second] {
        peer.exchange().await.respond(200, "");
        assert_eq!(read(done(call).await).await, 1);
    }
    assert_eq!(ends(&stage), ["draining a1 c1 max_requests", "closed a1 c1 max_requests"]);
}

#[tokio::test(start_paused = true)]
async fn the_first_reason_wins_and_is_reported_once() {
    let stage = Stage::new(PoolConfig::new());
    let call = stage.call(SECURE);
    let peer = stage.connected(Facts::h2(5)).await;
    peer.drain(CloseReason::PeerGoAway);
    peer.drain(CloseReason::Protocol);
    stage.pool.evict_all();
    peer.exchange().await.respond(200, "");
    read(done(call).await).await;
    peer.close(CloseReason::PeerFin);
    assert_eq!(ends(&stage), ["draining a1 c1 peer_goaway", "closed a1 c1 peer_goaway"]);
}

#[tokio::test(start_paused = true)]
async fn a_drained_idle_http1_connection_closes_and_tells_why() {
    let stage = Stage::new(PoolConfig::new());
    let peer = stage.warm(A, Facts::h1()).await;
    peer.drain(CloseReason::PeerFin);
    assert!(peer.is_dropped());
    assert_eq!((stage.pool.stats(), ends(&stage).len()), (Default::default(), 2));
    let call = stage.call(A);
    let peer = stage.connected(Facts::h1()).await;
    peer.drain(CloseReason::PeerFin);
    peer.exchange().await.respond(200, "");
    done(call).await;
    run_until_idle().await;
    assert_eq!(
        ends(&stage)[2..],
        ["draining a1 c2 peer_fin", "closed a1 c2 peer_fin"],
        "`connection: close` while in use"
    );
}

#[tokio::test(start_paused = true)]
async fn dispatch_and_close_exclude_each_other() {
    let stage = Stage::new(PoolConfig::new());
    let peer = stage.warm(SECURE, Facts::h2(5)).await;
    let call = stage.call(SECURE);
    // It has its slot and has not looked: the connection goes away under it.
    peer.drain(CloseReason::PeerGoAway);
    let other = stage.connected(Facts::h2(5)).await;
    other.exchange().await.respond(200, "");
    assert_eq!((read(done(call).await).await, peer.started()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn evicting_all_closes_what_is_idle_and_keeps_nothing_of_what_is_in_use() {
    let stage = Stage::new(PoolConfig::new());
    let idle = stage.warm(B, Facts::h1()).await;
    let (h1, h2) = (stage.call(A), stage.call(SECURE));
    let peers = [stage.connected(Facts::h1()).await, stage.connected(Facts::h2(5)).await];
    stage.pool.evict_all();
    assert!(idle.is_dropped());
    for (peer, call) in peers.iter().zip([h1, h2]) {
        peer.exchange().await.respond(200, "late");
        read(done(call).await).await;
    }
    run_until_idle().await;
    assert_eq!((stage.pool.stats(), stage.below.open()), (Default::default(), 0));
    assert!(ends(&stage).iter().all(|line| line.ends_with("evicted")), "{:?}", ends(&stage));
    stage.warm(A, Facts::h1()).await;
    assert_eq!(stage.pool.stats().idle, 1, "new ones are kept");
}
