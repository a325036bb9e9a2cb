//! Fairness under the total limit: a request that waits for it is overtaken by a bounded number of later ones.

use crate::stage::*;
use skybridge_pool::PoolConfig;
use skybridge_testkit::{
    executor::run_until_idle,
    fake::{Exchange, Facts},
};
use std::collections::VecDeque;

type Make = fn() -> Facts;

/// Origins that always have requests waiting, and how they are served.
struct Busy {
    stage: Stage,
    urls: Vec<String>,
    calls: VecDeque<Call>,
    running: VecDeque<Exchange<Sent>>,
}

impl Busy {
    /// So many requests are under way or wait at each of these origins, at any time.
    fn new(config: PoolConfig, make: Make, urls: &[&str], each: usize) -> Self {
        let stage = Stage::easy(config, make);
        let mut busy = Self {
            stage,
            urls: urls.iter().map(|url| (*url).to_owned()).collect(),
            calls: VecDeque::new(),
            running: VecDeque::new(),
        };
        for _ in 0..each {
            for i in 0..busy.urls.len() {
                busy.calls.push_back(busy.stage.call(&busy.urls[i]));
            }
        }
        busy
    }

    /// Everything that can go on does: which hosts' requests have reached their connections since.
    async fn arrived(&mut self) -> Vec<String> {
        run_until_idle().await;
        let new: Vec<_> = self.stage.below.peers().iter().filter_map(|peer| peer.try_exchange()).collect();
        let hosts = new.iter().map(host).collect();
        self.running.extend(new);
        hosts
    }

    /// The request that has been there longest is answered, and another one made in its place.
    fn answer(&mut self) {
        let exchange = self.running.pop_front().expect("somebody is served");
        let url = self.urls.iter().find(|url| url.contains(&host(&exchange))).cloned();
        exchange.respond(200, "");
        if let Some(url) = url {
            let call = self.stage.call(&url);
            self.calls.push_back(call);
        }
    }

    /// How many requests of others reach a connection before one of `url` that is made now.
    async fn overtaking(&mut self, url: &str, most: usize) -> usize {
        while !self.arrived().await.is_empty() {}
        let call = self.stage.call(url);
        self.calls.push_back(call);
        let mut overtaken = 0;
        loop {
            for host in self.arrived().await {
                if url.contains(&host) {
                    return overtaken;
                }
                overtaken += 1;
            }
            assert!(overtaken <= most, "it waits, and {overtaken} have been served");
            self.answer();
        }
    }
}

fn host(exchange: &Exchange<Sent>) -> String {
    exchange.request().uri().host().unwrap().to_owned()
}

const MAKES: [(Make, &str); 3] = [(Facts::h1, A), (|| Facts::h2(1), SECURE), (|| Facts::h2(10), SECURE)];

#[tokio::test(start_paused = true)]
async fn a_busy_origin_serves_so_many_later_requests_before_anothers_first() {
    for (make, url) in MAKES {
        let mut busy = Busy::new(PoolConfig::new().max_total(1), make, &[url], 100);
        let overtaken = busy.overtaking(B, 64).await;
        assert!(overtaken > 32, "{overtaken}: a connection is worth some requests");
        assert_eq!(busy.stage.below.connects(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn the_number_is_a_setting() {
    for most in [1, 5, 500] {
        for (make, url) in MAKES {
            let config = PoolConfig::new().max_total(1).max_overtaking(most);
            let overtaken = Busy::new(config, make, &[url], 100).overtaking(B, most).await;
            assert!(overtaken + 10 >= most, "{overtaken} of {most}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn many_busy_origins_overtake_no_more_than_one() {
    let urls: Vec<_> = (0..5).map(|i| format!("http://h{i}.test/")).collect();
    let urls: Vec<_> = urls.iter().map(String::as_str).collect();
    let mut busy = Busy::new(PoolConfig::new().max_total(5), Facts::h1, &urls, 50);
    busy.overtaking(B, 64).await;
    // And those that made room come back in their turn.
    busy.overtaking("http://c.test/", 64).await;
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_take_turns() {
    const ORIGINS: usize = 4;
    let urls: Vec<_> = (0..ORIGINS).map(|i| format!("http://h{i}.test/")).collect();
    let urls: Vec<_> = urls.iter().map(String::as_str).collect();
    for (max_total, rounds) in [(1, 2_000), (2, 2_000)] {
        let mut busy = Busy::new(PoolConfig::new().max_total(max_total), Facts::h1, &urls, 20);
        let (mut served, mut longest, mut since) = (vec![0; ORIGINS], 0, vec![0; ORIGINS]);
        for _ in 0..rounds {
            for host in busy.arrived().await {
                let i = urls.iter().position(|url| url.contains(&host)).unwrap();
                served[i] += 1;
                longest = longest.max(since[i]);
                since.iter_mut().for_each(|since| *since += 1);
                since[i] = 0;
            }
            busy.answer();
        }
        assert!(served.iter().all(|served| *served >= rounds / ORIGINS / 2), "{served:?}");
        assert!(longest <= 64 + 2 * ORIGINS, "one was overtaken {longest} times");
        let connects = busy.stage.below.connects();
        assert!(connects < rounds / 8, "{connects} connections for {rounds} requests");
    }
}

/// It is served by the connection that it has: others need not make room for a second one.
#[tokio::test(start_paused = true)]
async fn who_wants_one_more_does_not_make_others_close_theirs() {
    let mut busy = Busy::new(PoolConfig::new().max_total(2), Facts::h1, &[A, B], 50);
    for _ in 0..1_000 {
        busy.arrived().await;
        busy.answer();
    }
    assert_eq!(busy.stage.below.connects(), 2);
}

#[tokio::test(start_paused = true)]
async fn nobody_makes_room_for_one_that_has_left() {
    for (make, url) in MAKES {
        let mut busy = Busy::new(PoolConfig::new().max_total(1), make, &[url], 100);
        while !busy.arrived().await.is_empty() {}
        let call = busy.stage.call(B);
        run_until_idle().await;
        call.abort();
        for _ in 0..1_000 {
            busy.arrived().await;
            busy.answer();
        }
        assert_eq!(busy.stage.below.connects(), 1);
    }
}

/// A connection that makes room says so, and cuts nothing.
#[tokio::test(start_paused = true)]
async fn what_makes_room_ends_as_it_would() {
    let stage = Stage::new(PoolConfig::new().max_total(1).max_overtaking(1));
    let long = stage.call(SECURE);
    let peer = stage.connected(Facts::h2(10)).await;
    let body = peer.exchange().await.begin(200);
    let other = stage.call(B);
    run_until_idle().await;
    let (overtaking, late) = (stage.call(SECURE), stage.call(SECURE));
    run_until_idle().await;
    assert_eq!((peer.started(), stage.pool.stats().draining, stage.pool.stats().waiting), (2, 1, 2));
    peer.exchange().await.respond(200, "");
    read(done(overtaking).await).await;
    assert_eq!(stage.below.try_connecting().map(drop), None, "it still carries something");
    body.data("to the end");
    body.end();
    assert_eq!(read(done(long).await).await, 1);
    assert!(peer.is_dropped());
    let ends: Vec<_> = stage.recorder.lines().into_iter().filter(|line| line.contains("_closed")).collect();
    assert_eq!(ends, ["connection_closed a1 c1 limit_reclaimed"]);
    stage.connected(Facts::h1()).await.exchange().await.respond(200, "");
    read(done(other).await).await;
    stage.connected(Facts::h2(1)).await.exchange().await.respond(200, "");
    read(done(late).await).await;
}
