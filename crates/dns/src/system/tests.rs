use super::*;
use crate::{
    ResolveError,
    lookup_queue::{MAX_RUNNING, MAX_RUNNING_BESIDE, MAX_WAITING},
};
use futures_core::Stream;
use skybridge_core::{Answer, BoxFuture, Ctx, Endpoint, Families, Runtime, Sleep};
use skybridge_runtime::TokioRuntime;
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
    time::{Duration, Instant},
};

/// Keeps blocking work until a test runs it or drops it. After it has ended, it drops all work at once. Its clock is
/// that of a tokio runtime, if there is one.
#[derive(Default)]
struct Held(Mutex<VecDeque<Box<dyn FnOnce() + Send>>>, AtomicBool, Option<TokioRuntime>);

impl Held {
    fn take(&self) -> Option<Box<dyn FnOnce() + Send>> {
        self.take_nth(0)
    }

    fn take_nth(&self, n: usize) -> Option<Box<dyn FnOnce() + Send>> {
        self.0.lock().unwrap().remove(n)
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
    #[expect(clippy::disallowed_methods, reason = "where no clock is tested")]
    fn now(&self) -> Instant {
        self.2.as_ref().map_or_else(Instant::now, Runtime::now)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.2.as_ref().unwrap().sleep_until(deadline)
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
        let one = |host: &str, v6: bool| -> io::Result<Vec<SocketAddr>> {
            match host {
                "local.test" if v6 => Ok(vec!["[fe80::1%7]:0".parse().unwrap()]),
                "v4-only.test" if v6 => Ok(Vec::new()),
                "v6-only.test" if !v6 => Err(io::Error::new(io::ErrorKind::NotFound, "no such name")),
                "v4-fails.test" if !v6 => Err(io::Error::other("Temporary failure")),
                "half-missing.test" if v6 => Ok(Vec::new()),
                "half-missing.test" | "missing.test" => Err(io::Error::new(io::ErrorKind::NotFound, "no such name")),
                "half-broken.test" if !v6 => Err(io::Error::new(io::ErrorKind::NotFound, "no such name")),
                "half-broken.test" | "broken.test" => Err(io::Error::other("Temporary failure")),
                "empty.test" | "local.test" => Ok(Vec::new()),
                "panics.test" => panic!("the lookup broke"),
                _ if v6 => Ok(vec!["[::1]:0".parse().unwrap()]),
                _ => Ok(vec![([127, 0, 0, 1], 0).into()]),
            }
        };
        let lookup = move |host: &str, family: Families| {
            log.lock().unwrap().push(format!("{host} {family:?}"));
            match family {
                Families::V4 => one(host, false),
                Families::V6 => one(host, true),
                // As getaddrinfo does, when one of them has addresses.
                _ => match (one(host, true), one(host, false)) {
                    (Ok(v6), Ok(v4)) => Ok([v6, v4].concat()),
                    (Ok(found), Err(_)) | (Err(_), Ok(found)) if !found.is_empty() => Ok(found),
                    (Err(error), _) | (_, Err(error)) => Err(error),
                },
            }
        };
        Self { held: Arc::default(), system: System::blocking(lookup), looked_up }
    }

    /// With the clock of the test's runtime.
    fn on_clock() -> Self {
        let mut world = Self::new();
        world.held = Arc::new(Held(Mutex::default(), AtomicBool::default(), Some(TokioRuntime::current())));
        world
    }

    fn query(&self, host: &str) -> Query {
        Query::new(host, 80, Ctx::new(self.held.clone()))
    }

    /// Asks for both families, and waits until they are asked for apart. The work is that of both, IPv6, IPv4.
    async fn ask_split(&mut self, host: &str) -> Lookup {
        let mut lookup = self.ask(host);
        assert!(poll(&mut lookup).is_pending());
        tokio::time::advance(Duration::from_millis(250)).await;
        assert!(poll(&mut lookup).is_pending());
        assert_eq!(self.held.len(), 3);
        lookup
    }

    /// Asks for both families.
    fn ask(&mut self, host: &str) -> Lookup {
        let query = self.query(host);
        self.system.call(query).into_inner().unwrap()
    }

    /// Asks for IPv4 alone, which is one lookup.
    fn ask_v4(&mut self, host: &str) -> Lookup {
        let mut query = self.query(host);
        query.families = Families::V4;
        self.system.call(query).into_inner().unwrap()
    }

    fn looked_up(&self) -> Vec<String> {
        self.looked_up.lock().unwrap().clone()
    }
}

fn poll(lookup: &mut Lookup) -> Poll<Option<Result<Answer, ResolveError>>> {
    Pin::new(lookup).poll_next(&mut Context::from_waker(Waker::noop()))
}

async fn next(lookup: &mut Lookup) -> Option<Result<Answer, ResolveError>> {
    poll_fn(|cx| Pin::new(&mut *lookup).poll_next(cx)).await
}

fn addresses(answer: &Answer) -> String {
    answer.endpoints.iter().map(Endpoint::to_string).collect::<Vec<_>>().join(" ")
}

/// The next answer, but those that say that it is queued or has begun.
fn outcome(lookup: &mut Lookup) -> Result<Vec<String>, ResolveError> {
    match poll(lookup) {
        Poll::Ready(Some(Ok(answer))) if answer.endpoints.is_empty() && !answer.last => outcome(lookup),
        Poll::Ready(Some(answer)) => answer.map(|answer| answer.endpoints.iter().map(Endpoint::to_string).collect()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn one_answer_with_every_address_and_the_port_asked_for() {
    let mut world = World::on_clock();
    let mut lookup = world.ask("a.test");
    assert!(poll(&mut lookup).is_pending());
    world.held.run_all();
    let Poll::Ready(Some(Ok(answer))) = poll(&mut lookup) else { panic!() };
    assert_eq!(answer.endpoints, ["[::1]:80", "127.0.0.1:80"].map(|addr| Endpoint::Inet(addr.parse().unwrap())));
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
fn only_the_families_wanted_are_looked_up() {
    let mut world = World::new();
    let mut queries = [Families::V4, Families::V6, Families::Both].map(|families| {
        let mut query = world.query("a.test");
        query.families = families;
        world.system.call(query).into_inner().unwrap()
    });
    world.held.run_all();
    let found = queries.each_mut().map(|lookup| outcome(lookup).unwrap().join(" "));
    assert_eq!(found, ["127.0.0.1:80", "[::1]:80", "[::1]:80 127.0.0.1:80"]);
    assert_eq!(world.looked_up(), ["a.test V4", "a.test V6", "a.test Both"]);
}

#[test]
fn a_lookup_that_has_ended_is_not_shared() {
    let mut world = World::new();
    for _ in 0..2 {
        let mut lookup = world.ask_v4("a.test");
        world.held.run_all();
        outcome(&mut lookup).unwrap();
    }
    assert_eq!(world.looked_up(), ["a.test V4", "a.test V4"]);
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

/// Two lookups at the same time would bypass a hosts file that gives a name an IPv4 address alone: that of IPv6 goes on
/// to DNS. When both are asked for at once, the file answers.
#[tokio::test(start_paused = true)]
async fn families_are_not_asked_for_apart_where_both_are_there_soon() {
    for host in ["a.test", "v4-only.test", "missing.test", "broken.test"] {
        let mut world = World::on_clock();
        let mut lookup = world.ask(host);
        assert!(poll(&mut lookup).is_pending());
        tokio::time::advance(Duration::from_millis(249)).await;
        assert!(poll(&mut lookup).is_pending());
        world.held.run_all();
        let _ = outcome(&mut lookup);
        assert!(next(&mut lookup).await.is_none());
        assert_eq!(world.looked_up(), [format!("{host} Both")]);
    }
}

/// The lookup of both hangs, because that of IPv6 does.
#[tokio::test(start_paused = true)]
async fn a_lost_ipv6_answer_does_not_hold_up_ipv4() {
    let mut world = World::on_clock();
    let start = world.held.now();
    let mut lookup = world.ask_split("a.test").await;
    world.held.take_nth(2).unwrap()();
    let answer = next(&mut lookup).await.unwrap().unwrap();
    assert_eq!((addresses(&answer), answer.last), ("127.0.0.1:80".to_owned(), false));
    assert_eq!(world.held.now() - start, Duration::from_millis(250));
    assert!(poll(&mut lookup).is_pending());
    world.held.take_nth(1).unwrap()();
    let answer = next(&mut lookup).await.unwrap().unwrap();
    assert_eq!((addresses(&answer), answer.last), ("[::1]:80".to_owned(), true));
    assert!(next(&mut lookup).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn ipv6_is_returned_at_once_and_ipv4_when_it_is_there() {
    // The rest comes by the lookup of IPv4, or by that of both.
    for rest in [1, 0] {
        let mut world = World::on_clock();
        let start = world.held.now();
        let mut lookup = world.ask_split("a.test").await;
        world.held.take_nth(1).unwrap()();
        let answer = next(&mut lookup).await.unwrap().unwrap();
        assert_eq!((addresses(&answer), answer.last), ("[::1]:80".to_owned(), false));
        assert!(poll(&mut lookup).is_pending());
        world.held.take_nth(rest).unwrap()();
        let answer = next(&mut lookup).await.unwrap().unwrap();
        assert_eq!((addresses(&answer), answer.last), ("127.0.0.1:80".to_owned(), true));
        assert!(next(&mut lookup).await.is_none());
        assert_eq!(world.held.now() - start, Duration::from_millis(250));
    }
}

/// That there are no IPv6 ones is the end of the stream, so that nobody waits for them.
#[tokio::test(start_paused = true)]
async fn ipv4_is_returned_at_once_and_ipv6_when_it_is_there_or_is_none() {
    for (host, rest) in [("a.test", Some("[::1]:80")), ("v4-only.test", None)] {
        let mut world = World::on_clock();
        let mut lookup = world.ask_split(host).await;
        world.held.take_nth(2).unwrap()();
        let answer = next(&mut lookup).await.unwrap().unwrap();
        assert_eq!((addresses(&answer), answer.last), ("127.0.0.1:80".to_owned(), false));
        assert!(poll(&mut lookup).is_pending());
        world.held.take_nth(1).unwrap()();
        let answer = next(&mut lookup).await.map(Result::unwrap);
        assert_eq!(answer.map(|answer| addresses(&answer)).as_deref(), rest);
        assert!(next(&mut lookup).await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn when_families_are_asked_for_apart_is_settable() {
    let mut world = World::on_clock();
    let start = world.held.now();
    let split = Duration::from_millis(30);
    world.system = world.system.split_after(split);
    let mut lookup = world.ask("a.test");
    assert!(poll(&mut lookup).is_pending());
    tokio::time::advance(split).await;
    assert!(poll(&mut lookup).is_pending());
    world.held.take_nth(2).unwrap()();
    next(&mut lookup).await.unwrap().unwrap();
    assert_eq!(world.held.now() - start, split);

    world.system = world.system.split_after(Duration::MAX);
    let mut lookup = world.ask("b.test");
    assert!(poll(&mut lookup).is_pending());
    tokio::time::advance(Duration::from_secs(1_000)).await;
    assert!(poll(&mut lookup).is_pending());
    assert!(!world.looked_up().iter().any(|looked_up| looked_up == "b.test V4"));
}

#[tokio::test(start_paused = true)]
async fn a_family_that_fails_spoils_nothing_and_is_told_after_the_addresses() {
    for (host, expected) in [
        ("v4-fails.test", &["[::1]:80", "`v4-fails.test` could not be looked up"][..]),
        // Nothing has failed where there is nothing.
        ("v6-only.test", &["[::1]:80"]),
        ("v4-only.test", &["127.0.0.1:80"]),
    ] {
        // IPv4 first, or IPv6.
        for order in [[2, 1], [1, 1]] {
            let mut world = World::on_clock();
            let mut lookup = world.ask_split(host).await;
            let mut told = Vec::new();
            for nth in order {
                world.held.take_nth(nth).unwrap()();
                while let Poll::Ready(Some(answer)) = poll(&mut lookup) {
                    told.push(answer.map_or_else(|error| error.to_string(), |answer| addresses(&answer)));
                }
            }
            assert!(matches!(poll(&mut lookup), Poll::Ready(None)));
            assert_eq!(told, expected);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn when_both_families_fail_the_error_says_what_is_known_of_the_name() {
    let fail = async |host: &str| {
        let mut world = World::on_clock();
        let mut lookup = world.ask_split(host).await;
        let _both = world.held.take();
        world.held.run_all();
        let error = outcome(&mut lookup).unwrap_err();
        assert!(matches!(poll(&mut lookup), Poll::Ready(None)));
        error
    };
    assert!(matches!(fail("missing.test").await, ResolveError::NotFound { .. }));
    assert!(matches!(fail("half-missing.test").await, ResolveError::NoAddresses { .. }), "it exists");
    assert!(matches!(fail("half-broken.test").await, ResolveError::Io { .. }), "it may have addresses");
}

/// Single families are a convenience: they take no place from a name that has no lookup at all.
#[tokio::test(start_paused = true)]
async fn families_are_asked_for_apart_only_while_places_are_plenty() {
    let mut world = World::on_clock();
    let mut lookups: Vec<_> = (0..40).map(|n| world.ask(&format!("{n}.test"))).collect();
    assert!(lookups.iter_mut().all(|lookup| poll(lookup).is_pending()));
    tokio::time::advance(Duration::from_millis(250)).await;
    assert!(lookups.iter_mut().all(|lookup| poll(lookup).is_pending()));
    assert_eq!(world.held.len(), MAX_RUNNING_BESIDE);
    let mut more: Vec<_> = (40..80).map(|n| world.ask(&format!("{n}.test"))).collect();
    assert!(more.iter_mut().all(|lookup| poll(lookup).is_pending()), "none of them waits for others");
    world.held.run_all();
    assert!(lookups.iter_mut().chain(&mut more).all(|lookup| outcome(lookup).is_ok()));
}

#[tokio::test(start_paused = true)]
async fn a_lookup_that_waits_for_others_says_so_and_when_it_has_begun() {
    let mut world = World::on_clock();
    let _running: Vec<_> = (0..MAX_RUNNING).map(|n| world.ask_v4(&format!("{n}.test"))).collect();
    let mut lookup = world.ask("a.test");
    let Poll::Ready(Some(Ok(answer))) = poll(&mut lookup) else { panic!() };
    assert!(answer.queued && answer.endpoints.is_empty() && !answer.last);
    assert!(poll(&mut lookup).is_pending(), "it is said once");
    world.held.take().unwrap()();
    let Poll::Ready(Some(Ok(answer))) = poll(&mut lookup) else { panic!() };
    assert!(!answer.queued && answer.endpoints.is_empty() && !answer.last);
    assert!(poll(&mut lookup).is_pending());
    world.held.run_all();
    assert_eq!(outcome(&mut lookup).unwrap(), ["[::1]:80", "127.0.0.1:80"]);
}

#[test]
fn a_limited_number_runs_at_once_and_the_others_wait_in_order() {
    let mut world = World::new();
    let mut lookups: Vec<_> = (0..MAX_RUNNING + 3).map(|n| world.ask_v4(&format!("{n}.test"))).collect();
    assert_eq!(world.held.len(), MAX_RUNNING);
    world.held.take().unwrap()();
    assert_eq!(world.held.len(), MAX_RUNNING, "the first in the queue took the place");
    world.held.run_all();
    let expected: Vec<_> = (0..MAX_RUNNING + 3).map(|n| format!("{n}.test V4")).collect();
    assert_eq!(world.looked_up(), expected);
    assert!(lookups.iter_mut().all(|lookup| outcome(lookup).is_ok()));
}

#[test]
fn a_lookup_that_nobody_waits_for_never_starts() {
    let mut world = World::new();
    let running: Vec<_> = (0..MAX_RUNNING).map(|n| world.ask_v4(&format!("{n}.test"))).collect();
    let (dropped, mut kept) = (world.ask_v4("dropped.test"), world.ask_v4("kept.test"));
    drop(dropped);
    drop(running);
    world.held.run_all();
    assert!(!world.looked_up().contains(&"dropped.test V4".to_string()));
    outcome(&mut kept).unwrap();
    let mut again = world.ask_v4("dropped.test");
    world.held.run_all();
    outcome(&mut again).unwrap();
}

#[test]
fn the_queue_is_bounded_and_abandoned_lookups_take_no_place_in_it() {
    let mut world = World::new();
    let _running: Vec<_> = (0..MAX_RUNNING).map(|n| world.ask_v4(&format!("{n}.test"))).collect();
    let mut waiting: Vec<_> = (0..MAX_WAITING).map(|n| world.ask_v4(&format!("w{n}.test"))).collect();
    let mut refused = world.ask_v4("refused.test");
    let error = outcome(&mut refused).unwrap_err();
    assert!(matches!(error, ResolveError::Overloaded { .. }), "{error:?}");
    let mut joined = world.ask_v4("w7.test");
    assert!(matches!(poll(&mut joined), Poll::Ready(Some(Ok(answer))) if answer.queued), "it joins the one that waits");
    drop(waiting.remove(0));
    let mut accepted = world.ask_v4("accepted.test");
    world.held.run_all();
    outcome(&mut accepted).unwrap();
    outcome(&mut joined).unwrap();
}

#[test]
fn work_that_a_runtime_drops_is_an_error_and_frees_its_place() {
    let mut world = World::new();
    let mut lookups: Vec<_> = (0..=MAX_RUNNING).map(|n| world.ask_v4(&format!("{n}.test"))).collect();
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
    let mut lookups: Vec<_> = (0..MAX_RUNNING + MAX_WAITING).map(|n| world.ask_v4(&format!("{n}.test"))).collect();
    world.held.1.store(true, Ordering::SeqCst);
    let held = Arc::clone(&world.held);
    let ending = std::thread::Builder::new().stack_size(128 << 10).spawn(move || drop(held.take()));
    ending.unwrap().join().unwrap();
    for cancelled in [0, MAX_RUNNING, MAX_RUNNING + MAX_WAITING - 1] {
        assert!(matches!(outcome(&mut lookups[cancelled]), Err(ResolveError::Cancelled { .. })));
    }
    // All places are free again.
    world.held.1.store(false, Ordering::SeqCst);
    let mut again = world.ask_v4("again.test");
    world.held.run_all();
    outcome(&mut again).unwrap();
    outcome(&mut lookups[1]).unwrap();
}

#[test]
fn a_lookup_that_panics_blocks_no_other() {
    let mut world = World::new();
    let mut lookup = world.ask_v4("panics.test");
    let work = world.held.take().unwrap();
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_err();
    assert!(matches!(outcome(&mut lookup), Err(ResolveError::Cancelled { .. })));
    let mut after = world.ask_v4("a.test");
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
    let mut lookups = [world.ask_v4("a.test"), world.ask_v4("a.test")];
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

#[test]
fn the_systems_own_names_are_found() {
    let addrs = getaddrinfo("localhost", Families::Both).unwrap();
    assert!(!addrs.is_empty() && addrs.iter().all(|addr| addr.ip().is_loopback() && addr.port() == 0));
}

#[test]
fn names_of_localhost_are_loopback_and_nobody_is_asked() {
    let mut world = World::new();
    for name in ["localhost", "a.LocalHost."] {
        let mut lookup = world.ask(name);
        let Poll::Ready(Some(Ok(answer))) = poll(&mut lookup) else { panic!("{name}") };
        assert_eq!((&*addresses(&answer), answer.last), ("[::1]:80 127.0.0.1:80", true));
        assert!(matches!(poll(&mut lookup), Poll::Ready(None)));
    }
    assert_eq!(outcome(&mut world.ask_v4("localhost")).unwrap(), ["127.0.0.1:80"]);
    assert_eq!(world.held.len(), 0);
    let _asked = world.ask("localhost.test");
    assert_eq!(world.held.len(), 1);
}

#[tokio::test]
async fn a_name_that_is_not_there_is_not_found() {
    let ctx = Ctx::new(Arc::new(TokioRuntime::current()));
    // A label of more than 63 bytes can't exist: no server is asked.
    let host = format!("{}.invalid", "a".repeat(64));
    let mut lookup = System::new().call(Query::new(&*host, 80, ctx)).await.unwrap();
    let error = poll_fn(|cx| Pin::new(&mut lookup).poll_next(cx)).await.unwrap().unwrap_err();
    assert_eq!(error.host(), host);
    assert!(std::error::Error::source(&error).is_some());
}
