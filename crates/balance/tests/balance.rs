//! Requests spread over the servers of a name: by load, past those that fail, as they come and go.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use http::Request;
use http_body_util::BodyExt;
use skybridge::{Phase, RequestBody, RequestOptions};
use skybridge_balance::{BalanceLayer, NoEndpoints, NotAName, NotBalanced, TooManyEndpoints};
use skybridge_testkit::{drop_walk::drop_walk, h1::Script, origin::Origin};
use std::time::Duration;
use support::{Stage, URL, endpoint, get, has_cause, ip, named, server_of};
use tokio::time::{sleep, timeout};

#[tokio::test(start_paused = true)]
async fn a_request_counts_until_its_body_is_read_or_dropped() {
    let stage = Stage::new([1, 2]);
    let (_one, _two) = (stage.server(1), stage.server(2));
    let client = stage.client();
    let unread = client.get(URL).await.unwrap();
    let busy = server_of(&unread);
    for _ in 0..20 {
        assert_ne!(get(&client).await.unwrap(), busy);
    }
    // Two unread ones on the other server: now that one has more to do.
    let others = [client.get(URL).await.unwrap(), client.get(URL).await.unwrap()];
    let their = others.each_ref().map(server_of);
    assert!(their.contains(&busy) || their[0] == their[1]);
    drop(others);
    unread.into_body().collect().await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..64 {
        let server = get(&client).await.unwrap();
        if !seen.contains(&server) {
            seen.push(server);
        }
    }
    assert_eq!(seen.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_dying_server_costs_no_request_and_is_left_alone_ever_longer() {
    let stage = Stage::new([1, 2, 3]);
    let (_one, _two) = (stage.server(1), stage.server(2));
    stage.net.at((ip(3), 80).into()).refuse();
    let client = stage.client();
    let mut tried = Vec::new();
    for _ in 0..400 {
        assert_ne!(get(&client).await.unwrap(), endpoint(3));
        tried.push(stage.connects(3));
        sleep(Duration::from_millis(50)).await;
    }
    // 20 s: after 0, 1, 3, 7 and 15 s at the earliest, and soon after that.
    assert_eq!(tried.last(), Some(&5), "{tried:?}");
    let states = stage.layer.endpoints();
    let third = states.iter().find(|state| state.endpoint == endpoint(3)).unwrap();
    assert!(third.failures == 5 && third.left_alone.is_some(), "{third:?}");
    assert!(third.reason.as_ref().unwrap().contains("refused"), "{third:?}");
    // It comes back, and gets its share.
    stage.net.at((ip(3), 80).into()).heal();
    let _three = stage.server(3);
    sleep(Duration::from_secs(30)).await;
    let mut by_three = 0;
    for _ in 0..60 {
        by_three += usize::from(get(&client).await.unwrap() == endpoint(3));
    }
    assert!(by_three > 0);
    assert!(stage.layer.endpoints().iter().all(|state| state.failures == 0 && state.left_alone.is_none()));
}

#[tokio::test(start_paused = true)]
async fn a_slow_server_gets_fewer_requests() {
    let stage = Stage::new([1, 2, 3]);
    let slowly = |request| async move {
        drop::<Request<_>>(request);
        sleep(Duration::from_secs(2)).await;
        named(3)
    };
    let (one, two) = (stage.server(1), stage.server(2));
    let slow = Origin::h1().handle(slowly).serve_on(stage.net.listen((ip(3), 80).into()));
    let client = stage.client();
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let client = client.clone();
        callers.spawn(async move {
            for _ in 0..50 {
                get(&client).await.unwrap();
                sleep(Duration::from_millis(10)).await;
            }
        });
    }
    while let Some(done) = callers.join_next().await {
        done.unwrap();
    }
    let (fast, slow) = (one.requests().len() + two.requests().len(), slow.requests().len());
    assert!(fast + slow == 400 && slow * 8 < fast, "{slow} of 400");
}

#[tokio::test(start_paused = true)]
async fn when_all_fail_requests_get_the_error_and_do_not_wait() {
    let stage = Stage::new([1, 2, 3]);
    for last in 1..=3 {
        stage.net.at((ip(last), 80).into()).refuse();
    }
    let client = stage.client();
    let error = timeout(Duration::from_millis(500), get(&client)).await.expect("no wait").unwrap_err();
    assert!(error.is_connect() && error.earlier().len() == 2, "{error:?}");
    // One is left to be asked, and works again as soon as it is there.
    let error = timeout(Duration::from_secs(2), get(&client)).await.expect("no wait").unwrap_err();
    assert!(error.is_connect(), "{error:?}");
    let alone = stage.layer.endpoints().iter().filter(|state| state.left_alone.is_some()).count();
    assert_eq!(alone, 2);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ends_three_requests_unanswered_is_left_alone() {
    let stage = Stage::new([1, 2]);
    let _one = stage.server(1);
    let bad = stage.net.listen((ip(2), 80).into());
    let served = bad.serve(|_, conn| async move {
        let mut script = Script::new(conn);
        script.request().await;
        script.send("nonsense\r\n\r\n").await;
    });
    let client = stage.client();
    let mut failed = 0;
    for _ in 0..200 {
        failed += usize::from(get(&client).await.is_err());
    }
    assert_eq!(failed, 3);
    drop(served);
}

#[tokio::test(start_paused = true)]
async fn servers_come_and_go_with_the_name_and_a_failed_lookup_changes_nothing() {
    let stage = Stage::new([1]);
    let (one, two) = (stage.server(1), stage.server(2));
    let client = stage.client();
    assert_eq!(get(&client).await.unwrap(), endpoint(1));
    let name = stage.net.host("api.test", [ip(2)]);
    // What is known still holds.
    assert_eq!(get(&client).await.unwrap(), endpoint(1));
    sleep(Duration::from_secs(31)).await;
    // This one looks it up, and takes what is found at once.
    get(&client).await.unwrap();
    assert_eq!(get(&client).await.unwrap(), endpoint(2));
    assert_eq!(stage.layer.endpoints().len(), 1);
    name.fail(std::io::ErrorKind::TimedOut);
    sleep(Duration::from_secs(31)).await;
    get(&client).await.unwrap();
    assert_eq!(get(&client).await.unwrap(), endpoint(2));
    assert!(!one.requests().is_empty() && two.requests().len() >= 2);
}

#[tokio::test(start_paused = true)]
async fn without_a_server_requests_fail_with_what_the_lookup_says_until_it_succeeds() {
    let stage = Stage::new([]);
    let client = stage.client();
    let error = get(&client).await.unwrap_err();
    assert!(has_cause(&error, &NoEndpoints { host: "api.test".into() }), "{error:?}");
    assert_eq!(error.phase(), Phase::Resolve);
    let _one = stage.server(1);
    stage.net.host("api.test", [ip(1)]);
    sleep(Duration::from_secs(1)).await;
    get(&client).await.ok();
    assert_eq!(get(&client).await.unwrap(), endpoint(1));
}

#[tokio::test(start_paused = true)]
async fn a_name_with_too_many_servers_is_refused() {
    let mut stage = Stage::new([1, 2, 3]);
    stage.layer = stage.layer.max_endpoints(2);
    let error = get(&stage.client()).await.unwrap_err();
    assert!(has_cause(&error, &TooManyEndpoints { host: "api.test".into(), most: 2 }), "{error:?}");
    assert_eq!(stage.net.opened(), 0);
}

#[tokio::test(start_paused = true)]
async fn all_who_wait_for_the_first_lookup_go_on_with_it() {
    let stage = Stage::new([]);
    stage.net.host("api.test", []).then(Duration::from_secs(3), [ip(1)]);
    let _one = stage.server(1);
    let client = stage.client();
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let client = client.clone();
        callers.spawn(async move { get(&client).await.unwrap() });
    }
    // Whoever asked last goes away: the others are not forgotten.
    let gone = timeout(Duration::from_secs(1), get(&client)).await;
    assert!(gone.is_err());
    while let Some(from) = callers.join_next().await {
        assert_eq!(from.unwrap(), endpoint(1));
    }
    assert_eq!(stage.net.name("api.test").queries(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_of_the_name_is_refused_unsent() {
    let stage = Stage::new([1]);
    let _one = stage.server(1);
    let client = stage.client();
    for url in ["http://b.test/", "https://api.test/", "http://api.test:81/"] {
        let error = client.get(url).await.unwrap_err();
        assert!(has_cause(&error, &NotBalanced::OtherOrigin { balanced: "http://api.test".into() }), "{error:?}");
    }
    let mut request = Request::get(URL).body(()).unwrap();
    request.extensions_mut().insert(RequestOptions::new().dial([endpoint(1)]));
    let error = client.request(request).await.unwrap_err();
    assert!(has_cause(&error, &NotBalanced::Dials), "{error:?}");
    assert_eq!(stage.net.opened(), 0);
    let layer = |url: &str| {
        let runtime = stage.executor.runtime();
        BalanceLayer::<_, RequestBody>::shared(runtime, &url.parse().unwrap(), stage.net.resolver()).unwrap_err()
    };
    assert_eq!(layer("http://192.0.2.1/"), NotAName::Address(ip(1)));
    assert!(matches!(layer("/path"), NotAName::Origin(_)));
}

#[tokio::test(start_paused = true)]
async fn a_request_may_be_dropped_at_any_time() {
    let build = async || {
        let stage = Stage::new([]);
        stage.net.host("api.test", []).then(Duration::from_millis(10), [ip(1), ip(2)]);
        stage.net.at((ip(2), 80).into()).refuse();
        let (server, client) = (stage.server(1), stage.client());
        let request = client.clone();
        let scenario = async move { drop(get(&request).await.unwrap()) };
        ((stage, server, client), scenario)
    };
    let walk = drop_walk(build, async |(stage, _server, client), _| {
        // Nothing of it counts as load, and the others go on.
        assert_eq!(get(&client).await.unwrap(), endpoint(1));
        drop(client);
        assert!(stage.layer.endpoints().is_empty());
    })
    .await;
    assert!(walk.polls > 3);
}
