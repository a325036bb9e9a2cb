//! tower's own layers between retry and pool. Each boxes the error and sees every try, and no request loses its second
//! try.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use http::{Request, Response};
use skybridge::{
    Cause, Delivery, Error, H1, H2, NegotiateLayer, PoolLayer, RaceLayer, RequestBody, RetryLayer, RouteLayer,
    types::Failed,
};
use skybridge_testkit::{h1::Script, origin::Origin};
use skybridge_tests::{World, addr, get, post};
use std::{
    error::Error as StdError,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tower::{
    BoxError, Layer, Service, ServiceBuilder, ServiceExt,
    buffer::BufferLayer,
    filter::FilterLayer,
    limit::ConcurrencyLimitLayer,
    load_shed::{LoadShedLayer, error::Overloaded},
    timeout::{TimeoutLayer, error::Elapsed},
};

const SECOND: Duration = Duration::from_secs(1);

/// What a filter refuses with.
#[derive(Clone, Copy, Debug)]
struct Unwelcome;

impl fmt::Display for Unwelcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not here")
    }
}

impl StdError for Unwelcome {}

/// A stack with one layer between retry and pool. What is asked of it is what its author would ask.
macro_rules! stack {
    ($world:expr, $layer:expr) => {
        ServiceBuilder::new()
            .layer(RetryLayer::safe())
            .layer($layer)
            .layer(PoolLayer::shared($world.executor.runtime()).observer($world.recorder.clone()))
            .layer(RouteLayer::new($world.net.resolver()))
            .layer(NegotiateLayer::new(H1::new(), H2::new()))
            .layer(RaceLayer::happy_eyeballs())
            .service($world.net.dialer())
    };
}

async fn ask<S, B>(stack: &S, request: Request<RequestBody>) -> Result<String, Error>
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Error> + Clone,
    B: http_body::Body<Data = bytes::Bytes, Error: fmt::Debug>,
{
    use http_body_util::BodyExt;
    let response = stack.clone().oneshot(request).await?;
    Ok(String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap())
}

fn innermost<'a>(mut error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

/// The peer ends a connection while a request is on its way to it: it comes back through the layer, and is sent again.
async fn is_healed<S, B>(world: &World, stack: &S)
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Error> + Clone,
    B: http_body::Body<Data = bytes::Bytes, Error: fmt::Debug>,
{
    let listener = world.listen();
    let calls = async {
        assert_eq!(ask(stack, get("/1")).await.unwrap(), "one");
        ask(stack, get("/2")).await
    };
    let server = async {
        let mut first = Script::new(listener.accept().await.0);
        first.request().await;
        first.respond(200, "one").await;
        first.request().await;
        drop(first);
        let mut second = Script::new(listener.accept().await.0);
        second.request().await;
        second.respond(200, "two").await;
        second
    };
    let (answer, _second) = tokio::join!(calls, server);
    assert_eq!(answer.unwrap(), "two");
}

#[tokio::test(start_paused = true)]
async fn a_timeout() {
    let world = World::new();
    let stack = stack!(world, TimeoutLayer::new(SECOND));
    is_healed(&world, &stack).await;

    let world = World::new();
    let stack = stack!(world, TimeoutLayer::new(SECOND));
    let _silent = world.listen();
    let error = ask(&stack, get("/")).await.unwrap_err();
    assert!(error.is_timeout() && innermost(&error).is::<Elapsed>(), "{error:?}");
    // It doesn't say how far the request got; and what took too long once isn't tried again.
    assert_eq!((error.delivery(), error.earlier().len()), (Delivery::Unknown, 0));
}

#[tokio::test(start_paused = true)]
async fn a_buffer() {
    let world = World::new();
    let stack = stack!(world, BufferLayer::new(8));
    is_healed(&world, &stack).await;
}

#[tokio::test(start_paused = true)]
async fn a_shedder_of_load() {
    let world = World::new();
    let layers = (LoadShedLayer::new(), ConcurrencyLimitLayer::new(1));
    let stack = stack!(world, layers);
    is_healed(&world, &stack).await;

    let origin = Origin::h1().serve_on(world.listen());
    let (first, second) = tokio::join!(ask(&stack, get("/")), ask(&stack, get("/")));
    assert_eq!(first.unwrap(), "hello");
    let error = second.unwrap_err();
    assert!(innermost(&error).is::<Overloaded>() && !error.is_timeout(), "{error:?}");
    assert_eq!(error.delivery(), Delivery::Unsent, "it was refused at the door");
    assert_eq!(origin.requests().len(), 1, "what was shed is not tried again");
}

#[tokio::test(start_paused = true)]
async fn a_filter() {
    let world = World::new();
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let layer = FilterLayer::new(move |request: Request<RequestBody>| {
        counted.fetch_add(1, SeqCst);
        if request.uri().path() == "/private" { Err(Unwelcome) } else { Ok(request) }
    });
    let stack = stack!(world, layer);
    is_healed(&world, &stack).await;
    assert_eq!(tries.load(SeqCst), 3, "it sees every try");

    let error = ask(&stack, get("/private")).await.unwrap_err();
    assert!(innermost(&error).is::<Unwelcome>() && matches!(error.cause(), Cause::Exchange(_)), "{error:?}");
    assert_eq!(tries.load(SeqCst), 4);
}

#[tokio::test(start_paused = true)]
async fn all_of_them_and_what_is_below_keeps_its_type() {
    let world = World::new();
    let layers = ServiceBuilder::new()
        .layer(TimeoutLayer::new(SECOND))
        .layer(LoadShedLayer::new())
        .layer(BufferLayer::new(8))
        .layer(FilterLayer::new(|request: Request<RequestBody>| Ok::<_, Unwelcome>(request)))
        .into_inner();
    let stack = stack!(world, layers);
    // Nobody listens.
    let error = ask(&stack, post("once")).await.unwrap_err();
    assert!(error.is_connect() && error.delivery() == Delivery::Unsent, "{error:?}");
    assert_eq!(error.attempts()[0].endpoint, addr().into());
    is_healed(&world, &stack).await;
}

/// Without a retry layer, a caller takes it apart himself.
#[tokio::test(start_paused = true)]
async fn above_a_pool_alone_the_request_is_found_in_the_erased_error() {
    let world = World::new();
    let pool = PoolLayer::<RequestBody>::shared(world.executor.runtime()).layer(
        ServiceBuilder::new()
            .layer(RouteLayer::new(world.net.resolver()))
            .layer(NegotiateLayer::new(H1::new(), H2::new()))
            .layer(RaceLayer::happy_eyeballs())
            .service(world.net.dialer()),
    );
    let stack = ServiceBuilder::new().timeout(SECOND).service(pool);
    let error: BoxError = stack.oneshot(post("once")).await.map(drop).unwrap_err();
    let failed = Failed::<Request<RequestBody>>::from(error);
    assert!(failed.error.is_connect());
    assert_eq!(failed.into_request().unwrap().method(), "POST");
}
