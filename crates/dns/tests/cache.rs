//! What is kept of answers, for how long, and who shares a lookup.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, reason = "a test")]

use futures_core::Stream;
use skybridge_core::{
    Answer, BoxFuture, ConnectError, Ctx, Endpoint, Families, Phase, Query, Resolver, ServiceBinding,
};
use skybridge_dns::{Cache, CacheLayer, Cached, ResolveError};
use skybridge_runtime::TokioRuntime;
use std::{
    collections::{HashMap, VecDeque},
    convert::Infallible,
    future::{Ready, poll_fn, ready},
    io::{Error, ErrorKind},
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep, advance, sleep};
use tower::{Layer, Service};

/// What a lookup does next.
#[derive(Clone)]
enum Step {
    After(u64),
    /// Addresses in 192.0.2.0/24, and for how long they may be kept in seconds.
    Found(&'static [u8], Option<u64>),
    /// The same, and there are no others.
    Last(&'static [u8], Option<u64>),
    NotFound,
    Fail,
    Panic,
}
use Step::{After, Fail, Found, Last, NotFound, Panic};

/// A resolver whose lookups do what a name's script says, and the last script again.
#[derive(Clone, Default)]
struct Scripted(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    scripts: HashMap<String, VecDeque<Vec<Step>>>,
    asked: Vec<String>,
    running: usize,
}

struct Running {
    resolver: Scripted,
    query: Query,
    steps: VecDeque<Step>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Scripted {
    fn name(&self, name: &str, scripts: impl IntoIterator<Item = Vec<Step>>) -> &Self {
        self.0.lock().unwrap().scripts.insert(name.to_owned(), scripts.into_iter().collect());
        self
    }

    /// How often the resolver was asked.
    fn asked(&self) -> usize {
        self.0.lock().unwrap().asked.len()
    }

    fn running(&self) -> usize {
        self.0.lock().unwrap().running
    }
}

impl Service<Query> for Scripted {
    type Response = Running;
    type Error = Infallible;
    type Future = Ready<Result<Running, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, query: Query) -> Self::Future {
        let mut state = self.0.lock().unwrap();
        state.asked.push(query.host.to_string());
        state.running += 1;
        let scripts = state.scripts.get_mut(&*query.host).unwrap();
        let script = if scripts.len() > 1 { scripts.pop_front().unwrap() } else { scripts[0].clone() };
        ready(Ok(Running { resolver: self.clone(), query, steps: script.into(), timer: None }))
    }
}

impl Running {
    fn answer(&self, hosts: &[u8], ttl: Option<u64>, last: bool) -> Answer {
        let mut answer = Answer::only(hosts.iter().map(|host| Endpoint::from(([192, 0, 2, *host], self.query.port))));
        (answer.ttl, answer.last) = (ttl.map(Duration::from_secs), last);
        answer
    }
}

impl Stream for Running {
    type Item = Result<Answer, ConnectError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(timer) = &mut self.timer {
                std::task::ready!(timer.as_mut().poll(cx));
                self.timer = None;
            }
            let host = Arc::clone(&self.query.host);
            let next = match self.steps.pop_front() {
                Some(After(ms)) => {
                    self.timer = Some(Box::pin(sleep(Duration::from_millis(ms))));
                    continue;
                }
                Some(Found(hosts, ttl)) => Some(Ok(self.answer(hosts, ttl, false))),
                Some(Last(hosts, ttl)) => Some(Ok(self.answer(hosts, ttl, true))),
                Some(NotFound) => {
                    let source = Arc::new(Error::from(ErrorKind::NotFound));
                    Some(Err(ResolveError::NotFound { host, source }.into()))
                }
                Some(Fail) => Some(Err(ConnectError::new(Phase::Resolve, Error::other("down")))),
                Some(Panic) => panic!("the resolver broke"),
                None => None,
            };
            return Poll::Ready(next);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.resolver.0.lock().unwrap().running -= 1;
    }
}

fn query(host: &str) -> Query {
    Query::new(host, 80, Ctx::new(Arc::new(TokioRuntime::current())))
}

fn cache(layer: CacheLayer) -> (Scripted, Cache<Scripted>) {
    let resolver = Scripted::default();
    (resolver.clone(), layer.layer(resolver))
}

fn begin<R: Resolver<Answers = Cached, Error = Infallible, Future = Ready<Result<Cached, Infallible>>>>(
    cache: &R,
    query: Query,
) -> Cached {
    cache.clone().resolve(query).into_inner().unwrap()
}

async fn next(answers: &mut Cached) -> Option<Result<Answer, ConnectError>> {
    poll_fn(|cx| Pin::new(&mut *answers).poll_next(cx)).await
}

/// The last parts of all addresses, and the error after them.
async fn read(mut answers: Cached) -> (Vec<u8>, Option<ConnectError>) {
    let mut found = Vec::new();
    while let Some(answer) = next(&mut answers).await {
        match answer {
            Ok(answer) => found.extend(answer.endpoints.iter().map(last_part)),
            Err(error) => return (found, Some(error)),
        }
    }
    (found, None)
}

fn last_part(endpoint: &Endpoint) -> u8 {
    match endpoint.inet().unwrap().ip() {
        std::net::IpAddr::V4(ip) => ip.octets()[3],
        std::net::IpAddr::V6(_) => panic!(),
    }
}

async fn ask(cache: &Cache<Scripted>, host: &str) -> Vec<u8> {
    let (found, error) = read(begin(cache, query(host))).await;
    assert!(error.is_none(), "{error:?}");
    found
}

async fn fails(cache: &Cache<Scripted>, host: &str) -> ConnectError {
    let (found, error) = read(begin(cache, query(host))).await;
    assert_eq!(found, []);
    error.unwrap()
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Without lookups ahead of an entry's end.
fn plain() -> CacheLayer {
    CacheLayer::new().refresh_ahead(Duration::ZERO)
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_kept_for_its_time_to_live_from_when_it_was_asked_for() {
    let (resolver, cache) = cache(plain());
    // Told, kept: within 10 s and 5 min, and 10 s where it isn't known.
    for (told, kept) in [(Some(60), 60), (Some(1), 10), (Some(86_400), 300), (None, 10)] {
        resolver.name("a.test", [vec![After(1500), Last(&[1], told)], vec![Last(&[2], told)]]);
        let asked = resolver.asked();
        assert_eq!(ask(&cache, "a.test").await, [1]);
        advance(secs(kept) - ms(1501)).await;
        assert_eq!((ask(&cache, "a.test").await, resolver.asked()), (vec![1], asked + 1), "{told:?}");
        advance(ms(1)).await;
        assert_eq!((ask(&cache, "a.test").await, resolver.asked()), (vec![2], asked + 2), "{told:?}");
        advance(secs(1000)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_shortest_time_to_live_of_several_answers_counts_and_what_is_left_is_told() {
    let (resolver, cache) = cache(plain());
    resolver.name("a.test", [vec![Found(&[1], Some(90)), Last(&[2], Some(30))], vec![Last(&[3], None)]]);
    assert_eq!(ask(&cache, "a.test").await, [1, 2]);
    advance(secs(10)).await;
    let answer = next(&mut begin(&cache, query("a.test"))).await.unwrap().unwrap();
    assert_eq!((answer.endpoints.len(), answer.ttl, answer.last), (2, Some(secs(20)), true));
    advance(secs(20)).await;
    assert_eq!(ask(&cache, "a.test").await, [3]);
}

#[tokio::test(start_paused = true)]
async fn the_name_however_spelled_the_port_and_the_families_are_what_is_asked() {
    let (resolver, cache) = cache(plain());
    for name in ["a.test", "A.Test."] {
        resolver.name(name, [vec![Last(&[1], Some(60))]]);
    }
    ask(&cache, "a.test").await;
    ask(&cache, "A.Test.").await;
    assert_eq!(resolver.asked(), 1);
    let mut other = query("a.test");
    other.port = 443;
    let answer = next(&mut begin(&cache, other)).await.unwrap().unwrap();
    assert_eq!(answer.endpoints, [Endpoint::from(([192, 0, 2, 1], 443))]);
    let mut other = query("a.test");
    other.families = Families::V4;
    read(begin(&cache, other)).await;
    assert_eq!(resolver.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn that_there_is_nothing_is_kept_for_a_while_and_a_failure_is_not() {
    let (resolver, cache) = cache(plain());
    resolver.name("a.test", [vec![NotFound], vec![Last(&[1], None)]]);
    resolver.name("empty.test", [vec![Last(&[], Some(60))]]);
    resolver.name("down.test", [vec![Fail], vec![Last(&[1], None)]]);
    for then in [9_999, 1] {
        let error = fails(&cache, "a.test").await;
        assert!(matches!(error.source_as(), Some(ResolveError::NotFound { .. })), "{error:?}");
        assert_eq!(ask(&cache, "empty.test").await, []);
        advance(ms(then)).await;
    }
    assert_eq!(resolver.asked(), 2);
    assert_eq!(ask(&cache, "a.test").await, [1]);
    let error = fails(&cache, "down.test").await;
    assert_eq!(error.root_cause().to_string(), "down");
    assert_eq!(ask(&cache, "down.test").await, [1]);
}

#[tokio::test(start_paused = true)]
async fn half_of_an_answer_is_kept_no_longer_than_none() {
    let (resolver, cache) = cache(plain().negative_ttl(secs(3)).min_ttl(secs(20)));
    resolver.name("a.test", [vec![Found(&[1], Some(60)), Fail], vec![Last(&[1, 2], Some(60))]]);
    for _ in 0..2 {
        let (found, error) = read(begin(&cache, query("a.test"))).await;
        assert_eq!((found, error.unwrap().root_cause().to_string()), (vec![1], "down".to_owned()));
    }
    advance(secs(3)).await;
    assert_eq!((ask(&cache, "a.test").await, resolver.asked()), (vec![1, 2], 2));
}

#[tokio::test(start_paused = true)]
async fn queries_at_the_same_time_share_a_lookup_and_get_its_answers_as_they_come() {
    let (resolver, cache) = cache(plain());
    resolver.name("a.test", [vec![After(10), Found(&[1], None), After(20), Last(&[2], None)]]);
    let start = Instant::now();
    let mut first = begin(&cache, query("a.test"));
    assert_eq!(last_part(&next(&mut first).await.unwrap().unwrap().endpoints[0]), 1);
    assert_eq!(start.elapsed(), ms(10));
    let mut second = begin(&cache, query("a.test"));
    assert_eq!(last_part(&next(&mut second).await.unwrap().unwrap().endpoints[0]), 1);
    assert_eq!(start.elapsed(), ms(10), "what it has found already is there at once");
    let (first, second) = tokio::join!(read(first), read(second));
    assert_eq!((first.0, second.0, resolver.asked()), (vec![2], vec![2], 1));
    assert_eq!(start.elapsed(), ms(30));
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_loses_nobody_and_the_last_ends_the_lookup() {
    let (resolver, cache) = cache(plain());
    resolver.name("a.test", [vec![After(10), After(10), Last(&[1], None)]]);
    // The first drives the lookup, and is dropped at each of the moments at which something happens.
    for leaves_after in [0, 5, 10, 15] {
        let first = tokio::spawn(read(begin(&cache, query("a.test"))));
        tokio::task::yield_now().await;
        let second = tokio::spawn(read(begin(&cache, query("a.test"))));
        tokio::task::yield_now().await;
        sleep(ms(leaves_after)).await;
        first.abort();
        let found = tokio::time::timeout(secs(5), second).await.unwrap().unwrap();
        assert_eq!(found.0, [1], "{leaves_after}");
        advance(secs(20)).await;
    }
    assert_eq!(resolver.asked(), 4);
    let mut waiting = [begin(&cache, query("a.test")), begin(&cache, query("a.test"))].map(Some);
    for answers in &mut waiting {
        assert_eq!(resolver.running(), usize::from(resolver.asked() > 4));
        let polled = Pin::new(answers.as_mut().unwrap()).poll_next(&mut Context::from_waker(std::task::Waker::noop()));
        assert!(polled.is_pending());
    }
    waiting[0] = None;
    assert_eq!((resolver.running(), resolver.asked()), (1, 5));
    waiting[1] = None;
    assert_eq!(resolver.running(), 0);
    assert_eq!((ask(&cache, "a.test").await, resolver.asked()), (vec![1], 6));
}

#[tokio::test(start_paused = true)]
async fn a_lookup_that_panics_fails_those_who_wait_and_nobody_else() {
    let (resolver, cache) = cache(plain());
    resolver.name("a.test", [vec![After(10), Panic], vec![Last(&[1], None)]]);
    let mut waiting: Vec<_> = (0..3).map(|_| begin(&cache, query("a.test"))).collect();
    let third = waiting.pop().unwrap();
    let mut panicked = 0;
    for task in waiting.into_iter().map(|answers| tokio::spawn(read(answers))).collect::<Vec<_>>() {
        match tokio::time::timeout(secs(5), task).await.unwrap() {
            Ok((_, error)) => assert!(matches!(error.unwrap().source_as(), Some(ResolveError::Cancelled { .. }))),
            Err(error) => panicked += usize::from(error.is_panic()),
        }
    }
    assert_eq!((panicked, resolver.running()), (1, 0), "one has polled it");
    assert_eq!(ask(&cache, "a.test").await, [1], "while one still waits for the old one");
    assert!(read(third).await.1.is_some());
}

#[tokio::test(start_paused = true)]
async fn addresses_that_end_soon_are_the_answer_and_looked_up_once_beside_it() {
    let (resolver, cache) = cache(CacheLayer::new());
    resolver
        .name("a.test", [vec![Last(&[1], Some(60))], vec![After(100), Fail], vec![After(100), Last(&[2], Some(60))]]);
    ask(&cache, "a.test").await;
    advance(secs(55)).await;
    assert_eq!((ask(&cache, "a.test").await, resolver.asked()), (vec![1], 1));
    for (asked, until) in [(2, 1), (3, 2390)] {
        // A lookup that has failed is made again at half of what is left of the time to live.
        for _ in 1..until {
            assert_eq!((ask(&cache, "a.test").await, resolver.asked()), (vec![1], asked - 1));
            advance(ms(1)).await;
        }
        advance(ms(1)).await;
        for _ in 0..3 {
            assert_eq!(ask(&cache, "a.test").await, [1]);
            tokio::task::yield_now().await;
        }
        assert_eq!((resolver.asked(), resolver.running()), (asked, 1), "once, and again after it failed");
        sleep(ms(110)).await;
        assert_eq!(resolver.running(), 0);
    }
    assert_eq!((ask(&cache, "a.test").await, resolver.asked()), (vec![2], 3));
    advance(secs(54)).await;
    assert_eq!((ask(&cache, "a.test").await, resolver.asked()), (vec![2], 3));
}

#[tokio::test(start_paused = true)]
async fn addresses_that_are_kept_briefly_are_not_looked_up_each_time() {
    let (resolver, cache) = cache(CacheLayer::new().min_ttl(secs(1)));
    resolver.name("a.test", [vec![Last(&[1], Some(4))]]);
    for asked in 1..4 {
        for _ in 0..20 {
            assert_eq!(ask(&cache, "a.test").await, [1]);
            sleep(ms(100)).await;
            assert_eq!(resolver.asked(), asked);
        }
        sleep(ms(100)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_lookup_ahead_that_hangs_is_given_up_after_15_s() {
    let (resolver, cache) = cache(CacheLayer::new().refresh_ahead(secs(40)));
    resolver.name("a.test", [vec![Last(&[1], Some(60))], vec![After(600_000)]]);
    ask(&cache, "a.test").await;
    advance(secs(31)).await;
    ask(&cache, "a.test").await;
    sleep(ms(14_990)).await;
    assert_eq!(resolver.running(), 1);
    sleep(ms(20)).await;
    assert_eq!(resolver.running(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_answer_that_was_not_asked_for_longest_makes_room() {
    let (resolver, cache) = cache(plain().max_entries(2));
    for name in ["a.test", "b.test", "c.test"] {
        resolver.name(name, [vec![Last(&[1], Some(60))]]);
    }
    for name in ["a.test", "b.test", "a.test", "c.test", "a.test"] {
        ask(&cache, name).await;
    }
    assert_eq!(resolver.asked(), 3);
    ask(&cache, "b.test").await;
    assert_eq!(resolver.asked(), 4);
}

/// As many as fit in an answer over TCP.
#[tokio::test(start_paused = true)]
async fn of_one_lookup_so_many_addresses_of_a_family_are_kept_and_no_more() {
    let (resolver, cache) = cache(plain());
    resolver.name("a.test", [vec![Found(&[1; 100], Some(60)), Found(&[2; 4000], Some(60)), Last(&[3], Some(60))]]);
    for _ in 0..2 {
        let found = ask(&cache, "a.test").await;
        assert_eq!((found.len(), found.contains(&2), found.contains(&3)), (128, true, false));
    }
    assert_eq!(resolver.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn old_addresses_stand_in_for_a_failure_if_asked_and_for_nothing_else() {
    let found = || vec![Last(&[1], Some(20))];
    let (resolver, cache) = cache(plain().stale_if_error(secs(60)));
    resolver.name("a.test", [found(), vec![Fail], vec![After(600_000)], vec![Fail]]);
    resolver.name("gone.test", [found(), vec![NotFound]]);
    ask(&cache, "a.test").await;
    ask(&cache, "gone.test").await;
    advance(secs(20)).await;
    assert!(matches!(fails(&cache, "gone.test").await.source_as(), Some(ResolveError::NotFound { .. })));
    let asked = resolver.asked();
    assert_eq!(ask(&cache, "a.test").await, [1]);
    advance(ms(9_999)).await;
    assert_eq!((ask(&cache, "a.test").await, resolver.asked()), (vec![1], asked + 1), "not asked again at once");
    advance(ms(1)).await;
    let start = Instant::now();
    assert_eq!((ask(&cache, "a.test").await, resolver.asked()), (vec![1], asked + 2));
    assert_eq!(start.elapsed(), ms(1800), "silence is a failure too");
    advance(secs(49)).await;
    assert_eq!(fails(&cache, "a.test").await.root_cause().to_string(), "down");
}

#[tokio::test(start_paused = true)]
async fn without_being_asked_no_old_addresses_are_used() {
    let (resolver, cache) = cache(plain());
    resolver.name("a.test", [vec![Last(&[1], Some(20))], vec![Fail]]);
    ask(&cache, "a.test").await;
    advance(secs(20)).await;
    fails(&cache, "a.test").await;
}

/// The resolver below may be made of anything, also of what is `Send` alone.
#[test]
fn a_cache_is_a_resolver() {
    fn resolver<R: Resolver>(_: &R) {}
    resolver(&CacheLayer::new().layer(Scripted::default()));
}

/// On threads, where one is woken while another polls.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_threads_nobody_waits_for_ever() {
    for round in 0..200 {
        let (resolver, cache) = cache(plain());
        resolver.name("a.test", [vec![After(1), Found(&[1], None), After(1), Last(&[2], None)]]);
        let tasks: Vec<_> = (0..8)
            .map(|task| {
                let answers = begin(&cache, query("a.test"));
                let reading: BoxFuture<bool> = Box::pin(async move {
                    let mut answers = pin!(answers);
                    if task % 2 == 0 {
                        // Leaves after the first address.
                        return poll_fn(|cx| answers.as_mut().poll_next(cx)).await.is_some();
                    }
                    while poll_fn(|cx| answers.as_mut().poll_next(cx)).await.is_some() {}
                    true
                });
                tokio::spawn(reading)
            })
            .collect();
        for task in tasks {
            assert!(tokio::time::timeout(secs(20), task).await.unwrap_or_else(|_| panic!("{round}")).unwrap());
        }
        assert_eq!(resolver.running(), 0);
    }
}

/// What an HTTPS record says is kept with the addresses it says it of, and what stands in for them isn't.
#[tokio::test(start_paused = true)]
async fn what_a_record_says_is_kept_and_hints_are_not() {
    let answer = |host: u8, priority: Option<u16>| {
        let mut answer = Answer::only([Endpoint::from(([192, 0, 2, host], 443))]);
        answer.ttl = Some(Duration::from_secs(60));
        answer.last = false;
        answer.service = priority.map(|priority| Arc::new(ServiceBinding::new(priority, "b.test")));
        answer
    };
    let mut answers = [answer(1, Some(1)), answer(2, Some(1)), answer(3, Some(2)), answer(4, None)];
    (answers[0].early, answers[3].last) = (true, true);
    let resolver = tower::service_fn(move |query: Query| {
        let plain = [answer(4, None)];
        let answers: VecDeque<_> = if query.https_record { answers.clone().into() } else { plain.into() };
        ready(Ok::<_, Infallible>(Told(answers)))
    });
    let mut cache = CacheLayer::new().layer(resolver);
    let mut ask = async |https_record| {
        let mut query = query("a.test");
        query.https_record = https_record;
        let mut cached = cache.call(query).await.unwrap();
        let mut found = Vec::new();
        while let Some(answer) = poll_fn(|cx| Pin::new(&mut cached).poll_next(cx)).await {
            let answer = answer.unwrap();
            let priority = answer.service.as_ref().map(|service| service.priority);
            found.push((answer.endpoints[0].to_string(), priority, answer.last));
        }
        found
    };
    let at = |host: u8, priority: Option<u16>, last| (format!("192.0.2.{host}:443"), priority, last);
    let known = [at(2, Some(1), false), at(3, Some(2), false), at(4, None, true)];
    assert_eq!(ask(true).await.len(), 4);
    assert_eq!(ask(true).await, known);
    assert_eq!(ask(false).await[0], at(4, None, false), "another question");
    assert_eq!(ask(true).await, known);
}

struct Told(VecDeque<Answer>);

impl Stream for Told {
    type Item = Result<Answer, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }
}
