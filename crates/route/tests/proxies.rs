//! In which order proxies are tried, and what is remembered of them.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use self::support::{World, addr, at, ms, plan, reach, tried};
use skybridge_core::{
    ConnectError, Delivery, Endpoint, Error, FirstExchange, Outcome, Partition, Phase, Plan, Planner, Proxy,
    ProxyError, ProxyKind, Route,
};
use skybridge_route::{ProxyOrder, RouteLayer};
use skybridge_testkit::net::Names;
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tower::{Layer, ServiceExt, service_fn};

/// The proxy that listens at the n-th address.
fn proxy(n: usize) -> Proxy {
    Proxy::new(ProxyKind::Http, &*format!("p{n}.test"), 80)
}

/// Chains of one proxy each; 0 is a direct connection.
fn chains(ns: impl IntoIterator<Item = usize>) -> Vec<Vec<Proxy>> {
    ns.into_iter().map(|n| if n == 0 { vec![] } else { vec![proxy(n)] }).collect()
}

/// The origin is at the first address, and proxies have names with an address each.
fn world() -> World {
    let world = World::new();
    world.host("a.test", [1]);
    world.host("b.test", [1]);
    for n in 2..8 {
        world.host(&format!("p{n}.test"), [n]);
    }
    world
}

fn layer(world: &World, ns: impl IntoIterator<Item = usize>) -> RouteLayer<Names> {
    world.layer().proxies(chains(ns))
}

/// How a connection to `a.test` was found: what it was tried at, what answered, and how long it took.
async fn connect<P>(planner: &P, world: &World) -> (Vec<Endpoint>, Endpoint, u128)
where
    P: Planner<Plan: Plan<Connection = skybridge_core::Link<skybridge_testkit::net::Conn>>>,
{
    let (start, target) = (world.elapsed(), world.target("http://a.test"));
    let link = reach(planner, target.clone()).await.unwrap();
    (tried(&target.ctx), link.info.remote, world.elapsed() - start)
}

async fn first_hop<P: Planner>(planner: &P, world: &World, url: &str) -> Endpoint {
    plan(planner, world.target(url)).await.unwrap().route().endpoints.snapshot().remove(0)
}

/// Only the first connection waits for a proxy that is down. It is tried first again after five minutes.
#[tokio::test(start_paused = true)]
async fn a_proxy_that_is_down_costs_one_connection_its_time() {
    let world = world();
    world.net.at(addr(2)).black_hole();
    world.up(3, 0);
    let planner = layer(&world, [2, 3]).layer(world.connector());
    assert_eq!(connect(&planner, &world).await, (vec![at(2), at(3)], at(3), 10_000));
    for _ in 0..3 {
        assert_eq!(connect(&planner, &world).await, (vec![at(3)], at(3), 0));
    }
    assert_eq!(first_hop(&planner, &world, "http://b.test").await, at(3), "it is down for every origin");
    tokio::time::sleep(ms(5 * 60 * 1000)).await;
    assert_eq!(connect(&planner, &world).await, (vec![at(2), at(3)], at(3), 10_000));
}

/// What is refused here, by a limit of a layer below or a full queue, is no proxy's failure.
#[tokio::test(start_paused = true)]
async fn what_is_refused_before_any_attempt_is_not_remembered() {
    let world = world();
    world.up(2, 0).up(3, 0);
    let (connector, refused) = (world.connector(), Arc::new(AtomicBool::new(false)));
    let connector = service_fn(move |route: Route| {
        let (connector, refuses) = (connector.clone(), !refused.swap(true, Ordering::Relaxed));
        async move {
            if refuses {
                return Err(ConnectError::from(io::Error::other("full")));
            }
            connector.oneshot(route).await
        }
    });
    let planner = layer(&world, [2, 3]).layer(connector);
    assert_eq!(connect(&planner, &world).await, (vec![at(3)], at(3), 0));
    assert_eq!(connect(&planner, &world).await, (vec![at(2)], at(2), 0));
}

