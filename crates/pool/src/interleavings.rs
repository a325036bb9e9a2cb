//! The pool's lock-free words and hand-overs, with every interleaving of two or three threads:
//! `RUSTFLAGS="--cfg loom" cargo test --release -p skybridge-pool --lib` (`cargo xtask model`).
//!
//! These are the pool's own types: under `cfg(loom)` their locks and atomics are loom's (`shared::sync`).

use crate::{
    config::PoolConfig,
    connection::{PooledConnection, lent::Lent, names::CoalescedNames, slots::StreamSlots},
    origin::{
        Host, OriginPool, Refused,
        pending_connect::PendingConnect,
        waiter::{Delivered, Granted, RequestContext, Waiter},
    },
    shared::{Settings, Shared, idle::IdleCount, notify::Notify, time::Timestamp},
};
use loom::{
    future::block_on,
    model::Builder,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread,
};
use skybridge_core::{
    BoxFuture, CloseReason, ConnInfo, ConnectOptions, Ctx, Endpoint, Endpoints, Key, OriginRef, Protocol, Route,
    Runtime, Sleep, Target, Timeouts,
};
use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, Weak},
    task::{Context, Poll, Waker},
    time::Instant,
};

/// A shared connection that nobody uses.
fn slots(capacity: u32) -> Arc<StreamSlots> {
    let slots = StreamSlots::shared(capacity, false, Arc::new(IdleCount::default()));
    slots.release();
    Arc::new(slots)
}

#[test]
fn no_slot_is_given_out_after_the_last_look_of_who_drains() {
    loom::model(|| {
        let slots = slots(2);
        let theirs = Arc::clone(&slots);
        let user = thread::spawn(move || {
            let reserved = theirs.reserve().is_some();
            (reserved, reserved && !theirs.release() && theirs.state().in_use == 0)
        });
        let in_use = slots.drain().unwrap();
        // Exactly one of the two sees that nobody uses it any more, or both: then closing tells which was first.
        let (reserved, last) = user.join().unwrap();
        assert!(in_use == 0 || last, "whoever has the last slot of a drained connection closes it");
        assert!(!reserved || in_use <= 1);
        assert!(slots.reserve().is_none());
        assert!(slots.close() && !slots.close());
    });
}

#[test]
fn slots_never_exceed_the_capacity_and_idle_ones_are_counted() {
    loom::model(|| {
        let idle = Arc::new(IdleCount::default());
        let slots = Arc::new(StreamSlots::shared(1, false, Arc::clone(&idle)));
        slots.release();
        let running = Arc::new(AtomicUsize::new(0));
        let users: Vec<_> = (0..2)
            .map(|_| {
                let (slots, running) = (Arc::clone(&slots), Arc::clone(&running));
                thread::spawn(move || {
                    if slots.reserve().is_some() {
                        assert_eq!(running.fetch_add(1, SeqCst), 0);
                        running.fetch_sub(1, SeqCst);
                        slots.release();
                    }
                })
            })
            .collect();
        users.into_iter().for_each(|user| user.join().unwrap());
        assert_eq!((slots.state().in_use, idle.get()), (0, 1));
    });
}

#[test]
fn one_of_two_who_drain_is_first() {
    loom::model(|| {
        let slots = slots(1);
        let theirs = Arc::clone(&slots);
        let reaper = thread::spawn(move || theirs.drain_unused());
        let used = slots.reserve().is_some();
        let drained = reaper.join().unwrap();
        assert!(used != drained, "either it is used, or it is idle for too long");
    });
}

/// How a name waits for a connection that other names use too: it lines up and looks once more, and whoever frees a
/// slot looks at the line, if there ever was one.
#[test]
fn who_lines_up_finds_the_slot_or_is_found() {
    loom::model(|| {
        let (slots, names) = (slots(1), Arc::new(CoalescedNames::<&str>::new()));
        assert!(slots.reserve().is_some());
        let (theirs, their_names) = (Arc::clone(&slots), Arc::clone(&names));
        let user = thread::spawn(move || {
            theirs.release();
            their_names.any() && their_names.next().is_some()
        });
        let name = Arc::new("other.test");
        names.add(&name);
        let mut served = slots.reserve().is_some();
        if !served {
            names.line_up(&name);
            served = slots.is_still_open() && slots.reserve().is_some();
        }
        let found = user.join().unwrap();
        assert!(served || found, "a slot is free, and nobody tells who waits for it");
    });
}

