//! How many at once, how many in a time, and how often.

use super::{Flaky, ask, erased, pool, pool_with};
use http::{Request, Response};
use http_body_util::Channel;
use skybridge::{Delivery, PoolConfig, RequestBody, RetryLayer};
use skybridge_testkit::origin::Origin;
use skybridge_tests::{World, get};
use std::{
    future::{Ready, ready},
    sync::Arc,
    time::Duration,
};
use tower::{
    BoxError, ServiceBuilder, ServiceExt,
    buffer::BufferLayer,
    hedge::{Hedge, Policy as HedgePolicy},
    limit::{ConcurrencyLimitLayer, RateLimitLayer},
    load_shed::LoadShedLayer,
    retry::{
        Policy, RetryLayer as TowerRetryLayer,
        budget::{Budget, TpsBudget},
    },
    service_fn,
};

const SECOND: Duration = Duration::from_secs(1);

/// While the body of the first response is being read.
#[tokio::test(start_paused = true)]
async fn concurrency_limit_ends_with_the_head_and_the_pools_with_the_body() {
    for (of_tower, connections) in [(true, 2), (false, 1)] {
        let world = World::new();
        let (senders, mut bodies) = tokio::sync::mpsc::unbounded_channel();
        let open = move |_| {
            let (sender, body) = Channel::<bytes::Bytes>::new(1);
            senders.send(sender).unwrap();
            async move { Response::new(body) }
        };
        let origin = Origin::h1().handle(open).serve_on(world.listen());
        let config = if of_tower { PoolConfig::new() } else { PoolConfig::new().max_per_origin(1) };
        let limit = of_tower.then(|| ConcurrencyLimitLayer::new(1));
        let client = world.builder().pool(config).build();
        let stack = match limit {
            Some(limit) => erased(ServiceBuilder::new().layer(limit).service(client)),
            None => erased(client),
        };
        let first = stack.clone().oneshot(get("/")).await.unwrap();
        let second = tokio::time::timeout(SECOND, stack.clone().oneshot(get("/"))).await;
        assert_eq!((second.is_ok(), origin.connections()), (of_tower, connections));
        bodies.close();
        drop(first);
    }
}

/// Two in a second; the first request needs two tries.
#[tokio::test(start_paused = true)]
async fn rate_limit_above_retry_is_of_calls_below_it_of_tries() {
    for (above, seconds) in [(true, 0), (false, 1)] {
        let world = World::new();
        let origin = Flaky::new(world.listen(), 1, Duration::ZERO);
        let rate = || (BufferLayer::new(8), RateLimitLayer::new(2, SECOND));
        let stack = if above {
            erased(ServiceBuilder::new().layer(rate()).layer(RetryLayer::safe()).service(pool(&world)))
        } else {
            erased(ServiceBuilder::new().layer(RetryLayer::safe()).layer(rate()).service(pool(&world)))
        };
        let start = tokio::time::Instant::now();
        for _ in 0..2 {
            assert_eq!(ask(&stack, get("/")).await.unwrap(), "hello");
        }
        assert_eq!((start.elapsed().as_secs(), origin.asked()), (seconds, 3));
    }
}

/// One at a time, and two ask.
#[tokio::test(start_paused = true)]
async fn load_shed_sheds_only_what_is_directly_below_it() {
    for (above, buffer) in [(true, false), (false, false), (true, true)] {
        let world = World::new();
        let origin = Flaky::new(world.listen(), 0, SECOND);
        let (shed, limit) = (LoadShedLayer::new(), ConcurrencyLimitLayer::new(1));
        let stack = match (above, buffer) {
            (true, false) => erased(ServiceBuilder::new().layer(shed).layer(limit).service(world.client())),
            (false, _) => erased(ServiceBuilder::new().layer(limit).layer(shed).service(world.client())),
            // A buffer is ready while it has room.
            (true, true) => erased(ServiceBuilder::new().layer(shed).buffer(8).layer(limit).service(world.client())),
        };
        let (first, second) = tokio::join!(ask(&stack, get("/")), ask(&stack, get("/")));
        assert_eq!(first.unwrap(), "hello");
        let sheds = above && !buffer;
        assert_eq!(second.is_err_and(|error| error.delivery() == Delivery::Unsent), sheds);
        assert_eq!(origin.asked(), if sheds { 1 } else { 2 });
    }
}

/// tower's retry layer, of all that failed, within a budget.
#[derive(Clone)]
struct Again {
    budget: Arc<TpsBudget>,
    left: usize,
}

impl Again {
    /// So often, where the budget lets it.
    fn new(times: usize, reserve: u32) -> TowerRetryLayer<Self> {
        let budget = Arc::new(TpsBudget::new(SECOND, reserve, 0.0));
        TowerRetryLayer::new(Self { budget, left: times })
    }
}

