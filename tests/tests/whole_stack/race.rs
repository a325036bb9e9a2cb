//! How a call gets its connection where a host has several addresses: OkHttp's scenarios of fast fallback and of
//! routes, as a user sees them.

#![allow(clippy::disallowed_methods, reason = "calls beside the one that is looked at")]

use http::Request;
use skybridge::{PoolConfig, Proxy, RaceLayer, RequestBody, RetryLayer, RouteConfig, Timeouts};
use skybridge_testkit::{executor::run_until_idle, origin::Origin};
use skybridge_tests::{World, addr, all, get, post, read};
use std::{net::SocketAddr, time::Duration};
use tokio::time::{Instant, timeout};

const V6: &str = "[2001:db8::1]:80";

fn at(addr: &str) -> SocketAddr {
    addr.parse().unwrap()
}

/// `a.test` has an IPv4 address and an IPv6 one.
fn two_families() -> World {
    let world = World::new();
    world.net.host("a.test", [addr().ip(), at(V6).ip()]);
    world
}

/// The events of connecting by TCP, and those of the call.
fn connects(world: &World) -> Vec<String> {
    let is_told = |line: &String| line.starts_with("connect_") || line.starts_with("call_");
    let without_cause = |line: String| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    world.recorder.lines().into_iter().filter(is_told).map(without_cause).collect()
}

/// OkHttp may tell of a loser after the call, as a failure.
#[tokio::test(start_paused = true)]
async fn a_loser_is_told_before_the_call_ends_as_dropped_and_costs_the_next_call_nothing() {
    let world = two_families();
    world.net.at(at(V6)).black_hole();
    let origin = Origin::h1().serve_on(world.listen());
    let client = world.builder().pool(PoolConfig::new().max_requests(1)).build();
    let start = Instant::now();
    read(client.request(get("/"))).await.unwrap();
    assert_eq!(start.elapsed().as_millis(), 250);
    let told =
        ["call_start", "connect_start a1", "connect_start a2", "connect_end a2", "connect_dropped a1", "call_end"];
    assert_eq!(connects(&world), told);
    run_until_idle().await;
    assert_eq!(connects(&world), told, "nothing comes later");

    world.recorder.clear();
    let start = Instant::now();
    read(client.request(get("/"))).await.unwrap();
    assert_eq!((start.elapsed().as_millis(), origin.connections()), (0, 2));
    assert_eq!(world.net.connects_to(at(V6)), 1, "the one that overtook it goes first");
    drop(client);
    world.assert_nothing_left().await;
}

/// OkHttp waits 250 ms from start to start unless nothing else runs; here the next starts at once (RFC 8305, section
/// 5).
#[tokio::test(start_paused = true)]
async fn an_address_that_refuses_costs_no_time_and_one_that_answers_is_alone() {
    let rows = [
        (true, true, vec!["connect_start a1", "connect_end a1"]),
        (true, false, vec!["connect_start a1", "connect_end a1"]),
        (false, true, vec!["connect_start a1", "connect_failed a1", "connect_start a2", "connect_end a2"]),
        (false, false, vec!["connect_start a1", "connect_failed a1", "connect_start a2", "connect_failed a2"]),
    ];
    for (v6, v4, expected) in rows {
        let world = two_families();
        let up = [(v6, at(V6)), (v4, addr())].into_iter().filter(|(up, _)| *up);
        let _up: Vec<_> = up.map(|(_, addr)| Origin::h1().serve_on(world.net.listen(addr))).collect();
        let client = world.builder().retry(RetryLayer::unsent().max_tries(1)).build();
        let start = Instant::now();
        let answer = read(client.request(get("/"))).await;
        let told: Vec<_> = connects(&world).into_iter().filter(|line| line.starts_with("connect_")).collect();
        assert_eq!((told, start.elapsed().as_millis()), (expected.iter().map(ToString::to_string).collect(), 0));
        let Err(error) = answer else { continue };
        let skybridge::Cause::Connect(error) = error.cause() else { panic!("{error:?}") };
        assert_eq!((error.attempts().len(), error.endpoint()), (2, Some(&at(V6).into())), "the first, and both listed");
    }
}