#[test]
fn what_is_delivered_is_taken_or_given_back_and_never_lost() {
    loom::model(|| {
        let (dropped, waiter) = (Arc::new(AtomicUsize::new(0)), Waiter::new(RequestContext::default(), Timestamp(0)));
        let (granted, theirs) = (Handle(Arc::clone(&dropped)), Arc::clone(&waiter));
        let pool = thread::spawn(move || theirs.deliver(Ok(delivered(granted))));
        let left = waiter.leave();
        let back = pool.join().unwrap();
        assert!(left.is_some() != back.is_some(), "it is in the hands of exactly one");
        assert_eq!(dropped.load(SeqCst), 0);
    });
}

#[test]
fn who_waits_is_woken() {
    loom::model(|| {
        let waiter = Waiter::new(RequestContext::default(), Timestamp(0));
        let theirs = Arc::clone(&waiter);
        let pool = thread::spawn(move || assert!(theirs.deliver(Ok(delivered(7))).is_none()));
        assert_eq!(block_on(poll_fn(|cx| waiter.poll(cx))).unwrap().granted, 7);
        pool.join().unwrap();
    });
}

fn delivered<G>(granted: G) -> Delivered<G> {
    Delivered { granted, initiator: false, joined: false }
}

#[test]
fn who_is_notified_looks_once() {
    loom::model(|| {
        let notify = Arc::new(Notify::default());
        let theirs = Arc::clone(&notify);
        let other = thread::spawn(move || theirs.notify());
        block_on(poll_fn(|cx| notify.poll(cx)));
        other.join().unwrap();
        assert_eq!(notify.poll(&mut Context::from_waker(Waker::noop())), Poll::Pending);
    });
}

/// A stream comes free while a request takes its place in the queue: it has the stream, or none is free.
#[test]
fn who_waits_for_a_stream_gets_the_one_that_comes_free() {
    bounded(|| {
        let Stage { origin, connection, host: _host } = shared_in_use();
        let (theirs, their_connection) = (Arc::clone(&origin), Arc::clone(&connection));
        let other = thread::spawn(move || theirs.release(&their_connection));
        let waiter = wait(&origin);
        other.join().unwrap();
        assert!(is_served(&waiter), "a stream is free, and somebody waits: {:?}", connection.slots());
    });
}

/// A request of another name takes its place in the queue while a stream of the connection comes free.
#[test]
fn who_waits_for_a_stream_of_another_name_gets_the_one_that_comes_free() {
    bounded(|| {
        let Stage { origin, connection, host } = shared_in_use();
        let other_name = origin_pool(&origin.shared, "https://other.test", &host);
        let waiter = wait(&other_name);
        let connect = host.take_connect();
        let (theirs, their_connection) = (Arc::clone(&origin), Arc::clone(&connection));
        let other = thread::spawn(move || theirs.release(&their_connection));
        // Its connect finds that it may use this connection too.
        assert!(connection.add_name(&other_name.as_user()));
        other_name.found(&connect, &connection);
        other.join().unwrap();
        assert!(is_served(&waiter) || host.is_connecting(), "a stream is free, and somebody waits");
    });
}

/// A request is dropped while it is handed a stream.
#[test]
fn a_stream_that_is_granted_to_who_has_left_comes_back() {
    bounded(|| {
        let Stage { origin, connection, host: _host } = shared_in_use();
        let waiter = Waiter::new(RequestContext::default(), Timestamp(0));
        let key = origin.wait(&waiter, &mut None).unwrap_or_else(|_| panic!("there is a place"));
        let (theirs, their_connection) = (Arc::clone(&origin), Arc::clone(&connection));
        let other = thread::spawn(move || theirs.release(&their_connection));
        origin.cancel(key, &waiter);
        other.join().unwrap();
        assert_eq!((connection.slots().in_use, origin.shared.idle.get()), (0, 1), "it is idle");
    });
}

