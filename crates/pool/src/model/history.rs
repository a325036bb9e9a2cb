//! One history: what is configured, what happens, in which order, all out of one number.

use super::{
    peer::{Answer, Below, Dial, Ending, Handle, Nothing, Plans, Run, Wire},
    world::World,
};
use crate::{AtConnectionLimit, AtStreamLimit, Exchange, Pool, PoolConfig, PoolLayer, PooledBody};
use fastrand::Rng;
use http::Request;
use http_body::Body as _;
use skybridge_core::{
    Capacity, CloseReason, ConnectError, ConnectionStatus, Delivery, Event, EventKind, HttpVersions, Key, Observe,
    Phase, Protocol, RequestOptions, Runtime, Scheme, Timeouts,
};
use std::{
    collections::HashMap,
    future::Future,
    mem::ManuallyDrop,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};
use tower_layer::Layer;
use tower_service::Service;

/// More steps than this no history has.
pub(super) const LONGEST: usize = 140;

pub(super) const KEYS: [(&str, HttpVersions); 6] = [
    ("http://a.test", HttpVersions::Any),
    ("http://b.test", HttpVersions::Any),
    ("http://a.test", HttpVersions::Http2),
    ("https://c.test", HttpVersions::Any),
    ("https://d.test", HttpVersions::Any),
    ("https://e.test", HttpVersions::Any),
];

pub(super) struct History {
    rng: Rng,
    verbose: bool,
    pub(super) world: World,
    pub(super) below: Arc<Mutex<Below>>,
    pub(super) config: PoolConfig,
    pub(super) pool: Option<Pool<Handle, Nothing>>,
    pub(super) calls: Vec<Call>,
    watcher: Arc<Watcher>,
    places: usize,
    /// The places of those who were served, in that order.
    pub(super) served: Vec<usize>,
    /// Some connects find no descriptor.
    descriptors_end: bool,
    /// How many had been served when it was first seen that an origin has nothing and waits.
    pub(super) starving: HashMap<Arc<Key>, usize>,
}

pub(super) struct Call {
    pub(super) id: usize,
    waker: Waker,
    pub(super) key: usize,
    pub(super) stage: Stage,
    /// When it took its place in the queue.
    pub(super) place: usize,
    pub(super) was_served: bool,
}

pub(super) enum Stage {
    Exchange(Pin<Box<Exchange<Handle, Nothing>>>),
    Body(Pin<Box<PooledBody<Handle, Nothing>>>),
    Nothing,
}

/// Checks the events: nothing under a lock, the end of a connection once, and nothing of one that was not created.
struct Watcher {
    world: World,
    connections: Mutex<HashMap<u64, (u32, u32)>>,
    acquired: Mutex<i64>,
}

impl Observe for Watcher {
    fn observe(&self, event: &Event<'_>) {
        if std::thread::panicking() {
            return;
        }
        self.world.unlocked();
        let id = |event: &Event<'_>| event.connection.expect("a connection has a number").0;
        let mut connections = self.connections.lock().unwrap();
        match event.kind {
            EventKind::Created(_) => assert!(connections.insert(id(event), (0, 0)).is_none()),
            EventKind::Draining(_) => connections.get_mut(&id(event)).expect("it was created").0 += 1,
            EventKind::Closed(_) => connections.get_mut(&id(event)).expect("it was created").1 += 1,
            EventKind::Acquired(_) => {
                assert!(connections.contains_key(&id(event)), "acquired before it was created");
                *self.acquired.lock().unwrap() += 1;
            }
            EventKind::Released => *self.acquired.lock().unwrap() -= 1,
            _ => {}
        }
        assert!(connections.values().all(|(draining, closed)| *draining <= 1 && *closed <= 1), "reported twice");
    }
}

macro_rules! say {
    ($history:expr, $($text:tt)*) => { if $history.verbose { eprintln!("  {}", format!($($text)*)); } };
}

pub(super) fn run(seed: u64, steps: usize, verbose: bool) {
    // What fails is not taken apart: its destructors would only fail again.
    let mut history = ManuallyDrop::new(History::new(seed, verbose));
    let length = history.rng.usize(20..LONGEST);
    for step in 0..length.min(steps) {
        history.step(step);
        history.check_safety();
    }
    history.finish();
    drop(ManuallyDrop::into_inner(history));
}

