//! What another thread does in the middle of something. It is done by whoever is called there: an observer, or what
//! judges certificates.

use crate::stage::*;
use skybridge_core::{CertificateScope, CloseReason, Event, EventKind, HttpVersions, Observe, Origin, RequestOptions};
use skybridge_pool::{PoolConfig, PoolStats};
use skybridge_testkit::{executor::run_until_idle, fake::Facts};
use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};
use tower_service::Service;

type Deed = Box<dyn FnOnce() + Send>;

/// Done once, when it is called.
#[derive(Clone, Default)]
struct Meanwhile(Arc<Mutex<Option<Deed>>>);

impl Meanwhile {
    fn will(&self, deed: impl FnOnce() + Send + 'static) {
        *self.0.lock().unwrap() = Some(Box::new(deed));
    }

    fn go(&self) {
        let deed = self.0.lock().unwrap().take();
        if let Some(deed) = deed {
            deed();
        }
    }
}

impl Observe for Meanwhile {
    fn observe(&self, event: &Event<'_>) {
        if matches!(event.kind, EventKind::Draining(_)) {
            self.go();
        }
    }
}

impl CertificateScope for Meanwhile {
    fn covers(&self, origin: &Origin) -> bool {
        if origin.name() == "two.test" {
            self.go();
        }
        true
    }
}

/// A driver tells the end of a connection while somebody else is about to take it out of the pool.
#[tokio::test(start_paused = true)]
async fn a_connection_whose_end_overtakes_its_draining_is_counted_out_once() {
    let meanwhile = Meanwhile::default();
    let stage = Stage::with(|layer| layer.observer(Arc::new(meanwhile.clone())));
    let call = stage.call(SECURE);
    let peer = stage.connected(Facts::h2(5)).await;
    let seen = Arc::new(Mutex::new(PoolStats::default()));
    let (pool, stats) = (stage.pool.clone(), Arc::clone(&seen));
    meanwhile.will(move || {
        peer.close(CloseReason::PeerFin);
        *stats.lock().unwrap() = pool.stats();
    });
    stage.pool.evict_all();
    run_until_idle().await;
    assert_eq!((seen.lock().unwrap().draining, stage.pool.stats().draining), (0, 0));
    drop(call);
    run_until_idle().await;
    assert_eq!(stage.pool.stats(), PoolStats::default());
}

/// Requests with other terms look for a connection just when one of that origin is told it is the wrong one.
#[tokio::test(start_paused = true)]
async fn who_finds_a_connection_as_it_is_misdirected_does_not_get_it() {
    let meanwhile = Meanwhile::default();
    let stage = Stage::new(PoolConfig::new());
    let judge = Arc::new(meanwhile.clone());
    let facts = Facts::h2(50).covers(["one.test"]).amend(move |info| info.tls.as_mut().unwrap().covers = judge);
    let peer = stage.warm("https://one.test/", facts).await;
    let mut first = stage.pool.clone().call(get("https://two.test/"));
    assert!(poll(&mut first).is_pending());
    run_until_idle().await;
    assert!(poll(&mut first).is_pending());
    let exchange = peer.exchange().await;
    let told = Arc::new(Mutex::new(false));
    let seen = Arc::clone(&told);
    meanwhile.will(move || {
        exchange.respond(421, "");
        *seen.lock().unwrap() = matches!(poll(&mut first), Poll::Ready(Ok(answer)) if answer.status() == 421);
    });
    let second = stage.options("https://two.test/", RequestOptions::new().http_versions(HttpVersions::Http2));
    run_until_idle().await;
    assert!(*told.lock().unwrap());
    let own = stage.below.try_connecting().expect("a connection of its own");
    own.succeed(Facts::h2(5)).exchange().await.respond(200, "");
    assert_eq!(read(done(second).await).await, 2);
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}
