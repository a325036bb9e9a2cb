//! What a request asks of its connection makes connections of its own.

use crate::stage::*;
use http::Request;
use skybridge_core::{ConnectError, ConnectOptions, HttpVersions, Partition, Phase, RequestOptions, Target};
use skybridge_pool::{PoolConfig, PoolLayer};
use skybridge_testkit::{
    executor::run_until_idle,
    fake::{Facts, RoutePlan},
    fixtures,
    observe::Recorder,
};
use std::task::{Context, Poll, Waker};
use tower_layer::Layer;
use tower_service::Service;

async fn by(stage: &Stage, options: RequestOptions) -> u64 {
    let call = stage.options(SECURE, options);
    run_until_idle().await;
    stage.below.peers().iter().for_each(|peer| {
        if let Some(exchange) = peer.try_exchange() {
            exchange.respond(200, "");
        }
    });
    read(done(call).await).await
}

#[tokio::test(start_paused = true)]
async fn each_wish_has_connections_of_its_own_and_equal_wishes_share() {
    let stage = Stage::easy(PoolConfig::new(), || Facts::h2(5));
    let wishes: [fn() -> RequestOptions; 7] = [
        RequestOptions::new,
        || RequestOptions::new().partition(Partition::new("a")),
        || RequestOptions::new().partition(Partition::new("b")),
        || RequestOptions::new().http_versions(HttpVersions::Http1),
        || RequestOptions::new().http_versions(HttpVersions::Http2),
        || RequestOptions::new().dial([fixtures::endpoint("192.0.2.9:443")]),
        || RequestOptions::new().server_name("other.test"),
    ];
    for _ in 0..2 {
        for (i, options) in wishes.iter().enumerate() {
            assert_eq!(by(&stage, options()).await, i as u64 + 1);
        }
    }
    assert_eq!((stage.below.connects(), stage.pool.stats().origins), (7, 7));
}

#[tokio::test(start_paused = true)]
async fn the_pools_own_terms_are_for_all_who_wish_nothing_else() {
    let mut connect_options = ConnectOptions::default();
    connect_options.http_versions = HttpVersions::Http2;
    let stage = Stage::with(|layer| layer.connect_options(connect_options));
    let _calls =
        [stage.call(A), stage.call(A), stage.options(A, RequestOptions::new().http_versions(HttpVersions::Http2))];
    let connect = stage.below.connecting().await;
    assert_eq!((connect.target().connect_options().http_versions, stage.below.connects()), (HttpVersions::Http2, 1));
    let other = stage.options(A, RequestOptions::new().http_versions(HttpVersions::Http1));
    assert_eq!(stage.below.connecting().await.target().connect_options().http_versions, HttpVersions::Http1);
    other.abort();
}

/// HTTP/2 has no upgrade: a request that asks for one goes by HTTP/1.1, or nowhere, and never without its `upgrade`.
#[tokio::test(start_paused = true)]
async fn a_request_that_asks_for_another_protocol_goes_by_http1() {
    let upgrade = || {
        let mut request = get(SECURE);
        request.headers_mut().insert("connection", http::HeaderValue::from_static("upgrade"));
        request.headers_mut().insert("upgrade", http::HeaderValue::from_static("websocket"));
        request
    };
    let stage = Stage::new(PoolConfig::new());
    let plain = stage.call(SECURE);
    stage.connected(Facts::h2(5)).await.exchange().await.respond(200, "");
    read(done(plain).await).await;
    let call = stage.send(upgrade());
    let connect = stage.below.connecting().await;
    assert_eq!(connect.target().connect_options().http_versions, HttpVersions::Http1);
    call.abort();

    let mut http2 = ConnectOptions::default();
    http2.http_versions = HttpVersions::Http2;
    let stage = Stage::with(|layer| layer.connect_options(http2));
    let error = came_back(stage.send(upgrade())).await;
    assert!(error.is_request(), "{error}");
    assert_eq!(stage.below.connects(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_observer_of_its_own_is_told_and_nobody_else() {
    let stage = Stage::new(PoolConfig::new());
    let own = Recorder::new();
    let call = stage.options(A, RequestOptions::new().observer(own.clone()));
    stage.connected(Facts::h1()).await.exchange().await.respond(200, "");
    read(done(call).await).await;
    assert!(stage.recorder.names().is_empty(), "{:?}", stage.recorder.names());
    assert_eq!(own.names()[0], "acquire_start");
    own.assert_balanced();
}

#[tokio::test(start_paused = true)]
async fn a_request_that_nobody_can_send_opens_nothing_and_comes_back() {
    let stage = Stage::new(PoolConfig::new());
    for uri in ["/no-origin", "ftp://a.test/", "http://a.test:99999/"] {
        let Ok(request) = Request::get(uri).body(Sent::default()) else { continue };
        let error = came_back(stage.send(request)).await;
        assert!(error.is_request(), "{uri}: {error:?}");
    }
    assert_eq!((stage.pool.stats().origins, stage.below.plans()), (0, 0));
}

/// A user's planner, which is not ready the first time.
#[derive(Clone)]
struct Moody {
    below: Planner,
    fails: bool,
    polls: u32,
}

impl Service<Target> for Moody {
    type Response = RoutePlan<Sent>;
    type Error = ConnectError;
    type Future = <Planner as Service<Target>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        self.polls += 1;
        if self.fails {
            return Poll::Ready(Err(ConnectError::new(Phase::Resolve, "in a mood")));
        }
        cx.waker().wake_by_ref();
        if self.polls < 3 { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn call(&mut self, target: Target) -> Self::Future {
        assert!(self.polls >= 3, "called before it was ready");
        self.below.call(target)
    }
}

#[tokio::test(start_paused = true)]
async fn a_planner_that_is_not_ready_delays_or_fails_its_search_only() {
    let stage = Stage::new(PoolConfig::new());
    for fails in [false, true] {
        let moody = Moody { below: stage.below.clone(), fails, polls: 0 };
        let mut pool: Pool = PoolLayer::shared(stage.executor.runtime()).layer(moody);
        assert!(pool.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready(), "the pool is always ready");
        for _ in 0..2 {
            let call = tokio::spawn(pool.call(get(A)));
            if fails {
                assert_eq!(came_back(call).await.phase(), Phase::Resolve);
            } else {
                stage.connected(Facts::h1()).await.exchange().await.fail(skybridge_core::Delivery::Unknown);
                failed(call).await;
            }
        }
    }
}
