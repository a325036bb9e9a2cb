//! Observers, planners and wakers that panic.

use crate::stage::*;
use skybridge_core::{CloseReason, ConnectError, Delivery, Event, Observe, Phase, RequestOptions, Scheme, Target};
use skybridge_pool::{PoolConfig, PoolLayer};
use skybridge_testkit::{
    executor::{Executor, run_until_idle},
    fake::Facts,
    observe::Recorder,
};
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
};
use tower_layer::Layer;
use tower_service::Service;

/// Panics at events of this name, as long as it is armed.
struct Panicking {
    at: &'static str,
    armed: AtomicBool,
    panicked: AtomicBool,
}

impl Observe for Panicking {
    fn observe(&self, event: &Event<'_>) {
        if event.kind.name() == self.at && self.armed.load(SeqCst) {
            self.panicked.store(true, SeqCst);
            panic!("at {}", self.at);
        }
    }
}

/// How an exchange ends, in the tests below.
const ENDINGS: [&str; 7] = ["complete", "failed", "dropped", "body dropped", "peer gone", "evicted", "connect fails"];

const EVENTS: [&str; 14] = [
    "acquire_start",
    "acquire_end",
    "connection_created",
    "connection_acquired",
    "wait_start",
    "response_head",
    "wait_end",
    "wait_failed",
    "wait_dropped",
    "body_start",
    "body_end",
    "connection_released",
    "connection_draining",
    "connection_closed",
];

/// One connection at most in all, so that whatever is lost leaves the next request waiting.
#[tokio::test(start_paused = true)]
async fn an_observer_that_panics_loses_neither_slot_nor_permit_nor_waiter() {
    let mut seen = Vec::new();
    for at in EVENTS {
        for ending in ENDINGS {
            for (facts, url, other) in [(Facts::h1(), A, B), (Facts::h2(1), SECURE, "https://b.test/")] {
                let observer =
                    Arc::new(Panicking { at, armed: AtomicBool::new(true), panicked: AtomicBool::new(false) });
                let stage = Stage::with(|layer| {
                    layer.config(PoolConfig::new().max_total(1)).observer(Arc::clone(&observer) as Arc<_>)
                });
                let options = RequestOptions::new().observer(Arc::clone(&observer) as Arc<_>);
                let call = stage.options(url, options);
                run_until_idle().await;
                if let Some(connecting) = stage.below.try_connecting() {
                    if ending == "connect fails" {
                        connecting.fail(ConnectError::new(Phase::Tcp, "refused"));
                    } else {
                        let peer = connecting.succeed(facts);
                        run_until_idle().await;
                        end(&stage, &peer, call, ending).await;
                    }
                }
                run_until_idle().await;
                observer.armed.store(false, SeqCst);
                stage.executor.take_panics();
                if observer.panicked.load(SeqCst) {
                    seen.push(at);
                }
                // What is left is asked to make room; then there is room.
                stage.below.connect_all(|target| match target.origin().scheme() {
                    Scheme::Https => Facts::h2(1),
                    _ => Facts::h1(),
                });
                for url in [other, url] {
                    let answered = tokio::time::timeout(SECOND, stage.get(url)).await;
                    assert!(answered.is_ok(), "{at}, {ending}, {url}: the next one waits");
                }
            }
        }
    }
    seen.dedup();
    assert_eq!(seen, EVENTS, "each is seen to panic");
}

async fn end(stage: &Stage, peer: &skybridge_testkit::fake::Peer<Sent>, call: Call, ending: &str) {
    let exchange = peer.try_exchange();
    match (ending, exchange) {
        ("complete", Some(exchange)) => {
            exchange.respond(200, "all");
            if let Ok(Ok(answer)) = call.await {
                let _ = tokio::spawn(read(answer)).await;
            }
        }
        ("failed", Some(exchange)) => {
            exchange.fail(Delivery::Unknown);
            let _ = call.await;
        }
        ("dropped", _) => {
            call.abort();
            let _ = call.await;
        }
        ("body dropped", Some(exchange)) => {
            let _sender = exchange.begin(200);
            if let Ok(Ok(answer)) = call.await {
                let _ = tokio::spawn(async move { drop(answer) }).await;
            }
        }
        ("peer gone", _) => {
            let peer = peer.clone();
            let _ = tokio::spawn(async move { peer.close(CloseReason::PeerFin) }).await;
            call.abort();
            let _ = call.await;
        }
        ("evicted", exchange) => {
            let pool = stage.pool.clone();
            let _ = tokio::spawn(async move { pool.evict_all() }).await;
            if let Some(exchange) = exchange {
                exchange.respond(200, "all");
            }
            if let Ok(Ok(answer)) = call.await {
                let _ = tokio::spawn(read(answer)).await;
            }
        }
        _ => {
            let _ = call.await;
        }
    }
}

/// Panics when it is cloned, as long as it is armed.
struct Uncloneable {
    inner: Planner,
    armed: Arc<AtomicBool>,
}

impl Clone for Uncloneable {
    fn clone(&self) -> Self {
        assert!(!self.armed.load(SeqCst), "a planner that panics");
        Self { inner: self.inner.clone(), armed: Arc::clone(&self.armed) }
    }
}

impl Service<Target> for Uncloneable {
    type Response = <Planner as Service<Target>>::Response;
    type Error = ConnectError;
    type Future = <Planner as Service<Target>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, target: Target) -> Self::Future {
        self.inner.call(target)
    }
}

#[tokio::test(start_paused = true)]
async fn a_planner_that_panics_when_it_is_cloned_leaves_nobody_waiting() {
    let (executor, below, armed) = (Executor::new(), Planner::new(), Arc::new(AtomicBool::new(true)));
    let layer = PoolLayer::shared(executor.runtime()).config(PoolConfig::new().max_total(1));
    let pool: Pool = layer.layer(Uncloneable { inner: below.clone(), armed: Arc::clone(&armed) });
    let stage = Stage { executor, below, pool, recorder: Recorder::new() };
    assert!(stage.call(A).await.is_err(), "it panics in who asks first");
    armed.store(false, SeqCst);
    stage.below.connect_all(|_| Facts::h1());
    let answered = tokio::time::timeout(SECOND, stage.get(A)).await;
    assert!(answered.is_ok(), "it waits for a connect that isn't there");
}

/// Panics when it is woken.
struct Unwakeable;

impl Wake for Unwakeable {
    fn wake(self: Arc<Self>) {
        panic!("a waker that panics");
    }
}

#[tokio::test(start_paused = true)]
async fn a_waker_that_panics_keeps_what_others_wait_for_from_none() {
    let stage = Stage::new(PoolConfig::new());
    let mut first = Box::pin(stage.pool.clone().call(get(SECURE)));
    assert!(first.as_mut().poll(&mut Context::from_waker(&Arc::new(Unwakeable).into())).is_pending());
    let others = [stage.call(SECURE), stage.call(SECURE)];
    run_until_idle().await;
    stage.below.connecting().await.fail(ConnectError::new(Phase::Tcp, "refused"));
    run_until_idle().await;
    stage.executor.take_panics();
    for other in others {
        assert!(other.is_finished(), "it is told of the connect that it waits for");
        came_back(other).await;
    }
    assert!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
}
