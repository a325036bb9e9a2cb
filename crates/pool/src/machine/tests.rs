//! The machine by itself: a table of what follows from what, and random histories, without threads or a runtime.

use super::*;
use crate::{
    config::{AtConnectionLimit, AtStreamLimit},
    machine::{
        connections::Facts,
        connects::ConnectKey,
        ending::Oldest,
        environment::{Environment, Load},
    },
};
use skybridge_core::{Cause, ConnectError, Found, Phase, Waits};
use std::cell::{Cell, RefCell};

/// What surrounds a machine in a test: its shared connections' loads, by place, and permits.
struct World {
    config: PoolConfig,
    loads: RefCell<Vec<(ConnectionKey, Load)>>,
    permits: Cell<usize>,
    may_be_lent: Cell<bool>,
    /// How often the origin has been queued for a permit; whether the last time it starved.
    queued: Cell<(usize, bool)>,
    now: Cell<u64>,
    /// The peer of this connection announces ten streams once so many more questions were asked.
    announces: Cell<Option<(ConnectionKey, usize)>>,
}

impl World {
    fn new(config: PoolConfig) -> Self {
        let permits = Cell::new(config.max_total);
        Self {
            config,
            loads: RefCell::default(),
            permits,
            may_be_lent: Cell::default(),
            queued: Cell::default(),
            now: Cell::new(1),
            announces: Cell::default(),
        }
    }

    fn change(&self, connection: ConnectionKey, change: impl FnOnce(&mut Load)) {
        let mut loads = self.loads.borrow_mut();
        let Some((_, load)) = loads.iter_mut().find(|(key, _)| *key == connection) else { return };
        change(load);
        load.known_capacity = load.known_capacity.map(|_| load.capacity);
        load.has_capacity = !load.draining && load.in_use < load.capacity;
        load.idle_until = (load.in_use == 0 && !load.draining).then_some(Timestamp(self.now.get() + 10));
    }

    fn add(&self, connection: ConnectionKey, capacity: u32) {
        let load = Load { known_capacity: Some(capacity), ..Load::default() };
        self.loads.borrow_mut().push((connection, load));
        self.change(connection, |load| load.capacity = capacity);
    }

    /// One more question.
    fn asked(&self) {
        let Some((connection, left)) = self.announces.get() else { return };
        self.announces.set(left.checked_sub(1).map(|left| (connection, left)));
        if left == 0 {
            self.change(connection, |load| (load.capacity, load.known_capacity) = (10, Some(10)));
        }
    }

    fn of(&self, connection: ConnectionKey) -> Load {
        let loads = self.loads.borrow();
        loads.iter().find(|(key, _)| *key == connection).map(|(_, load)| *load).unwrap_or_default()
    }
}

impl Environment for World {
    fn load(&self, connection: ConnectionKey) -> Load {
        self.asked();
        self.of(connection)
    }

    fn reserve(&self, connection: ConnectionKey) -> bool {
        self.asked();
        let free = self.of(connection).has_capacity;
        if free {
            self.change(connection, |load| load.in_use += 1);
        }
        free
    }

    fn line_up(&self, _: ConnectionKey) -> bool {
        false
    }

    fn permit_refused(&self) -> Option<Overloaded> {
        (self.permits.get() == 0).then_some(Overloaded { what: "the total connection limit", limit: 0 })
    }

    fn acquire_permit(&self) -> Result<(), Overloaded> {
        match self.permits.get() {
            0 => Err(Overloaded { what: "the total connection limit", limit: self.config.max_total }),
            free => {
                self.permits.set(free - 1);
                Ok(())
            }
        }
    }

    fn may_be_lent(&self) -> bool {
        self.may_be_lent.get()
    }

    fn queue_for_permit(&self, starves: bool, _: bool) {
        self.queued.set((self.queued.get().0 + 1, starves));
    }

    fn leave_permit_queue(&self) {}

    fn now(&self) -> Timestamp {
        Timestamp(self.now.get())
    }

    fn jittered(&self, nanos: u64) -> u64 {
        nanos
    }
}

fn facts(exclusive: bool) -> Facts {
    Facts { own: true, exclusive, expires_at: None, idle_timeout: 10, valid_until: None }
}

