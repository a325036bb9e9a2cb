//! Foreign layers at every seam of the stack: plain tower layers, closures with tower's combinators, and custom layers,
//! over the network in memory.
//!
//! Each stack is written out, as its author would. Where a layer boxes the error, as tower's do, the error at the top
//! of the stack is typed all the same.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

#[allow(unreachable_pub, reason = "a module of one test")]
mod foreign;

use foreign::{CountBytes, Counted, Fence, Forbidden};
use http::{Request, Response};
use http_body_util::BodyExt;
use skybridge::{
    Cause, ConnInfo, ConnectError, ConnectOptions, Delivery, Endpoint, Error, H1, H2, HttpVersions, NegotiateLayer,
    Phase, PoolLayer, Proxy, RaceLayer, RequestBody, RequestOptions, RetryLayer, RouteLayer,
    types::{Attempt, Egress, Key, Link, Lost, OriginRef, Route, Target, Unfit},
};
use skybridge_testkit::origin::{Origin, OriginRequest};
use skybridge_tests::{World, addr, all, get, post};
use std::{
    error::Error as StdError,
    io::ErrorKind,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tower::{
    BoxError, Service, ServiceBuilder, ServiceExt, limit::ConcurrencyLimitLayer, service_fn, util::BoxCloneSyncService,
};

const SECOND: Duration = Duration::from_secs(1);

fn pool(world: &World) -> PoolLayer<RequestBody> {
    PoolLayer::shared(world.executor.runtime()).observer(world.recorder.clone())
}

fn negotiate() -> NegotiateLayer<H1<RequestBody>, H2<RequestBody>> {
    NegotiateLayer::new(H1::new(), H2::new())
}

/// Sends a request and reads the whole response. The error goes through tower's `BoxError`, as it does above a foreign
/// layer.
async fn ask<S, B>(stack: &S, request: Request<RequestBody>) -> Result<String, Error>
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error: Into<BoxError>> + Clone,
    B: http_body::Body<Data = bytes::Bytes, Error: std::fmt::Debug>,
{
    let response = stack.clone().oneshot(request).await.map_err(|error| Error::from(error.into()))?;
    let body = response.into_body().collect().await.unwrap().to_bytes();
    Ok(String::from_utf8(body.to_vec()).unwrap())
}

fn innermost<'a>(mut error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

fn assert_refused(error: &Error) {
    assert!(error.is_connect() && !error.is_timeout(), "{error:?}");
    assert_eq!((error.delivery(), error.phase()), (Delivery::Unsent, Phase::Tcp));
    assert_eq!(error.attempts().len(), 1, "{error:?}");
    assert_eq!(error.attempts()[0].endpoint, Endpoint::from(addr()));
}

#[tokio::test(start_paused = true)]
async fn above_retry() {
    let world = World::new();
    let stack = ServiceBuilder::new()
        .layer(BoxCloneSyncService::layer())
        .timeout(SECOND)
        .concurrency_limit(2)
        .layer(RetryLayer::unsent())
        .layer(pool(&world))
        .layer(RouteLayer::new(world.net.resolver()))
        .layer(negotiate())
        .layer(RaceLayer::happy_eyeballs())
        .service(world.net.dialer());
    assert_refused(&ask(&stack, get("/")).await.unwrap_err());

    let listener = world.listen();
    let error = ask(&stack, get("/")).await.unwrap_err();
    assert!(innermost(&error).is::<tower::timeout::error::Elapsed>(), "{error:?}");
    let _origin = Origin::h1().serve_on(listener);
    assert_eq!(ask(&stack, get("/")).await.unwrap(), "hello");
}

#[tokio::test(start_paused = true)]
async fn above_the_client() {
    let world = World::new();
    let stack = ServiceBuilder::new()
        .timeout(SECOND)
        .map_request(|mut request: Request<RequestBody>| {
            request.headers_mut().insert("foreign", "above".parse().unwrap());
            request
        })
        .service(world.client());
    assert_refused(&ask(&stack, get("/")).await.unwrap_err());
    let origin = Origin::h1().serve_on(world.listen());
    assert_eq!(ask(&stack, get("/")).await.unwrap(), "hello");
    assert_eq!(origin.requests()[0].header("foreign"), Some("above"));
}

#[tokio::test(start_paused = true)]
async fn between_retry_and_pool_a_layer_sees_every_try() {
    let world = World::new();
    let origin = Origin::h1().serve_on(world.listen());
    let tries = Arc::new(AtomicUsize::new(0));
    let sign = move |mut request: Request<RequestBody>| {
        request.headers_mut().insert("try", tries.fetch_add(1, SeqCst).into());
        request
    };
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::unsent())
        .layer(BoxCloneSyncService::layer())
        .concurrency_limit(1)
        .map_request(sign)
        .layer(pool(&world))
        .layer(RouteLayer::new(world.net.resolver()))
        .layer(negotiate())
        .layer(RaceLayer::happy_eyeballs())
        .service(world.net.dialer());
    let calls: Vec<_> = (0..5).map(|_| stack.clone()).map(async |stack| ask(&stack, get("/")).await).collect();
    assert!(all(calls.into_iter().map(Box::pin)).await.into_iter().all(|answer| answer.unwrap() == "hello"));
    assert!(origin.requests().iter().map(|seen| seen.header("try")).is_sorted());
    // One at a time, so one connection for all.
    assert_eq!(origin.connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn between_pool_and_route_the_origin_to_connect_to_is_another() {
    let world = World::new();
    let origin = Origin::h1().serve_on(world.listen());
    let connect_to = |target: Target| {
        let uri = "http://a.test".parse().unwrap();
        let origin = OriginRef::of(&uri).unwrap().to_owned().unwrap();
        Target::new(Key::new(origin, target.connect_options().clone()), target.ctx)
    };
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::unsent())
        .layer(pool(&world))
        .layer(BoxCloneSyncService::layer())
        .timeout(SECOND)
        .concurrency_limit(1)
        .map_request(connect_to)
        .layer(RouteLayer::new(world.net.resolver()))
        .layer(negotiate())
        .layer(RaceLayer::happy_eyeballs())
        .service(world.net.dialer());
    let request = Request::get("http://unknown.test/").body(RequestBody::empty()).unwrap();
    assert_eq!(ask(&stack, request).await.unwrap(), "hello");
    assert_eq!(origin.requests()[0].header("host"), Some("unknown.test"));

    world.net.name("a.test").fail(ErrorKind::NotFound);
    world.net.host("a.test", []).fail(ErrorKind::NotFound);
    let request = Request::get("http://another.test/").body(RequestBody::empty()).unwrap();
    let error = ask(&stack, request).await.unwrap_err();
    assert!(error.is_connect() && error.phase() == Phase::Resolve, "{error:?}");
}

/// A layer that names another origin to connect to may forget all else that the request asks for.
#[tokio::test(start_paused = true)]
async fn between_pool_and_route_no_less_is_connected_to_than_was_asked_for() {
    let proxy = Proxy::parse("http://p.test:3128").unwrap();
    let rows: [(&str, RequestOptions, ConnectOptions, Option<Lost>); 6] = [
        ("http://unknown.test/", RequestOptions::new(), ConnectOptions::default(), None),
        ("https://unknown.test/", RequestOptions::new(), ConnectOptions::default(), Some(Lost::Https)),
        (
            "https://unknown.test/",
            RequestOptions::new().http_versions(HttpVersions::Http2),
            ConnectOptions::default(),
            Some(Lost::Https),
        ),
        (
            "http://unknown.test/",
            RequestOptions::new().proxies([proxy]),
            ConnectOptions::default(),
            Some(Lost::Proxies),
        ),
        ("http://unknown.test/", RequestOptions::new().proxies([]), ConnectOptions::default(), None),
        ("http://unknown.test/", RequestOptions::new(), public(), Some(Lost::Egress)),
    ];
    for (url, options, connect_options, lost) in rows {
        let world = World::new();
        let origin = Origin::h1().serve_on(world.listen());
        let connect_to = |target: Target| {
            let uri = "http://a.test".parse().unwrap();
            let origin = OriginRef::of(&uri).unwrap().to_owned().unwrap();
            Target::new(Key::new(origin, ConnectOptions::default()), target.ctx)
        };
        let stack = ServiceBuilder::new()
            .layer(RetryLayer::unsent())
            .layer(pool(&world).connect_options(connect_options))
            .map_request(connect_to)
            .layer(RouteLayer::new(world.net.resolver()))
            .layer(negotiate())
            .layer(RaceLayer::happy_eyeballs())
            .service(world.net.dialer());
        let mut request = Request::get(url).body(RequestBody::empty()).unwrap();
        request.extensions_mut().insert(options);
        match (ask(&stack, request).await, lost) {
            (Ok(answer), None) => assert_eq!(answer, "hello"),
            (Err(error), Some(lost)) => {
                assert!(error.is_connect() && error.phase() == Phase::Handshake, "{error:?}");
                let Cause::Connect(error) = error.cause() else { panic!("{error:?}") };
                assert_eq!(error.source_as(), Some(&Unfit::Less(lost)));
                assert!(error.is_fatal() && origin.requests().is_empty());
            }
            (answer, lost) => panic!("{url} {lost:?}: {answer:?}"),
        }
    }
}

fn public() -> ConnectOptions {
    let mut connect_options = ConnectOptions::default();
    connect_options.egress = Egress::public();
    connect_options
}

/// How many sockets are opened at the same time, when a layer at either seam limits two requests for two origins to one
/// at a time.
#[tokio::test(start_paused = true)]
async fn a_limit_between_pool_and_route_is_one_of_planning_and_below_it_one_of_connects() {
    let limit = || ConcurrencyLimitLayer::new(1);
    for (above, at_once) in [(true, 2), (false, 1)] {
        let world = World::new();
        let other = "192.0.2.2:80".parse().unwrap();
        world.net.host("b.test", [std::net::SocketAddr::ip(&other)]);
        let origins = [addr(), other].map(|addr| {
            world.net.at(addr).connect_latency(SECOND);
            Origin::h1().serve_on(world.net.listen(addr))
        });
        let (planning, connecting) = if above { (Some(limit()), None) } else { (None, Some(limit())) };
        let stack = ServiceBuilder::new()
            .layer(RetryLayer::unsent())
            .layer(pool(&world))
            .option_layer(planning)
            .layer(RouteLayer::new(world.net.resolver()))
            .option_layer(connecting)
            .layer(negotiate())
            .layer(RaceLayer::happy_eyeballs())
            .service(world.net.dialer());
        let to_b = Request::get("http://b.test/").body(RequestBody::empty()).unwrap();
        let start = tokio::time::Instant::now();
        let (a, b) = tokio::join!(ask(&stack, get("/")), ask(&stack, to_b));
        assert!(a.unwrap() == "hello" && b.unwrap() == "hello");
        assert_eq!(start.elapsed().as_secs(), 2 / at_once, "{at_once} at once");
        drop(origins);
    }
}

#[tokio::test(start_paused = true)]
async fn between_route_and_negotiate() {
    let world = World::new();
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::unsent())
        .layer(pool(&world))
        .layer(RouteLayer::new(world.net.resolver()))
        .layer(BoxCloneSyncService::layer())
        .timeout(SECOND)
        .concurrency_limit(8)
        .map_response(move |connection| {
            count.fetch_add(1, SeqCst);
            connection
        })
        .layer(negotiate())
        .layer(RaceLayer::happy_eyeballs())
        .service(world.net.dialer());
    assert_refused(&ask(&stack, get("/")).await.unwrap_err());
    let _origin = Origin::h1().serve_on(world.listen());
    assert_eq!(ask(&stack, get("/")).await.unwrap(), "hello");
    assert_eq!(ask(&stack, get("/")).await.unwrap(), "hello");
    assert_eq!(made.load(SeqCst), 1);

    world.net.at(addr()).black_hole();
    let other = Request::get("http://a.test:80/").body(RequestBody::empty()).unwrap();
    assert_eq!(ask(&stack, other).await.unwrap(), "hello", "the connection is still there");
}

