//! Settings of TLS are replaced while a connection is made by the former ones.

use crate::stage::*;
use skybridge_core::{
    CertificateScope, CloseReason, ConnectError, ConnectionStatus, Event, EventKind, Observe, Origin, Phase,
    StatusListener, TlsInfo,
};
use skybridge_pool::PoolConfig;
use skybridge_testkit::{executor::run_until_idle, fake::Facts};
use std::{
    io,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};
use tower_service::Service;

/// The settings that a connection was made by. Once they are replaced, their connections are drained.
#[derive(Default)]
struct Settings {
    replaced: AtomicBool,
    listeners: Mutex<Vec<Weak<dyn StatusListener>>>,
}

impl Settings {
    fn replace(&self) {
        self.replaced.store(true, SeqCst);
        let listeners = std::mem::take(&mut *self.listeners.lock().unwrap());
        listeners.iter().for_each(drain);
    }

    fn facts(self: &Arc<Self>, facts: Facts) -> Facts {
        let settings = Arc::clone(self);
        facts.covers(["a.test"]).amend(move |info| info.tls.as_mut().unwrap().covers = settings)
    }

    /// Those of a proxy on its way.
    fn proxy(self: &Arc<Self>, facts: Facts) -> Facts {
        let tls = TlsInfo::new(Arc::<Self>::clone(self));
        facts.amend(move |info| info.proxy_settings.add(&tls))
    }

    fn error(self: &Arc<Self>) -> ConnectError {
        let settings: Arc<dyn CertificateScope> = Arc::<Self>::clone(self);
        ConnectError::new(Phase::Tls, io::Error::other("refused")).by_settings(&settings)
    }
}

fn drain(listener: &Weak<dyn StatusListener>) {
    if let Some(listener) = listener.upgrade() {
        listener.notify(ConnectionStatus::Draining(CloseReason::TlsReplaced));
    }
}

impl CertificateScope for Settings {
    fn covers(&self, _: &Origin) -> bool {
        false
    }

    fn is_current(&self) -> bool {
        !self.replaced.load(SeqCst)
    }

    fn generation(&self) -> Option<u64> {
        Some(1)
    }

    fn subscribe(&self, listener: Weak<dyn StatusListener>) {
        if self.replaced.load(SeqCst) {
            return drain(&listener);
        }
        self.listeners.lock().unwrap().push(listener);
    }
}