/// What was done, in short.
fn said(actions: Actions) -> String {
    let one = |action: Action| match action {
        Action::Deliver { grant: Grant::Exclusive(_), initiator, joined, .. } => {
            format!("exclusive{}{}", if initiator { " initiator" } else { "" }, if joined { " joined" } else { "" })
        }
        Action::Deliver { initiator, joined, .. } => {
            format!("stream{}{}", if initiator { " initiator" } else { "" }, if joined { " joined" } else { "" })
        }
        Action::Fail(_, error) => match error.cause() {
            Cause::Overloaded(full) => format!("overloaded {}", full.limit),
            _ => "failed".into(),
        },
        Action::Connect(..) => "connect".into(),
        Action::BackUp { .. } => "back up".into(),
        Action::Join(..) => "join".into(),
        Action::Leave { last, .. } => if last { "leave last" } else { "leave" }.into(),
        Action::Forget(_) => "forget".into(),
        Action::Notify(_) => "notify".into(),
        Action::Close(_, reason) => format!("close {reason:?}"),
        Action::Drain(_, reason) => format!("drain {reason:?}"),
        Action::DrainUnused(_, reason) => format!("drain unused {reason:?}"),
        Action::Suspect(_) => "suspect".into(),
        Action::LeaveCoalesced(_) => "leave coalesced".into(),
        Action::WantPermit => "want permit".into(),
    };
    actions.into_iter().map(one).collect::<Vec<_>>().join(", ")
}

fn connects(actions: Actions) -> Vec<ConnectKey> {
    let connect = |action| if let Action::Connect(connect, ..) = action { Some(connect) } else { None };
    actions.into_iter().filter_map(connect).collect()
}

fn wait(machine: &mut Machine, world: &World) -> (WaiterKey, Actions) {
    let waiter = machine.enqueue(&world.config).unwrap();
    (waiter, machine.serve(&world.config, world))
}

#[test]
fn what_a_second_request_finds() {
    let open = || PoolConfig::new();
    let rows: [(&str, Option<Protocol>, PoolConfig, &str); 7] = [
        ("not known yet: joins", None, open(), "join"),
        ("HTTP/2: joins", Some(Protocol::Http2), open(), "join"),
        ("HTTP/1.1: a connect of its own", Some(Protocol::Http1), open(), "connect, join"),
        ("at the limit: waits", Some(Protocol::Http1), open().max_per_origin(1), ""),
        ("at the limit of connects: waits", Some(Protocol::Http1), open().max_connecting_per_origin(1), ""),
        ("at the total limit: queues", Some(Protocol::Http1), open().max_total(1), "want permit"),
        (
            "at the limit: is refused",
            Some(Protocol::Http1),
            open().max_per_origin(1).at_connection_limit(AtConnectionLimit::Refuse),
            "overloaded 1",
        ),
    ];
    for (row, protocol, config, expected) in rows {
        let (mut machine, world) = (Machine::new(protocol, 0), World::new(config));
        assert_eq!(said(wait(&mut machine, &world).1), "connect, join", "{row}");
        assert_eq!(said(wait(&mut machine, &world).1), expected, "{row}");
        machine.check_safety(&world.config);
    }
}

#[test]
fn who_waits_behind_one_that_looks_for_a_loan_waits_for_its_turn_once_a_permit_is_free() {
    let (mut machine, world) = (Machine::new(Some(Protocol::Http1), 0), World::new(PoolConfig::new()));
    world.permits.set(0);
    world.may_be_lent.set(true);
    assert_eq!(said(wait(&mut machine, &world).1), "connect, join");
    let (second, actions) = wait(&mut machine, &world);
    assert_eq!(said(actions), "");
    assert!(matches!(machine.came_of(second, &world.config, &world), Some(Found::Waits(Waits::PoolLimit(_)))));
    // By another thread, before it is asked what has come of it.
    world.permits.set(1);
    assert_eq!(machine.came_of(second, &world.config, &world), Some(Found::Waits(Waits::Turn)));
}