impl History {
    fn new(seed: u64, verbose: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        fastrand::seed(seed);
        let world = World::new();
        let below = Arc::<Mutex<Below>>::default();
        let config = config(&mut rng);
        below.lock().unwrap().forwards = seed.is_multiple_of(2);
        if verbose {
            eprintln!("  {config:?}");
        }
        let watcher =
            Arc::new(Watcher { world: world.clone(), connections: Mutex::default(), acquired: Mutex::default() });
        let layer = PoolLayer::shared(Arc::new(world.clone())).config(config.clone()).observer(watcher.clone());
        let pool = layer.layer(Plans { below: below.clone() });
        let registry = Arc::downgrade(pool.registry());
        world.probe(move || {
            if let Some(registry) = registry.upgrade() {
                assert!(!registry.is_locked(), "called under a lock");
                // Must not be the last: that would end the pool here.
                drop(registry);
            }
        });
        Self {
            rng,
            verbose,
            world,
            below,
            config,
            pool: Some(pool),
            calls: Vec::new(),
            watcher,
            places: 0,
            served: Vec::new(),
            descriptors_end: seed.is_multiple_of(3),
            starving: HashMap::new(),
        }
    }

    fn step(&mut self, step: usize) {
        match self.rng.u32(..100) {
            0..20 => self.request(),
            20..45 => {
                self.run_one();
            }
            45..50 => self.quiesce(),
            50..63 => self.connect(),
            63..75 => self.exchange(),
            75..78 => self.drop_call(),
            78..83 => self.drop_response(),
            83..92 => self.status(),
            92..97 => self.wait(),
            97 => self.evict(),
            98 => self.below.lock().unwrap().plan_fails += 1,
            _ if step > 40 && self.rng.u32(..3) == 0 => self.end_pool(),
            _ => self.quiesce(),
        }
    }

    fn request(&mut self) {
        let Some(pool) = &mut self.pool else { return };
        let key = self.rng.usize(..KEYS.len());
        let (url, http_versions) = KEYS[key];
        let mut request = Request::get(format!("{url}/")).body(Nothing).unwrap();
        if http_versions != HttpVersions::Any {
            request.extensions_mut().insert(RequestOptions::new().http_versions(http_versions));
        } else if self.rng.u32(..4) == 0 {
            let mut timeouts = Timeouts::new();
            timeouts.connect = Some(Duration::from_secs([1, 10, 100][self.rng.usize(..3)]));
            timeouts.pool_wait = self.rng.bool().then(|| Duration::from_secs(20));
            request.extensions_mut().insert(RequestOptions::new().timeouts(timeouts));
        }
        let (id, waker) = self.world.waker();
        let stage = Stage::Exchange(Box::pin(pool.call(request)));
        say!(self, "call {id} to {url} {http_versions:?}");
        self.calls.push(Call { id, waker, key, stage, place: usize::MAX, was_served: false });
        self.poll_call(id);
    }

    fn poll_call(&mut self, id: usize) {
        let Some(at) = self.calls.iter().position(|call| call.id == id) else { return };
        let call = &mut self.calls[at];
        let mut cx = Context::from_waker(&call.waker);
        let waited = call.is_waiting();
        match &mut call.stage {
            Stage::Exchange(exchange) => match exchange.as_mut().poll(&mut cx) {
                Poll::Ready(Ok(response)) => {
                    say!(self, "call {id} has its response");
                    call.is_served(&mut self.places, &mut self.served);
                    call.stage = Stage::Body(Box::pin(response.into_body()));
                    self.world.wake(id);
                }
                Poll::Ready(Err(failed)) => {
                    say!(self, "call {id} failed: {:?} {}", failed.error.delivery(), failed.error);
                    call.stage = Stage::Nothing;
                    drop(failed);
                }
                Poll::Pending if exchange.waiter().is_some() => {
                    if !waited && call.is_waiting() {
                        self.places += 1;
                        call.place = self.places;
                        call.was_served = false;
                        say!(self, "call {id} waits");
                    }
                }
                Poll::Pending => {
                    call.is_served(&mut self.places, &mut self.served);
                }
            },
            Stage::Body(body) => loop {
                match body.as_mut().poll_frame(&mut cx) {
                    Poll::Ready(Some(Ok(_))) => {}
                    Poll::Ready(_) => {
                        say!(self, "call {id} has read all");
                        break call.stage = Stage::Nothing;
                    }
                    Poll::Pending => break,
                }
            },
            Stage::Nothing => {}
        }
        self.calls.retain(|call| !matches!(call.stage, Stage::Nothing));
    }

    fn run_one(&mut self) -> bool {
        let Some(id) = self.world.next_woken(&mut self.rng) else { return false };
        if !self.world.poll_task(id) {
            self.poll_call(id);
        }
        true
    }

    fn quiesce(&mut self) {
        let mut polls = 0;
        while self.run_one() {
            self.check_safety();
            polls += 1;
            assert!(polls < 100_000, "it never comes to rest");
        }
        self.below.lock().unwrap().wires.iter().for_each(|wire| wire.state().granted = 0);
        self.check_liveness();
    }

