//! Configurations that are built when they are first needed, for origins and for proxies: no poll of a connect does it,
//! since that may read the system's roots. A process of its own, as it installs a default provider.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use skybridge_core::{BoxFuture, ConnectError, Connector, Ctx, Phase, Runtime, Sleep, TimedOut, TlsConnect};
use skybridge_testkit::{certs::Ca, fixtures, net::Conn, origin::Origin};
use skybridge_tls::{
    OlderConnections, TlsConfigBuilder, TlsConnector, TlsLayer,
    rustls::crypto::{CryptoProvider, GetRandomFailed, SecureRandom, aws_lc_rs},
};
use std::{
    future::Future,
    mem,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant, SystemTime},
};
use support::{ADDR, TlsLink, World, trusting};
use tower::Layer;

/// Counts how many configurations are built with it: each draws one byte then, and no handshake does.
#[derive(Debug)]
struct Counting(AtomicUsize);

impl SecureRandom for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        self.0.fetch_add(usize::from(bytes.len() == 1), SeqCst);
        aws_lc_rs::default_provider().secure_random.fill(bytes)
    }
}

impl Counting {
    fn provider() -> (CryptoProvider, &'static Self) {
        let counting: &'static Self = Box::leak(Box::new(Self(AtomicUsize::new(0))));
        (CryptoProvider { secure_random: counting, ..aws_lc_rs::default_provider() }, counting)
    }

    fn built(&self) -> usize {
        self.0.load(SeqCst)
    }
}

/// Whose threads do their work when they are told to.
struct Threads {
    runtime: Arc<dyn Runtime>,
    work: Mutex<Vec<Box<dyn FnOnce() + Send>>>,
}

impl Threads {
    fn of(world: &World) -> Arc<Self> {
        Arc::new(Self { runtime: world.executor.runtime(), work: Mutex::default() })
    }

    fn ctx(self: &Arc<Self>) -> Ctx {
        Ctx::new(Arc::<Self>::clone(self))
    }

    fn take(&self) -> Vec<Box<dyn FnOnce() + Send>> {
        mem::take(&mut *self.work.lock().unwrap())
    }

    /// How much there was to do.
    fn work(&self) -> usize {
        let work = self.take();
        let count = work.len();
        work.into_iter().for_each(|work| work());
        count
    }
}

impl Runtime for Threads {
    fn now(&self) -> Instant {
        self.runtime.now()
    }

    fn wall_now(&self) -> SystemTime {
        self.runtime.wall_now()
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.runtime.sleep_until(deadline)
    }

    fn spawn(&self, task: BoxFuture<()>) {
        self.runtime.spawn(task);
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        self.work.lock().unwrap().push(work);
    }
}

