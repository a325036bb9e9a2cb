//! A client on a stack that was made by hand, and tower's own idiom.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use skybridge::{
    Body, Cause, Client, ConnInfo, ConnInfoLayer, Delivery, Error, H1, H2, NegotiateLayer, PoolLayer, RaceLayer,
    RequestBody, ResponseExt, RetryLayer, RouteLayer, types::BoxError,
};
use skybridge_testkit::{
    executor::{Executor, run_until_idle},
    net::Network,
    observe::Recorder,
    origin::Origin,
};
use std::{future::pending, sync::Arc, time::Duration};
use tower::{
    Service, ServiceBuilder, ServiceExt,
    limit::ConcurrencyLimitLayer,
    service_fn,
    util::{MapRequestLayer, MapResponseLayer},
};

const URL: &str = "http://a.test/";

struct Stage {
    net: Network,
    executor: Executor,
    origin: Origin,
}

impl Stage {
    fn new() -> Self {
        let net = Network::new();
        net.host("a.test", ["192.0.2.1".parse().unwrap()]);
        let origin = Origin::h1().serve_on(net.listen("192.0.2.1:80".parse().unwrap()));
        Self { net, executor: Executor::new(), origin }
    }
}

/// The pool and all that is below.
macro_rules! pool {
    ($stage:expr) => {
        ServiceBuilder::new()
            .layer(PoolLayer::shared($stage.executor.runtime()))
            .layer(RouteLayer::new($stage.net.resolver()))
            .layer(NegotiateLayer::new(H1::new(), H2::new()))
            .layer(RaceLayer::happy_eyeballs())
            .service($stage.net.dialer())
    };
}

