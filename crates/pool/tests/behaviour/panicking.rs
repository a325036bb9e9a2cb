//! Observers that panic.

use crate::stage::*;
use skybridge_core::{CloseReason, ConnectError, Delivery, Event, Observe, Phase, RequestOptions, Scheme};
use skybridge_pool::PoolConfig;
use skybridge_testkit::{executor::run_until_idle, fake::Facts};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

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

const EVENTS: [&str; 13] = [
    "acquire_start",
    "acquire_end",
    "connection_created",
    "connection_acquired",
    "wait_start",
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