fn poll<T>(future: Pin<&mut (impl Future<Output = T> + ?Sized)>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

async fn begun(
    world: &World,
    threads: &Arc<Threads>,
    proxy: &TlsConnector,
) -> impl Future<Output = Result<TlsLink, ConnectError>> + use<> {
    let route = fixtures::route("https://a.test", [ADDR], threads.ctx());
    let link = world.net.connector().connect(route).await.unwrap();
    <TlsConnector as TlsConnect<Conn>>::tls_connect(proxy, link, "proxy.test", &threads.ctx())
}

struct Scene {
    world: World,
    threads: Arc<Threads>,
    builder: TlsConfigBuilder,
    counting: &'static Counting,
}

impl Scene {
    /// What is set of verification is for origins alone, so that proxies have a configuration of their own.
    fn new() -> Self {
        let root = Ca::new("root");
        let world = World::new(Origin::h1().tls(&root.leaf(["proxy.test"])));
        let (threads, (provider, counting)) = (Threads::of(&world), Counting::provider());
        Self { world, threads, builder: trusting(&root).insecure_for("a.test").provider(Arc::new(provider)), counting }
    }
}

#[tokio::test(start_paused = true)]
async fn no_poll_builds_the_configuration_that_proxies_have_beside_an_origins() {
    for replaceable in [false, true] {
        let Scene { world, threads, builder, counting } = Scene::new();
        let config = builder.build().unwrap();
        let layer = if replaceable { TlsLayer::replaceable(config).0 } else { TlsLayer::new(config) };
        let proxy = layer.proxy_connector();
        let (mut one, mut other) =
            (pin!(begun(&world, &threads, &proxy).await), pin!(begun(&world, &threads, &proxy).await));
        assert!(poll(one.as_mut()).is_pending() && poll(other.as_mut()).is_pending());
        assert_eq!(counting.built(), 1, "that of origins");
        let (one, other, worked) = tokio::join!(one, other, async { threads.work() });
        assert_eq!((worked, counting.built()), (1, 2), "one for both");
        assert!(one.is_ok() && other.is_ok());
        begun(&world, &threads, &proxy).await.await.unwrap();
        assert_eq!((threads.work(), counting.built()), (0, 2));
    }
}

#[tokio::test(start_paused = true)]
async fn no_poll_builds_the_default_configuration_neither_for_origins_nor_for_proxies() {
    let (provider, counting) = Counting::provider();
    provider.install_default().unwrap();
    for by_proxy in [false, true] {
        let (world, before) = (World::h1(&Ca::new("root").leaf(["a.test"])), counting.built());
        let (threads, layer) = (Threads::of(&world), TlsLayer::native());
        let mut connecting: Pin<Box<dyn Future<Output = bool>>> = if by_proxy {
            let connecting = begun(&world, &threads, &layer.proxy_connector()).await;
            Box::pin(async { connecting.await.is_ok() })
        } else {
            let route = fixtures::route("https://a.test", [ADDR], threads.ctx());
            let connecting = layer.layer(world.net.connector()).connect(route);
            Box::pin(async { connecting.await.is_ok() })
        };
        // Long enough for its socket.
        for _ in 0..4 {
            assert!(poll(connecting.as_mut()).is_pending());
            tokio::task::yield_now().await;
        }
        assert_eq!(counting.built(), before);
        assert_eq!((threads.work(), counting.built()), (1, before + 1));
        assert!(!connecting.await, "nobody trusts this root");
        assert_eq!(threads.work(), 0);
    }
}

/// A handshake that begins after it is of the new one.
#[tokio::test(start_paused = true)]
async fn a_configuration_that_is_replaced_before_it_is_built_is_not_used() {
    let Scene { world, threads, builder, counting } = Scene::new();
    let config = builder.build().unwrap();
    let (layer, handle) = TlsLayer::replaceable(config.clone());
    let proxy = layer.proxy_connector();
    let mut connecting = pin!(begun(&world, &threads, &proxy).await);
    assert!(poll(connecting.as_mut()).is_pending());
    handle.replace_and(config, OlderConnections::Keep);
    assert_eq!(threads.work(), 1);
    assert!(poll(connecting.as_mut()).is_pending());
    assert_eq!((threads.work(), counting.built()), (1, 3));
    assert_eq!(connecting.await.unwrap().info.tls.unwrap().generation(), Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_configuration_that_is_not_built_in_time_fails_the_connect_and_the_next_one_has_it() {
    let Scene { world, threads, builder, .. } = Scene::new();
    let limit = Duration::from_secs(3);
    let proxy = TlsLayer::new(builder.build().unwrap()).timeout(limit).proxy_connector();
    let (began, connecting) = (threads.now(), begun(&world, &threads, &proxy).await);
    let error = connecting.await.unwrap_err();
    assert_eq!(error.timed_out(), Some(TimedOut { phase: Phase::Tls, limit }));
    assert_eq!(threads.now() - began, limit);
    assert!(error.attempt().is_some() && !error.is_fatal());
    assert_eq!(threads.work(), 1);
    begun(&world, &threads, &proxy).await.await.unwrap();
}

/// A runtime that has ended drops what it is given.
#[tokio::test(start_paused = true)]
async fn work_that_is_dropped_is_begun_anew_and_a_connect_waits_for_no_more_than_that() {
    let Scene { world, threads, builder, .. } = Scene::new();
    let proxy = TlsLayer::new(builder.build().unwrap()).proxy_connector();
    let (mut one, mut other) =
        (pin!(begun(&world, &threads, &proxy).await), pin!(begun(&world, &threads, &proxy).await));
    assert!(poll(one.as_mut()).is_pending() && poll(other.as_mut()).is_pending());
    drop(threads.take());
    // The first has had its turn, and the other begins it.
    let error = one.await.unwrap_err();
    assert_eq!(error.root_cause().to_string(), "the thread that was to build the TLS configuration has ended");
    assert_eq!((error.phase(), error.is_fatal()), (Some(Phase::Tls), false));
    assert!(poll(other.as_mut()).is_pending());
    assert_eq!(threads.work(), 1);
    other.await.unwrap();
}