/// Done once, when the first connection is told of.
#[derive(Default)]
struct OnceCreated(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Observe for OnceCreated {
    fn observe(&self, event: &Event<'_>) {
        if matches!(event.kind, EventKind::Created(_)) {
            let deed = self.0.lock().unwrap().take();
            deed.into_iter().for_each(|deed| deed());
        }
    }
}

/// As another thread may: between the end of the handshakes and the hand-over to those who wait.
#[tokio::test(start_paused = true)]
async fn a_connection_whose_settings_were_replaced_before_it_is_handed_over_carries_nothing() {
    for (former, next) in [Facts::h1, || Facts::h2(5), Facts::h2_before_settings, || Facts::h2(0)].into_iter().zip([
        Facts::h1 as fn() -> Facts,
        || Facts::h2(5),
        || Facts::h2(5),
        || Facts::h2(5),
    ]) {
        let observer = Arc::new(OnceCreated::default());
        let stage = Stage::with(|layer| layer.observer(observer.clone()));
        let [old, new] = [(); 2].map(|()| Arc::new(Settings::default()));
        let (replaced, asked) = (Arc::clone(&old), Arc::new(Mutex::new(None)));
        let (later, mut pool) = (Arc::clone(&asked), stage.pool.clone());
        *observer.0.lock().unwrap() = Some(Box::new(move || {
            replaced.replace();
            *later.lock().unwrap() = Some(tokio::spawn(pool.call(get(SECURE))));
        }));
        let first = stage.call(SECURE);
        let former = stage.connected(old.facts(former())).await;
        assert_eq!((former.started(), former.is_dropped()), (0, true), "nobody has it");
        let second = asked.lock().unwrap().take().unwrap();
        while let Some(connect) = stage.below.try_connecting() {
            connect.succeed(new.facts(next()));
            run_until_idle().await;
        }
        for call in [first, second] {
            run_until_idle().await;
            stage.answer();
            assert!(read(done(call).await).await > 1);
        }
    }
}

/// Who asks after that joins a connect that was begun before, and is not failed by what it was begun with.
#[tokio::test(start_paused = true)]
async fn a_connect_that_fails_by_settings_that_were_replaced_meanwhile_begins_again() {
    let stage = Stage::new(PoolConfig::new());
    let settings = Arc::new(Settings::default());
    let first = stage.call(SECURE);
    let connect = stage.below.connecting().await;
    settings.replace();
    let second = stage.call(SECURE);
    run_until_idle().await;
    assert!(stage.below.try_connecting().is_none(), "it has joined the first");
    connect.fail(settings.error());
    run_until_idle().await;
    let peer = stage.below.try_connecting().expect("another connect").succeed(Facts::h2(5));
    for call in [first, second] {
        peer.exchange().await.respond(200, "");
        assert_eq!(read(done(call).await).await, 1);
    }
    assert_eq!((stage.below.plans(), stage.recorder.count("connect_failed")), (2, 0));
}

/// The attempt that failed by them needn't be the last.
#[tokio::test(start_paused = true)]
async fn so_does_one_whose_earlier_attempt_failed_by_them() {
    let stage = Stage::new(PoolConfig::new());
    let settings = Arc::new(Settings::default());
    let call = stage.call(SECURE);
    let connect = stage.below.connecting().await;
    let route = connect.route();
    let endpoint = route.endpoints.snapshot().remove(0);
    route.attempt(endpoint).failed(settings.error());
    settings.replace();
    connect.fail(ConnectError::new(Phase::Tcp, io::Error::from(io::ErrorKind::ConnectionRefused)));
    run_until_idle().await;
    let again = stage.below.try_connecting().expect("another connect");
    // What failed before is no reason to begin a third time.
    again.fail(ConnectError::new(Phase::Tcp, io::Error::from(io::ErrorKind::ConnectionRefused)));
    came_back(call).await;
    assert_eq!(stage.below.plans(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_connect_that_fails_by_settings_that_are_current_fails_those_who_wait_for_it() {
    let stage = Stage::new(PoolConfig::new());
    let settings = Arc::new(Settings::default());
    let calls = [stage.call(SECURE), stage.call(SECURE)];
    run_until_idle().await;
    stage.below.connecting().await.fail(settings.error());
    for call in calls {
        came_back(call).await;
    }
    assert_eq!(stage.below.plans(), 1);
}

/// As by a layer that never has others.
#[tokio::test(start_paused = true)]
async fn a_connect_does_not_begin_again_for_ever() {
    let settings = Arc::new(Settings::default());
    settings.replace();
    let stage = Stage::easy(PoolConfig::new(), move || settings.facts(Facts::h2(5)));
    let error = came_back(stage.call(SECURE)).await;
    assert!(error.report().to_string().contains("its TLS settings were replaced"), "{error:?}");
    assert_eq!((stage.below.plans(), stage.below.open()), (9, 0));
}

#[tokio::test(start_paused = true)]
async fn a_connection_through_a_proxy_is_drained_with_the_settings_of_that_proxy() {
    for (url, facts) in [(A, Facts::h1 as fn() -> Facts), (SECURE, || Facts::h2(5))] {
        let stage = Stage::new(PoolConfig::new());
        let [first, second] = [(); 2].map(|()| Arc::new(Settings::default()));
        let peer = stage.warm(url, second.proxy(first.proxy(facts()))).await;
        second.replace();
        run_until_idle().await;
        assert!(peer.is_dropped(), "{url}");
        assert_eq!(stage.recorder.count("connection_closed"), 1);
        stage.warm(url, facts()).await;
        assert_eq!(stage.below.connects(), 2, "{url}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_asks_after_the_settings_of_a_proxy_were_replaced_has_another_connection() {
    let stage = Stage::new(PoolConfig::new());
    let settings = Arc::new(Settings::default());
    let call = stage.call(A);
    let connect = stage.below.connecting().await;
    settings.replace();
    let former = connect.succeed(settings.proxy(Facts::h1()));
    run_until_idle().await;
    assert_eq!((former.started(), former.is_dropped()), (0, true));
    stage.below.try_connecting().expect("another connect").succeed(Facts::h1()).exchange().await.respond(200, "");
    assert_eq!(read(done(call).await).await, 2);
}