#[tokio::test(start_paused = true)]
async fn between_negotiate_and_race_every_byte_is_counted() {
    let world = World::new();
    let bytes = CountBytes::default();
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::unsent())
        .layer(pool(&world))
        .layer(RouteLayer::new(world.net.resolver()))
        .layer(negotiate())
        .layer(bytes.clone())
        .layer(BoxCloneSyncService::layer())
        .timeout(SECOND)
        .layer(RaceLayer::happy_eyeballs())
        .service(world.net.dialer());
    assert_refused(&ask(&stack, get("/")).await.unwrap_err());
    let _origin = Origin::h1().serve_on(world.listen());
    assert_eq!(ask(&stack, post("hey")).await.unwrap(), "hello");
    let wire = world.net.wire(0);
    assert_eq!(bytes.count(), Counted { out: wire.other_end().bytes_sent(), into: wire.bytes_sent() });
    // Head and body went out by one vectored write.
    assert_eq!(wire.other_end().writes(), 1);
}

#[tokio::test(start_paused = true)]
async fn between_negotiate_and_race_a_connect_that_takes_too_long_is_another_layers_business() {
    let world = World::new();
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::unsent())
        .layer(pool(&world))
        .layer(RouteLayer::new(world.net.resolver()))
        .layer(negotiate())
        .timeout(SECOND)
        .layer(RaceLayer::happy_eyeballs())
        .service(world.net.dialer());
    world.net.at(addr()).black_hole();
    let error = ask(&stack, get("/")).await.unwrap_err();
    assert!(error.is_connect() && innermost(&error).is::<tower::timeout::error::Elapsed>(), "{error:?}");
    assert_eq!(error.delivery(), Delivery::Unsent);
    drop(stack);
    world.assert_nothing_left().await;
}

