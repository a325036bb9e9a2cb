//! One connection to a proxy that forwards requests, for several origins. The rules themselves are
//! `core::can_forward`'s, and tested there.

use crate::stage::*;
use skybridge_core::{
    Cause, CloseReason, Delivery, Error, HttpVersions, Key, Partition, Phase, Proxy, ProxyKind, RequestOptions, Scheme,
    Target,
};
use skybridge_pool::{AtConnectionLimit, PoolConfig, PoolLayer};
use skybridge_testkit::{
    executor::{Executor, run_until_idle},
    fake::Facts,
    fixtures,
    observe::Recorder,
};
use std::{
    sync::Arc,
    task::{Context, Poll},
};
use tower_layer::Layer;
use tower_service::Service;

fn proxied() -> RequestOptions {
    RequestOptions::new().proxies([Proxy::new(ProxyKind::Http, "192.0.2.1", 80)])
}

/// Calls by way of the proxy, and reads the answer to its end: by which connection.
async fn ask(stage: &Stage, url: &str) -> u64 {
    let call = stage.options(url, proxied());
    run_until_idle().await;
    stage.answer();
    read(call.await.unwrap().unwrap()).await
}

fn stage(config: PoolConfig) -> Stage {
    Stage::easy(config, Facts::h1)
}

