//! What is tried next after a failure, and which failures are remembered.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use self::support::{World, addr, at, ms, plan, reach, tried};
use skybridge_core::{
    Answer, Attempt, ConnInfo, ConnectError, Delivery, Endpoint, Endpoints, Error, FirstExchange, Link, Outcome,
    Partition, Phase, Plan, Proxy, Query, Route, Target,
};
use skybridge_route::RouteLayer;
use skybridge_tcp::RaceLayer;
use skybridge_testkit::{fixtures, net::Conn};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};
use tower::{Layer, ServiceExt, service_fn};

#[tokio::test(start_paused = true)]
async fn after_a_failed_handshake_the_others_are_tried() {
    let world = World::new();
    world.up(1, 0).up(2, 0).tls_fails(1, false);
    world.host("a.test", [1, 2]);
    let link = reach(&world.planner(), world.target("http://a.test")).await.unwrap();
    assert_eq!(link.info.remote, at(2));
    let reports = link.info.route.ctx().attempt_log().reports();
    assert!(matches!(&reports[0].outcome, Outcome::Failed(error) if error.phase() == Some(Phase::Tls)));
    assert!(matches!(reports[1].outcome, Outcome::Connected));
    assert_eq!(world.net.live_sockets(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_lost_the_race_is_tried_again_when_the_winner_fails_later() {
    let world = World::new();
    world.up(1, 300).up(2, 10).tls_fails(2, false);
    world.host("a.test", [1, 2]);
    let link = reach(&world.planner(), world.target("http://a.test")).await.unwrap();
    assert_eq!((link.info.remote, world.elapsed()), (at(1), 560));
    assert_eq!(tried(link.info.route.ctx()), [at(1), at(2), at(1)]);
    assert!(!link.info.route.feedback.unwrap().overtook_recently(&at(1)), "it is not the faster one");
}

/// Of the first, which would have connected 10 ms later, nothing but its socket was there.
#[tokio::test(start_paused = true)]
async fn a_loser_never_begins_tls() {
    let world = World::new();
    world.up(1, 270).up(2, 9).host("a.test", [1, 2]);
    let link = reach(&world.planner(), world.target("http://a.test")).await.unwrap();
    assert_eq!((link.info.remote, world.elapsed()), (at(2), 259));
    tokio::time::sleep(ms(1_000)).await;
    let told = world.recorder.lines();
    let of_tls: Vec<_> = told.iter().filter(|line| line.starts_with("tls")).collect();
    assert_eq!(of_tls, ["tls_start a2", "tls_end a2"]);
    assert_eq!((told.last().unwrap().as_str(), world.net.live_sockets()), ("tls_end a2", 1));
}

#[tokio::test(start_paused = true)]
async fn a_fatal_failure_ends_it() {
    let world = World::new();
    world.up(1, 0).up(2, 0).tls_fails(1, true);
    world.host("a.test", [1, 2]);
    let error = reach(&world.planner(), world.target("http://a.test")).await.unwrap_err();
    assert!(error.is_fatal());
    assert_eq!((error.endpoint(), error.attempts().len()), (Some(&at(1)), 1));
    assert_eq!(world.net.connects_to(addr(2)), 0);
}

#[tokio::test(start_paused = true)]
async fn when_all_fail_the_error_is_the_first_and_lists_every_attempt() {
    let world = World::new();
    world.up(2, 5).up(3, 0).tls_fails(2, false).tls_fails(3, false);
    world.host("a.test", [2, 1, 3]);
    let error = reach(&world.planner(), world.target("http://a.test:80")).await.unwrap_err();
    assert_eq!(error.root_cause().to_string(), "no TLS at 192.0.2.2:80");
    assert_eq!((error.phase(), error.endpoint(), error.route()), (Some(Phase::Tls), Some(&at(2)), Some("a.test")));
    let attempts: Vec<_> = error.attempts().iter().map(|report| (report.endpoint.clone(), report.phase)).collect();
    assert_eq!(attempts, [(at(2), Phase::Tls), (at(1), Phase::Tcp), (at(3), Phase::Tls)]);
    assert_eq!(Error::from(error).delivery(), Delivery::Unsent);
    assert_eq!(world.net.live_sockets(), 0);
    world.recorder.assert_balanced();
}

/// A connector that fails each route with the error of `fail`, and logs neither a phase nor an attempt.
fn foreign(
    calls: &Arc<AtomicUsize>,
) -> impl tower::Service<Route, Response = (), Error = ConnectError, Future: Send> + Clone + Send + Sync + use<> {
    let calls = Arc::clone(calls);
    service_fn(move |_: Route| {
        // Fails the test rather than let it run forever.
        assert!(calls.fetch_add(1, Ordering::SeqCst) < 10, "asked again and again");
        async { Err::<(), _>(ConnectError::from(io::Error::other("foreign"))) }
    })
}

#[tokio::test(start_paused = true)]
async fn what_fails_without_an_attempt_is_asked_once() {
    let world = World::new();
    world.host("a.test", [1, 2]);
    let calls = Arc::new(AtomicUsize::new(0));
    let planner = world.layer().layer(foreign(&calls));
    let error = reach(&planner, world.target("http://a.test")).await.unwrap_err();
    assert_eq!((error.root_cause().to_string(), calls.load(Ordering::SeqCst)), ("foreign".into(), 1));
}

#[tokio::test(start_paused = true)]
async fn a_connector_that_says_no_more_than_the_endpoint_goes_through_all_of_them() {
    let world = World::new();
    world.host("a.test", [1, 2, 3]);
    let connector = service_fn(|route: Route| async move {
        let endpoint = route.endpoints.snapshot().remove(0);
        Err::<(), _>(ConnectError::from(io::Error::other(endpoint.to_string())).at(endpoint))
    });
    let error = reach(&world.layer().layer(connector), world.target("http://a.test")).await.unwrap_err();
    assert_eq!(error.root_cause().to_string(), "192.0.2.1:80", "the first");
}

#[tokio::test(start_paused = true)]
async fn one_that_insists_on_what_failed_is_not_asked_for_ever() {
    let world = World::new();
    world.host("a.test", [1, 2]);
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let connector = service_fn(move |route: Route| {
        assert!(counted.fetch_add(1, Ordering::SeqCst) < 10, "asked again and again");
        async move { Err::<(), _>(route.attempt(at(1)).failed(io::Error::other("always"))) }
    });
    reach(&world.layer().layer(connector), world.target("http://a.test")).await.unwrap_err();
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_foreign_connector_that_fails_on_a_connected_link_lets_the_others_be_tried() {
    let world = World::new();
    world.up(1, 0).up(2, 0);
    world.host("a.test", [1, 2]);
    let inner = world.connector();
    let foreign = service_fn(move |route: Route| {
        let inner = inner.clone();
        async move {
            let link = inner.oneshot(route).await?;
            if link.info.remote == at(1) {
                return Err(ConnectError::from(io::Error::other("a foreign error")));
            }
            Ok::<skybridge_core::Link<Conn>, ConnectError>(link)
        }
    });
    let link = reach(&world.layer().layer(foreign), world.target("http://a.test")).await.unwrap();
    assert_eq!(link.info.remote, at(2));
}

#[tokio::test(start_paused = true)]
async fn attempts_of_an_earlier_search_count_for_nothing() {
    let world = World::new();
    world.host("a.test", [1, 2]);
    let (planner, target) = (world.planner(), world.target("http://a.test"));
    reach(&planner, target.clone()).await.unwrap_err();
    world.up(1, 0).up(2, 0).tls_fails(1, false).tls_fails(2, false);
    reach(&planner, target.clone()).await.unwrap_err();
    assert_eq!(tried(&target.ctx), [at(1), at(2), at(1), at(2)], "with the same context");
}

async fn order<P: skybridge_core::Planner>(planner: &P, world: &World) -> Vec<Endpoint> {
    order_for(planner, world, "http://a.test").await
}

async fn order_for<P: skybridge_core::Planner>(planner: &P, world: &World, url: &str) -> Vec<Endpoint> {
    plan(planner, world.target(url)).await.unwrap().route().endpoints.snapshot()
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_tried_last_for_5_minutes() {
    let world = World::new();
    world.up(2, 0).up(3, 0).tls_fails(2, false);
    world.host("a.test", [1, 2, 3]);
    let planner = world.planner();
    assert_eq!(order(&planner, &world).await, [at(1), at(2), at(3)]);
    reach(&planner, world.target("http://a.test")).await.unwrap();
    assert_eq!(order(&planner, &world).await, [at(3), at(1), at(2)], "tcp and tls failures alike, none left out");
    let link = reach(&planner, world.target("http://a.test")).await.unwrap();
    assert_eq!(tried(link.info.route.ctx()), [at(3)]);
    tokio::time::sleep(ms(5 * 60 * 1000)).await;
    assert_eq!(order(&planner, &world).await, [at(1), at(2), at(3)]);
}

/// An endpoint that refuses sockets refuses them for every origin. A failure on an open socket concerns only the origin
/// that it was opened for.
#[tokio::test(start_paused = true)]
async fn only_a_failure_of_tcp_is_the_addresss_own() {
    let world = World::new();
    world.up(2, 0).up(3, 0).tls_fails(2, false);
    world.host("a.test", [1, 2, 3]);
    world.host("b.test", [1, 2, 3]);
    let planner = world.planner();
    reach(&planner, world.target("http://a.test")).await.unwrap();
    assert_eq!(order_for(&planner, &world, "http://a.test").await, [at(3), at(1), at(2)]);
    assert_eq!(order_for(&planner, &world, "http://b.test").await, [at(2), at(3), at(1)], "2 was opened");
}

#[tokio::test(start_paused = true)]
async fn a_first_exchange_that_fails_counts_against_the_address_for_its_origin_alone() {
    let world = World::new();
    world.host("a.test", [1, 2]);
    world.host("b.test", [1, 2]);
    let planner = world.planner();
    let feedback = async |url| plan(&planner, world.target(url)).await.unwrap().route().feedback.clone().unwrap();
    let (of_a, of_b) = (feedback("http://a.test").await, feedback("http://b.test").await);
    for phase in [Phase::Send, Phase::Wait, Phase::Body] {
        let failed = Error::new(Delivery::Unknown, phase, io::Error::other("reset"));
        of_a.report(&at(1), FirstExchange::Failed(&failed));
        assert!(of_a.failed_recently(&at(1)) && !of_b.failed_recently(&at(1)), "{phase}");
        assert_eq!(order_for(&planner, &world, "http://b.test").await, [at(1), at(2)], "{phase}");
        // Success for another origin doesn't clear it.
        of_b.report(&at(1), FirstExchange::Completed);
        assert!(of_a.failed_recently(&at(1)), "{phase}");
        of_a.report(&at(1), FirstExchange::Completed);
        assert!(!of_a.failed_recently(&at(1)), "{phase}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_that_takes_a_connection_again_is_good_whatever_fails_on_it() {
    let world = World::new();
    world.up(2, 0);
    world.host("a.test", [1, 2]);
    world.host("b.test", [1]);
    let planner = world.planner();
    reach(&planner, world.target("http://a.test")).await.unwrap();
    assert_eq!(order(&planner, &world).await, [at(2), at(1)]);
    world.up(1, 0).tls_fails(1, false);
    reach(&planner, world.target("http://b.test")).await.unwrap_err();
    assert_eq!(order(&planner, &world).await, [at(1), at(2)]);
}

/// A connector that reaches the proxies, and behind them fails with the error of `fail`.
fn through_proxies(
    phase: Phase,
    fails: fn(&Route, &Endpoint) -> bool,
) -> impl tower::Service<Route, Response = Endpoint, Error = ConnectError, Future: Send> + Clone + Send + Sync {
    service_fn(move |route: Route| async move {
        let endpoint = route.endpoints.snapshot().remove(0);
        let attempt = route.attempt(endpoint.clone());
        let _ = attempt.phase(Phase::Tcp).done();
        let guard = attempt.phase(phase);
        match fails(&route, &endpoint) {
            true => Err(guard.fail(io::Error::other("refused"))),
            false => Ok(route.proxy_target.unwrap_or(endpoint)),
        }
    })
}

/// A proxy with two addresses, one of which refuses a tunnel to this origin.
#[tokio::test(start_paused = true)]
async fn a_tunnel_that_fails_counts_against_the_proxys_address_for_that_origin() {
    let world = World::new();
    world.host("proxy.test", [8, 9]);
    let via = |url: &str| {
        let proxy = Proxy::parse("http://proxy.test:80").unwrap();
        world.target_with(url, |connect_options| connect_options.proxies = Some([proxy].into()))
    };
    let connector = through_proxies(Phase::Tunnel, |_, endpoint| *endpoint == at(8));
    let planner = world.layer().layer(connector);
    let order = async |target: Target| plan(&planner, target).await.unwrap().route().endpoints.snapshot();
    assert_eq!(reach(&planner, via("https://a.test")).await.unwrap(), at(9));
    assert_eq!(order(via("https://a.test")).await, [at(9), at(8)]);
    assert_eq!(order(via("https://b.test")).await, [at(8), at(9)]);

    // A failure behind the tunnel counts against neither address of the proxy.
    let connector = through_proxies(Phase::Tls, |_, endpoint| *endpoint == at(8));
    let planner = world.layer().layer(connector);
    let order = async |target: Target| plan(&planner, target).await.unwrap().route().endpoints.snapshot();
    assert_eq!(reach(&planner, via("https://a.test")).await.unwrap(), at(9));
    assert_eq!(order(via("https://a.test")).await, [at(8), at(9)]);
}

/// The proxy is given addresses, so it is known which of them failed.
#[tokio::test(start_paused = true)]
async fn an_address_that_fails_beyond_a_proxy_is_tried_last_the_next_time() {
    for phase in [Phase::Tunnel, Phase::Tls, Phase::Handshake] {
        let world = World::new();
        world.host("proxy.test", [9]);
        world.host("a.test", [1, 2]);
        world.host("b.test", [1, 2]);
        let via = |url: &str| {
            let proxy = Proxy::parse("socks5://proxy.test:80").unwrap();
            world.target_with(url, |connect_options| connect_options.proxies = Some([proxy].into()))
        };
        let planner = world.layer().layer(through_proxies(phase, |route, _| route.proxy_target == Some(at(1))));
        let first = via("http://a.test");
        assert_eq!(reach(&planner, first.clone()).await.unwrap(), at(2));
        assert_eq!(tried(&first.ctx).len(), 2, "{phase}");
        let second = via("http://a.test");
        assert_eq!(reach(&planner, second.clone()).await.unwrap(), at(2));
        assert_eq!(tried(&second.ctx).len(), 1, "{phase}: 2 went first");
        let other = via("http://b.test");
        reach(&planner, other.clone()).await.unwrap();
        assert_eq!(tried(&other.ctx).len(), 2, "{phase}: for another origin it did not");
    }
}

#[tokio::test(start_paused = true)]
async fn a_postponed_endpoint_that_works_is_forgotten_to_have_failed() {
    let world = World::new();
    world.up(2, 0);
    world.host("a.test", [1, 2]);
    let planner = world.planner();
    reach(&planner, world.target("http://a.test")).await.unwrap();
    assert_eq!(order(&planner, &world).await, [at(2), at(1)]);
    world.up(1, 0);
    world.host("b.test", [1]);
    reach(&planner, world.target("http://b.test")).await.unwrap();
    assert_eq!(order(&planner, &world).await, [at(1), at(2)]);
}

/// The first is a black hole, which costs one connection the delay of an attempt. It is abandoned, and has not failed.
#[tokio::test(start_paused = true)]
async fn what_overtook_another_goes_first_for_5_minutes_and_the_other_has_not_failed() {
    let world = World::new();
    world.net.at(addr(1)).black_hole();
    world.up(2, 5).host("a.test", [1, 2, 3]);
    let planner = world.planner();
    let connect = async |target: Target| {
        let (start, ctx) = (world.elapsed(), target.ctx.clone());
        let remote = reach(&planner, target).await.unwrap().info.remote;
        (remote, tried(&ctx), world.elapsed() - start)
    };
    let to = |url| world.target(url);
    let slowly = (at(2), vec![at(1), at(2)], 255);
    assert_eq!(connect(to("http://a.test")).await, slowly);
    assert_eq!(order(&planner, &world).await, [at(1), at(2), at(3)], "none is postponed");
    for _ in 0..2 {
        assert_eq!(connect(to("http://a.test")).await, (at(2), vec![at(2)], 5));
    }
    // It was so for this host alone, and in this partition.
    world.host("b.test", [1, 2]);
    assert_eq!(connect(to("http://b.test")).await, slowly);
    let other = |options: &mut skybridge_core::ConnectOptions| options.partition = Some(Partition::new("other"));
    assert_eq!(connect(world.target_with("http://a.test", other)).await, slowly);
    // To be first again and again doesn't make it last longer.
    tokio::time::sleep(ms(5 * 60 * 1000 - 300)).await;
    assert_eq!(connect(to("http://a.test")).await, slowly);
    // When it fails it is forgotten, and so is that it was first.
    world.net.at(addr(2)).refuse();
    world.up(3, 0);
    assert_eq!(connect(to("http://a.test")).await, (at(3), vec![at(2), at(1), at(3)], 255));
}

/// What answers at once has overtaken nobody: so a resolver that rotates addresses still spreads connections.
#[tokio::test(start_paused = true)]
async fn what_is_merely_first_is_not_remembered() {
    let world = World::new();
    world.up(1, 0).up(2, 0).host("a.test", [1, 2]);
    let planner = world.planner();
    assert_eq!(reach(&planner, world.target("http://a.test")).await.unwrap().info.remote, at(1));
    world.host("a.test", [2, 1]);
    assert_eq!(reach(&planner, world.target("http://a.test")).await.unwrap().info.remote, at(2));
}

#[tokio::test(start_paused = true)]
async fn that_an_address_is_tried_last_is_told_with_the_reason() {
    let world = World::new();
    world.up(2, 0).host("a.test", [1, 2]);
    let planner = world.planner();
    let postponed = async || {
        world.recorder.clear();
        let _ = reach(&planner, world.target("http://a.test")).await;
        world.recorder.lines().into_iter().filter(|line| line.starts_with("address_postponed")).collect::<Vec<_>>()
    };
    assert_eq!(postponed().await, [""; 0]);
    assert_eq!(postponed().await, ["address_postponed 192.0.2.1:80: tcp failed: connection refused"]);
    world.net.at(addr(2)).refuse();
    postponed().await;
    assert_eq!(postponed().await, [""; 0], "none comes after the other where both have failed");
}

#[tokio::test(start_paused = true)]
async fn why_an_endpoint_is_tried_last_is_known() {
    let mut world = World::new();
    world.timeouts.attempt = Some(ms(700));
    world.net.at(addr(2)).black_hole();
    world.up(3, 0).up(4, 0).tls_fails(3, false).host("a.test", [1, 2, 3, 4]);
    let planner = world.planner();
    let link = reach(&planner, world.target("http://a.test")).await.unwrap();
    let feedback = link.info.route.feedback.clone().unwrap();
    let why = |n| feedback.recent_failure(&at(n)).map(|failure| failure.to_string());
    assert_eq!(why(1).unwrap(), "tcp failed: connection refused");
    assert_eq!(why(2), None, "it was abandoned");
    assert_eq!(why(3).unwrap(), "tls failed: no TLS at 192.0.2.3:80");
    assert_eq!(why(4), None);
    world.tls_fails(4, false);
    reach(&planner, world.target("http://a.test")).await.unwrap_err();
    assert_eq!(why(2).unwrap(), "tcp failed: tcp took longer than 700ms");
    // A peer may have written it.
    let hostile = io::Error::other(format!("\u{1b}[2J{}", "x".repeat(10_000)));
    feedback.report(&at(4), FirstExchange::Failed(&Error::new(Delivery::Unknown, Phase::Wait, hostile)));
    let said = why(4).unwrap();
    assert!(said.len() < 200 && !said.contains(char::is_control), "{said}");
}

#[tokio::test(start_paused = true)]
async fn an_only_endpoint_is_tried_though_it_failed() {
    let world = World::new();
    world.host("a.test", [1]);
    let planner = world.planner();
    reach(&planner, world.target("http://a.test")).await.unwrap_err();
    world.up(1, 0);
    reach(&planner, world.target("http://a.test")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_that_failed_before_starts_after_the_others() {
    let world = World::new();
    world.up(2, 0);
    world.host("a.test", [1, 2]);
    let planner = world.planner();
    reach(&planner, world.target("http://a.test")).await.unwrap();
    world.net.at(addr(3)).black_hole();
    world.net.at(addr(2)).black_hole();
    world.host("a.test", [3]).then(ms(10), [addr(1).ip()]).then(ms(10), [addr(2).ip()]);
    let target = world.target("http://a.test");
    reach(&planner, target.clone()).await.unwrap_err();
    assert_eq!(tried(&target.ctx), [at(3), at(2), at(1)]);
}

#[tokio::test(start_paused = true)]
async fn partitions_and_stacks_remember_for_themselves() {
    let world = World::new();
    world.up(2, 0);
    world.host("a.test", [1, 2]);
    let planner = world.planner();
    let other =
        world.target_with("http://a.test", |connect_options| connect_options.partition = Some(Partition::new("other")));
    reach(&planner, other).await.unwrap();
    assert_eq!(order(&planner, &world).await, [at(1), at(2)]);
    reach(&planner, world.target("http://a.test")).await.unwrap();
    assert_eq!(order(&planner, &world).await, [at(2), at(1)]);
    assert_eq!(order(&world.planner(), &world).await, [at(1), at(2)]);
}

#[tokio::test(start_paused = true)]
async fn postponing_can_be_turned_off() {
    let world = World::new();
    world.up(2, 0);
    world.host("a.test", [1, 2]);
    let planner = world.layer().remember_failures(ms(0)).layer(world.connector());
    reach(&planner, world.target("http://a.test")).await.unwrap();
    assert_eq!(order(&planner, &world).await, [at(1), at(2)]);
}

#[tokio::test(start_paused = true)]
async fn to_be_given_up_is_not_to_fail_and_a_failure_before_it_is_remembered() {
    let world = World::new();
    world.net.at(addr(2)).black_hole();
    world.host("a.test", [1, 2, 3]);
    let planner = world.planner();
    let cancelled = tokio::time::timeout(ms(100), reach(&planner, world.target("http://a.test"))).await;
    assert!(cancelled.is_err());
    assert_eq!(order(&planner, &world).await, [at(2), at(3), at(1)]);
}

#[tokio::test(start_paused = true)]
async fn a_fatal_failure_is_no_fault_of_the_endpoint() {
    let world = World::new();
    world.up(1, 0).tls_fails(1, true);
    world.host("a.test", [1, 2]);
    let planner = world.planner();
    reach(&planner, world.target("http://a.test")).await.unwrap_err();
    assert_eq!(order(&planner, &world).await, [at(1), at(2)]);
}

#[tokio::test(start_paused = true)]
async fn the_first_exchange_is_recorded() {
    let world = World::new();
    world.host("a.test", [1, 2]);
    let planner = world.planner();
    let feedback = plan(&planner, world.target("http://a.test")).await.unwrap().route().feedback.clone().unwrap();
    let failed = |delivery| Error::new(delivery, Phase::Wait, io::Error::other("reset"));

    feedback.report(&at(1), FirstExchange::Failed(&failed(Delivery::Refused)));
    assert_eq!(order(&planner, &world).await, [at(1), at(2)], "a refusal is an answer");
    feedback.report(&at(1), FirstExchange::Failed(&failed(Delivery::Unknown)));
    assert!(feedback.failed_recently(&at(1)));
    assert_eq!(order(&planner, &world).await, [at(2), at(1)]);
    feedback.report(&at(1), FirstExchange::Completed);
    assert_eq!(order(&planner, &world).await, [at(1), at(2)]);
}

#[tokio::test(start_paused = true)]
async fn a_foreign_layer_above_may_rewrite_the_target() {
    let world = World::new();
    world.up(5, 0);
    world.host("b.test", [5]);
    let rewritten = world.target("http://b.test");
    let planner = tower::ServiceBuilder::new()
        .map_request(move |_: skybridge_core::Target| rewritten.clone())
        .layer(world.layer())
        .service(world.connector());
    let link = reach(&planner, world.target("http://a.test")).await.unwrap();
    assert_eq!(link.info.remote, fixtures::endpoint("192.0.2.5:80"));
}

/// That many addresses, all of which accept connections.
fn flood(world: &World, host: &str, addresses: u32) -> Vec<Endpoint> {
    let ips: Vec<_> = (0..addresses).map(|n| IpAddr::from(Ipv4Addr::from(0x0a00_0001 + n))).collect();
    world.net.host(host, ips.clone());
    ips.into_iter().map(|ip| SocketAddr::new(ip, 80).into()).collect()
}

/// A connector that connects, and fails in TLS.
fn failing_in_tls()
-> impl tower::Service<Route, Response = (), Error = ConnectError, Future: Send> + Clone + Send + Sync {
    let dialer = service_fn(|attempt: Attempt| async move {
        let _ = attempt.phase(Phase::Tcp).done();
        let info = ConnInfo::new(&attempt, None, attempt.endpoint.clone());
        Ok::<_, ConnectError>(Link::new(tokio::io::empty(), info))
    });
    let race = RaceLayer::happy_eyeballs().layer(dialer);
    service_fn(move |route: Route| {
        let race = race.clone();
        async move {
            let link = race.oneshot(route).await?;
            Err::<(), _>(link.phase(Phase::Tls).fail(io::Error::other("no TLS here")))
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_name_with_two_thousand_addresses_that_fail_costs_sixty_four_attempts() {
    let world = World::new();
    let all = flood(&world, "a.test", 2_000);
    let target = world.target("http://a.test");
    let error = reach(&world.layer().layer(failing_in_tls()), target.clone()).await.unwrap_err();
    assert_eq!(tried(&target.ctx), all[..64]);
    assert_eq!((error.attempts().len(), error.left_out()), (64, 1_936));
    let said = "could not connect to a.test at 10.0.0.1:80: tls failed; 1936 more addresses were not tried";
    assert_eq!(error.to_string(), said);
    let reported: Vec<_> =
        world.recorder.lines().into_iter().filter(|line| line.starts_with("addresses_left_out")).collect();
    assert_eq!(reported, ["addresses_left_out 1936 (64)"]);
}

/// Each is refused at once, so that a single race could try all of them.
#[tokio::test(start_paused = true)]
async fn nor_does_a_single_race_try_more() {
    let world = World::new();
    flood(&world, "a.test", 2_000);
    let target = world.target("http://a.test");
    let planner = world.layer().max_addresses(usize::MAX).layer(world.connector());
    let error = reach(&planner, target.clone()).await.unwrap_err();
    assert_eq!((tried(&target.ctx).len(), error.left_out()), (64, 1_936));
    assert_eq!(error.phase(), Some(Phase::Tcp));
}

#[tokio::test(start_paused = true)]
async fn both_limits_can_be_set_and_each_is_reported() {
    let world = World::new();
    flood(&world, "a.test", 200);
    // (addresses, attempts, tried, left out)
    for (addresses, attempts, expected, left_out) in
        [(100, 7, 7, 193), (5, 7, 5, 195), (0, 0, 1, 199), (199, 199, 199, 1), (200, 200, 200, 0)]
    {
        world.recorder.clear();
        let target = world.target("http://a.test");
        let layer = world.layer().max_addresses(addresses).max_attempts(attempts);
        let error = reach(&layer.layer(failing_in_tls()), target.clone()).await.unwrap_err();
        assert_eq!((tried(&target.ctx).len(), error.left_out()), (expected, left_out));
        let reported = world.recorder.recorded().into_iter().filter(|event| event.name == "addresses_left_out");
        let count = |detail: String| detail.split(' ').next().unwrap().parse::<usize>().unwrap();
        assert_eq!(reported.map(|event| count(event.detail.unwrap())).sum::<usize>(), left_out);
        assert_eq!(error.to_string().contains("not tried"), left_out > 0, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_family_with_many_addresses_leaves_room_for_the_other() {
    let world = World::new();
    let six = (1..=200).map(|n| format!("2001:db8::{n:x}").parse().unwrap());
    world.net.host("a.test", six.chain([addr(1).ip()]));
    world.up(1, 0);
    let link = reach(&world.planner(), world.target("http://a.test")).await.unwrap();
    assert_eq!(link.info.remote, at(1));
    assert_eq!(tried(link.info.route.ctx()).len(), 2, "by turns");
}

#[tokio::test(start_paused = true)]
async fn what_failed_recently_is_left_out_first() {
    let world = World::new();
    world.up(3, 0);
    world.host("a.test", [1, 2, 3]);
    let planner = world.layer().max_addresses(2).layer(world.connector());
    reach(&planner, world.target("http://a.test")).await.unwrap_err();
    let link = reach(&planner, world.target("http://a.test")).await.unwrap();
    assert_eq!(tried(link.info.route.ctx()), [at(3)]);
}

/// Attempts count over the addresses of the proxy and those that it is given. The next chain has attempts of its own.
#[tokio::test(start_paused = true)]
async fn each_chain_of_proxies_has_its_own_attempts() {
    let world = World::new();
    world.host("proxy.test", [7, 8, 9]);
    world.host("a.test", [1, 2, 3, 4, 5]);
    let connector = through_proxies(Phase::Tunnel, |_, _| true);
    let chains = || [vec![Proxy::parse("socks5://proxy.test:80").unwrap()], vec![]];
    let planner = world.layer().proxies(chains()).max_attempts(4).layer(connector);
    let target = world.target("http://a.test");
    let error = reach(&planner, target.clone()).await.unwrap_err();
    // Three for the origin's first address, one for its second, and a direct one.
    assert_eq!(tried(&target.ctx), [at(7), at(8), at(9), at(7), at(1), at(2), at(3), at(4)]);
    // Two addresses of the proxy, three that it would have been given, and one of the direct connection.
    assert_eq!(error.left_out(), 6);
}

/// Each call of a connector that logs no attempts counts as one.
#[tokio::test(start_paused = true)]
async fn calls_count_where_attempts_are_not_logged() {
    let world = World::new();
    flood(&world, "a.test", 50);
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let connector = service_fn(move |route: Route| {
        counted.fetch_add(1, Ordering::SeqCst);
        let endpoint = route.endpoints.snapshot().remove(0);
        async move { Err::<(), _>(ConnectError::from(io::Error::other("foreign")).at(endpoint)) }
    });
    let planner = world.layer().max_attempts(3).layer(connector);
    let error = reach(&planner, world.target("http://a.test")).await.unwrap_err();
    assert_eq!((calls.load(Ordering::SeqCst), error.left_out()), (3, 47));
}

/// A resolver whose stream of answers is always ready and never ends.
#[derive(Clone)]
struct Endless(Arc<AtomicUsize>);

impl futures_core::Stream for Endless {
    type Item = Result<Answer, ConnectError>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let n = self.0.fetch_add(1, Ordering::SeqCst) as u16;
        assert!(n < 1_000, "asked for ever");
        let six = SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, n], 80));
        let mut answer = Answer::only([Endpoint::from(([10, 0, 0, n as u8], 80)), six.into()]);
        answer.last = false;
        Poll::Ready(Some(Ok(answer)))
    }
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_never_stops_is_asked_no_more_when_the_list_is_full() {
    let world = World::new();
    let answers = Endless(Arc::default());
    let asked = Arc::clone(&answers.0);
    let resolver = service_fn(move |_: Query| std::future::ready(Ok::<_, ConnectError>(answers.clone())));
    let target = world.target("http://a.test");
    let planner = RouteLayer::new(resolver).max_addresses(10).layer(failing_in_tls());
    reach(&planner, target.clone()).await.unwrap_err();
    assert_eq!((tried(&target.ctx).len(), asked.load(Ordering::SeqCst)), (20, 10));
}

/// As when a server rejects keys of Encrypted Client Hello and gives its own.
#[tokio::test(start_paused = true)]
async fn an_endpoint_that_a_layer_below_connects_to_once_more_has_not_failed() {
    for again in [true, false] {
        let world = World::new();
        world.up(1, 0).up(2, 0).host("a.test", [1, 2]);
        let connector = world.connector();
        let planner = RouteLayer::new(world.net.resolver()).layer(service_fn(move |mut route: Route| {
            let connector = connector.clone();
            async move {
                let _ = route.attempt(at(1)).phase(Phase::Tls).fail(ConnectError::new(Phase::Tls, "other keys"));
                route.endpoints = Endpoints::fixed([at(if again { 1 } else { 2 })]);
                connector.oneshot(route).await
            }
        }));
        let link = reach(&planner, world.target("https://a.test")).await.unwrap();
        assert_eq!(link.info.route.feedback.unwrap().failed_recently(&at(1)), !again);
    }
}
