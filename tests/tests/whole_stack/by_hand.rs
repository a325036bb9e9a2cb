//! A stack by hand does what the client does.

use http::{Request, Response};
use http_body_util::BodyExt;
use skybridge::{
    H1, H2, NegotiateLayer, PoolLayer, PoolStats, RaceLayer, RetryLayer, RouteLayer,
    tower::{ServiceBuilder, ServiceExt},
};
use skybridge_testkit::origin::Origin;
use skybridge_tests::{World, all, get, h2, post};

/// Sends, and reads the whole answer.
macro_rules! read {
    ($stack:expr, $request:expr) => {{
        let response: Response<_> = $stack.clone().oneshot($request).await.unwrap();
        response.into_body().collect().await.unwrap().to_bytes()
    }};
}

macro_rules! stack {
    ($world:expr) => {
        ServiceBuilder::new()
            .layer(RetryLayer::safe())
            .layer(PoolLayer::shared($world.executor.runtime()).observer($world.recorder.clone()))
            .layer(RouteLayer::new($world.net.resolver()))
            .layer(NegotiateLayer::new(H1::new(), H2::new()))
            .layer(RaceLayer::happy_eyeballs())
            .service($world.net.dialer())
    };
}

#[tokio::test(start_paused = true)]
async fn cold_warm_stale_and_parallel() {
    let world = World::new();
    let origin = Origin::h1().serve_on(world.listen());
    let stack = stack!(world);
    for _ in 0..3 {
        assert_eq!(read!(stack, get("/")), "hello");
    }
    assert_eq!(origin.exchanges(), ["c0e0", "c0e1", "c0e2"]);

    origin.close_all();
    origin.until_open(0).await;
    assert_eq!(read!(stack, post("x")), "hello");
    assert_eq!(origin.connections(), 2);

    let calls = (0..5).map(|_| stack.clone()).map(|stack| async move { read!(stack, get("/")) });
    assert!(all(calls).await.iter().all(|answer| answer == "hello"));
    let stats: PoolStats = stack.get_ref().stats();
    assert_eq!((stats.idle, stats.active, stats.waiting), (5, 0, 0));
    drop(stack);
    world.assert_nothing_left().await;
}

#[tokio::test(start_paused = true)]
async fn fifty_at_once_on_one_connection() {
    let world = World::new();
    let origin = Origin::h2c().serve_on(world.listen());
    let stack = stack!(world);
    let calls = (0..50).map(|_| stack.clone()).map(|stack| async move { read!(stack, h2(get("/"))) });
    assert!(all(calls).await.iter().all(|answer| answer == "hello"));
    assert_eq!((origin.connections(), origin.requests().len()), (1, 50));
    drop(stack);
    world.assert_nothing_left().await;
}

/// The request is anybody's: not `Sync`, not `Clone`, not `Unpin`.
#[tokio::test(start_paused = true)]
async fn any_body_goes_down_by_hand() {
    struct Once(Option<&'static str>, std::marker::PhantomPinned, std::cell::Cell<()>);
    impl http_body::Body for Once {
        type Data = bytes::Bytes;
        type Error = std::convert::Infallible;
        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, std::convert::Infallible>>> {
            std::task::Poll::Ready(None)
        }
        fn is_end_stream(&self) -> bool {
            self.0.is_none()
        }
    }
    let world = World::new();
    let _origin = Origin::h1().serve_on(world.listen());
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::unsent())
        .layer(PoolLayer::shared(world.executor.runtime()))
        .layer(RouteLayer::new(world.net.resolver()))
        .layer(NegotiateLayer::new(H1::new(), H2::new()))
        .layer(RaceLayer::happy_eyeballs())
        .service(world.net.dialer());
    let body = Once(None, std::marker::PhantomPinned, std::cell::Cell::new(()));
    let request = Request::get("http://a.test/").body(body).unwrap();
    assert_eq!(read!(stack, request), "hello");
}