#[tokio::test(start_paused = true)]
async fn between_race_and_tcp_a_closure_guards_what_is_dialled() {
    let world = World::new();
    let (inside, outside) = ("10.0.0.1:80".parse().unwrap(), addr());
    world.net.host("a.test", [std::net::SocketAddr::ip(&inside), outside.ip()]);
    let _inside = world.net.listen(inside);
    let guard = |attempt: Attempt| match attempt.endpoint.inet() {
        Some(addr) if addr.ip().to_string().starts_with("10.") => Err(Forbidden),
        _ => Ok(attempt),
    };
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::unsent())
        .layer(pool(&world))
        .layer(RouteLayer::new(world.net.resolver()))
        .layer(negotiate())
        .layer(RaceLayer::happy_eyeballs())
        .layer(BoxCloneSyncService::layer())
        .timeout(SECOND)
        .filter(guard)
        .service(world.net.dialer());

    // Both fail, each for its reason; nobody knocked at the one that is forbidden.
    let error = ask(&stack, get("/")).await.unwrap_err();
    assert_eq!(error.attempts().len(), 2, "{error:?}");
    let skybridge::Cause::Connect(connect) = error.cause() else { unreachable!("{error:?}") };
    assert!(connect.source_as::<Forbidden>().is_some(), "{connect:?}");
    assert_eq!(connect.phase(), Some(Phase::Tcp));
    assert_eq!(world.net.connects_to(inside), 0);

    let _origin = Origin::h1().serve_on(world.listen());
    assert_eq!(ask(&stack, get("/")).await.unwrap(), "hello");
    assert_eq!(world.net.connects_to(inside), 0);
}