/// An exclusive connection comes back while its peer closes it.
#[test]
fn a_connection_that_closes_while_it_comes_back_is_not_kept() {
    bounded(|| {
        let (Stage { origin, connection, host: _host }, handle) = exclusive_in_use();
        let (dropped, their_connection) = (Arc::clone(&handle.0), Arc::clone(&connection));
        let driver = thread::spawn(move || their_connection.close(CloseReason::PeerFin));
        origin.put_back(&connection, &mut Some(handle));
        driver.join().unwrap();
        assert_eq!((dropped.load(SeqCst), origin.shared.idle.get()), (1, 0), "it is closed, and not idle");
        assert!(origin.take(false).is_none() && origin.is_vacant());
    });
}

/// Two end one connection.
#[test]
fn a_connection_ends_once_whoever_comes_first() {
    bounded(|| {
        let Stage { origin, connection, host: _host } = connected(true);
        let theirs = Arc::clone(&connection);
        let driver = thread::spawn(move || theirs.close(CloseReason::PeerFin));
        connection.drain(CloseReason::Evicted);
        driver.join().unwrap();
        assert_eq!(origin.shared.idle.get(), 0);
        assert!(origin.take(false).is_none() && origin.is_vacant(), "{origin:?}");
    });
}

/// So many switches between threads as are needed for any of the races that are known; all would take hours.
fn bounded(test: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(test);
}

