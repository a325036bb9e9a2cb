//! An observer that panics, at each event of a call one after the other: what panics is whoever the event happens to,
//! and nobody else. Nothing is lost of the pool, nothing waits for ever, and the next request is answered.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests, and the tasks of their calls"
)]

use http::{Request, Response, header};
use hyper::body::Incoming;
use skybridge::{
    Client, Error, Event, EventKind, Observe, PoolConfig, RequestBody,
    tower::util::{MapRequestLayer, MapResponseLayer},
    types::Attempt,
};
use skybridge_testkit::{executor::run_until_idle, origin::Origin};
use skybridge_tests::{HOST, World, addr, get, h2, read};
use std::{
    collections::BTreeSet,
    future::Future,
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{
    task::{JoinError, JoinHandle},
    time::{sleep, timeout},
};

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);
const MESSAGE: &str = "the observer panics";

/// Panics at the event of this number, once.
#[derive(Default)]
struct Panicking {
    at: usize,
    seen: AtomicUsize,
    panicked_at: Mutex<Option<&'static str>>,
}

impl Panicking {
    fn has_panicked(&self) -> Option<&'static str> {
        *self.panicked_at.lock().unwrap()
    }
}

impl Observe for Panicking {
    fn observe(&self, event: &Event<'_>) {
        // A kind that is new here needs a thought whether a way below comes by it.
        match event.kind {
            EventKind::CallStarted { .. }
            | EventKind::CallEnded(_)
            | EventKind::PhaseStarted(_)
            | EventKind::PhaseEnded(..)
            | EventKind::PhaseFailed(..)
            | EventKind::PhaseDropped(..)
            | EventKind::AtProxy(_)
            | EventKind::ProxyStep(..)
            | EventKind::TlsFallback { .. }
            | EventKind::PinsNotEnforced(_)
            | EventKind::TlsUnverified { .. }
            | EventKind::AddressesFound { .. }
            | EventKind::LeftOut { .. }
            | EventKind::Postponed(..)
            | EventKind::Searched(_)
            | EventKind::Created(_)
            | EventKind::Acquired(_)
            | EventKind::ResponseHead { .. }
            | EventKind::RequestBody(_)
            | EventKind::ResponseBody(_)
            | EventKind::Released
            | EventKind::Draining(_)
            | EventKind::Closed(_)
            | EventKind::GoAway { .. }
            | EventKind::StreamReset { .. }
            | EventKind::RetryDecided { .. } => {}
            ref new => panic!("a new kind: {new:?}"),
        }
        if self.seen.fetch_add(1, SeqCst) == self.at {
            *self.panicked_at.lock().unwrap() = Some(event.kind.name());
            std::panic::panic_any(MESSAGE);
        }
    }
}

/// A world, a server that takes 10 ms for each answer, and a client that is observed so.
struct Stage {
    world: World,
    origin: Origin,
    client: Client,
    over_h2: bool,
}

impl Stage {
    fn new(over_h2: bool, observer: &Arc<Panicking>) -> Self {
        let world = World::new();
        // One connection at most, so that the next request waits for ever if its place is lost.
        let pool = PoolConfig::new().max_total(1);
        let client = world.builder().pool(pool).observer(Arc::clone(observer) as Arc<_>).build();
        let origin = if over_h2 { Origin::h2c() } else { Origin::h1() };
        // What is asked for again is answered so once.
        let asked_again = Arc::new(AtomicUsize::new(0));
        let answer = move |request: Request<Incoming>| {
            let busy = request.uri().path() == "/busy" && asked_again.fetch_add(1, SeqCst) == 0;
            async move {
                sleep(10 * MILLISECOND).await;
                let response = Response::builder().status(if busy { 503 } else { 200 });
                response.header(header::RETRY_AFTER, 0).body("hello".to_owned()).unwrap()
            }
        };
        let origin = origin.handle(answer).serve_on(world.listen());
        Self { world, origin, client, over_h2 }
    }

    /// A call in a task of its own, as that may panic.
    fn begin(&self, path: &str) -> JoinHandle<Result<String, Error>> {
        let request = if self.over_h2 { h2(get(path)) } else { get(path) };
        let client = self.client.clone();
        tokio::spawn(async move { read(client.request(request)).await })
    }

    async fn call(&self, path: &str) -> Ended {
        ended(self.begin(path).await)
    }

    /// What is under way when something happens to it.
    async fn meanwhile(&self, happens: impl AsyncFnOnce()) -> Ended {
        let call = self.begin("/");
        sleep(5 * MILLISECOND).await;
        happens().await;
        ended(call.await)
    }

    async fn evict_all(&self) {
        let client = self.client.clone();
        ended(tokio::spawn(async move { client.evict_all() }).await.map(|()| Ok(String::new())));
    }
}