#[tokio::test(start_paused = true)]
async fn one_at_a_time_a_black_hole_takes_all_the_time_of_a_call() {
    let world = two_families();
    world.net.at(addr()).black_hole();
    let _v6 = Origin::h1().serve_on(world.net.listen(at(V6)));
    let client = world.builder().race(RaceLayer::sequential());
    let client = client.timeouts(Timeouts::new().call(Duration::from_secs(1))).build();
    let start = Instant::now();
    let error = read(client.request(get("/"))).await.unwrap_err();
    assert!(error.is_timeout());
    assert_eq!((start.elapsed().as_millis(), world.net.connects_to(at(V6))), (1_000, 0));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_given_up_closes_every_attempt_and_teaches_nothing() {
    let world = two_families();
    world.net.at(addr()).black_hole();
    world.net.at(at(V6)).black_hole();
    let client = world.client();
    assert!(timeout(Duration::from_millis(400), read(client.request(get("/")))).await.is_err());
    run_until_idle().await;
    assert_eq!((world.net.live_sockets(), world.recorder.count("connect_failed")), (0, 0));
    assert_eq!(world.recorder.count("connect_dropped"), 2);
    // In the order as before: neither has failed.
    world.net.at(at(V6)).heal();
    world.net.at(addr()).heal();
    let v6 = Origin::h1().serve_on(world.net.listen(at(V6)));
    let v4 = Origin::h1().serve_on(world.listen());
    read(client.request(get("/"))).await.unwrap();
    assert_eq!((v6.connections(), v4.connections()), (1, 0));
}

/// A proxy that is down, and then a direct connection, as it is listed: that is no second try of the request.
#[tokio::test(start_paused = true)]
async fn a_post_is_sent_once_though_the_first_way_is_closed() {
    let world = World::new();
    let echo = async |request: Request<hyper::body::Incoming>| http::Response::new(request.into_body());
    let origin = Origin::h1().handle(echo).serve_on(world.listen());
    let proxy = Proxy::parse("http://192.0.2.9:3128").unwrap();
    let client = world.builder().retry(RetryLayer::unsent().max_tries(1)).proxies([vec![proxy], vec![]]).build();
    assert_eq!(read(client.request(post("abc"))).await.unwrap(), "abc");
    assert_eq!(origin.exchanges(), ["c0e0"]);
    assert_eq!(world.net.connects_to(at("192.0.2.9:3128")), 1);
}

/// A proxy's name is looked up when it is its turn, and not before.
#[tokio::test(start_paused = true)]
async fn the_second_proxy_is_not_looked_up_while_the_first_works() {
    let world = World::new();
    world.net.host("p.test", [at("192.0.2.9:1").ip()]);
    world.net.host("q.test", [at("192.0.2.10:1").ip()]);
    let _p = Origin::h1().serve_on(world.net.listen(at("192.0.2.9:3128")));
    let _q = Origin::h1().serve_on(world.net.listen(at("192.0.2.10:3128")));
    let chain = |proxy: &str| vec![Proxy::parse(proxy).unwrap()];
    // Each origin with connections of its own.
    let pool = PoolConfig::new().coalesce(false);
    let chains = [chain("http://p.test:3128"), chain("http://q.test:3128")];
    let client = world.builder().pool(pool).proxies(chains).build();
    read(client.request(get("/"))).await.unwrap();
    let queries = || ["a.test", "p.test", "q.test"].map(|name| world.net.name(name).queries());
    assert_eq!(queries(), [0, 1, 0]);
    world.net.at(at("192.0.2.9:3128")).refuse();
    read(client.request(Request::get("http://b.test/").body(RequestBody::empty()).unwrap())).await.unwrap();
    assert_eq!(queries(), [0, 2, 1]);
}

/// Names that nobody answers for, and addresses that nobody answers at, are no other name's.
#[tokio::test(start_paused = true)]
async fn eighty_dead_names_do_not_delay_a_live_one() {
    let world = World::new();
    let _origin = Origin::h1().serve_on(world.listen());
    for n in 0..80 {
        if n % 2 == 0 {
            world.net.host(&format!("d{n}.test"), []).hang();
        } else {
            let dead: SocketAddr = format!("198.51.100.{n}:80").parse().unwrap();
            world.net.host(&format!("d{n}.test"), [dead.ip()]);
            world.net.at(dead).black_hole();
        }
    }
    let client = world.builder().route(RouteConfig::new().timeout(Duration::from_secs(5))).build();
    let dead = (0..80).map(|n| {
        let request = Request::get(format!("http://d{n}.test/")).body(RequestBody::empty()).unwrap();
        read(client.request(request))
    });
    let dead = tokio::spawn(all(dead.collect::<Vec<_>>()));
    run_until_idle().await;
    let start = Instant::now();
    read(client.request(get("/"))).await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(dead.await.unwrap().iter().all(Result::is_err));
}
