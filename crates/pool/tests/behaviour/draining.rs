//! Connections that are taken out because of what their certificates or the names of their origins say, if asked.

use crate::stage::*;
use skybridge_core::{ConnInfo, ConnectionStatus, Endpoint, Endpoints, EndpointsFeed, Proxy};
use skybridge_pool::PoolConfig;
use skybridge_testkit::{
    executor::run_until_idle,
    fake::{Facts, Planning},
};

const TWO: &str = "https://two.test/";

fn at(last: u8) -> Endpoint {
    Endpoint::from(([192, 0, 2, last], 443))
}

fn six() -> Endpoint {
    "[2001:db8::1]:443".parse::<std::net::SocketAddr>().unwrap().into()
}

fn ends(stage: &Stage) -> Vec<String> {
    let lines = stage.recorder.lines().into_iter();
    lines.filter(|line| line.contains("_closed") || line.contains("_draining")).collect()
}

/// Whose certificate expires in 20 s.
fn expiring(stage: &Stage, facts: fn() -> Facts) -> Facts {
    let until = stage.executor.runtime().now() + 20 * SECOND;
    facts().covers(["a.test"]).amend(move |info| info.tls.as_mut().unwrap().valid_until = Some(until))
}

const KINDS: [fn() -> Facts; 2] = [Facts::h1, || Facts::h2(5)];