#[derive(Debug)]
enum Ended {
    Answered(String),
    Failed,
    Panicked,
}

/// How a task ended, which may have had the observer's panic and no other.
fn ended(task: Result<Result<String, Error>, JoinError>) -> Ended {
    match task {
        Ok(Ok(text)) => Ended::Answered(text),
        Ok(Err(_)) => Ended::Failed,
        Err(error) if error.is_cancelled() => Ended::Failed,
        Err(error) => {
            let panic = error.into_panic();
            assert_eq!(panic.downcast_ref::<&str>(), Some(&MESSAGE), "another panic");
            Ended::Panicked
        }
    }
}

/// Lets the observer panic at the first event, at the second, and so on, until a way goes to its end without. Returns
/// the names of the events.
async fn at_each_event<F, Fut>(way: &str, over_h2: bool, go: F) -> BTreeSet<&'static str>
where
    F: Fn(Arc<Stage>) -> Fut,
    Fut: Future<Output = ()>,
{
    let mut names = BTreeSet::new();
    for at in 0.. {
        let observer = Arc::new(Panicking { at, ..Panicking::default() });
        let stage = Arc::new(Stage::new(over_h2, &observer));
        let case = format!("{way}, h2: {over_h2}, event {at}");
        assert!(timeout(60 * SECOND, go(Arc::clone(&stage))).await.is_ok(), "{case}: it hangs");
        run_until_idle().await;
        let panicked = observer.has_panicked();
        // Nothing panics from here on.
        observer.seen.store(usize::MAX / 2, SeqCst);
        let case = format!("{case}, {panicked:?}");
        let stats = stage.client.stats();
        let busy = (stats.active, stats.connecting, stats.draining, stats.streams, stats.waiting);
        assert_eq!(busy, (0, 0, 0, 0, 0), "{case}: {stats:?}");
        assert!(stats.idle <= 1, "{case}: {stats:?}");
        match timeout(60 * SECOND, stage.call("/")).await {
            Ok(Ended::Answered(text)) => assert_eq!(text, "hello", "{case}"),
            other => panic!("{case}: the next request: {other:?}"),
        }
        run_until_idle().await;
        let stats = stage.client.stats();
        assert_eq!((stats.idle, stats.active, stats.waiting), (1, 0, 0), "{case}: {stats:?}");
        // Those of tasks that are the client's.
        stage.world.executor.take_panics();
        let stage = Arc::into_inner(stage).unwrap();
        drop(stage.client);
        stage.world.executor.assert_idle().await;
        assert_eq!(stage.world.net.live_sockets(), 0, "{case}: sockets are left");
        assert_eq!(stage.origin.open(), 0, "{case}");
        match panicked {
            Some(name) => names.insert(name),
            None => break,
        };
    }
    names
}

fn assert_has(names: &BTreeSet<&'static str>, wanted: &[&'static str]) {
    for name in wanted {
        assert!(names.contains(name), "no {name} in {names:?}");
    }
}