#[tokio::test(start_paused = true)]
async fn at_the_bottom_a_function_dials() {
    let world = World::new();
    let _origin = Origin::h1().serve_on(world.listen());
    let net = world.net.clone();
    let dial = service_fn(move |attempt: Attempt| {
        let net = net.clone();
        async move {
            let addr = attempt.endpoint.inet().ok_or(ErrorKind::Unsupported)?;
            let io = net.connect(addr).await?;
            Ok::<_, std::io::Error>(Link::new(io, ConnInfo::new(&attempt, None, attempt.endpoint.clone())))
        }
    });
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::unsent())
        .layer(pool(&world))
        .layer(RouteLayer::new(world.net.resolver()))
        .layer(negotiate())
        .layer(RaceLayer::happy_eyeballs())
        .service(dial);
    assert_eq!(ask(&stack, get("/")).await.unwrap(), "hello");

    let request = Request::get("http://192.0.2.9/").body(RequestBody::empty()).unwrap();
    let error = ask(&stack, request).await.unwrap_err();
    assert!(error.is_connect() && error.phase() == Phase::Tcp && error.attempts().len() == 1, "{error:?}");
    assert_eq!(innermost(&error).downcast_ref::<std::io::Error>().unwrap().kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test(start_paused = true)]
async fn at_the_bottom_a_connector_needs_no_race() {
    let world = World::new();
    let origin = Origin::h1().serve_on(world.listen());
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::unsent())
        .layer(pool(&world))
        .layer(RouteLayer::new(world.net.resolver()))
        .layer(negotiate())
        .service(world.net.connector());
    assert_eq!(ask(&stack, get("/")).await.unwrap(), "hello");
    assert_eq!(ask(&stack, get("/")).await.unwrap(), "hello");
    assert_eq!(origin.requests().iter().map(OriginRequest::name).collect::<Vec<_>>(), ["c0e0", "c0e1"]);
}

/// A layer of one's own with an error of its own, in the connect plane and in the request plane.
#[tokio::test(start_paused = true)]
async fn an_error_of_ones_own_comes_out_where_it_can_be_found() {
    let world = World::new();
    let _origin = Origin::h1().serve_on(world.listen());
    let refuse = |_: Route| Err::<Route, _>(Forbidden);
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::unsent())
        .layer(Fence)
        .layer(pool(&world))
        .layer(RouteLayer::new(world.net.resolver()))
        .filter(refuse)
        .layer(negotiate())
        .layer(RaceLayer::happy_eyeballs())
        .service(world.net.dialer());
    let error = ask(&stack, get("/")).await.unwrap_err();
    assert!(error.is_connect() && innermost(&error).is::<Forbidden>(), "{error:?}");
    // A connect error made of it is the same one.
    let erased: BoxError = Box::new(ConnectError::new(Phase::Tcp, Forbidden).fatal());
    assert!(ConnectError::from(erased).is_fatal());

    let error = ask(&stack, get("/forbidden")).await.unwrap_err();
    assert!(!error.is_connect() && innermost(&error).is::<Forbidden>(), "{error:?}");
    assert_eq!(error.delivery(), Delivery::Unsent);
}
