//! One HTTP/2 connection for several origins. The rules themselves are `core::can_coalesce`'s, and tested there.

use crate::stage::*;
use skybridge_core::{
    BoxFuture, CertificateScope, CloseReason, Endpoint, NotCoalesced, Origin, Partition, Proxy, RequestOptions,
    Runtime, Sleep, Trust, can_coalesce,
};
use skybridge_pool::{AtStreamLimit, PoolConfig, PoolLayer};
use skybridge_testkit::{
    executor::{Executor, run_until_idle},
    fake::Facts,
    fixtures,
};
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant},
};
use tower_layer::Layer;
use tower_service::Service;

const ONE: &str = "https://one.test/";
const TWO: &str = "https://two.test/";

fn at(last: u8) -> Endpoint {
    Endpoint::from(([192, 0, 2, last], 443))
}

fn both() -> Facts {
    Facts::h2(50).covers(["one.test", "two.test"])
}

#[tokio::test(start_paused = true)]
async fn another_origins_connection_is_shared_in_both_orders() {
    for (first, second) in [(ONE, TWO), (TWO, ONE)] {
        let stage = Stage::new(PoolConfig::new());
        stage.warm(first, both()).await;
        for _ in 0..3 {
            assert_eq!(stage.get(second).await, 1);
        }
        assert_eq!((stage.below.connects(), stage.below.plans()), (1, 2), "a plan without a connect, once");
        let how = stage.recorder.lines().into_iter().filter(|line| line.ends_with("coalesced")).count();
        assert_eq!((how, stage.pool.stats().idle), (3, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn every_rule_can_forbid_it() {
    type Case = (NotCoalesced, fn() -> Facts, &'static str, fn() -> RequestOptions);
    let cases: [Case; 13] = [
        (NotCoalesced::NotHttp2, || Facts::h1().covers(["one.test", "two.test"]), TWO, RequestOptions::new),
        (NotCoalesced::NotHttps, both, "http://two.test/", RequestOptions::new),
        (NotCoalesced::Port, both, "https://two.test:8443/", RequestOptions::new),
        (NotCoalesced::Partition, both, TWO, || RequestOptions::new().partition(Partition::new("a"))),
        (NotCoalesced::HttpVersions, both, TWO, || {
            RequestOptions::new().http_versions(skybridge_core::HttpVersions::Http1)
        }),
        // Here, what plans has not heard of them.
        (NotCoalesced::Proxy, both, TWO, || {
            RequestOptions::new().proxies([Proxy::parse("http://p.test:3128").unwrap()])
        }),
        (NotCoalesced::Override, both, TWO, || RequestOptions::new().server_name("one.test")),
        (NotCoalesced::Override, both, TWO, || RequestOptions::new().dial([at(1)])),
        (
            NotCoalesced::ClientAuth,
            || both().amend(|info| info.tls.as_mut().unwrap().client_auth = true),
            TWO,
            RequestOptions::new,
        ),
        (
            NotCoalesced::Trust,
            || both().amend(|info| info.tls.as_mut().unwrap().trust = Trust::Other),
            TWO,
            RequestOptions::new,
        ),
        (
            NotCoalesced::Expired,
            || {
                both().amend(|info| {
                    let now = info.route.ctx().runtime().now();
                    info.tls.as_mut().unwrap().valid_until = Some(now);
                })
            },
            TWO,
            RequestOptions::new,
        ),
        (NotCoalesced::Address, || both().at(at(7)), TWO, RequestOptions::new),
        (NotCoalesced::NotCovered, || Facts::h2(50).covers(["one.test"]), TWO, RequestOptions::new),
    ];
    for (rule, facts, url, options) in cases {
        let stage = Stage::new(PoolConfig::new());
        stage.below.endpoints("one.test", [at(1)]).endpoints("two.test", [at(1)]);
        let peer = stage.warm(ONE, facts()).await;
        let call = stage.options(url, options());
        run_until_idle().await;
        let connect = stage.below.try_connecting().unwrap_or_else(|| panic!("{rule:?} does not forbid it"));
        let route = connect.route();
        let now = stage.executor.runtime().now();
        let said = can_coalesce(peer.info(), &route.target.key, true, &route.endpoints.snapshot(), now);
        assert_eq!(said, Err(rule));
        call.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_may_be_the_address_of_one_that_is_there() {
    let stage = Stage::new(PoolConfig::new());
    stage.below.endpoints("one.test", [at(1)]);
    stage.warm(ONE, both()).await;
    stage.below.hold_plans();
    let call = stage.call(TWO);
    let mut feed = stage.below.planning().await.answer_live();
    feed.extend([at(8)]);
    run_until_idle().await;
    let mut connect = stage.below.connecting().await;
    feed.extend([at(9), at(1)]);
    connect.cancelled().await;
    run_until_idle().await;
    stage.below.peers()[0].exchange().await.respond(200, "");
    assert_eq!(read(done(call).await).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_draining_connection_carries_nobody_else() {
    let stage = Stage::new(PoolConfig::new());
    let busy = stage.call(ONE);
    let peer = stage.connected(both()).await;
    peer.drain(CloseReason::PeerGoAway);
    let call = stage.call(TWO);
    let other = stage.connected(both()).await;
    assert_eq!((other.in_flight(), peer.in_flight()), (1, 1));
    drop((busy, call));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_goes_away_is_gone_for_its_other_names_too() {
    let stage = Stage::new(PoolConfig::new());
    let peer = stage.warm(ONE, both()).await;
    stage.get(TWO).await;
    assert_eq!(stage.pool.stats().origins, 2);
    peer.close(CloseReason::PeerFin);
    assert_eq!((stage.pool.stats(), stage.recorder.count("connection_closed")), (Default::default(), 1));
    let call = stage.call(TWO);
    stage.connected(both()).await.exchange().await.respond(200, "");
    assert_eq!(read(done(call).await).await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_misdirected_request_is_never_sent_there_again() {
    let stage = Stage::new(PoolConfig::new());
    let peer = stage.warm(ONE, both()).await;
    let call = stage.call(TWO);
    run_until_idle().await;
    peer.exchange().await.respond(421, "");
    assert_eq!(done(call).await.status(), 421);
    let call = stage.call(TWO);
    let own = stage.connected(Facts::h2(5).covers(["two.test"])).await;
    own.exchange().await.respond(200, "");
    assert_eq!(read(done(call).await).await, 2);
    assert_eq!((stage.get(ONE).await, stage.get(TWO).await), (1, 2), "its own origin goes on");
}

#[tokio::test(start_paused = true)]
async fn one_that_is_wrong_for_many_is_tried_for_no_more() {
    let hosts: Vec<_> = (0..40).map(|i| format!("h{i}.test")).collect();
    let all = hosts.iter().map(String::as_str).chain(["one.test"]).collect::<Vec<_>>();
    let stage = Stage::new(PoolConfig::new());
    let wrong = stage.warm(ONE, Facts::h2(50).covers(all)).await;
    let mut misdirected = 0;
    for host in &hosts {
        let call = stage.call(&format!("https://{host}/"));
        run_until_idle().await;
        if let Some(exchange) = wrong.try_exchange() {
            exchange.respond(421, "");
            misdirected += 1;
        } else {
            stage.connected(Facts::h2(5).covers([host.as_str()])).await.exchange().await.respond(200, "");
        }
        read(done(call).await).await;
    }
    assert_eq!((misdirected, stage.get(ONE).await), (32, 1), "its own origin goes on");
}

#[tokio::test(start_paused = true)]
async fn a_421_on_its_own_connection_is_an_answer_like_others() {
    let stage = Stage::new(PoolConfig::new());
    let peer = stage.warm(ONE, both()).await;
    let call = stage.call(ONE);
    run_until_idle().await;
    peer.exchange().await.respond(421, "");
    read(done(call).await).await;
    assert_eq!(stage.get(ONE).await, 1);
}

#[tokio::test(start_paused = true)]
async fn streams_are_counted_for_all_origins_together() {
    let stage = Stage::new(PoolConfig::new().max_per_origin(1));
    let peer = stage.warm(ONE, Facts::h2(1).covers(["one.test", "two.test"])).await;
    let first = stage.call(TWO);
    run_until_idle().await;
    let second = stage.call(ONE);
    run_until_idle().await;
    assert_eq!((peer.in_flight(), stage.pool.stats().waiting, stage.below.connects()), (1, 1, 1));
    // The other name's stream ends, and the own one's request goes on.
    peer.exchange().await.respond(200, "");
    read(done(first).await).await;
    peer.exchange().await.respond(200, "");
    assert_eq!(read(done(second).await).await, 1);
    assert_eq!(peer.max_in_flight(), 1);
}

/// Idle connections are those of the origin they were opened for, whoever used them last.
#[tokio::test(start_paused = true)]
async fn what_another_name_leaves_idle_counts_for_its_own() {
    let stage = Stage::new(PoolConfig::new().max_idle_per_origin(0));
    let host = stage.call(ONE);
    let peer = stage.connected(both()).await;
    let first = peer.exchange().await;
    let other = stage.call(TWO);
    run_until_idle().await;
    let second = peer.exchange().await;
    first.respond(200, "");
    read(done(host).await).await;
    assert!(!peer.is_dropped(), "its other name is still there");
    second.respond(200, "");
    read(done(other).await).await;
    run_until_idle().await;
    assert!(peer.is_dropped(), "nothing may be idle");
}

#[tokio::test(start_paused = true)]
async fn another_name_does_not_go_because_its_origin_has_too_many_of_its_own() {
    let stage = Stage::new(PoolConfig::new().max_idle_per_origin(1));
    let lent = stage.warm(ONE, both()).await;
    stage.get(TWO).await;
    after(SECOND).await;
    lent.set_capacity(0);
    let calls = [stage.call(TWO), stage.call(TWO)];
    let own = [stage.connected(Facts::h2(1)).await, stage.connected(Facts::h2(1)).await];
    for (call, peer) in calls.into_iter().zip(&own) {
        peer.exchange().await.respond(200, "");
        read(done(call).await).await;
    }
    run_until_idle().await;
    let dropped = own.iter().filter(|peer| peer.is_dropped()).count();
    assert_eq!((lent.is_dropped(), dropped), (false, 1));
}

#[tokio::test(start_paused = true)]
async fn the_index_finds_by_address_and_not_by_looking_at_all() {
    let stage = Stage::new(PoolConfig::new());
    for i in 1..=20 {
        let host = format!("h{i}.test");
        stage.below.endpoints(&host, [at(i)]);
        stage.warm(&format!("https://{host}/"), Facts::h2(5).covers([host.as_str(), "two.test"])).await;
    }
    stage.below.endpoints("two.test", [at(99), at(13)]);
    assert_eq!(stage.get(TWO).await, 13);
    assert_eq!(fixtures::endpoint("192.0.2.13:443"), stage.below.peers()[12].info().remote);
}

/// One connection that everybody's certificate and address leads to.
fn one_for_all(config: PoolConfig, names: usize) -> (Stage, Vec<String>) {
    let hosts: Vec<_> = (0..names).map(|i| format!("h{i}.test")).collect();
    let covered = hosts.clone();
    let stage = Stage::easy(config, move || {
        let all = covered.iter().map(String::as_str).chain(["one.test", "two.test"]);
        Facts::h2(100).covers(all)
    });
    (stage, hosts.iter().map(|host| format!("https://{host}/")).collect())
}

#[tokio::test(start_paused = true)]
async fn names_that_are_not_used_let_go_of_a_connection_that_is() {
    let (stage, urls) = one_for_all(PoolConfig::new().idle_timeout(50 * SECOND), 50);
    stage.get(ONE).await;
    for url in &urls {
        assert_eq!(stage.get(url).await, 1);
    }
    assert_eq!(stage.pool.stats().origins, 51);
    for _ in 0..6 {
        after(10 * SECOND).await;
        assert_eq!((stage.get(ONE).await, stage.get(&urls[7]).await), (1, 1));
    }
    let plans = stage.below.plans();
    assert_eq!(stage.pool.stats().origins, 2, "its own, and the one that is used");
    assert_eq!((stage.get(&urls[7]).await, stage.below.plans()), (1, plans), "which need not be looked up again");
    assert_eq!((stage.get(&urls[8]).await, stage.below.plans()), (1, plans + 1), "others must be");
    assert_eq!(stage.below.connects(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_let_go_during_its_response_gets_it_whole() {
    let stage = Stage::new(PoolConfig::new().idle_timeout(50 * SECOND));
    let peer = stage.warm(ONE, both()).await;
    let call = stage.call(TWO);
    run_until_idle().await;
    let body = peer.exchange().await.begin(200);
    let answer = done(call).await;
    peer.answer_all();
    for _ in 0..20 {
        after(10 * SECOND).await;
        assert_eq!(stage.get(ONE).await, 1);
    }
    assert_eq!((stage.pool.stats().origins, peer.in_flight()), (1, 1));
    body.data("to the end");
    body.end();
    read(answer).await;
    assert_eq!((stage.get(TWO).await, stage.below.connects(), peer.in_flight()), (1, 1, 0));
    after(60 * SECOND).await;
    assert_eq!(stage.pool.stats(), Default::default());
}

#[tokio::test(start_paused = true)]
async fn a_connection_carries_so_many_names_and_then_there_is_another() {
    let (stage, urls) = one_for_all(PoolConfig::new(), 1_500);
    let mut on = [0, 0];
    for url in &urls {
        on[stage.get(url).await as usize - 1] += 1;
    }
    assert_eq!((on, stage.below.connects()), ([1 + 1_024, 1_500 - 1_025], 2));
    after(60 * SECOND).await;
    assert_eq!(stage.pool.stats(), Default::default());
}

/// For so long the certificates of a connection are valid.
fn valid_for(time: Duration) -> Facts {
    both().amend(move |info| {
        let now = info.route.ctx().runtime().now();
        info.tls.as_mut().unwrap().valid_until = Some(now + time);
    })
}

#[tokio::test(start_paused = true)]
async fn a_name_uses_a_connection_no_longer_than_its_certificate_is_valid() {
    let stage = Stage::new(PoolConfig::new());
    let peer = stage.warm(ONE, valid_for(10 * SECOND)).await;
    peer.answer_all();
    for _ in 0..9 {
        after(SECOND).await;
        assert_eq!(stage.get(TWO).await, 1);
    }
    after(SECOND).await;
    let call = stage.call(TWO);
    stage.connected(both()).await.exchange().await.respond(200, "");
    assert_eq!(read(done(call).await).await, 2);
    assert_eq!(stage.get(ONE).await, 1, "its own origin goes on: it was verified for that when it was opened");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_connection_whose_certificate_runs_out_gets_another() {
    for idle_timeout in [50, 3_600] {
        let config = PoolConfig::new().at_stream_limit(AtStreamLimit::Wait).idle_timeout(idle_timeout * SECOND);
        let stage = Stage::new(config);
        // Somebody looks seldom, and has looked just now.
        let _other = stage.warm(B, Facts::h1()).await;
        let peer = stage.warm(ONE, valid_for(10 * SECOND)).await;
        let short = stage.call(TWO);
        run_until_idle().await;
        peer.set_capacity(1);
        let waits = stage.call(TWO);
        after(9 * SECOND).await;
        assert_eq!((stage.below.connects(), stage.pool.stats().waiting), (2, 1));
        after(SECOND).await;
        stage.connected(both()).await.exchange().await.respond(200, "");
        assert_eq!(read(done(waits).await).await, 3);
        peer.exchange().await.respond(200, "");
        assert_eq!(read(done(short).await).await, 2, "what runs goes on");
    }
}

/// A connection's slot may be promised in time and taken too late.
#[tokio::test(start_paused = true)]
async fn what_was_promised_before_the_certificate_ran_out_is_not_used_after_it() {
    let stage = Stage::new(PoolConfig::new());
    let peer = stage.warm(ONE, valid_for(10 * SECOND)).await;
    let call = stage.call(TWO);
    run_until_idle().await;
    peer.set_capacity(1);
    let mut late = Box::pin(stage.pool.clone().call(get(TWO)));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(late.as_mut().poll(&mut cx).is_pending());
    let _own = stage.below.connecting().await;
    peer.exchange().await.respond(200, "");
    read(done(call).await).await;
    after(11 * SECOND).await;
    assert!(late.as_mut().poll(&mut cx).is_pending());
    run_until_idle().await;
    assert_eq!(peer.started(), 2);
    assert!(stage.below.try_connecting().is_some());
}

/// Trust that was replaced.
#[derive(Default)]
struct Trusted {
    no_more: AtomicBool,
}

impl CertificateScope for Trusted {
    fn covers(&self, _: &Origin) -> bool {
        true
    }

    fn is_current(&self) -> bool {
        !self.no_more.load(Ordering::SeqCst)
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_uses_no_connection_that_was_made_under_another_trust() {
    let stage = Stage::new(PoolConfig::new());
    let trusted = Arc::new(Trusted::default());
    let covers = Arc::clone(&trusted);
    stage.warm(ONE, both().amend(|info| info.tls.as_mut().unwrap().covers = covers)).await;
    assert_eq!(stage.get(TWO).await, 1);
    trusted.no_more.store(true, Ordering::SeqCst);
    let call = stage.call(TWO);
    stage.connected(both()).await.exchange().await.respond(200, "");
    assert_eq!(read(done(call).await).await, 2);
}

/// A stream that comes free goes to each name in turn, however many requests the others have waiting.
#[tokio::test(start_paused = true)]
async fn names_that_wait_for_one_connection_take_turns() {
    const THREE: &str = "https://three.test/";
    let stage = Stage::new(PoolConfig::new().at_stream_limit(AtStreamLimit::Wait));
    let peer = stage.warm(ONE, Facts::h2(1).covers(["one.test", "two.test", "three.test"])).await;
    // They know of the connection.
    for url in [TWO, THREE] {
        let call = stage.call(url);
        run_until_idle().await;
        peer.exchange().await.respond(200, "");
        read(done(call).await).await;
    }
    let calls = [(ONE, 100), (THREE, 50), (TWO, 5)].map(|(url, many)| {
        let calls: Vec<_> = (0..many).map(|_| stage.call(url)).collect();
        calls
    });
    run_until_idle().await;
    let mut served = Vec::new();
    for _ in 0..155 {
        let exchange = peer.exchange().await;
        served.push(exchange.request().uri().host().unwrap().to_owned());
        exchange.respond(200, "");
        run_until_idle().await;
    }
    for name in ["one.test", "two.test", "three.test"] {
        let first: Vec<_> = served.iter().take(16).filter(|host| *host == name).collect();
        assert!(first.len() >= 5, "{name}: {:?}", &served[..16]);
    }
    for call in calls.into_iter().flatten() {
        assert_eq!(read(done(call).await).await, 1);
    }
}

/// Runs what is spawned at once, as another thread might.
struct AtOnce(Arc<dyn Runtime>);

impl Runtime for AtOnce {
    fn now(&self) -> Instant {
        self.0.now()
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.0.sleep_until(deadline)
    }

    fn spawn(&self, mut task: BoxFuture<()>) {
        if task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            self.0.spawn(task);
        }
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        self.0.spawn_blocking(work);
    }
}

/// Woken, it goes on before `wake` returns.
struct Eager<F: Fn() + Send + Sync>(F);

impl<F: Fn() + Send + Sync> Wake for Eager<F> {
    fn wake(self: Arc<Self>) {
        self.0();
    }
}

/// On another thread a request can be over before the connect that made its connection has ended.
#[tokio::test(start_paused = true)]
async fn who_is_served_first_finds_the_connection_for_another_origin() {
    let (executor, below) = (Executor::new(), Planner::new());
    let mut pool = PoolLayer::shared(Arc::new(AtOnce(executor.runtime()))).layer(below.clone());
    let first = Arc::new(Mutex::new(pool.call(get(ONE))));
    let over = Arc::new(Mutex::new(None));
    let woken = {
        let (first, over, below) = (Arc::clone(&first), Arc::clone(&over), below.clone());
        move || {
            let mut cx = Context::from_waker(Waker::noop());
            assert!(Pin::new(&mut *first.lock().unwrap()).poll(&mut cx).is_pending(), "it waits for the peer");
            below.peers()[0].try_exchange().unwrap().respond(200, "");
            let Poll::Ready(Ok(answer)) = Pin::new(&mut *first.lock().unwrap()).poll(&mut cx) else { panic!() };
            drop(answer);
            let mut second = pool.clone().call(get(TWO));
            assert!(Pin::new(&mut second).poll(&mut cx).is_pending());
            *over.lock().unwrap() = Some(second);
        }
    };
    let waker = Waker::from(Arc::new(Eager(woken)));
    assert!(Pin::new(&mut *first.lock().unwrap()).poll(&mut Context::from_waker(&waker)).is_pending());
    below.connecting().await.succeed(both());
    run_until_idle().await;
    assert!(over.lock().unwrap().is_some());
    assert!(below.try_connecting().is_none(), "a second connection is opened");
    assert_eq!(below.connects(), 1);
}
