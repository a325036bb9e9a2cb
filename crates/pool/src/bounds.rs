//! What a user would only notice as time and memory, counted: how many origins are visited, and how much is kept.

use crate::{Pool, PoolConfig, PoolLayer};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use skybridge_testkit::{
    executor::{Executor, run_until_idle},
    fake::{Connection, Facts, Planner},
};
use std::{cell::Cell, time::Duration};
use tower_layer::Layer;
use tower_service::Service;

thread_local! {
    /// How often an origin was looked into, on this thread.
    pub(crate) static LOOKS: Cell<usize> = const { Cell::new(0) };
}

type Sent = Full<Bytes>;

struct Stage {
    _executor: Executor,
    below: Planner<Sent>,
    pool: Pool<Connection<Sent>, Sent>,
}

impl Stage {
    fn new(config: PoolConfig) -> Self {
        let (executor, below) = (Executor::new(), Planner::new());
        let pool = PoolLayer::shared(executor.runtime()).config(config).layer(below.clone());
        Self { _executor: executor, below, pool }
    }

    /// A request, answered and read to its end: how many origins were looked into for it.
    async fn get(&self, url: &str) -> usize {
        let before = LOOKS.get();
        let call = tokio::spawn(self.pool.clone().call(request(url)));
        run_until_idle().await;
        self.below.peers().iter().for_each(|peer| peer.answer_all());
        self.below.peers().iter().filter_map(|peer| peer.try_exchange()).for_each(|exchange| exchange.respond(200, ""));
        call.await.unwrap().unwrap().into_body().collect().await.unwrap();
        LOOKS.get() - before
    }
}

fn request(url: &str) -> Request<Sent> {
    Request::get(url).body(Full::default()).unwrap()
}

fn host(i: usize) -> String {
    format!("h{i}.test")
}

/// One connection that has carried so many names, each once.
async fn carrying(names: usize) -> Stage {
    let stage = Stage::new(PoolConfig::new());
    let hosts: Vec<_> = (0..names).map(host).collect();
    stage.below.connect_all(move |_| Facts::h2(100).covers(hosts.iter().map(String::as_str)));
    for i in 0..names {
        stage.get(&format!("https://{}/", host(i))).await;
    }
    assert_eq!((stage.below.connects(), stage.pool.stats().origins), (1, names));
    stage
}

#[tokio::test(start_paused = true)]
async fn a_request_costs_the_same_however_many_names_its_connection_carries() {
    let (few, many) = (carrying(2).await, carrying(500).await);
    for i in [0, 1] {
        let url = format!("https://{}/", host(i));
        assert_eq!(few.get(&url).await, many.get(&url).await, "name {i}");
    }
}

/// Those who wait for the total limit stand in its queue once, and not for ever.
#[tokio::test(start_paused = true)]
async fn the_queue_for_the_total_limit_does_not_grow_by_those_who_left() {
    let stage = Stage::new(PoolConfig::new().max_total(1));
    let _stuck = tokio::spawn(stage.pool.clone().call(request("http://a.test/")));
    run_until_idle().await;
    for i in 0..5_000 {
        let mut call = Box::pin(stage.pool.clone().call(request(&format!("http://{}/", host(i)))));
        assert!(std::future::poll_fn(|cx| std::task::Poll::Ready(call.as_mut().poll(cx).is_pending())).await);
    }
    let (queued, origins) = (stage.pool.registry().shared.permits.queued(), stage.pool.stats().origins);
    assert!(queued <= 64, "{queued} stand in the queue, for {origins} origins");
}

/// The sweep for what is overdue is not made for each connection anew.
#[tokio::test(start_paused = true)]
async fn many_that_end_at_about_the_same_time_are_not_swept_one_by_one() {
    const ORIGINS: usize = 2_000;
    let stage = Stage::new(PoolConfig::new().max_idle(ORIGINS));
    stage.below.connect_all(|_| Facts::h1());
    let warm = stage.pool.clone();
    for i in 0..ORIGINS {
        let call = tokio::spawn(warm.clone().call(request(&format!("http://{}/", host(i)))));
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        let peer = stage.below.peers().pop().unwrap();
        peer.answer_all();
        peer.try_exchange().into_iter().for_each(|exchange| exchange.respond(200, ""));
        call.await.unwrap().unwrap().into_body().collect().await.unwrap();
    }
    assert_eq!(stage.pool.stats().idle, ORIGINS);
    let before = LOOKS.get();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(stage.pool.stats().origins, 0);
    let looks = (LOOKS.get() - before) / ORIGINS;
    assert!(looks < 300, "each was looked at {looks} times");
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_used_and_nothing_ends_hardly_anything_is_looked_at() {
    let stage = Stage::new(PoolConfig::new().idle_timeout(Duration::MAX));
    stage.below.connect_all(|_| Facts::h1());
    stage.get("http://a.test/").await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let before = LOOKS.get();
    tokio::time::sleep(Duration::from_secs(100 * 24 * 3600)).await;
    assert_eq!(LOOKS.get() - before, 0);
    stage.get("http://a.test/").await;
    let before = LOOKS.get();
    tokio::time::sleep(Duration::from_secs(100 * 24 * 3600)).await;
    assert!(LOOKS.get() - before < 20, "{}", LOOKS.get() - before);
}

#[tokio::test(start_paused = true)]
async fn requests_are_no_reason_for_a_look_each() {
    let stage = Stage::new(PoolConfig::new().idle_timeout(Duration::MAX));
    stage.below.connect_all(|_| Facts::h1());
    stage.get("http://a.test/").await;
    let mut looks = 0;
    for _ in 0..50 {
        looks += stage.get("http://a.test/").await;
    }
    // One to take the connection, and one to put it back.
    assert!(looks < 2 * 50 + 20, "{looks}");
}