impl<R, E> Policy<Request<RequestBody>, R, E> for Again {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut Request<RequestBody>, result: &mut Result<R, E>) -> Option<Ready<()>> {
        if result.is_ok() {
            self.budget.deposit();
            return None;
        }
        self.left = self.left.checked_sub(1)?;
        self.budget.withdraw().then(|| ready(()))
    }

    fn clone_request(&mut self, request: &Request<RequestBody>) -> Option<Request<RequestBody>> {
        copy(request)
    }
}

fn copy(request: &Request<RequestBody>) -> Option<Request<RequestBody>> {
    let body = request.body().replay()?;
    let mut copy = Request::new(body);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    *copy.extensions_mut() = request.extensions().clone();
    Some(copy)
}

/// An origin that never answers. Ours stops where connections fail one after the other, and tower's doesn't.
#[tokio::test(start_paused = true)]
async fn retry_of_tower_above_ours_adds_its_tries_to_ours() {
    for (ours, tries) in [(RetryLayer::safe(), 4), (RetryLayer::unsent(), 3)] {
        let world = World::new();
        let origin = Flaky::new(world.listen(), usize::MAX, Duration::ZERO);
        let stack = ServiceBuilder::new().layer(Again::new(2, 10)).layer(ours).service(pool(&world));
        ask(&erased(stack), get("/")).await.unwrap_err();
        assert_eq!(origin.asked(), tries);
    }
}

/// A budget that lets one retry through in a second.
#[tokio::test(start_paused = true)]
async fn retry_budget_is_one_only_where_all_calls_share_its_layer() {
    for (shared, tries) in [(true, 3), (false, 4)] {
        let world = World::new();
        let origin = Flaky::new(world.listen(), usize::MAX, Duration::ZERO);
        let stack = || {
            let below = ServiceBuilder::new().layer(RetryLayer::unsent()).service(pool(&world));
            erased(ServiceBuilder::new().layer(Again::new(2, 1)).service(below))
        };
        let one = stack();
        for _ in 0..2 {
            let stack = if shared { one.clone() } else { stack() };
            ask(&stack, get("/")).await.unwrap_err();
        }
        assert_eq!(origin.asked(), tries);
    }
}

#[derive(Clone)]
struct Twice;

impl HedgePolicy<Request<RequestBody>> for Twice {
    fn clone_request(&self, request: &Request<RequestBody>) -> Option<Request<RequestBody>> {
        copy(request)
    }

    fn can_retry(&self, _: &Request<RequestBody>) -> bool {
        true
    }
}

/// The first connection is slow, and the second isn't.
#[tokio::test(start_paused = true)]
async fn hedge_needs_a_second_place_in_the_limit_below_it() {
    for (places, seconds) in [(2, 0), (1, 10)] {
        let world = World::new();
        let slow = |index, conn| async move {
            let mut script = skybridge_testkit::h1::Script::new(conn);
            while script.next_request().await.is_some() {
                tokio::time::sleep(if index == 0 { 10 * SECOND } else { Duration::ZERO }).await;
                if script.try_send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await.is_err() {
                    break;
                }
            }
        };
        let _serving = world.listen().serve(slow);
        let below = ServiceBuilder::new()
            .layer(RetryLayer::unsent())
            .service(pool_with(&world, PoolConfig::new().max_per_origin(places)));
        let stack = Hedge::new_with_mock_latencies(below.map_err(BoxError::from), Twice, 1, 0.9, SECOND, &[50; 10]);
        let start = tokio::time::Instant::now();
        let response = stack.oneshot(get("/")).await.unwrap();
        drop(response);
        assert_eq!(start.elapsed().as_secs(), seconds);
        assert_eq!(world.net.opened(), places);
    }
}

/// A buffer's task runs what is below it, and its handle is what is cloned.
#[tokio::test(start_paused = true)]
async fn buffer_shares_what_can_not_be_cloned() {
    let world = World::new();
    let origin = Flaky::new(world.listen(), 0, SECOND);
    let client = world.client();
    // Not `Clone`: a rate of its own would be each clone's.
    let limited = ServiceBuilder::new().layer(RateLimitLayer::new(1, 5 * SECOND)).service(service_fn(move |request| {
        let client = client.clone();
        async move { client.oneshot(request).await.map_err(BoxError::from) }
    }));
    let stack = erased(ServiceBuilder::new().buffer(1).service(limited));
    let start = tokio::time::Instant::now();
    let asked = (0..3).map(|_| stack.clone()).map(|stack| async move { ask(&stack, get("/")).await.unwrap() });
    skybridge_tests::all(asked).await;
    assert_eq!((start.elapsed().as_secs(), origin.asked()), (11, 3));
}