#[test]
fn what_a_request_finds_when_all_streams_are_taken() {
    let rows = [
        (AtStreamLimit::Open, Some(1), "connect, join"),
        (AtStreamLimit::Wait, Some(1), ""),
        (AtStreamLimit::Refuse, Some(1), "overloaded 1"),
        (AtStreamLimit::Open, None, ""),
    ];
    for (policy, known_capacity, expected) in rows {
        let world = World::new(PoolConfig::new().at_stream_limit(policy));
        let mut machine = Machine::new(None, 0);
        let connect = connects(wait(&mut machine, &world).1)[0];
        let connection = machine.connected(connect, facts(false), Some(Protocol::Http2), Timestamp(10)).unwrap().0;
        world.add(connection, 1);
        assert_eq!(said(machine.serve(&world.config, &world)), "stream initiator joined");
        world.change(connection, |load| load.known_capacity = known_capacity);
        assert_eq!(said(wait(&mut machine, &world).1), expected, "{policy:?}, {known_capacity:?} known");
    }
}

/// Of its first connection nobody knows what it carries. That may become known at any point of a decision, and who says
/// it lets the machine decide again.
#[test]
fn settings_that_come_while_it_decides_open_no_connection() {
    for questions in 0..20 {
        let world = World::new(PoolConfig::new());
        let mut machine = Machine::new(None, 0);
        let connect = connects(wait(&mut machine, &world).1)[0];
        let connection = machine.connected(connect, facts(false), Some(Protocol::Http2), Timestamp(10)).unwrap().0;
        world.add(connection, 1);
        world.change(connection, |load| load.known_capacity = None);
        assert_eq!(said(machine.serve(&world.config, &world)), "stream initiator joined");
        world.announces.set(Some((connection, questions)));
        let first = said(wait(&mut machine, &world).1);
        while world.announces.get().is_some() {
            world.asked();
        }
        let then = said(machine.serve(&world.config, &world));
        assert_eq!(first + &then, "stream", "after {questions} questions");
    }
}

#[test]
fn what_is_free_while_others_wait_is_theirs() {
    let (mut machine, world) =
        (Machine::new(Some(Protocol::Http1), 0), World::new(PoolConfig::new().max_per_origin(1)));
    let connect = connects(wait(&mut machine, &world).1)[0];
    drop(wait(&mut machine, &world));
    let connection = machine.connected(connect, facts(true), Some(Protocol::Http1), Timestamp(10)).unwrap().0;
    assert_eq!(machine.take(&world), None, "two wait");
    assert_eq!(said(machine.serve(&world.config, &world)), "exclusive initiator joined");
    machine.put_back(connection, Timestamp(10), None).unwrap();
    assert_eq!(machine.take(&world), None, "one waits");
    assert_eq!(said(machine.serve(&world.config, &world)), "exclusive");
    machine.put_back(connection, Timestamp(10), None).unwrap();
    assert_eq!(machine.take(&world), Some(Grant::Exclusive(connection)));
}

#[test]
fn what_comes_back_is_kept_or_says_why_not() {
    type Before = fn(&mut Machine);
    let rows: [(Before, Option<CloseReason>, Result<(), CloseReason>); 4] = [
        (|_| {}, None, Ok(())),
        (|_| {}, Some(CloseReason::MaxAge), Err(CloseReason::MaxAge)),
        (|machine| drop(machine.evict_all(CloseReason::Evicted)), None, Err(CloseReason::Evicted)),
        (|machine| drop(machine.close(|| panic!("nobody waits"))), None, Err(CloseReason::Shutdown)),
    ];
    for (i, (before, refuse, expected)) in rows.into_iter().enumerate() {
        let (mut machine, world) = (Machine::new(Some(Protocol::Http1), 0), World::new(PoolConfig::new()));
        let connect = connects(wait(&mut machine, &world).1)[0];
        let connection = machine.connected(connect, facts(true), Some(Protocol::Http1), Timestamp(10)).unwrap().0;
        drop(machine.serve(&world.config, &world));
        before(&mut machine);
        assert_eq!(machine.put_back(connection, Timestamp(10), refuse).map(drop), expected, "row {i}");
        assert_eq!(machine.idle(), usize::from(expected.is_ok()), "row {i}");
    }
}