/// The selector is told once, as the first attempt failed by its own limit.
#[tokio::test(start_paused = true)]
async fn an_unreachable_proxy_is_given_up_by_the_limit_of_an_attempt() {
    let mut world = world();
    world.timeouts.attempt = Some(ms(100));
    world.net.at(addr(2)).black_hole();
    world.up(3, 0);
    let planner = layer(&world, [2, 3]).layer(world.connector());
    let target = world.target("http://a.test");
    reach(&planner, target.clone()).await.unwrap();
    let reports = target.ctx.attempt_log().reports();
    assert_eq!(reports.len(), 2);
    let Outcome::Failed(error) = &reports[0].outcome else { unreachable!("{reports:?}") };
    assert_eq!(error.timed_out().unwrap().to_string(), "tcp took longer than 100ms");
    assert_eq!(connect(&planner, &world).await, (vec![at(3)], at(3), 0));
}

/// What a timer may start is an address of the same proxy, and nothing that goes another way.
#[tokio::test(start_paused = true)]
async fn nothing_goes_direct_beside_a_proxy_that_is_slow() {
    let world = world();
    world.net.at(addr(2)).black_hole();
    world.up(1, 0);
    let planner = layer(&world, [2, 0]).layer(world.connector());
    let connecting = reach(&planner, world.target("http://a.test"));
    let waited = tokio::time::timeout(ms(9_999), connecting).await;
    assert!(waited.is_err());
    assert_eq!(world.net.connects_to(addr(1)), 0);
    assert_eq!(connect(&planner, &world).await, (vec![at(2), at(1)], at(1), 10_000));
}

/// A failing proxy is no reason to go without one sooner than was asked for: it is tried, but not for long.
#[tokio::test(start_paused = true)]
async fn a_proxy_that_is_down_stays_before_a_direct_connection_and_gets_a_short_attempt() {
    let world = world();
    world.net.at(addr(2)).black_hole();
    world.up(1, 0);
    let planner = layer(&world, [2, 0]).layer(world.connector());
    assert_eq!(connect(&planner, &world).await, (vec![at(2), at(1)], at(1), 10_000));
    for _ in 0..3 {
        assert_eq!(connect(&planner, &world).await, (vec![at(2), at(1)], at(1), 2_000));
    }
    // The short attempts don't count: after five minutes it has all the time again.
    tokio::time::sleep(ms(5 * 60 * 1000 - 6_000)).await;
    assert_eq!(connect(&planner, &world).await, (vec![at(2), at(1)], at(1), 10_000));

    world.net.at(addr(2)).heal();
    world.up(2, 1_900);
    assert_eq!(connect(&planner, &world).await, (vec![at(2)], at(2), 1_900));
    world.net.at(addr(2)).connect_latency(ms(5_000));
    assert_eq!(connect(&planner, &world).await, (vec![at(2)], at(2), 5_000), "it worked, so it has all its time");
}

#[tokio::test(start_paused = true)]
async fn the_order_and_the_short_attempt_can_be_set() {
    let rows = [
        (ProxyOrder::Listed, [2, 3, 0], vec![at(2), at(3)], 700),
        (ProxyOrder::FailedLast, [2, 3, 0], vec![at(3)], 0),
        (ProxyOrder::FailedLast, [2, 0, 3], vec![at(3)], 0),
        (ProxyOrder::FailedLastOrDirect, [2, 0, 3], vec![at(1)], 0),
    ];
    for (order, listed, expected, took) in rows {
        let world = world();
        world.net.at(addr(2)).black_hole();
        world.up(3, 0).up(1, 0);
        let layer = layer(&world, listed).proxy_order(order).failed_proxy_timeout(ms(700));
        let planner = layer.layer(world.connector());
        connect(&planner, &world).await;
        let last = expected.last().unwrap().clone();
        assert_eq!(connect(&planner, &world).await, (expected, last, took), "{order:?} {listed:?}");
    }
}

