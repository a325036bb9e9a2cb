//! Which servers a name has: answers in parts, late and never, and lookups that nobody waits for.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use http_body_util::Full;
use skybridge::{
    Delivery, Endpoint, Error, RequestBody, Timeouts,
    types::{Answer, BoxError, ConnectError, Families, Query},
};
use skybridge_balance::{BalanceLayer, TooManyEndpoints};
use skybridge_testkit::executor::run_until_idle;
use std::{
    io::ErrorKind,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    time::Duration,
};
use support::{Stage, URL, endpoint, get, has_cause, ip};
use tokio::time::{Instant, sleep, timeout};
use tower::{Layer, ServiceExt, service_fn};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn v6(last: u16) -> IpAddr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last).into()
}

impl Stage {
    fn known(&self) -> Vec<Endpoint> {
        let mut known: Vec<_> = self.layer.endpoints().into_iter().map(|state| state.endpoint).collect();
        known.sort_by_key(ToString::to_string);
        known
    }
}

/// As when the server for AAAA records is out of order.
#[tokio::test(start_paused = true)]
async fn what_is_found_counts_when_the_rest_of_the_answer_fails() {
    let stage = Stage::new([1]);
    stage.net.name("api.test").fail(ErrorKind::TimedOut);
    let _servers = [stage.server(1), stage.server(2)];
    let client = stage.client();
    assert_eq!(get(&client).await.unwrap(), endpoint(1));
    // And it moves with the name, though each lookup fails in part.
    stage.net.host("api.test", [ip(2)]).fail(ErrorKind::TimedOut);
    sleep(seconds(31)).await;
    get(&client).await.unwrap();
    assert_eq!(get(&client).await.unwrap(), endpoint(2));
    assert_eq!(stage.known(), [endpoint(2)]);
}

#[tokio::test(start_paused = true)]
async fn servers_of_the_family_whose_lookup_fails_stay() {
    let stage = Stage::new([1]);
    let six = Endpoint::from(SocketAddr::new(v6(1), 80));
    stage.net.host("api.test", [ip(1), v6(1)]);
    let _servers = [stage.server(1), stage.server(2)];
    let client = stage.client();
    get(&client).await.unwrap();
    stage.net.host("api.test", [ip(2)]).fail(ErrorKind::TimedOut);
    sleep(seconds(31)).await;
    get(&client).await.unwrap();
    get(&client).await.unwrap();
    assert_eq!(stage.known(), [endpoint(2), six]);
}