#[test]
fn the_last_who_leaves_ends_a_connect() {
    let (mut machine, world) = (Machine::new(None, 0), World::new(PoolConfig::new()));
    let (first, actions) = wait(&mut machine, &world);
    let connect = connects(actions)[0];
    let (second, _) = wait(&mut machine, &world);
    assert_eq!(said(machine.cancel(first)), "leave, forget");
    assert!(!machine.abandon(connect), "somebody waits for it");
    assert_eq!(said(machine.cancel(second)), "leave last, forget");
    assert_eq!(said(machine.cancel(second)), "", "it has left");
    assert!(machine.abandon(connect) && machine.is_vacant());
}

/// Random histories of one origin, with the invariants after every step and nothing left at the end.
#[test]
fn invariants_hold_in_random_histories() {
    let cases = std::env::var("SKYBRIDGE_MODEL_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(2_000);
    for seed in 0..cases {
        History::new(seed).run();
    }
}

struct History {
    rng: fastrand::Rng,
    machine: Machine,
    world: World,
    waiting: Vec<WaiterKey>,
    connecting: Vec<ConnectKey>,
    /// Connections in use, as often as they are.
    granted: Vec<Grant>,
    /// Shared connections that take exchanges.
    shared: Vec<ConnectionKey>,
    /// Own connections that take no exchanges, whose sockets are open.
    draining: Vec<ConnectionKey>,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut config = PoolConfig::new().at_stream_limit([AtStreamLimit::Open, AtStreamLimit::Wait][rng.usize(..2)]);
        if rng.bool() {
            config = config.max_per_origin(rng.usize(1..4));
        }
        if rng.bool() {
            config = config.max_total(rng.usize(1..4));
        }
        if rng.bool() {
            config = config.max_connecting_per_origin(rng.usize(1..3));
        }
        let protocol = [None, Some(Protocol::Http1), Some(Protocol::Http2)][rng.usize(..3)];
        Self {
            rng,
            machine: Machine::new(protocol, 0),
            world: World::new(config),
            waiting: Vec::new(),
            connecting: Vec::new(),
            granted: Vec::new(),
            shared: Vec::new(),
            draining: Vec::new(),
        }
    }

    fn run(mut self) {
        for _ in 0..self.rng.usize(10..120) {
            self.step();
            self.rest();
        }
        for waiter in std::mem::take(&mut self.waiting) {
            let left = self.machine.cancel(waiter);
            self.apply(left);
        }
        for connect in std::mem::take(&mut self.connecting) {
            assert!(self.machine.abandon(connect), "nobody waits for {connect:?}");
            self.free_permit();
        }
        let end = self.machine.close(|| unreachable!("nobody waits"));
        self.apply(end);
        while let Some(grant) = self.granted.pop() {
            self.give_back(grant);
        }
        self.drain_unused();
        while let Some(connection) = self.draining.pop() {
            assert!(self.machine.socket_closed(connection));
            self.free_permit();
        }
        assert!(self.machine.is_vacant() && self.machine.retire(), "{:?}", self.machine);
        assert_eq!(self.world.permits.get(), self.world.config.max_total);
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        if of.is_empty() { None } else { Some(of[self.rng.usize(..of.len())]) }
    }

    fn step(&mut self) {
        match self.rng.u32(..13) {
            12 => {
                if let Some(connect) = self.pick(&self.connecting.clone()) {
                    let actions = self.machine.takes_long(connect, &self.world.config, &self.world);
                    self.apply(actions);
                }
            }
            0..4 => match self.machine.take(&self.world) {
                Some(grant) => self.granted.push(grant),
                None => self.waiting.extend(self.machine.enqueue(&self.world.config)),
            },
            4 => {
                if let Some(waiter) = self.pick(&self.waiting.clone()) {
                    self.waiting.retain(|other| *other != waiter);
                    let left = self.machine.cancel(waiter);
                    self.apply(left);
                }
            }
            5..8 => self.end_connect(),
            8..10 => {
                if !self.granted.is_empty() {
                    let grant = self.granted.swap_remove(self.rng.usize(..self.granted.len()));
                    self.give_back(grant);
                }
            }
            10 => {
                if let Some(connection) = self.pick(&self.shared.clone()) {
                    self.drain(connection);
                }
                self.drain_unused();
                if let Some(connection) = self.draining.pop() {
                    assert!(self.machine.socket_closed(connection) && !self.machine.socket_closed(connection));
                    self.free_permit();
                }
            }
            _ => {
                self.world.now.set(self.world.now.get() + self.rng.u64(1..30));
                let over = self.machine.expire(self.world.now(), 10, &self.world, |_| true);
                self.apply(over);
                if self.rng.bool() {
                    let (oldest, actions) = self.machine.evict_oldest(&self.world, CloseReason::Evicted);
                    self.apply(actions);
                    if let Some(Oldest::Shared(connection)) = oldest {
                        self.drain(connection);
                        self.drain_unused();
                    }
                }
            }
        }
    }

    /// Everybody is served who can be.
    fn rest(&mut self) {
        let served = self.machine.serve(&self.world.config, &self.world);
        self.apply(served);
        self.machine.check_safety(&self.world.config);
        let wants_permit = self.machine.check_liveness(&self.world.config, &|connection| self.world.of(connection));
        assert!(!wants_permit || self.world.permits.get() == 0, "a permit is free, and somebody waits for it");
        let permits = self.world.config.max_total - self.world.permits.get();
        assert_eq!(self.machine.permits_held(), permits, "each socket and each connect has a permit");
        assert_eq!(self.machine.has_waiters(), !self.waiting.is_empty());
    }

    fn free_permit(&mut self) {
        self.world.permits.set(self.world.permits.get() + 1);
        self.machine.permit_freed();
        let served = self.machine.serve(&self.world.config, &self.world);
        self.apply(served);
    }

    fn end_connect(&mut self) {
        if self.connecting.is_empty() {
            return;
        }
        let connect = self.connecting.swap_remove(self.rng.usize(..self.connecting.len()));
        match self.rng.u32(..4) {
            0 => {
                let error = ConnectError::new(Phase::Tcp, "refused");
                let failed = self.machine.failed(connect, &error);
                self.apply(failed);
                self.free_permit();
            }
            1 => {
                let (until, config) = (Timestamp(self.world.now.get() + 10), facts(true));
                assert!(self.machine.connected(connect, config, Some(Protocol::Http1), until).is_some());
            }
            _ => {
                let (until, config) = (Timestamp(self.world.now.get() + 10), facts(false));
                let connection = self.machine.connected(connect, config, Some(Protocol::Http2), until).unwrap().0;
                self.world.add(connection, self.rng.u32(1..4));
                self.shared.push(connection);
            }
        }
    }

    fn give_back(&mut self, grant: Grant) {
        match grant {
            Grant::Exclusive(connection) => {
                let until = Timestamp(self.world.now.get() + 10);
                if self.machine.put_back(connection, until, None).is_err() {
                    assert!(!self.machine.remove(connection), "it was in use");
                    self.draining.push(connection);
                }
            }
            Grant::Stream(connection) => self.world.change(connection, |load| load.in_use -= 1),
        }
    }

    fn drain(&mut self, connection: ConnectionKey) {
        if self.shared.contains(&connection) {
            self.shared.retain(|other| *other != connection);
            self.world.change(connection, |load| load.draining = true);
            assert!(!self.machine.remove(connection));
        }
    }

    /// Those that drain and carry nothing close.
    fn drain_unused(&mut self) {
        let mut loads = self.world.loads.borrow_mut();
        let over = loads.extract_if(.., |(_, load)| load.draining && load.in_use == 0);
        self.draining.extend(over.map(|(connection, _)| connection));
    }

    fn apply(&mut self, actions: Actions) {
        for action in actions {
            match action {
                Action::Deliver { waiter, grant, .. } => {
                    assert_eq!(self.waiting.first(), Some(&waiter), "first come, first served");
                    self.waiting.remove(0);
                    self.granted.push(grant);
                }
                Action::Fail(waiter, error) => {
                    assert!(error.is_connect() || matches!(error.cause(), Cause::Overloaded(_)), "{error}");
                    self.waiting.retain(|other| *other != waiter);
                }
                Action::Connect(connect, waiter, _) | Action::BackUp { connect, waiter, .. } => {
                    assert!(self.waiting.contains(&waiter));
                    self.connecting.push(connect);
                }
                Action::Close(connection, _) => {
                    assert!(!self.machine.remove(connection), "it was taken out");
                    self.draining.push(connection);
                }
                Action::Drain(connection, _) => self.drain(connection),
                Action::DrainUnused(connection, _) if self.world.of(connection).in_use == 0 => self.drain(connection),
                Action::LeaveCoalesced(_) => unreachable!("all are its own"),
                _ => {}
            }
        }
        self.drain_unused();
    }
}