fn closed(stage: &Stage) -> Vec<String> {
    stage.recorder.lines().into_iter().filter(|line| line.contains("connection_closed")).collect()
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_carries_the_requests_of_another_origin() {
    let stage = stage(PoolConfig::new());
    for url in [A, B, A, B] {
        assert_eq!(ask(&stage, url).await, 1);
        let stats = stage.pool.stats();
        assert_eq!((stats.origins, stats.idle, stats.active), (1, 1, 0), "{url}");
    }
    assert_eq!((stage.below.connects(), stage.below.plans()), (1, 4));
    let created = stage.recorder.count("connection_created");
    let how = stage.recorder.lines().into_iter().filter(|line| line.ends_with("coalesced")).count();
    assert_eq!((created, how, closed(&stage).len()), (1, 3, 0));
    after(1000 * SECOND).await;
    assert_eq!((stage.pool.stats(), stage.below.open(), closed(&stage).len()), (Default::default(), 0, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_in_use_is_left_where_it_is() {
    let stage = stage(PoolConfig::new());
    let running = stage.options(A, proxied());
    run_until_idle().await;
    let exchange = stage.below.peers()[0].exchange().await;
    assert_eq!(ask(&stage, B).await, 2);
    exchange.respond(200, "");
    assert_eq!(read(running.await.unwrap().unwrap()).await, 1);
    // Each has one of its own by now.
    assert_eq!((ask(&stage, A).await, ask(&stage, B).await, stage.below.connects()), (1, 2, 2));
}

/// Nobody looks after it any more where it came from.
#[tokio::test(start_paused = true)]
async fn its_end_is_seen_where_it_is_now() {
    for reason in [CloseReason::PeerFin, CloseReason::PeerGoAway] {
        let stage = stage(PoolConfig::new());
        ask(&stage, A).await;
        ask(&stage, B).await;
        let peer = stage.below.peers().remove(0);
        if reason == CloseReason::PeerFin {
            peer.close(reason)
        } else {
            peer.drain(reason)
        }
        run_until_idle().await;
        assert_eq!((stage.pool.stats(), stage.below.open()), (Default::default(), 0));
        assert!(closed(&stage)[0].contains(reason.as_str()) && closed(&stage).len() == 1, "{:?}", closed(&stage));
        assert_eq!(ask(&stage, A).await, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn it_grows_no_younger_and_carries_no_more_by_changing_its_origin() {
    let stage_of_age = stage(PoolConfig::new().max_age(60 * SECOND).idle_timeout(1000 * SECOND));
    ask(&stage_of_age, A).await;
    after(50 * SECOND).await;
    assert_eq!(ask(&stage_of_age, B).await, 1);
    after(15 * SECOND).await;
    assert_eq!(stage_of_age.below.open(), 0);
    assert!(closed(&stage_of_age)[0].contains("max_age"));

    let stage_of_requests = stage(PoolConfig::new().max_requests(3));
    let connections = [ask(&stage_of_requests, A).await, ask(&stage_of_requests, B).await];
    let more = [ask(&stage_of_requests, A).await, ask(&stage_of_requests, B).await];
    assert_eq!((connections, more), ([1, 1], [1, 2]));
}

#[tokio::test(start_paused = true)]
async fn a_kind_of_connection_that_stays_is_still_there_for_its_own() {
    let stage = Stage::easy(PoolConfig::new(), || Facts::h1().stays());
    assert_eq!((ask(&stage, A).await, ask(&stage, B).await), (1, 2));
    assert_eq!((ask(&stage, A).await, ask(&stage, B).await), (1, 2));
    assert_eq!((stage.pool.stats().idle, closed(&stage).len()), (2, 0));
}

/// A foreign layer that plans for `http`, whatever is asked for.
#[derive(Clone)]
struct InCleartext(Planner);

impl Service<Target> for InCleartext {
    type Response = <Planner as Service<Target>>::Response;
    type Error = <Planner as Service<Target>>::Error;
    type Future = <Planner as Service<Target>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut target: Target) -> Self::Future {
        if target.origin().scheme() == Scheme::Https {
            target.key = Arc::new(Key::new(fixtures::key(B).origin, target.connect_options().clone()));
        }
        self.0.call(target)
    }
}

/// A layer between may ask for less than the request does: then another origin's connection is no way out either.
#[tokio::test(start_paused = true)]
async fn a_target_that_was_changed_is_not_the_requests() {
    let (executor, below) = (Executor::new(), Planner::new());
    below.connect_all(|_| Facts::h1());
    let pool: Pool = PoolLayer::shared(executor.runtime()).layer(InCleartext(below.clone()));
    let stage = Stage { executor, below, pool, recorder: Recorder::new() };
    assert_eq!(ask(&stage, A).await, 1);
    let error = failed(stage.options("https://b.test/", proxied())).await.error;
    let text = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
    assert!(text.last().unwrap().to_string().contains("asks for https"), "{error}");
    assert_eq!(stage.below.peers()[0].started(), 1, "nothing more was sent");
}

/// It is asked once.
#[tokio::test(start_paused = true)]
async fn one_that_stays_is_idle_for_no_longer_for_being_asked() {
    let stage = Stage::easy(PoolConfig::new().idle_timeout(60 * SECOND), || Facts::h1().stays());
    ask(&stage, A).await;
    for _ in 0..6 {
        after(15 * SECOND).await;
        ask(&stage, B).await;
        stage.below.peers().last().unwrap().close(CloseReason::PeerFin);
        run_until_idle().await;
    }
    assert_eq!(stage.below.open(), 0);
}

/// One that was another's and ends without an answer is no reason to leave its new origin alone.
#[tokio::test(start_paused = true)]
async fn one_that_dies_when_it_is_taken_costs_no_backoff_and_no_second_one() {
    let stage = stage(PoolConfig::new());
    let urls = [A, "http://c.test/", "http://d.test/"];
    let running: Vec<_> = urls.map(|url| stage.options(url, proxied())).into();
    run_until_idle().await;
    let exchanges: Vec<_> = stage.below.peers().into_iter().map(|peer| peer.try_exchange().unwrap()).collect();
    exchanges.into_iter().for_each(|exchange| exchange.respond(200, ""));
    for call in running {
        read(call.await.unwrap().unwrap()).await;
    }
    assert_eq!((stage.below.connects(), stage.pool.stats().idle), (3, 3));
    let call = stage.options(B, proxied());
    run_until_idle().await;
    let exchange = stage.below.peers().into_iter().find_map(|peer| peer.try_exchange()).unwrap();
    let stale = Cause::Stale(Box::new(Cause::NoResponse("end of file".into())));
    exchange.fail_with(Error::of(Delivery::Unknown, Phase::Wait, stale));
    let error = failed(call).await.error;
    assert!(!error.is_backing_off(), "{error}");
    // None of the two others, which may be as dead, is taken.
    assert_eq!(ask(&stage, B).await, 4);
}

/// Nor do several, one after the other, though none of them has had an answer for this origin.
#[tokio::test(start_paused = true)]
async fn some_that_die_when_they_are_taken_are_no_reason_to_leave_their_origin_alone() {
    let stage = stage(PoolConfig::new());
    let urls = [A, "http://c.test/", "http://d.test/"];
    let running: Vec<_> = urls.map(|url| stage.options(url, proxied())).into();
    run_until_idle().await;
    let exchanges: Vec<_> = stage.below.peers().into_iter().map(|peer| peer.try_exchange().unwrap()).collect();
    exchanges.into_iter().for_each(|exchange| exchange.respond(200, ""));
    for call in running {
        read(call.await.unwrap().unwrap()).await;
    }
    for _ in urls {
        let call = stage.options(B, proxied());
        run_until_idle().await;
        let exchange = stage.below.peers().into_iter().find_map(|peer| peer.try_exchange()).unwrap();
        exchange.fail_with(Error::of(Delivery::Unknown, Phase::Wait, Cause::NoResponse("end of file".into())));
        assert!(!failed(call).await.error.is_backing_off());
    }
    let call = stage.options(B, proxied());
    run_until_idle().await;
    assert_eq!((stage.below.connects(), stage.recorder.count("backoff_start")), (4, 0), "the next connects at once");
    stage.answer();
    assert_eq!(read(call.await.unwrap().unwrap()).await, 4);
}

/// However many are in use, which none of them tells before it is asked.
#[tokio::test(start_paused = true)]
async fn one_that_is_idle_is_found_behind_many_in_use() {
    let stage = stage(PoolConfig::new());
    let mut running: Vec<_> = (0..200).map(|i| stage.options(&format!("http://h{i}.test/"), proxied())).collect();
    run_until_idle().await;
    stage.below.peers()[0].try_exchange().unwrap().respond(200, "");
    assert_eq!(read(done(running.remove(0)).await).await, 1);
    let call = stage.options(B, proxied());
    run_until_idle().await;
    assert_eq!(stage.below.connects(), 200);
    stage.below.peers()[0].try_exchange().unwrap().respond(200, "");
    assert_eq!(read(done(call).await).await, 1);
}

/// What happens to a connection is told to whom it was opened for, whoever has it now.
#[tokio::test(start_paused = true)]
async fn who_is_told_that_it_was_made_is_told_of_its_end() {
    let stage = stage(PoolConfig::new());
    let (first, second) = (Recorder::new(), Recorder::new());
    for (url, observer) in [(A, &first), (B, &second)] {
        let call = stage.options(url, proxied().observer(observer.clone()));
        run_until_idle().await;
        stage.answer();
        read(done(call).await).await;
    }
    ask(&stage, "http://c.test/").await;
    stage.below.peers()[0].close(CloseReason::PeerFin);
    run_until_idle().await;
    let of_connection = |recorder: &Recorder| -> Vec<_> {
        let lines = recorder.lines().into_iter();
        lines.filter(|line| line.starts_with("connection_") && !line.starts_with("connection_search")).collect()
    };
    let opened = [
        "connection_created a1 c1",
        "connection_acquired c1 new",
        "connection_released c1",
        "connection_closed a1 c1 peer_fin",
    ];
    let used = ["connection_acquired c1 coalesced", "connection_released c1"];
    assert_eq!(
        (of_connection(&first), of_connection(&second)),
        (opened.map(Into::into).into(), used.map(Into::into).into())
    );
    assert_eq!(of_connection(&stage.recorder), used, "the client's own has seen its own request");
}

fn by_another() -> RequestOptions {
    RequestOptions::new().proxies([Proxy::new(ProxyKind::Http, "192.0.2.9", 80)])
}

/// Where no more sockets may be opened one is lent before any is closed.
#[tokio::test(start_paused = true)]
async fn at_the_total_limit_what_can_be_lent_is_not_closed() {
    for limit in [AtConnectionLimit::Wait, AtConnectionLimit::Refuse] {
        let stage = stage(PoolConfig::new().max_total(1).at_connection_limit(limit));
        for url in [A, B, A, "http://c.test/"] {
            assert_eq!(ask(&stage, url).await, 1, "{url} {limit:?}");
        }
        assert_eq!((stage.below.connects(), closed(&stage).len(), stage.pool.stats().idle), (1, 0, 1));
        // What leads elsewhere can't be lent, and makes room as ever.
        let call = stage.options(B, by_another());
        run_until_idle().await;
        stage.answer();
        assert_eq!(read(done(call).await).await, 2);
        assert!(closed(&stage).len() == 1 && closed(&stage)[0].ends_with("limit_reclaimed"), "{:?}", closed(&stage));
        after(1000 * SECOND).await;
        assert_eq!((stage.pool.stats(), stage.below.open()), (Default::default(), 0));
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_at_the_total_limit_is_lent_what_becomes_idle() {
    let stage = stage(PoolConfig::new().max_total(1));
    let first = stage.options(A, proxied());
    run_until_idle().await;
    let waiting = [B, B, "http://c.test/"].map(|url| stage.options(url, proxied()));
    let elsewhere = stage.options(B, by_another());
    run_until_idle().await;
    assert_eq!((stage.pool.stats().waiting, stage.below.connects()), (4, 1));
    for call in std::iter::once(first).chain(waiting) {
        stage.below.peers()[0].try_exchange().unwrap().respond(200, "");
        assert_eq!(read(done(call).await).await, 1);
        run_until_idle().await;
    }
    assert_eq!((stage.below.connects(), closed(&stage).len()), (2, 1));
    stage.answer();
    assert_eq!(read(done(elsewhere).await).await, 2);
}

/// Its permit goes with it, once: there is never a socket more, nor one less.
#[tokio::test(start_paused = true)]
async fn what_is_lent_takes_its_place_among_all_along() {
    let stage = stage(PoolConfig::new().max_total(2));
    for _ in 0..3 {
        for url in [A, B] {
            ask(&stage, url).await;
        }
    }
    let calls = [A, B, "http://c.test/", "http://d.test/"].map(|url| stage.options(url, proxied()));
    run_until_idle().await;
    for call in calls {
        stage.answer();
        read(done(call).await).await;
        run_until_idle().await;
        assert!(stage.below.open() <= 2);
    }
    assert_eq!(stage.below.connects(), 2);
}

fn shared_stage(config: PoolConfig) -> Stage {
    Stage::easy(config, || Facts::h2(100))
}

/// A request of each, under way at once.
async fn under_way(stage: &Stage, urls: &[&str]) -> Vec<Call> {
    let calls = urls.iter().map(|url| stage.options(url, proxied())).collect();
    run_until_idle().await;
    calls
}

#[tokio::test(start_paused = true)]
async fn over_http2_the_requests_of_all_origins_share_a_connection() {
    for config in [PoolConfig::new(), PoolConfig::new().max_total(1)] {
        let stage = shared_stage(config);
        let mut calls = under_way(&stage, &[A]).await;
        calls.extend(under_way(&stage, &[B, "http://c.test/", A, "http://d.test/", B]).await);
        assert_eq!((stage.below.connects(), stage.below.peers()[0].started()), (1, 6));
        stage.answer();
        for call in calls {
            assert_eq!(read(done(call).await).await, 1);
        }
        assert_eq!((stage.pool.stats().idle, closed(&stage).len()), (1, 0));
        after(1000 * SECOND).await;
        assert_eq!((stage.pool.stats(), stage.below.open(), closed(&stage).len()), (Default::default(), 0, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn over_http2_none_shares_what_it_may_not() {
    let http1 = || proxied().http_versions(HttpVersions::Http1);
    let partition = || proxied().partition(Partition::new("b"));
    for options in [http1(), partition(), by_another()] {
        let stage = shared_stage(PoolConfig::new());
        let mut calls = under_way(&stage, &[A]).await;
        calls.push(stage.options(B, options));
        run_until_idle().await;
        assert_eq!(stage.below.connects(), 2);
    }
    let stage = shared_stage(PoolConfig::new().coalesce(false));
    assert_eq!((ask(&stage, A).await, ask(&stage, B).await), (1, 2));
}

/// It is about the connection of the proxy, which another one of ours would not change.
#[tokio::test(start_paused = true)]
async fn a_421_by_way_of_a_proxy_is_a_response() {
    let stage = shared_stage(PoolConfig::new());
    ask(&stage, A).await;
    for _ in 0..2 {
        let call = stage.options(B, proxied());
        run_until_idle().await;
        stage.answer();
        assert_eq!(read(done(call).await).await, 1);
    }
    let stage = Stage::easy(PoolConfig::new(), || Facts::h2(100));
    let first = under_way(&stage, &[A]).await;
    for _ in 0..2 {
        let call = under_way(&stage, &[B]).await.remove(0);
        let exchange = std::iter::from_fn(|| stage.below.peers()[0].try_exchange()).last().unwrap();
        exchange.respond(421, "");
        assert_eq!(done(call).await.status(), 421);
    }
    assert_eq!(stage.below.connects(), 1);
    drop(first);
}

#[tokio::test(start_paused = true)]
async fn when_the_proxy_goes_away_all_origins_go_to_the_next_connection() {
    let stage = shared_stage(PoolConfig::new());
    let calls = under_way(&stage, &[A]).await.into_iter().chain(under_way(&stage, &[B]).await);
    stage.below.peers()[0].drain(CloseReason::PeerGoAway);
    run_until_idle().await;
    let later = under_way(&stage, &[B]).await.into_iter().chain(under_way(&stage, &[A]).await);
    assert_eq!(stage.below.connects(), 2);
    stage.answer();
    for call in calls {
        assert_eq!(read(done(call).await).await, 1);
    }
    for call in later {
        assert_eq!(read(done(call).await).await, 2);
    }
}