    fn dial(&mut self) -> Option<Arc<Dial>> {
        let mut below = self.below.lock().unwrap();
        below.connects.retain(|dial| !dial.is_gone());
        if below.connects.is_empty() {
            None
        } else {
            Some(Arc::clone(&below.connects[self.rng.usize(..below.connects.len())]))
        }
    }

    fn connect(&mut self) {
        let Some(dial) = self.dial() else { return };
        let key = &dial.route.target.key;
        if self.rng.u32(..8) == 0 {
            say!(self, "a socket to {:?}", key.origin);
            return dial.socket();
        }
        self.below.lock().unwrap().connects.retain(|other| !Arc::ptr_eq(other, &dial));
        if self.descriptors_end && self.rng.u32(..3) == 0 {
            say!(self, "no descriptor for {:?}", key.origin);
            return dial.answer(Err(std::io::Error::from_raw_os_error(24).into()));
        }
        if self.rng.u32(..5) == 0 {
            say!(self, "no connection to {:?}", key.origin);
            return dial.answer(Err(ConnectError::new(Phase::Tcp, "refused")));
        }
        let h2 = match (key.connect_options.http_versions, key.origin.scheme()) {
            (HttpVersions::Http2, _) => true,
            (_, Scheme::Http) => false,
            _ => self.rng.u32(..4) > 0,
        };
        let capacity = match self.rng.u32(..4) {
            _ if !h2 => Capacity::Streams(1),
            0 => Capacity::Unknown,
            _ => Capacity::Streams(self.rng.u32(0..4)),
        };
        let protocol = if h2 { Protocol::Http2 } else { Protocol::Http1 };
        let [late, drains] = [self.rng.bool(), !h2 && self.rng.bool()];
        let guess = self.config.streams_before_settings;
        let (wire, handle) = Wire::new(&self.world, &dial.route, protocol, capacity, guess, [late, drains]);
        say!(self, "connected {:?} to {:?}: {protocol:?} {capacity:?}", wire.info.id, key.origin);
        self.below.lock().unwrap().wires.push(Arc::clone(&wire));
        if self.rng.u32(..12) == 0 {
            say!(self, "{:?} is closed at once", wire.info.id);
            wire.end(ConnectionStatus::Closed(CloseReason::PeerFin));
        }
        dial.answer(Ok(handle));
    }

    fn wire(&mut self, wanted: impl Fn(&Wire) -> bool) -> Option<Arc<Wire>> {
        let wires: Vec<_> = self.below.lock().unwrap().wires.iter().filter(|wire| wanted(wire)).cloned().collect();
        if wires.is_empty() { None } else { Some(Arc::clone(&wires[self.rng.usize(..wires.len())])) }
    }

    /// An exchange goes on.
    fn exchange(&mut self) {
        let Some(wire) = self.wire(|wire| wire.running() > 0) else { return };
        let running = wire.state().running.clone();
        let run = &running[self.rng.usize(..running.len())];
        let (id, dice) = (wire.info.id, self.rng.u32(..10));
        if run.lock().unwrap().answer.is_none() {
            let answer = match self.rng.u32(..20) {
                0 => Answer::Fail(Delivery::Unknown),
                1 => Answer::Fail(Delivery::Refused),
                2 => Answer::GiveBack,
                3 => Answer::Head(101),
                4 => Answer::Head(421),
                _ => Answer::Head(200),
            };
            say!(self, "{id:?} answers {answer:?}");
            return Run::change(run, |run| {
                run.answer = Some(answer);
                if dice < 5 {
                    run.response = Ending::Over;
                    run.request_over |= dice < 4;
                }
            });
        }
        say!(self, "{id:?} goes on");
        Run::change(run, |run| match dice {
            0 => run.response = Ending::Broken,
            1..6 if run.response == Ending::Running => run.response = Ending::Over,
            _ => run.request_over = true,
        });
    }

    fn drop_call(&mut self) {
        if self.calls.is_empty() {
            return;
        }
        let call = self.calls.swap_remove(self.rng.usize(..self.calls.len()));
        say!(self, "call {} is dropped", call.id);
        drop(call);
    }

    /// Its body is not read to its end, and often nothing happens on its connection for a while.
    fn drop_response(&mut self) {
        let call = self.calls.iter().position(|call| matches!(call.stage, Stage::Body(_)));
        let Some(call) = call.map(|at| self.calls.swap_remove(at)) else { return };
        say!(self, "the response of call {} is dropped", call.id);
        drop(call);
        if self.rng.bool() {
            self.quiesce();
            self.wait();
        }
    }

