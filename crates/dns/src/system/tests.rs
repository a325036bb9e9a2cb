use super::*;
use crate::{
    ResolveError,
    lookup_queue::{MAX_RUNNING, MAX_WAITING},
};
use futures_core::Stream;
use skybridge_core::{Answer, BoxFuture, Ctx, Endpoint, Families, Runtime, Sleep};
use std::{
    collections::VecDeque,
    future::poll_fn,
    io,
    pin::Pin,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::Waker,
    time::Instant,
};

/// Keeps blocking work until a test runs it or drops it. After it has ended, it drops all work at once.
#[derive(Default)]
struct Held(Mutex<VecDeque<Box<dyn FnOnce() + Send>>>, AtomicBool);

impl Held {
    fn take(&self) -> Option<Box<dyn FnOnce() + Send>> {
        self.0.lock().unwrap().pop_front()
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn run_all(&self) {
        while let Some(work) = self.take() {
            work();
        }
    }
}

impl Runtime for Held {
    #[expect(clippy::disallowed_methods, reason = "no clock is tested")]
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep_until(&self, _: Instant) -> Pin<Box<dyn Sleep>> {
        unreachable!("the resolver sets no timer")
    }

    fn spawn(&self, _: BoxFuture<()>) {
        unreachable!("the resolver has no task")
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        if self.1.load(Ordering::SeqCst) {
            return drop(work);
        }
        self.0.lock().unwrap().push_back(work);
    }
}

/// A system in which every name resolves to the loopback addresses, except for a few that fail.
struct World {
    held: Arc<Held>,
    system: System,
    looked_up: Arc<Mutex<Vec<String>>>,
}

impl World {
    fn new() -> Self {
        let looked_up = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&looked_up);
        let lookup = move |host: &str| {
            log.lock().unwrap().push(host.to_string());
            match host {
                "local.test" => Ok(vec!["[fe80::1%7]:0".parse().unwrap()]),
                "missing.test" => Err(io::Error::other("failed to lookup address: Name or service not known")),
                "broken.test" => Err(io::Error::other("failed to lookup address: Temporary failure")),
                "empty.test" => Ok(Vec::new()),
                "panics.test" => panic!("the lookup broke"),
                _ => Ok(vec![([127, 0, 0, 1], 0).into(), "[::1]:0".parse().unwrap()]),
            }
        };
        Self { held: Arc::default(), system: System::with_lookup(Arc::new(lookup)), looked_up }
    }

    fn query(&self, host: &str) -> Query {
        Query::new(host, 80, Ctx::new(self.held.clone()))
    }

    fn ask(&mut self, host: &str) -> Lookup {
        let query = self.query(host);
        self.system.call(query).into_inner().unwrap()
    }

    fn looked_up(&self) -> Vec<String> {
        self.looked_up.lock().unwrap().clone()
    }
}

fn poll(lookup: &mut Lookup) -> Poll<Option<Result<Answer, ResolveError>>> {
    Pin::new(lookup).poll_next(&mut Context::from_waker(Waker::noop()))
}