/// No pointer, lock, atomic, waker, clock or I/O, and nothing of the rest of the pool but settings and plain numbers.
#[test]
fn it_is_pure() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = std::fs::read_dir(folder.join("machine")).unwrap().map(|file| file.unwrap().path());
    let files: Vec<_> = files.chain([folder.join("machine.rs")]).collect();
    let (forbidden, test_files) = (["Arc<", "Mutex", "Atomic", "Waker", "Instant::now", "Future"], ["tests.rs"]);
    let allowed = ["crate::config", "crate::machine", "crate::shared::time", "crate::stats"];
    for file in files.iter().filter(|file| !test_files.iter().any(|test| file.ends_with(test))) {
        let text = std::fs::read_to_string(file).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        for word in forbidden {
            assert!(!code.contains(word), "{word} in {}", file.display());
        }
        let flat = code.split_whitespace().collect::<String>();
        for statement in flat.split("usecrate::{").skip(1).filter_map(|rest| rest.split(';').next()) {
            let mut depth = 0;
            let tops = statement.split_inclusive(['{', '}', ',']).filter(|part| {
                let top = depth == 0;
                depth += i32::from(part.ends_with('{')) - i32::from(part.ends_with('}'));
                top
            });
            for top in tops.filter(|top| top.chars().any(char::is_alphabetic)) {
                let path = format!("crate::{top}");
                assert!(allowed.iter().any(|allowed| path.starts_with(allowed)), "{path} in {}", file.display());
            }
        }
        for path in flat.split("crate::").skip(1).filter(|path| !path.starts_with('{')) {
            let path = format!("crate::{path}");
            let path: String = path.chars().take(40).collect();
            assert!(allowed.iter().any(|allowed| path.starts_with(allowed)), "{path} in {}", file.display());
        }
    }
}