#[tokio::test(start_paused = true)]
async fn the_first_request_waits_for_the_first_addresses_and_not_for_all() {
    let stage = Stage::new([1]);
    stage.net.name("api.test").then(seconds(2), [ip(2)]);
    let (_one, _two) = (stage.server(1), stage.server(2));
    let client = stage.client();
    let began = Instant::now();
    assert_eq!(get(&client).await.unwrap(), endpoint(1));
    assert!(began.elapsed() < seconds(1), "{:?}", began.elapsed());
    sleep(seconds(3)).await;
    get(&client).await.unwrap();
    assert_eq!(stage.known(), [endpoint(1), endpoint(2)]);

    // And for none, when the rest never comes.
    let stage = Stage::new([1]);
    stage.net.name("api.test").hang();
    let _one = stage.server(1);
    let client = stage.client();
    for _ in 0..30 {
        assert_eq!(timeout(seconds(1), get(&client)).await.expect("no wait").unwrap(), endpoint(1));
        sleep(seconds(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_lookup_goes_on_while_no_request_is_there() {
    let stage = Stage::new([1]);
    let (_one, two) = (stage.server(1), stage.server(2));
    // Two steps, as of a resolver that follows an alias.
    let began = Instant::now();
    let resolver = service_fn(move |_: Query| async move {
        let server = if began.elapsed() < seconds(10) { 1 } else { 2 };
        sleep(Duration::from_millis(50)).await;
        sleep(Duration::from_millis(50)).await;
        Ok::<_, ConnectError>(stream::iter([Ok::<_, ConnectError>(Answer::only([endpoint(server)]))]))
    });
    let runtime = stage.executor.runtime();
    let layer = BalanceLayer::<_, RequestBody>::shared(runtime, &URL.parse().unwrap(), resolver).unwrap();
    let client = stage.builder().above_pool(layer).build();
    // A request now and then: the second finds that what is known is old, and the third has what was found.
    for expected in [1, 1, 2] {
        assert_eq!(get(&client).await.unwrap(), endpoint(expected));
        sleep(seconds(60)).await;
    }
    assert_eq!(two.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lookup_that_nobody_waits_for_any_more_fails_nobody_later() {
    let stage = Stage::new([1]);
    stage.net.name("api.test").hang();
    stage.net.host("api.test", []).hang();
    let _one = stage.server(1);
    let client = stage.client();
    assert!(timeout(seconds(1), get(&client)).await.is_err());
    stage.net.host("api.test", [ip(1)]);
    sleep(seconds(3_600)).await;
    // It fails with what was an hour ago at once, or it asks again; never by a limit that was over before it came.
    let mut answers = Vec::new();
    for _ in 0..2 {
        answers.push(timeout(seconds(1), get(&client)).await.expect("no wait").is_ok());
    }
    assert_eq!(answers.last(), Some(&true), "{answers:?}");
    drop(client);
    run_until_idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_lookup_ends_with_its_client() {
    let stage = Stage::new([]);
    stage.net.host("api.test", []).hang();
    let client = stage.client();
    assert!(timeout(seconds(1), get(&client)).await.is_err());
    assert_eq!(stage.executor.tasks(), 1);
    drop(client);
    stage.executor.assert_idle().await;
}

/// And nobody is told that it may have been processed.
#[tokio::test(start_paused = true)]
async fn a_request_whose_time_ends_before_a_server_is_known_was_not_sent() {
    let stage = Stage::new([]);
    let name = stage.net.host("api.test", []).hang().clone();
    let timeouts = Timeouts::new().call(seconds(2));
    let client = stage.builder().timeouts(timeouts).above_pool(stage.layer.clone()).build();
    let began = Instant::now();
    let error = get(&client).await.unwrap_err();
    assert!(error.is_timeout() && began.elapsed() < seconds(3), "{error:?}");
    assert_eq!(error.delivery(), Delivery::Unsent, "{error:?}");
    assert_eq!(name.queries(), 1);
}

/// For whoever sheds load above it, or hedges.
#[tokio::test(start_paused = true)]
async fn it_is_ready_when_a_server_is_known_and_a_service_that_is_dropped_waits_no_more() {
    let stage = Stage::new([]);
    stage.net.host("api.test", []).then(seconds(3), [ip(1)]);
    let below = service_fn(|_: Request<RequestBody>| async {
        Ok::<_, BoxError>(Response::new(Full::new(Bytes::from("fine"))))
    });
    let mut first = stage.layer.layer(below);
    let mut second = first.clone();
    let waited = timeout(seconds(1), async { first.ready().await.map(drop) }).await;
    assert!(waited.is_err());
    // The one that asked first goes away, and the other is woken none the less.
    let began = Instant::now();
    let (second, ()) = tokio::join!(async { second.ready().await.map(drop) }, async {
        sleep(seconds(1)).await;
        drop(first);
    });
    assert!(second.is_ok() && began.elapsed() < seconds(3), "{:?}", began.elapsed());
    assert_eq!(stage.net.name("api.test").queries(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lookup_that_panics_fails_the_requests_that_wait_for_it() {
    let stage = Stage::new([]);
    let resolver = service_fn(|_: Query| async {
        sleep(seconds(1)).await;
        let broken: bool = "not a bool".parse().unwrap();
        assert!(broken);
        Ok::<_, ConnectError>(stream::empty::<Result<Answer, ConnectError>>())
    });
    let runtime = stage.executor.runtime();
    let layer = BalanceLayer::<_, RequestBody>::shared(runtime, &URL.parse().unwrap(), resolver).unwrap();
    let client = stage.builder().above_pool(layer).build();
    let error = timeout(seconds(20), get(&client)).await.expect("no wait").unwrap_err();
    assert!(error.is_connect(), "{error:?}");
    assert_eq!(stage.executor.take_panics(), 1);
}

/// A rollout: the servers have moved while what was found of them still holds.
#[tokio::test(start_paused = true)]
async fn servers_that_cannot_be_connected_to_are_looked_up_again_before_their_time() {
    let mut stage = Stage::new([1, 2]);
    stage.layer = stage.layer.clone().refresh(seconds(300));
    let (one, two) = (stage.server(1), stage.server(2));
    let client = stage.client();
    get(&client).await.unwrap();
    sleep(seconds(5)).await;
    drop((one, two));
    for last in [1, 2] {
        stage.net.at((ip(last), 80).into()).refuse();
    }
    let name = stage.net.host("api.test", [ip(3)]);
    let _three = stage.server(3);
    let queries = name.queries();
    let mut failed = 0;
    while get(&client).await.is_err() {
        failed += 1;
        sleep(Duration::from_millis(100)).await;
    }
    assert!(failed < 20, "{failed}");
    assert!(name.queries() - queries <= 2, "{}", name.queries());
    assert_eq!(stage.known(), [endpoint(3)]);

    // Not more than one in a second, however many requests fail.
    stage.net.at((ip(3), 80).into()).refuse();
    drop(_three);
    let (queries, began) = (name.queries(), Instant::now());
    for _ in 0..500 {
        assert!(get(&client).await.is_err());
    }
    let (queries, seconds) = (name.queries() - queries, began.elapsed().as_secs());
    assert!(queries as u64 <= seconds + 1, "{queries} in {seconds} s");
}

/// It was one when it was chosen.
#[tokio::test(start_paused = true)]
async fn a_request_for_a_server_that_is_gone_before_it_was_reached_goes_to_another() {
    let mut stage = Stage::new([1]);
    stage.layer = stage.layer.clone().refresh(seconds(1));
    stage.net.at((ip(1), 80).into()).black_hole();
    let _two = stage.server(2);
    let client = stage.client();
    let first = async {
        assert_eq!(get(&client).await.unwrap(), endpoint(2));
    };
    let later = async {
        sleep(seconds(2)).await;
        stage.net.host("api.test", [ip(2)]);
        // Looks it up.
        let _ = timeout(seconds(1), get(&client)).await;
        assert_eq!(get(&client).await.unwrap(), endpoint(2));
        assert_eq!(stage.known(), [endpoint(2)]);
    };
    tokio::join!(first, later);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_is_as_long_as_it_is_set() {
    let mut stage = Stage::new([1]);
    stage.layer = stage.layer.clone().refresh(seconds(3_600));
    let _one = stage.server(1);
    let client = stage.client();
    for _ in 0..35 {
        get(&client).await.unwrap();
        sleep(seconds(100)).await;
    }
    assert_eq!(stage.net.name("api.test").queries(), 1);
    for _ in 0..3 {
        get(&client).await.unwrap();
        sleep(seconds(100)).await;
    }
    assert_eq!(stage.net.name("api.test").queries(), 2);
}

/// No request spins, and none waits.
#[tokio::test(start_paused = true)]
async fn a_refresh_of_zero_is_one_of_a_second() {
    let mut stage = Stage::new([1]);
    stage.layer = stage.layer.clone().refresh(Duration::ZERO);
    let _one = stage.server(1);
    let client = stage.client();
    for _ in 0..40 {
        get(&client).await.unwrap();
        sleep(Duration::from_millis(100)).await;
    }
    let queries = stage.net.name("api.test").queries();
    assert!((3..=5).contains(&queries), "{queries}");
}

/// Addresses in their thousands.
fn many(servers: u16) -> impl Iterator<Item = IpAddr> {
    (0..servers).map(v6)
}

#[tokio::test(start_paused = true)]
async fn a_name_with_ten_thousand_addresses_is_refused_and_what_is_known_stays() {
    let stage = Stage::new([]);
    stage.net.host("api.test", many(10_000));
    let _one = stage.server(1);
    let client = stage.client();
    let error = get(&client).await.unwrap_err();
    assert!(has_cause(&error, &TooManyEndpoints { host: "api.test".into(), most: 256 }), "{error:?}");
    assert_eq!((stage.net.opened(), stage.known().len()), (0, 0));
    // Nor are those used any more that came before it was known how many they are.
    let stage = Stage::new([]);
    stage.net.host("api.test", many(200)).then(seconds(1), many(10_000));
    let client = stage.client();
    let _ = get(&client).await;
    assert_eq!(stage.known().len(), 200);
    sleep(Duration::from_millis(1_500)).await;
    let error = get(&client).await.unwrap_err();
    assert!(has_cause(&error, &TooManyEndpoints { host: "api.test".into(), most: 256 }), "{error:?}");
    assert_eq!(stage.known().len(), 0);

    let stage = Stage::new([1]);
    let _one = stage.server(1);
    let client = stage.client();
    get(&client).await.unwrap();
    stage.net.host("api.test", many(10_000));
    for _ in 0..5 {
        sleep(seconds(31)).await;
        assert_eq!(get(&client).await.unwrap(), endpoint(1));
    }
    assert_eq!(stage.known(), [endpoint(1)]);
}

#[tokio::test(start_paused = true)]
async fn only_families_that_are_wanted_are_asked_for() {
    let mut stage = Stage::new([1]);
    stage.net.host("api.test", [v6(1), v6(2), v6(3), ip(1)]);
    stage.layer = stage.layer.clone().families(Families::V4);
    let _one = stage.server(1);
    assert_eq!(get(&stage.client()).await.unwrap(), endpoint(1));
    assert_eq!(stage.net.opened(), 1);
}

/// It names the request's origin, as each error of the stack does, and nothing was sent.
#[tokio::test(start_paused = true)]
async fn the_error_of_a_lookup_says_for_which_origin_and_that_nothing_was_sent() {
    let stage = Stage::new([]);
    stage.net.name("api.test").fail(ErrorKind::TimedOut);
    let error: Error = get(&stage.client()).await.unwrap_err();
    assert_eq!(error.origin().unwrap().to_string(), "http://api.test");
    let sentence = error.to_string();
    assert!(sentence.starts_with("http://api.test: ") && sentence.ends_with("(nothing was sent)"), "{sentence}");
    assert_eq!(error.delivery(), Delivery::Unsent);
}
