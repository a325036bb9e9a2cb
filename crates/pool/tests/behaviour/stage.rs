//! A pool between calls and fake connections.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use skybridge_core::{Delivery, Failed, RequestOptions};
use skybridge_pool::{PoolConfig, PoolLayer, PooledBody};
use skybridge_testkit::{
    executor::{Executor, run_until_idle},
    fake::{self, Facts, Peer},
    observe::Recorder,
};
use std::{sync::Arc, time::Duration};
use tokio::task::JoinHandle;
use tower_layer::Layer;
use tower_service::Service;

pub(crate) type Sent = Full<Bytes>;
pub(crate) type Conn = fake::Connection<Sent>;
pub(crate) type Pool = skybridge_pool::Pool<Conn, Sent>;
pub(crate) type Planner = fake::Planner<Sent>;
pub(crate) type Answer = Response<PooledBody<Conn, Sent>>;
pub(crate) type Call = JoinHandle<Result<Answer, Failed<Request<Sent>>>>;

pub(crate) const A: &str = "http://a.test/";
pub(crate) const B: &str = "http://b.test/";
pub(crate) const SECURE: &str = "https://a.test/";
pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) struct Stage {
    pub(crate) executor: Executor,
    pub(crate) below: Planner,
    pub(crate) pool: Pool,
    pub(crate) recorder: Arc<Recorder>,
}

impl Stage {
    /// Connects wait for the test.
    pub(crate) fn new(config: PoolConfig) -> Self {
        Self::with(|layer| layer.config(config))
    }

    pub(crate) fn with(change: impl FnOnce(PoolLayer<Sent>) -> PoolLayer<Sent>) -> Self {
        let (executor, below, recorder) = (Executor::new(), Planner::new(), Recorder::new());
        let layer = change(PoolLayer::shared(executor.runtime()).observer(recorder.clone()));
        Self { pool: layer.layer(below.clone()), executor, below, recorder }
    }

    /// Connects succeed, requests are answered at once.
    pub(crate) fn easy(config: PoolConfig, facts: impl Fn() -> Facts + Send + Sync + 'static) -> Self {
        let stage = Self::new(config);
        stage.below.connect_all(move |_| facts());
        stage
    }

    pub(crate) fn call(&self, url: &str) -> Call {
        self.send(get(url))
    }

    pub(crate) fn options(&self, url: &str, options: RequestOptions) -> Call {
        let mut request = get(url);
        request.extensions_mut().insert(options);
        self.send(request)
    }

    pub(crate) fn send(&self, request: Request<Sent>) -> Call {
        tokio::spawn(self.pool.clone().call(request))
    }

    /// Calls, and the answer read to its end: by which connection.
    pub(crate) async fn get(&self, url: &str) -> u64 {
        let call = self.call(url);
        run_until_idle().await;
        self.answer();
        read(call.await.unwrap().unwrap()).await
    }

    /// Each connection answers what it was sent, and what comes later.
    pub(crate) fn answer(&self) {
        for peer in self.below.peers() {
            peer.answer_all();
            while let Some(exchange) = peer.try_exchange() {
                exchange.respond(200, "");
            }
        }
    }

    /// The next connect succeeds.
    pub(crate) async fn connected(&self, facts: Facts) -> Peer<Sent> {
        let peer = self.below.connecting().await.succeed(facts);
        run_until_idle().await;
        peer
    }

    /// A connection that has carried one request and is idle.
    pub(crate) async fn warm(&self, url: &str, facts: Facts) -> Peer<Sent> {
        let call = self.call(url);
        let peer = self.connected(facts).await;
        peer.exchange().await.respond(200, "");
        read(call.await.unwrap().unwrap()).await;
        run_until_idle().await;
        peer
    }
}

pub(crate) fn get(url: &str) -> Request<Sent> {
    Request::get(url).body(Full::default()).unwrap()
}

/// With a body that may take longer than its answer.
pub(crate) fn post(url: &str) -> Request<Sent> {
    Request::post(url).body(Full::from(vec![b'u'; 100_000])).unwrap()
}

/// Reads to the end, and tells the number of the connection.
pub(crate) async fn read(answer: Answer) -> u64 {
    let number = number(&answer);
    answer.into_body().collect().await.unwrap();
    number
}

pub(crate) fn number(answer: &Answer) -> u64 {
    answer.body().connection().unwrap().id.unwrap().0
}

pub(crate) async fn done(call: Call) -> Answer {
    call.await.unwrap().unwrap()
}

pub(crate) async fn failed(call: Call) -> Failed<Request<Sent>> {
    call.await.unwrap().expect_err("it fails")
}

/// It failed unsent, and the request is back.
pub(crate) async fn came_back(call: Call) -> skybridge_core::Error {
    let failed = failed(call).await;
    assert_eq!(failed.error.delivery(), Delivery::Unsent);
    assert!(failed.has_request(), "the request comes back");
    failed.error
}

pub(crate) async fn after(time: Duration) {
    tokio::time::sleep(time).await;
    run_until_idle().await;
}