#[tokio::test(start_paused = true)]
async fn an_idle_connection_ends_with_its_certificate_if_asked() {
    for drains in [true, false] {
        for facts in KINDS {
            let stage = Stage::new(PoolConfig::new().drain_expired_certificates(drains));
            stage.warm(SECURE, expiring(&stage, facts)).await.answer_all();
            stage.below.connect_all(move |_| facts());
            after(19 * SECOND).await;
            assert_eq!(stage.get(SECURE).await, 1, "until then it is as good as any");
            after(2 * SECOND).await;
            assert_eq!(stage.get(SECURE).await, 1 + u64::from(drains));
            let ends = ends(&stage);
            assert!(ends.is_empty() != drains && ends.iter().all(|line| line.ends_with("c1 certificate_expired")));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_when_the_certificate_expires_goes_on() {
    for facts in KINDS {
        let stage = Stage::new(PoolConfig::new().drain_expired_certificates(true));
        let call = stage.call(SECURE);
        let peer = stage.connected(expiring(&stage, facts)).await;
        after(30 * SECOND).await;
        let next = stage.call(SECURE);
        let other = stage.connected(facts()).await;
        other.exchange().await.respond(200, "");
        assert_eq!(read(done(next).await).await, 2);
        peer.exchange().await.respond(200, "");
        assert_eq!(read(done(call).await).await, 1);
        run_until_idle().await;
        assert!(peer.is_dropped() && !other.is_dropped());
        assert!(ends(&stage).last().unwrap().ends_with("c1 certificate_expired"), "{:?}", ends(&stage));
    }
}

/// Its last look was before the connection was made, and the next would be long after.
#[tokio::test(start_paused = true)]
async fn a_certificate_that_expires_soon_is_not_used_for_long() {
    for facts in KINDS {
        let stage = Stage::new(PoolConfig::okhttp().drain_expired_certificates(true));
        stage.warm(B, Facts::h1()).await;
        after(SECOND).await;
        let until = stage.executor.runtime().now() + 2 * SECOND;
        let soon = move |info: &mut ConnInfo| info.tls.as_mut().unwrap().valid_until = Some(until);
        stage.warm(SECURE, facts().covers(["a.test"]).amend(soon)).await;
        after(3 * SECOND).await;
        assert_eq!(stage.pool.stats().idle, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_of_age_and_certificate_is_the_reason() {
    for (age, reason) in [(10, "max_age"), (60, "certificate_expired")] {
        let config = PoolConfig::new().max_age(age * SECOND).drain_expired_certificates(true);
        for facts in KINDS {
            let stage = Stage::with(|layer| layer.config(config.clone()));
            stage.warm(SECURE, expiring(&stage, facts)).await;
            after(21 * SECOND).await;
            assert!(ends(&stage).last().unwrap().ends_with(reason), "{:?}", ends(&stage));
        }
    }
}

/// Two connections in use; another is needed, whose plan waits for the test.
async fn needs_another(stage: &Stage, facts: fn() -> Facts) -> (Vec<Call>, Planning) {
    stage.below.endpoints("a.test", [at(1)]);
    let mut calls = vec![stage.call(SECURE), stage.call(SECURE)];
    for _ in 0..2 {
        stage.connected(facts()).await;
    }
    stage.below.hold_plans();
    calls.push(stage.call(SECURE));
    (calls, stage.below.planning().await)
}

/// Whether the first two connections are taken out by this answer. What is under way goes on anyway.
async fn takes_out(config: PoolConfig, facts: fn() -> Facts, answer: Answer) -> bool {
    let stage = Stage::new(config);
    let (calls, planning) = needs_another(&stage, facts).await;
    let _feed = answer(planning);
    run_until_idle().await;
    let peers = stage.below.peers();
    for peer in &peers {
        peer.exchange().await.respond(200, "");
        peer.answer_all();
    }
    for (call, number) in calls.into_iter().zip(1..=2) {
        assert_eq!(read(done(call).await).await, number);
    }
    run_until_idle().await;
    let ended = ends(&stage);
    assert!(ended.iter().all(|line| line.ends_with("moved")), "{ended:?}");
    let dropped = [peers[0].is_dropped(), peers[1].is_dropped()];
    assert_eq!(dropped[0], dropped[1]);
    dropped[0]
}

/// Answers, perhaps not yet completely.
type Answer = fn(Planning) -> Option<EndpointsFeed>;

fn elsewhere(planning: Planning) -> Option<EndpointsFeed> {
    planning.answer([at(2)]);
    None
}

/// One stream each, so that there are several over HTTP/2 too.
const ONE_EACH: [fn() -> Facts; 2] = [Facts::h1, || Facts::h2(1)];

#[tokio::test(start_paused = true)]
async fn a_later_plan_takes_out_connections_to_where_the_origin_is_no_more_if_asked() {
    for facts in ONE_EACH {
        for asked in [true, false] {
            assert_eq!(takes_out(PoolConfig::new().drain_moved(asked), facts, elsewhere).await, asked);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_with_their_address_takes_out_none() {
    for facts in ONE_EACH {
        let also_there: Answer = |planning| {
            planning.answer([at(2), at(1)]);
            None
        };
        assert!(!takes_out(PoolConfig::new().drain_moved(true), facts, also_there).await);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_all_of_it_takes_out_none() {
    let cases: [(Answer, bool, &str); 6] = [
        (
            |planning| {
                let mut feed = planning.answer_live();
                feed.extend([at(2)]);
                Some(feed)
            },
            false,
            "more may come",
        ),
        (
            |planning| {
                planning.answer_live().extend([at(2)]);
                None
            },
            false,
            "the look-up was given up",
        ),
        (
            |planning| {
                let mut feed = planning.answer_live();
                feed.extend([at(2)]);
                feed.finish();
                None
            },
            true,
            "that was all",
        ),
        (
            |planning| {
                planning.answer([six()]);
                None
            },
            false,
            "nothing of their family",
        ),
        (
            |planning| {
                planning.answer([six(), at(3)]);
                None
            },
            true,
            "their family too",
        ),
        (
            |planning| {
                planning.answer_route(|route| {
                    route.proxies = [Proxy::parse("http://proxy.test:3128").unwrap()].into();
                    route.endpoints = Endpoints::fixed([at(9)]);
                });
                None
            },
            false,
            "the address of a proxy",
        ),
    ];
    for (answer, moved, why) in cases {
        for facts in ONE_EACH {
            assert_eq!(takes_out(PoolConfig::new().drain_moved(true), facts, answer).await, moved, "{why}");
        }
    }
}

/// The rest of an answer comes while the connect is under way.
#[tokio::test(start_paused = true)]
async fn an_answer_that_is_complete_later_counts_when_it_is() {
    let stage = Stage::new(PoolConfig::new().drain_moved(true));
    let (_calls, planning) = needs_another(&stage, Facts::h1).await;
    let mut feed = planning.answer_live();
    feed.extend([at(2)]);
    run_until_idle().await;
    assert_eq!(ends(&stage), [""; 0]);
    feed.finish();
    run_until_idle().await;
    assert_eq!(ends(&stage).iter().filter(|line| line.contains("draining")).count(), 2);
}

/// It is idle, and suspect.
#[tokio::test(start_paused = true)]
async fn an_idle_connection_to_where_the_origin_is_no_more_closes() {
    let stage = Stage::new(PoolConfig::new().drain_moved(true));
    stage.below.endpoints("a.test", [at(1)]);
    let peer = stage.warm(SECURE, Facts::h2(5)).await;
    peer.status(ConnectionStatus::Suspect);
    stage.below.endpoints("a.test", [at(2)]);
    let _call = stage.call(SECURE);
    run_until_idle().await;
    assert!(peer.is_dropped() && ends(&stage).last().unwrap().ends_with("c1 moved"), "{:?}", ends(&stage));
}

/// It is another origin's, and that is still where it was: only this one leaves it.
#[tokio::test(start_paused = true)]
async fn an_origin_that_moves_leaves_the_connection_of_another_name() {
    let stage = Stage::new(PoolConfig::new().drain_moved(true));
    stage.below.endpoints("a.test", [at(1)]).endpoints("two.test", [at(1)]);
    let peer = stage.warm(SECURE, Facts::h2(1).covers(["a.test", "two.test"])).await;
    let shared = stage.call(TWO);
    let exchange = peer.exchange().await;
    stage.below.endpoints("two.test", [at(2)]);
    let next = stage.call(TWO);
    let own = stage.connected(Facts::h2(1).covers(["two.test"])).await;
    own.answer_all();
    own.exchange().await.respond(200, "");
    assert_eq!(read(done(next).await).await, 2);
    exchange.respond(200, "");
    assert_eq!(read(done(shared).await).await, 1);
    // The first connection has been used least recently, and both are free.
    for _ in 0..2 {
        assert_eq!(stage.get(TWO).await, 2);
    }
    peer.answer_all();
    assert_eq!((stage.get(SECURE).await, ends(&stage)), (1, vec![]));
}