/// Its own task, or that of the connect, may have panicked.
fn assert_fine(ended: &Ended) {
    assert!(!matches!(ended, Ended::Answered(text) if text != "hello"), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn a_get_on_a_new_connection_and_on_one_that_is_there() {
    for over_h2 in [false, true] {
        let names = at_each_event("GET", over_h2, async |stage| {
            for _ in 0..2 {
                assert_fine(&stage.call("/").await);
                run_until_idle().await;
            }
        })
        .await;
        let call =
            ["call_start", "call_end", "acquire_start", "acquire_end", "wait_start", "response_head", "body_start"];
        let connect = ["resolve_start", "resolve_end", "connect_start", "connect_end", "handshake_start"];
        let connection = ["handshake_end", "connection_created", "connection_acquired", "connection_released"];
        assert_has(&names, &[&call[..], &connect, &connection, &["body_end"]].concat());
    }
}

#[tokio::test(start_paused = true)]
async fn a_connect_that_fails() {
    for over_h2 in [false, true] {
        let names = at_each_event("refused", over_h2, async |stage| {
            let net = &stage.world.net;
            net.at(addr()).refuse();
            net.host(HOST, (1..=200).map(|last| IpAddr::from([192, 0, 2, last])));
            let ended = stage.call("/").await;
            assert!(!matches!(ended, Ended::Answered(_)), "{ended:?}");
            net.at(addr()).heal();
            net.host(HOST, [addr().ip()]);
        })
        .await;
        assert_has(&names, &["connect_failed", "addresses_left_out", "acquire_failed", "call_failed"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry() {
    for over_h2 in [false, true] {
        let names = at_each_event("retry", over_h2, async |stage| assert_fine(&stage.call("/busy").await)).await;
        assert_has(&names, &["retry_decision"]);
        // The server ends the connection instead of an answer.
        let names = at_each_event("cut off", over_h2, async |stage| {
            let ended = stage.meanwhile(async || stage.origin.close_all()).await;
            assert_fine(&ended);
        })
        .await;
        assert_has(&names, &["wait_failed", "connection_closed"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_drains_or_is_evicted() {
    for over_h2 in [false, true] {
        let drained = at_each_event("drained", over_h2, async |stage| {
            assert_fine(&stage.meanwhile(async || stage.origin.drain()).await);
        });
        let drained = drained.await;
        let evicted = at_each_event("evicted", over_h2, async |stage| {
            assert_fine(&stage.meanwhile(async || stage.evict_all().await).await);
        });
        let evicted = evicted.await;
        for names in [drained, evicted] {
            assert_has(&names, &["connection_closed"]);
            // One of HTTP/1.1 takes nothing new while it is in use.
            assert_eq!(names.contains("connection_draining"), over_h2, "{names:?}");
        }
        for by_peer in [false, true] {
            let idle = at_each_event("ended while it is idle", over_h2, async |stage| {
                assert_fine(&stage.call("/").await);
                run_until_idle().await;
                if by_peer {
                    stage.origin.close_all()
                } else {
                    stage.evict_all().await
                }
                run_until_idle().await;
            });
            assert_has(&idle.await, &["connection_closed"]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_given_up() {
    for over_h2 in [false, true] {
        let waiting = at_each_event("given up", over_h2, async |stage| {
            let call = stage.begin("/");
            sleep(5 * MILLISECOND).await;
            call.abort();
            ended(call.await);
        });
        assert_has(&waiting.await, &["wait_dropped", "call_dropped"]);
        let unread = at_each_event("unread", over_h2, async |stage| {
            let request = if over_h2 { h2(get("/")) } else { get("/") };
            let call = stage.client.clone();
            let unread = async move { call.request(request).await.map(|_| String::new()) };
            ended(tokio::spawn(unread).await);
        });
        assert_has(&unread.await, &["connection_released"]);
    }
}

/// As an interceptor may: before the request is sent, when its answer is here, and on the way to a connection.
#[tokio::test(start_paused = true)]
async fn a_layer_of_ones_own_that_panics_takes_no_place() {
    for over_h2 in [false, true] {
        for place in ["request", "response", "connect"] {
            let world = World::new();
            let (armed, panics) = (Arc::new(AtomicBool::new(true)), move |armed: &AtomicBool, here: &str| {
                if here == place && armed.swap(false, SeqCst) {
                    std::panic::panic_any(MESSAGE);
                }
            });
            let [request, response, connect] = [(); 3].map(|()| Arc::clone(&armed));
            let layers = (
                MapRequestLayer::new(move |asked: Request<RequestBody>| {
                    panics(&request, "request");
                    asked
                }),
                MapResponseLayer::new(move |answer: Response<_>| {
                    panics(&response, "response");
                    answer
                }),
                MapRequestLayer::new(move |attempt: Attempt| {
                    panics(&connect, "connect");
                    attempt
                }),
            );
            let builder = world.builder().pool(PoolConfig::new().max_total(1));
            let client = builder.above_pool(layers.0).above_pool(layers.1).above_dialer(layers.2).build();
            let origin = if over_h2 { Origin::h2c() } else { Origin::h1() }.serve_on(world.listen());
            let call = || {
                let (client, request) = (client.clone(), if over_h2 { h2(get("/")) } else { get("/") });
                timeout(60 * SECOND, tokio::spawn(async move { read(client.request(request)).await }))
            };
            let first = call().await.unwrap();
            let told = matches!(&first, Ok(Err(error)) if error.to_string().contains("panicked"));
            assert_eq!(told, place == "connect", "{first:?}");
            let first = ended(first);
            assert!(!matches!(first, Ended::Answered(_)) && !armed.load(SeqCst), "{place}: {first:?}");
            run_until_idle().await;
            let stats = client.stats();
            assert_eq!((stats.active, stats.connecting, stats.waiting), (0, 0, 0), "{place}: {stats:?}");
            let next = ended(call().await.unwrap());
            assert!(matches!(&next, Ended::Answered(text) if text == "hello"), "{place}: {next:?}");
            world.executor.take_panics();
            drop(client);
            world.assert_nothing_left().await;
            drop(origin);
        }
    }
}

/// There is one connection for all.
#[tokio::test(start_paused = true)]
async fn several_calls_that_wait_for_each_other() {
    for over_h2 in [false, true] {
        let names = at_each_event("waiting", over_h2, async |stage| {
            for call in [stage.begin("/"), stage.begin("/"), stage.begin("/")] {
                assert_fine(&ended(call.await));
            }
        })
        .await;
        assert_has(&names, &["acquire_end"]);
    }
}