/// When nothing else is left, there is no hurry.
#[tokio::test(start_paused = true)]
async fn the_last_one_has_all_its_time_though_it_failed() {
    let world = world();
    world.net.at(addr(2)).black_hole();
    world.net.at(addr(3)).black_hole();
    let planner = layer(&world, [2, 3]).layer(world.connector());
    reach(&planner, world.target("http://a.test")).await.unwrap_err();
    world.net.at(addr(3)).heal();
    world.up(3, 9_000);
    assert_eq!(connect(&planner, &world).await, (vec![at(2), at(3)], at(3), 11_000));
    let alone = layer(&world, [2]).layer(world.connector());
    reach(&alone, world.target("http://a.test")).await.unwrap_err();
    world.net.at(addr(2)).heal();
    world.up(2, 9_000);
    assert_eq!(connect(&alone, &world).await, (vec![at(2)], at(2), 9_000));
}

/// The short limit is of reaching the proxy. What it needs for the rest is its own.
#[tokio::test(start_paused = true)]
async fn a_proxy_that_is_reached_has_the_usual_limits_from_then_on() {
    let world = world();
    world.up(1, 0);
    let planner = layer(&world, [2, 0]).layer(slow_tunnel(&world));
    reach(&planner, world.target("http://a.test")).await.unwrap();
    world.up(2, 100);
    let start = world.elapsed();
    assert_eq!(reach(&planner, world.target("http://a.test")).await.unwrap(), at(2));
    assert_eq!(world.elapsed() - start, 5_100);
}

/// Behind a proxy what comes after TCP takes five seconds.
fn slow_tunnel(
    world: &World,
) -> impl tower::Service<Route, Response = Endpoint, Error = ConnectError, Future: Send> + Clone + Send + Sync + use<> {
    let inner = world.connector();
    service_fn(move |route: Route| {
        let inner = inner.clone();
        async move {
            let link = inner.oneshot(route.clone()).await?;
            if !route.proxies.is_empty() {
                let guard = link.phase(Phase::Tunnel);
                tokio::time::sleep(ms(5_000)).await;
                let _ = guard.done();
            }
            Ok(link.info.remote)
        }
    })
}

/// The socket is opened, and behind it everything fails: which proxy that is depends on the origin.
#[tokio::test(start_paused = true)]
async fn what_fails_behind_a_proxy_counts_for_its_origin_alone() {
    let world = world();
    world.up(2, 0).up(3, 0).tls_fails(2, false);
    let planner = layer(&world, [2, 3]).layer(world.connector());
    assert_eq!(connect(&planner, &world).await, (vec![at(2), at(3)], at(3), 0));
    assert_eq!(connect(&planner, &world).await, (vec![at(3)], at(3), 0));
    assert_eq!(first_hop(&planner, &world, "http://b.test").await, at(2));
}

#[tokio::test(start_paused = true)]
async fn a_first_exchange_that_fails_through_a_proxy_lets_the_next_connection_go_through_the_other() {
    let world = world();
    let planner = layer(&world, [2, 3, 0]).layer(world.connector());
    for phase in [Phase::Send, Phase::Wait, Phase::Body] {
        let feedback = plan(&planner, world.target("http://a.test")).await.unwrap().route().feedback.clone().unwrap();
        feedback
            .report(&at(2), FirstExchange::Failed(&Error::new(Delivery::Unknown, phase, io::Error::other("reset"))));
        assert_eq!(first_hop(&planner, &world, "http://a.test").await, at(3), "{phase}");
        assert_eq!(first_hop(&planner, &world, "http://b.test").await, at(2), "{phase}");
        feedback.report(&at(2), FirstExchange::Completed);
        assert_eq!(first_hop(&planner, &world, "http://a.test").await, at(2), "{phase}");
    }
}

/// The proxy's name is looked up anew for each attempt at it, and an unknown name in between ends nothing.
#[tokio::test(start_paused = true)]
async fn a_proxy_that_is_listed_twice_is_tried_twice() {
    let world = world();
    world.host("p3.test", []).latency(ms(10)).fail(io::ErrorKind::NotFound);
    let planner = layer(&world, [2, 3, 2]).layer(world.connector());
    let target = world.target("http://a.test");
    let error = reach(&planner, target.clone()).await.unwrap_err();
    assert_eq!((error.phase(), error.endpoint()), (Some(Phase::Tcp), Some(&at(2))), "the first");
    assert_eq!(tried(&target.ctx), [at(2), at(2)]);
    assert_eq!(world.net.name("p2.test").queries(), 2);

    // It is the third that works.
    let planner = layer(&world, [2, 3, 2]).layer(world.connector());
    let plan = plan(&planner, world.target("http://a.test")).await.unwrap();
    let comes_up = async {
        tokio::time::sleep(ms(5)).await;
        world.up(2, 0);
    };
    let (link, ()) = tokio::join!(plan.connect(), comes_up);
    assert_eq!(link.map(|link| link.info.remote).unwrap(), at(2));
}