    fn status(&mut self) {
        if let Some(wire) = self.wire(|wire| wire.state().unreported.is_some())
            && self.rng.bool()
        {
            say!(self, "{:?} reports its end", wire.info.id);
            return wire.report_late();
        }
        let Some(wire) = self.wire(|wire| !wire.state().over) else { return };
        let id = wire.info.id;
        match self.rng.u32(..10) {
            0..2 => {
                say!(self, "{id:?} drains");
                wire.end(ConnectionStatus::Draining(CloseReason::PeerGoAway));
            }
            2..4 => {
                say!(self, "{id:?} is closed");
                wire.end(ConnectionStatus::Closed(CloseReason::PeerFin));
            }
            4.. if !wire.exclusive => {
                let capacity = [0, 1, 2, 3, u32::MAX][self.rng.usize(..5)];
                say!(self, "{id:?} has room for {capacity}");
                wire.set_capacity(capacity);
            }
            _ => {}
        }
    }

    fn wait(&mut self) {
        let by = Duration::from_millis([1, 500, 5_000, 60_000][self.rng.usize(..4)]);
        say!(self, "{by:?} pass");
        self.world.advance(by);
    }

    fn evict(&mut self) {
        say!(self, "all is evicted");
        if let Some(pool) = &self.pool {
            pool.evict_all();
        }
    }

    fn end_pool(&mut self) {
        if self.rng.bool()
            && let Some(pool) = &self.pool
        {
            say!(self, "the pool is closed");
            pool.close();
        }
        say!(self, "a handle is dropped");
        self.pool = None;
    }

    /// Everybody leaves, everything ends, all time passes.
    fn finish(&mut self) {
        self.quiesce();
        say!(self, "the end");
        while !self.calls.is_empty() {
            self.drop_call();
            self.check_safety();
        }
        self.quiesce();
        while let Some(wire) = self.wire(|wire| wire.running() > 0) {
            for run in wire.state().running.clone() {
                Run::change(&run, |run| (run.request_over, run.response) = (true, Ending::Over));
            }
        }
        self.quiesce();
        while let Some(dial) = self.dial() {
            self.below.lock().unwrap().connects.retain(|other| !Arc::ptr_eq(other, &dial));
            dial.answer(Err(ConnectError::new(Phase::Tcp, "refused")));
            self.quiesce();
        }
        for _ in 0..5 {
            self.world.advance(Duration::from_secs(60));
            self.quiesce();
            while let Some(wire) = self.wire(|wire| wire.state().unreported.is_some()) {
                wire.report_late();
            }
            self.quiesce();
        }
        self.check_nothing_left();
        assert_eq!(*self.watcher.acquired.lock().unwrap(), 0, "who acquires releases");
        for (id, (_, closed)) in &*self.watcher.connections.lock().unwrap() {
            assert_eq!(*closed, 1, "the end of connection {id} is reported once");
        }
        self.pool = None;
        self.quiesce();
        self.check_nothing_left();
        let _ = self.world.now();
    }
}

fn config(rng: &mut Rng) -> PoolConfig {
    let mut config = PoolConfig::new().idle_timeout(Duration::from_secs(rng.u64(0..50)));
    match rng.u32(..3) {
        0 => config = config.backup_connect(Duration::MAX),
        1 => config = config.backup_connect(Duration::from_millis(rng.u64(0..3_000))),
        _ => {}
    }
    if rng.bool() {
        config = config.max_per_origin(rng.usize(1..4));
    }
    if rng.bool() {
        config = config.max_total(rng.usize(1..5)).max_overtaking(rng.usize(1..6));
    }
    if rng.u32(..3) == 0 {
        config = config.max_idle(rng.usize(0..4));
    }
    if rng.u32(..4) == 0 {
        config = config.max_idle_per_origin(rng.usize(0..3));
    }
    if rng.u32(..3) == 0 {
        config = config.max_connecting_per_origin(rng.usize(1..3));
    }
    if rng.u32(..4) == 0 {
        config = config.max_waiting_per_origin(rng.usize(1..5));
    }
    if rng.u32(..4) == 0 {
        config = config.max_age(Duration::from_secs(rng.u64(1..60)));
    }
    if rng.u32(..4) == 0 {
        config = config.max_requests(rng.u64(1..5));
    }
    if rng.u32(..4) == 0 {
        config = config.max_streams(rng.u32(1..4));
    }
    if rng.u32(..4) == 0 {
        config = config.streams_before_settings(rng.u32(1..3));
    }
    if rng.u32(..4) == 0 {
        config = config.unread_grace([Duration::ZERO, Duration::from_secs(10), Duration::MAX][rng.usize(..3)]);
    }
    config = config.at_stream_limit([AtStreamLimit::Open, AtStreamLimit::Wait, AtStreamLimit::Refuse][rng.usize(..3)]);
    if rng.u32(..4) == 0 {
        config = config.at_connection_limit(AtConnectionLimit::Refuse);
    }
    config
}