/// A handle of a connection, which counts how often it is dropped.
#[derive(Debug)]
struct Handle(Arc<AtomicUsize>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

type Origin = Arc<OriginPool<Handle>>;
type Pooled = Arc<PooledConnection<Handle>>;

fn wait(origin: &Origin) -> Arc<Waiter<Granted<Handle>>> {
    let waiter = Waiter::new(RequestContext::default(), Timestamp(0));
    match origin.wait(&waiter, &mut None) {
        Ok(_) => waiter,
        Err(Refused::Stale) => panic!("it is not closed"),
        Err(Refused::Full(error)) => panic!("{error}"),
    }
}

fn is_served(waiter: &Waiter<Granted<Handle>>) -> bool {
    waiter.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// An origin with one shared connection, whose only stream is in use.
fn shared_in_use() -> Stage {
    let stage = connected(false);
    assert!(matches!(stage.origin.take(false), Some(Granted::Stream(_))));
    stage
}

/// An origin with one exclusive connection, which is in use.
fn exclusive_in_use() -> (Stage, Handle) {
    let stage = connected(true);
    match stage.origin.take(false) {
        Some(Granted::Exclusive(handle, _)) => (stage, handle),
        _ => panic!("it is idle"),
    }
}

/// An origin with one connection, and the pool that the origin knows weakly.
/// An idle connection is lent to another origin for good while its peer ends it: it is gone here in any case.
#[test]
fn what_is_lent_while_it_ends_leaves_nothing_behind() {
    bounded(|| {
        let Stage { origin, connection, host: _host } = connected(true);
        let theirs = Arc::clone(&connection);
        let peer = thread::spawn(move || theirs.close(CloseReason::PeerFin));
        let taken = Lent::of(Arc::clone(&connection)).and_then(|lent| lent.take(|_| true));
        peer.join().unwrap();
        if let Some((_, true)) = taken {
            // As whoever has it now does at its end.
            origin.shared.permits.release();
        }
        assert!(origin.is_vacant() && !connection.is_open());
        assert_eq!(origin.shared.permits.open(), 0, "its permit is free, once");
        assert_eq!(Arc::strong_count(&connection), 1, "its origin has forgotten it");
    });
}

struct Stage {
    origin: Origin,
    connection: Pooled,
    host: Arc<TestHost>,
}

fn connected(exclusive: bool) -> Stage {
    let config = PoolConfig::new().max_per_origin(1);
    let shared = Shared::new(Settings {
        config,
        runtime: Arc::new(Stopped(Instant::now())),
        observer: None,
        timeouts: Timeouts::new(),
        connect_options: ConnectOptions::new(),
    });
    let host = Arc::new(TestHost(Mutex::new(Vec::new())));
    let origin = origin_pool(&shared, "https://a.test", &host);
    let waiter = Waiter::new(RequestContext::default(), Timestamp(0));
    let key = origin.wait(&waiter, &mut None).unwrap_or_else(|_| panic!("there is a place"));
    let connect = host.take_connect();
    let idle = Arc::clone(&shared.idle);
    let slots = if exclusive { StreamSlots::exclusive() } else { StreamSlots::shared(1, false, idle) };
    let user = Arc::downgrade(&origin.as_user());
    let connection = PooledConnection::new(info(&origin), slots, exclusive, user, Arc::clone(&shared), |_, _| None, 0);
    let handle = Handle(Arc::new(AtomicUsize::new(0)));
    let mut handle = if exclusive {
        Some(handle)
    } else {
        connection.start_sharing(handle);
        None
    };
    assert!(origin.connected(&connect, &connection, &mut handle));
    // It was for the request that waits, which leaves: the connection is idle.
    origin.cancel(key, &waiter);
    Stage { origin, connection, host }
}

fn origin_pool(shared: &Arc<Shared>, url: &str, host: &Arc<TestHost>) -> Origin {
    let uri = url.parse().unwrap();
    let key = Key::new(OriginRef::of(&uri).unwrap().to_owned().unwrap(), ConnectOptions::new());
    let host: Weak<dyn Host<Handle>> = Arc::downgrade(host) as _;
    Arc::new(OriginPool::new(key, 0, Arc::clone(shared), host))
}

fn info(origin: &Origin) -> Arc<ConnInfo> {
    let ctx = Ctx::new(Arc::clone(&origin.shared.runtime));
    let endpoint = Endpoint::from(std::net::SocketAddr::from(([192, 0, 2, 1], 443)));
    let route = Route::direct(Target::new(Arc::clone(&origin.key), ctx), Endpoints::fixed([endpoint.clone()]));
    ConnInfo::new(&route.attempt(endpoint.clone()), None, endpoint).freeze(Protocol::Http2)
}

/// A pool with one origin, whose connects wait for the test.
struct TestHost(Mutex<Vec<Arc<PendingConnect>>>);

impl TestHost {
    fn take_connect(&self) -> Arc<PendingConnect> {
        self.0.lock().unwrap().pop().expect("it connects")
    }

    fn is_connecting(&self) -> bool {
        !self.0.lock().unwrap().is_empty()
    }
}

impl Host<Handle> for TestHost {
    fn connect(self: Arc<Self>, _: &Origin, connect: Arc<PendingConnect>, _: &RequestContext) {
        self.0.lock().unwrap().push(connect);
    }
    fn add_address(&self, _: &Pooled) {}
    fn reclaim(&self) {}
    fn lend_or_reclaim(&self) {}
    fn lend_no_more(&self, _: &Endpoint) {}
    fn evict_oldest(&self, _: &Origin) {}
    fn start_reaper(self: Arc<Self>) {}
    fn successor(&self, _: &Key) -> Option<Origin> {
        None
    }
    fn remove_vacant(&self, _: &Origin) {}
}

/// A runtime in which no time passes.
struct Stopped(Instant);

impl Runtime for Stopped {
    fn now(&self) -> Instant {
        self.0
    }
    fn sleep_until(&self, _: Instant) -> Pin<Box<dyn Sleep>> {
        unreachable!("nobody has a time limit")
    }
    fn spawn(&self, _: BoxFuture<()>) {
        unreachable!("nobody has a task")
    }
    fn spawn_blocking(&self, _: Box<dyn FnOnce() + Send>) {
        unreachable!("nobody blocks")
    }
}