/// A name that doesn't answer would hold up each connection by the limit of resolving.
#[tokio::test(start_paused = true)]
async fn a_proxy_whose_name_is_not_found_comes_last_and_is_not_waited_for_long() {
    let world = world();
    world.host("p2.test", []).hang();
    world.up(1, 0).up(3, 0);
    let with_another = layer(&world, [2, 3]).layer(world.connector());
    assert_eq!(connect(&with_another, &world).await, (vec![at(3)], at(3), 15_000));
    assert_eq!(connect(&with_another, &world).await, (vec![at(3)], at(3), 0));
    let or_direct = layer(&world, [2, 0]).layer(world.connector());
    assert_eq!(connect(&or_direct, &world).await, (vec![at(1)], at(1), 15_000));
    assert_eq!(connect(&or_direct, &world).await, (vec![at(1)], at(1), 2_000));
}

#[tokio::test(start_paused = true)]
async fn a_port_that_no_proxy_can_have_is_one_that_is_down() {
    let world = world();
    world.up(3, 0);
    let zero = Proxy::new(ProxyKind::Http, "p2.test", 0);
    let planner = world.layer().proxies([[zero], [proxy(3)]]).layer(world.connector());
    let target = world.target("http://a.test");
    let link = reach(&planner, target.clone()).await.unwrap();
    assert_eq!(link.info.remote, at(3));
    let reports = target.ctx.attempt_log().reports();
    assert_eq!((reports.len(), reports[0].phase), (2, Phase::Tcp));
    assert_eq!(connect(&planner, &world).await, (vec![at(3)], at(3), 0));
}

#[tokio::test(start_paused = true)]
async fn partitions_learn_nothing_of_each_others_proxies_and_memory_can_be_turned_off() {
    let world = world();
    world.up(3, 0);
    let planner = layer(&world, [2, 3]).layer(world.connector());
    let other =
        world.target_with("http://a.test", |connect_options| connect_options.partition = Some(Partition::new("other")));
    reach(&planner, other).await.unwrap();
    assert_eq!(first_hop(&planner, &world, "http://a.test").await, at(2));
    let planner = layer(&world, [2, 3]).remember_failures(ms(0)).layer(world.connector());
    reach(&planner, world.target("http://a.test")).await.unwrap();
    assert_eq!(first_hop(&planner, &world, "http://a.test").await, at(2));
}

/// A fatal failure, as a refused password, is no reason to go another way, now or later.
#[tokio::test(start_paused = true)]
async fn a_fatal_failure_behind_a_proxy_is_not_remembered() {
    let world = world();
    world.up(2, 0).up(3, 0).tls_fails(2, true);
    let planner = layer(&world, [2, 3]).layer(world.connector());
    for _ in 0..2 {
        let error = reach(&planner, world.target("http://a.test")).await.unwrap_err();
        assert_eq!((error.is_fatal(), error.endpoint()), (true, Some(&at(2))));
    }
}

/// Nobody is asked for it, and no other way taken in its place.
#[tokio::test(start_paused = true)]
async fn a_proxy_whose_name_cannot_be_converted_is_refused_before_anything_is_looked_up() {
    let world = world();
    let refused = Proxy::new(ProxyKind::Http, "a\u{ff0f}b.test", 80);
    let layer = world.layer().proxies([vec![proxy(2), refused], vec![]]);
    let error = reach(&layer.layer(world.net.connector()), world.target("http://a.test")).await.unwrap_err();
    assert!(error.is_fatal() && error.source_as::<ProxyError>().is_some(), "{error:?}");
    assert_eq!((world.net.name("p2.test").queries(), world.net.opened()), (0, 0));
}
