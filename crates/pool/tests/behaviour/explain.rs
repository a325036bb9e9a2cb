//! What would become of a request, asked beforehand: the same as does become of it, and nothing is changed by asking.

use crate::stage::*;
use skybridge_core::{
    Cause, ConnectError, Endpoint, HttpVersions, NotUsed, Phase, Proxy, ProxyKind, RequestError, RequestOptions,
};
use skybridge_pool::{AtConnectionLimit, AtStreamLimit, Explanation, PoolConfig};
use skybridge_testkit::{executor::run_until_idle, fake::Facts};

const ONE: &str = "https://one.test/";
const TWO: &str = "https://two.test/";

fn proxied() -> RequestOptions {
    RequestOptions::new().proxies([Proxy::new(ProxyKind::Http, "192.0.2.1", 80)])
}

async fn explain(stage: &Stage, url: &str, options: RequestOptions) -> Explanation {
    let mut request = get(url);
    request.extensions_mut().insert(options);
    let before = (stage.pool.stats(), stage.below.connects());
    let explained = stage.pool.explain(&request).await.unwrap();
    run_until_idle().await;
    assert_eq!((stage.pool.stats(), stage.below.connects()), before, "something was changed by asking");
    explained
}

/// What would become of it, and the connection.
async fn found(stage: &Stage, url: &str) -> (&'static str, Option<u64>) {
    let explained = explain(stage, url, RequestOptions::new()).await;
    (explained.search.found.name(), explained.connection.and_then(|info| info.id).map(|id| id.0))
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_a_stream_and_another_origins_are_foretold() {
    let stage = Stage::new(PoolConfig::new());
    assert_eq!(found(&stage, A).await, ("opens", None));
    stage.warm(A, Facts::h1()).await;
    assert_eq!((found(&stage, A).await, stage.get(A).await), (("idle", Some(1)), 1));
    stage.warm(ONE, Facts::h2(50).covers(["one.test", "two.test"])).await;
    assert_eq!((found(&stage, ONE).await, stage.get(ONE).await), (("stream", Some(2)), 2));
    let plans = stage.below.plans();
    assert_eq!((found(&stage, TWO).await, stage.below.plans() - plans), (("coalesced", Some(2)), 1));
    assert_eq!(stage.get(TWO).await, 2);

    let stage = Stage::easy(PoolConfig::new(), Facts::h1);
    let call = stage.options(A, proxied());
    run_until_idle().await;
    stage.answer();
    read(done(call).await).await;
    let explained = explain(&stage, B, proxied()).await;
    assert_eq!(explained.search.found.name(), "forwarded");
    assert_eq!(explained.connection.unwrap().id.unwrap().0, 1);
}

#[tokio::test(start_paused = true)]
async fn limits_and_waits_are_foretold() {
    let rows: [(&str, PoolConfig, &str, fn() -> Facts); 6] = [
        ("opens", PoolConfig::new().max_per_origin(2), A, Facts::h1),
        ("waits_at_origin_limit", PoolConfig::new().max_per_origin(1), A, Facts::h1),
        ("waits_at_pool_limit", PoolConfig::new().max_total(1), A, Facts::h1),
        ("refused", PoolConfig::new().max_total(1).at_connection_limit(AtConnectionLimit::Refuse), A, Facts::h1),
        ("waits_for_stream", PoolConfig::new().at_stream_limit(AtStreamLimit::Wait), SECURE, || Facts::h2(1)),
        ("waits_for_settings", PoolConfig::new(), SECURE, Facts::h2_before_settings),
    ];
    for (name, config, url, facts) in rows {
        let stage = Stage::new(config);
        let busy = stage.call(url);
        stage.connected(facts()).await;
        assert_eq!(found(&stage, url).await, (name, None));
        drop(busy);
    }
    let stage = Stage::new(PoolConfig::new());
    let first = stage.call(SECURE);
    run_until_idle().await;
    assert_eq!(found(&stage, SECURE).await, ("joins", None));
    drop(first);

    let stage = Stage::new(PoolConfig::new().connect_backoff(10 * SECOND).max_connect_backoff(10 * SECOND));
    for _ in 0..2 {
        let call = stage.call(A);
        stage.below.connecting().await.fail(ConnectError::new(Phase::Tcp, "refused"));
        failed(call).await;
    }
    assert_eq!(found(&stage, A).await, ("waits_for_backoff", None));
}

#[tokio::test(start_paused = true)]
async fn every_connection_is_listed_with_the_rule_that_forbids_it() {
    type Row = (&'static str, &'static str, fn() -> Facts, RequestOptions, &'static str, RequestOptions, &'static str);
    let rows: [Row; 4] = [
        (
            "coalesce_not_http2",
            ONE,
            || Facts::h1().covers(["one.test", "two.test"]),
            RequestOptions::new(),
            TWO,
            RequestOptions::new(),
            "connection 1 to one.test passed over: it does not speak HTTP/2, so no other origin may use it",
        ),
        (
            "coalesce_not_https",
            "http://one.test/",
            || Facts::h2(5),
            RequestOptions::new().http_versions(HttpVersions::Http2),
            TWO,
            RequestOptions::new(),
            "connection 1 to one.test passed over: one of the two is not https",
        ),
        (
            "forward_address",
            A,
            Facts::h1,
            proxied(),
            B,
            proxied(),
            "connection 1 to a.test passed over: its address is not one of the proxy",
        ),
        (
            "forward_tunnel",
            "http://one.test/",
            Facts::h1,
            RequestOptions::new(),
            B,
            proxied(),
            "connection 1 to one.test passed over: one of the two is not forwarded by a proxy",
        ),
    ];
    for (name, first, facts, of_first, second, of_second, sentence) in rows {
        let stage = Stage::new(PoolConfig::new());
        stage.below.endpoints("b.test", [Endpoint::from(([192, 0, 2, 9], 80))]);
        let call = stage.options(first, of_first);
        stage.connected(facts()).await.exchange().await.respond(200, "");
        read(done(call).await).await;
        let search = explain(&stage, second, of_second).await.search;
        let said: Vec<_> = search.passed_over.iter().map(|passed| (passed.why.name(), passed.to_string())).collect();
        assert_eq!(said, [(name, sentence.to_owned())]);
        assert!(NotUsed::NAMES.contains(&name));
    }
}

#[tokio::test(start_paused = true)]
async fn it_fails_as_the_request_would_before_it_connects() {
    let stage = Stage::new(PoolConfig::new());
    stage.below.hold_plans();
    let explaining = tokio::spawn(stage.pool.explain(&get(A)));
    stage.below.planning().await.fail(ConnectError::new(Phase::Resolve, "no such name"));
    let error = explaining.await.unwrap().unwrap_err();
    assert_eq!((error.phase(), error.is_connect()), (Phase::Resolve, true), "{error:?}");
    let error = stage.pool.explain(&get("/relative")).await.unwrap_err();
    assert!(matches!(error.cause(), Cause::Request(RequestError::Origin(_))), "{error:?}");
    stage.pool.close();
    assert!(matches!(stage.pool.explain(&get(A)).await.unwrap_err().cause(), Cause::Closed));
}