#[tokio::test(start_paused = true)]
async fn it_gets_reads_text_and_knows_its_connections() {
    let stage = Stage::new();
    let signed = |mut request: Request<RequestBody>| {
        request.headers_mut().insert("x-signed", http::HeaderValue::from_static("yes"));
        request
    };
    let stack = ServiceBuilder::new()
        .layer(MapRequestLayer::new(signed))
        .layer(ConcurrencyLimitLayer::new(1))
        .layer(RetryLayer::safe())
        .service(pool!(stage));
    let client = Client::from_stack(stack);
    let get = || async {
        let response = client.get(URL).await.unwrap();
        assert!(response.connection().is_some());
        response.into_body().text().await.unwrap()
    };
    let (first, second) = tokio::join!(get(), get());
    assert_eq!((first.as_str(), second.as_str()), ("hello", "hello"));
    assert!(stage.origin.requests().iter().all(|request| request.header("x-signed") == Some("yes")));
    let request = Request::post(URL).body("a body").unwrap();
    assert_eq!(client.request(request).await.unwrap().status(), 200);
    drop(client);
    run_until_idle().await;
    stage.executor.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_call_has_its_limit_and_its_events() {
    let stage = Stage::new();
    let recorder = Recorder::new();
    let hanging = service_fn(|_: Request<RequestBody>| pending::<Result<Response<Body>, BoxError>>());
    let limit = Duration::from_secs(3);
    let builder = Client::stack_builder(hanging).runtime(stage.executor.runtime()).observer(recorder.clone());
    let client = builder.call_timeout(limit).build();
    let begun = tokio::time::Instant::now();
    let error = tokio::time::timeout(2 * limit, client.get(URL)).await.unwrap().unwrap_err();
    assert_eq!(begun.elapsed(), limit);
    assert!(error.is_timeout() && error.phase() == skybridge::Phase::Call, "{error:?}");
    assert_eq!(error.delivery(), Delivery::Unknown);
    assert_eq!(recorder.names(), ["call_start", "call_failed"]);

    // The layers below tell the same observer, of the same call.
    recorder.clear();
    let stack = RetryLayer::safe().runtime(stage.executor.runtime());
    let stack = ServiceBuilder::new().layer(stack).service(pool!(stage));
    let client = Client::stack_builder(stack).runtime(stage.executor.runtime()).observer(recorder.clone()).build();
    assert_eq!(client.get(URL).await.unwrap().into_body().text().await.unwrap(), "hello");
    let calls: Vec<_> = recorder.recorded().iter().map(|event| event.call).collect();
    assert!(calls.len() > 4 && calls.iter().all(Option::is_some), "{:?}", recorder.lines());
    recorder.assert_balanced();
}

#[tokio::test(start_paused = true)]
async fn errors_of_a_stack_come_up_as_they_are_or_as_a_clients() {
    let refusing = |_: Request<RequestBody>| async {
        Err::<Response<Body>, _>(Error::new(Delivery::Unsent, skybridge::Phase::Send, "not today"))
    };
    let error = Client::from_stack(service_fn(refusing)).get(URL).await.unwrap_err();
    assert!(error.delivery() == Delivery::Unsent && error.to_string().contains("not today"), "{error}");
    let failing = |_: Request<RequestBody>| async { Err::<Response<Body>, _>(BoxError::from("out of order")) };
    let error = Client::from_stack(service_fn(failing)).get(URL).await.unwrap_err();
    assert!(error.to_string().contains("out of order"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn any_body_is_read_through_and_without_facts_none_are_told() {
    let answering =
        |_: Request<RequestBody>| async { Ok::<_, BoxError>(Response::new(Full::<Bytes>::from("by nobody"))) };
    let response = Client::from_stack(service_fn(answering)).get(URL).await.unwrap();
    assert!(response.connection().is_none());
    assert_eq!(response.into_body().text().await.unwrap(), "by nobody");
}

#[tokio::test(start_paused = true)]
async fn with_a_handle_to_its_pool_it_counts_evicts_and_closes() {
    let stage = Stage::new();
    let pool = pool!(stage);
    let stack = ServiceBuilder::new().layer(RetryLayer::safe()).service(pool.clone());
    let client = Client::stack_builder(stack).pool(pool).build();
    assert_eq!(client.get(URL).await.unwrap().into_body().text().await.unwrap(), "hello");
    assert_eq!(client.stats().idle, 1);
    client.evict_all();
    assert_eq!(client.stats().idle, 0);
    client.close();
    let error = client.get(URL).await.unwrap_err();
    assert!(matches!(error.cause(), Cause::Closed), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn facts_outlive_a_body_that_is_put_around_the_connections() {
    let stage = Stage::new();
    let wrapped = |response: Response<Body>| response.map(|body| body.map_frame(|frame| frame));
    let builder = || {
        let builder = Client::builder().runtime(stage.executor.runtime());
        builder.resolver(stage.net.resolver()).dialer(stage.net.dialer())
    };
    let client = builder().above_retry(MapResponseLayer::new(wrapped)).above_retry(ConnInfoLayer::new()).build();
    let response = client.get(URL).await.unwrap();
    let info = response.extensions().get::<Arc<ConnInfo>>().unwrap();
    assert_eq!(info.remote.to_string(), "192.0.2.1:80");
    assert!(response.body().connection().is_none());
    assert!(Arc::ptr_eq(response.connection().unwrap(), info));
    let client = builder().above_pool(MapResponseLayer::new(wrapped)).above_pool(ConnInfoLayer::new()).build();
    assert!(client.get(URL).await.unwrap().connection().is_some());
    // By hand it is put on the pool itself.
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::safe())
        .map_response(|response: Response<_>| response.map(|_| RequestBody::empty()))
        .layer(ConnInfoLayer::new())
        .service(pool!(stage));
    assert!(Client::from_stack(stack).get(URL).await.unwrap().connection().is_some());
}

#[tokio::test(start_paused = true)]
async fn ready_then_call_needs_no_type() {
    let stage = Stage::new();
    let builder = Client::builder().runtime(stage.executor.runtime());
    let mut client = builder.resolver(stage.net.resolver()).dialer(stage.net.dialer()).build();
    let request = || Request::get(URL).body(RequestBody::empty()).unwrap();
    assert_eq!(client.ready().await.unwrap().call(request()).await.unwrap().status(), 200);
    // Any body, as before.
    let text = Request::post(URL).body(Full::<Bytes>::from("a body")).unwrap();
    assert_eq!(client.ready().await.unwrap().call(text).await.unwrap().status(), 200);
    // Around it are layers that take what it takes.
    let limited = ServiceBuilder::new().layer(ConcurrencyLimitLayer::new(9));
    let mut limited = limited.service(client.one_body::<RequestBody>());
    assert_eq!(limited.ready().await.unwrap().call(request()).await.unwrap().status(), 200);
    let mut by_hand = Client::from_stack(limited);
    assert_eq!(by_hand.ready().await.unwrap().call(request()).await.unwrap().status(), 200);
}