fn outcome(lookup: &mut Lookup) -> Result<Vec<String>, ResolveError> {
    match poll(lookup) {
        Poll::Ready(Some(answer)) => answer.map(|answer| answer.endpoints.iter().map(Endpoint::to_string).collect()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_answer_with_every_address_and_the_port_asked_for() {
    let mut world = World::new();
    let mut lookup = world.ask("a.test");
    assert!(poll(&mut lookup).is_pending());
    world.held.run_all();
    let Poll::Ready(Some(Ok(answer))) = poll(&mut lookup) else { panic!() };
    assert_eq!(answer.endpoints, ["127.0.0.1:80", "[::1]:80"].map(|addr| Endpoint::Inet(addr.parse().unwrap())));
    assert!(answer.last && answer.ttl.is_none());
    assert!(matches!(poll(&mut lookup), Poll::Ready(None)));
}

#[test]
fn the_scope_of_a_link_local_address_stays() {
    let mut world = World::new();
    let mut lookup = world.ask("local.test");
    world.held.run_all();
    assert_eq!(outcome(&mut lookup).unwrap(), ["[fe80::1%7]:80"]);
}

#[test]
fn families_are_chosen_from_the_same_lookup() {
    let mut world = World::new();
    let mut queries = [Families::V4, Families::V6, Families::Both].map(|families| {
        let mut query = world.query("a.test");
        query.families = families;
        world.system.call(query).into_inner().unwrap()
    });
    world.held.run_all();
    let found = queries.each_mut().map(|lookup| outcome(lookup).unwrap().join(" "));
    assert_eq!(found, ["127.0.0.1:80", "[::1]:80", "127.0.0.1:80 [::1]:80"]);
    assert_eq!(world.looked_up(), ["a.test"], "all three share it");
}

#[test]
fn a_lookup_that_has_ended_is_not_shared() {
    let mut world = World::new();
    for _ in 0..2 {
        let mut lookup = world.ask("a.test");
        world.held.run_all();
        outcome(&mut lookup).unwrap();
    }
    assert_eq!(world.looked_up(), ["a.test", "a.test"]);
}

#[test]
fn errors_are_distinct_and_name_the_host() {
    let mut world = World::new();
    let mut fail = |host: &str| {
        let mut lookup = world.ask(host);
        world.held.run_all();
        outcome(&mut lookup).unwrap_err()
    };
    let missing = fail("missing.test");
    assert!(matches!(missing, ResolveError::NotFound { .. }), "{missing:?}");
    assert_eq!(missing.to_string(), "`missing.test` was not found");
    let broken = fail("broken.test");
    assert!(matches!(broken, ResolveError::Io { .. }), "{broken:?}");
    assert!(std::error::Error::source(&broken).unwrap().to_string().contains("Temporary failure"));
    assert!(matches!(fail("empty.test"), ResolveError::NoAddresses { .. }));

    let error = skybridge_core::ConnectError::from(missing);
    assert_eq!(error.phase(), Some(skybridge_core::Phase::Resolve));
    assert_eq!(error.source_as::<ResolveError>().unwrap().host(), "missing.test");
}

#[test]
fn a_limited_number_runs_at_once_and_the_others_wait_in_order() {
    let mut world = World::new();
    let mut lookups: Vec<_> = (0..MAX_RUNNING + 3).map(|n| world.ask(&format!("{n}.test"))).collect();
    assert_eq!(world.held.len(), MAX_RUNNING);
    world.held.take().unwrap()();
    assert_eq!(world.held.len(), MAX_RUNNING, "the first in the queue took the place");
    world.held.run_all();
    let expected: Vec<_> = (0..MAX_RUNNING + 3).map(|n| format!("{n}.test")).collect();
    assert_eq!(world.looked_up(), expected);
    assert!(lookups.iter_mut().all(|lookup| outcome(lookup).is_ok()));
}

#[test]
fn a_lookup_that_nobody_waits_for_never_starts() {
    let mut world = World::new();
    let running: Vec<_> = (0..MAX_RUNNING).map(|n| world.ask(&format!("{n}.test"))).collect();
    let (dropped, mut kept) = (world.ask("dropped.test"), world.ask("kept.test"));
    drop(dropped);
    drop(running);
    world.held.run_all();
    assert!(!world.looked_up().contains(&"dropped.test".to_string()));
    outcome(&mut kept).unwrap();
    let mut again = world.ask("dropped.test");
    world.held.run_all();
    outcome(&mut again).unwrap();
}

#[test]
fn the_queue_is_bounded_and_abandoned_lookups_take_no_place_in_it() {
    let mut world = World::new();
    let _running: Vec<_> = (0..MAX_RUNNING).map(|n| world.ask(&format!("{n}.test"))).collect();
    let mut waiting: Vec<_> = (0..MAX_WAITING).map(|n| world.ask(&format!("w{n}.test"))).collect();
    let mut refused = world.ask("refused.test");
    let error = outcome(&mut refused).unwrap_err();
    assert!(matches!(error, ResolveError::Overloaded { .. }), "{error:?}");
    let mut joined = world.ask("w7.test");
    assert!(poll(&mut joined).is_pending(), "a query for a name in the queue joins its lookup");
    drop(waiting.remove(0));
    let mut accepted = world.ask("accepted.test");
    world.held.run_all();
    outcome(&mut accepted).unwrap();
    outcome(&mut joined).unwrap();
}

#[test]
fn work_that_a_runtime_drops_is_an_error_and_frees_its_place() {
    let mut world = World::new();
    let mut lookups: Vec<_> = (0..=MAX_RUNNING).map(|n| world.ask(&format!("{n}.test"))).collect();
    drop(world.held.take());
    assert!(matches!(outcome(&mut lookups[0]), Err(ResolveError::Cancelled { .. })));
    assert_eq!(world.held.len(), MAX_RUNNING);
    world.held.run_all();
    outcome(&mut lookups[MAX_RUNNING]).unwrap();
}

/// The queue is emptied in a loop, not by recursion.
#[test]
fn a_runtime_that_has_ended_empties_the_queue_on_a_small_stack() {
    let mut world = World::new();
    let mut lookups: Vec<_> = (0..MAX_RUNNING + MAX_WAITING).map(|n| world.ask(&format!("{n}.test"))).collect();
    world.held.1.store(true, Ordering::SeqCst);
    let held = Arc::clone(&world.held);
    let ending = std::thread::Builder::new().stack_size(128 << 10).spawn(move || drop(held.take()));
    ending.unwrap().join().unwrap();
    for cancelled in [0, MAX_RUNNING, MAX_RUNNING + MAX_WAITING - 1] {
        assert!(matches!(outcome(&mut lookups[cancelled]), Err(ResolveError::Cancelled { .. })));
    }
    // All places are free again.
    world.held.1.store(false, Ordering::SeqCst);
    let mut again = world.ask("again.test");
    world.held.run_all();
    outcome(&mut again).unwrap();
    outcome(&mut lookups[1]).unwrap();
}

#[test]
fn a_lookup_that_panics_blocks_no_other() {
    let mut world = World::new();
    let mut lookup = world.ask("panics.test");
    let work = world.held.take().unwrap();
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_err();
    assert!(matches!(outcome(&mut lookup), Err(ResolveError::Cancelled { .. })));
    let mut after = world.ask("a.test");
    world.held.run_all();
    outcome(&mut after).unwrap();
}

#[test]
fn every_waiter_is_woken() {
    struct Count(AtomicUsize);
    impl std::task::Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let mut world = World::new();
    let count = Arc::new(Count(AtomicUsize::new(0)));
    let mut lookups = [world.ask("a.test"), world.ask("a.test")];
    for lookup in &mut lookups {
        // Each has a waker of its own.
        let waker = Waker::from(Arc::new(Also(Arc::clone(&count))));
        assert!(Pin::new(lookup).poll_next(&mut Context::from_waker(&waker)).is_pending());
    }
    struct Also(Arc<Count>);
    impl std::task::Wake for Also {
        fn wake(self: Arc<Self>) {
            std::task::Wake::wake(Arc::clone(&self.0));
        }
    }
    world.held.run_all();
    assert_eq!(count.0.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn the_systems_own_names_are_found() {
    let ctx = Ctx::new(Arc::new(skybridge_runtime::TokioRuntime::current()));
    let mut lookup = System::new().call(Query::new("localhost", 8080, ctx)).await.unwrap();
    let answer = poll_fn(|cx| Pin::new(&mut lookup).poll_next(cx)).await.unwrap().unwrap();
    assert!(answer.endpoints.iter().all(|endpoint| endpoint.inet().unwrap().ip().is_loopback()));
    assert!(answer.endpoints.iter().all(|endpoint| endpoint.inet().unwrap().port() == 8080));
    assert!(!answer.endpoints.is_empty());
}

#[tokio::test]
async fn a_name_that_is_not_there_is_not_found() {
    let ctx = Ctx::new(Arc::new(skybridge_runtime::TokioRuntime::current()));
    // A label of more than 63 bytes can't exist: no server is asked.
    let host = format!("{}.invalid", "a".repeat(64));
    let mut lookup = System::new().call(Query::new(&*host, 80, ctx)).await.unwrap();
    let error = poll_fn(|cx| Pin::new(&mut lookup).poll_next(cx)).await.unwrap().unwrap_err();
    assert_eq!(error.host(), host);
    assert!(std::error::Error::source(&error).is_some());
}