/// The pauses before the connects of an origin whose connects fail, in milliseconds.
#[test]
fn a_pause_doubles_up_to_its_limit_and_what_fails_together_counts_once() {
    const MS: u64 = 1_000_000;
    let world = World::new(PoolConfig::new());
    let mut machine = Machine::new(Some(Protocol::Http1), 0);
    let error = || ConnectError::new(Phase::Tcp, "refused");
    let pauses: Vec<_> = (0..10)
        .map(|_| {
            (0..3).for_each(|_| _ = machine.enqueue(&world.config).unwrap());
            let began = connects(machine.serve(&world.config, &world));
            let until = machine.pause_until(world.now()).map_or(0, |until| until.0 - world.now.get());
            world.now.set(world.now.get() + until);
            for connect in began {
                assert_eq!(machine.is_paused(connect), until > 0);
                assert!(machine.resume(connect, &world.config, &world));
                machine.count_failure(connect, &world.config, &world);
                _ = machine.failed(connect, &error());
            }
            // Of three that wait for the same, only one learns of the second failure.
            let left = machine.stats(&world).waiting;
            let last: Vec<_> = machine.queue.iter().map(|(waiter, _)| waiter).collect();
            last.into_iter().for_each(|waiter| _ = machine.cancel(waiter));
            (until / MS, left)
        })
        .collect();
    let failed = [(0, 0), (0, 2), (50, 0), (100, 0), (200, 0), (400, 0), (800, 0), (1600, 0), (2000, 0), (2000, 0)];
    assert_eq!(pauses, failed);
    let forget_at = machine.next_expiry(&world).unwrap();
    assert_eq!(forget_at.0 - world.now.get(), 6000 * MS, "two seconds, and as long again twice");
    assert!(!machine.is_vacant());
    _ = machine.expire(forget_at, 1, &world, |_| true);
    assert!(machine.is_vacant() && machine.next_expiry(&world).is_none());
}
