//! Time limits.

use super::{Flaky, ask, erased, pool};
use http::Response;
use http_body_util::BodyExt;
use skybridge::{Error, RetryLayer, Timeouts};
use skybridge_testkit::{h1::Script, origin::Origin};
use skybridge_tests::{World, get};
use std::time::Duration;
use tower::{ServiceBuilder, ServiceExt, limit::ConcurrencyLimitLayer, timeout::TimeoutLayer};

const SECOND: Duration = Duration::from_secs(1);

/// Two tries of 0.6 s each, and a limit of one second.
#[tokio::test(start_paused = true)]
async fn timeout_above_retry_is_of_all_tries_below_it_of_each() {
    for above in [true, false] {
        let world = World::new();
        let origin = Flaky::new(world.listen(), 1, Duration::from_millis(600));
        let limit = TimeoutLayer::new(SECOND);
        let retry = ServiceBuilder::new().layer(RetryLayer::safe());
        let stack = if above {
            erased(ServiceBuilder::new().layer(limit).layer(RetryLayer::safe()).service(pool(&world)))
        } else {
            erased(retry.layer(limit).service(pool(&world)))
        };
        let answered = ask(&stack, get("/")).await;
        assert_eq!(answered.is_err_and(|error| error.is_timeout()), above);
        assert_eq!(origin.asked(), 2);
    }
}

/// A body that takes ten seconds.
#[tokio::test(start_paused = true)]
async fn timeout_of_tower_ends_with_the_head_and_that_of_the_call_with_the_body() {
    for (of_tower, fails) in [(true, false), (false, true)] {
        let world = World::new();
        let listener = world.listen();
        let server = async {
            let mut peer = Script::new(listener.accept().await.0);
            peer.request().await;
            peer.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n").await;
            tokio::time::sleep(10 * SECOND).await;
            let _ = peer.try_send("hello").await;
        };
        let limits = if of_tower { Timeouts::new() } else { Timeouts::new().call(SECOND) };
        let client = world.builder().timeouts(limits).build();
        let stack = if of_tower {
            erased(ServiceBuilder::new().layer(TimeoutLayer::new(SECOND)).service(client))
        } else {
            erased(client)
        };
        let call = async {
            let response = stack.oneshot(get("/")).await.unwrap();
            response.into_body().collect().await.map_err(Error::of_body)
        };
        let (answered, ()) = tokio::join!(call, server);
        assert_eq!(answered.is_err_and(|error| error.is_timeout()), fails);
    }
}

/// Two requests of 0.8 s, one after the other, and a limit of one second.
#[tokio::test(start_paused = true)]
async fn timeout_counts_the_wait_for_a_place_only_above_a_buffer_above_the_limit() {
    for (above, buffer) in [(true, true), (true, false), (false, true)] {
        let world = World::new();
        let slow = |_| async {
            tokio::time::sleep(Duration::from_millis(800)).await;
            Response::new("hello".to_owned())
        };
        let _origin = Origin::h1().handle(slow).serve_on(world.listen());
        let (time, places) = (TimeoutLayer::new(SECOND), ConcurrencyLimitLayer::new(1));
        let stack = match (above, buffer) {
            (true, true) => erased(ServiceBuilder::new().layer(time).buffer(8).layer(places).service(world.client())),
            // Its clock begins when what is below is ready.
            (true, false) => erased(ServiceBuilder::new().layer(time).layer(places).service(world.client())),
            (false, _) => erased(ServiceBuilder::new().buffer(8).layer(places).layer(time).service(world.client())),
        };
        let (first, second) = tokio::join!(ask(&stack, get("/")), ask(&stack, get("/")));
        first.unwrap();
        assert_eq!(second.is_err_and(|error| error.is_timeout()), above && buffer);
    }
}
