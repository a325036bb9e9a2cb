//! When the attempts of a race start and end, on virtual time.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use self::support::{World, addr, kind, ms, tried, v4, v6};
use skybridge_core::{
    Answer, ConnectError, Endpoint, Endpoints, FirstExchange, Link, Outcome, Phase, RouteFeedback, ServiceBinding, Span,
};
use skybridge_tcp::{NoEndpoint, RaceLayer};
use skybridge_testkit::{drop_walk::drop_walk, fixtures, net::Conn};
use std::{io::ErrorKind, sync::Arc, time::Duration};
use tower::{Layer, ServiceExt};

async fn race(world: &World, endpoints: &[String]) -> Result<Link<Conn>, ConnectError> {
    let race = RaceLayer::happy_eyeballs().layer(world.net.dialer());
    race.oneshot(world.route(endpoints.iter().map(String::as_str))).await
}

#[tokio::test(start_paused = true)]
async fn a_first_attempt_that_answers_in_time_is_alone() {
    let world = World::new();
    world.up(&v4(1), 240).up(&v4(2), 0);
    let link = race(&world, &[v4(1), v4(2)]).await.unwrap();
    assert_eq!(link.info.remote, fixtures::endpoint(&v4(1)));
    assert_eq!(world.trace(), ["t0 connect_start a1", "t240 connect_end a1"]);
    assert_eq!(world.net.connects_to(addr(&v4(2))), 0);
}

/// RFC 9460, section 3: in order of priority, families alternating within each, and what no record is about last.
#[tokio::test(start_paused = true)]
async fn what_https_records_prefer_goes_first_and_what_none_is_about_last() {
    let world = World::new();
    let (mut feed, endpoints) = Endpoints::feed();
    feed.extend([v6(9), v4(9)].map(|at| fixtures::endpoint(&at)));
    for (priority, list) in [(2, vec![v4(3), v6(3)]), (1, vec![v4(1), v4(2), v6(1)])] {
        let mut answer = Answer::only(list.iter().map(|at| fixtures::endpoint(at)));
        answer.service = Some(Arc::new(ServiceBinding::new(priority, "a.test")));
        feed.extend_by(answer);
    }
    feed.finish();
    let route = world.route_by(endpoints);
    RaceLayer::happy_eyeballs().layer(world.net.dialer()).oneshot(route.clone()).await.unwrap_err();
    assert_eq!(tried(&route), [v6(1), v4(1), v4(2), v6(3), v4(3), v6(9), v4(9)]);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_ready_at_once_waits_for_no_timer() {
    let world = World::new();
    world.up(&v4(1), 0);
    race(&world, &[v4(1)]).await.unwrap();
    assert_eq!(world.trace(), ["t0 connect_start a1", "t0 connect_end a1"]);
}

#[tokio::test(start_paused = true)]
async fn no_more_attempts_than_the_route_allows() {
    let world = World::new();
    world.up(&v4(3), 0);
    for (most, expected) in [(0, 0), (1, 1), (2, 2)] {
        let mut route = world.route([&*v4(1), &*v4(2), &*v4(3)]);
        route.max_attempts = most;
        let attempt_log = route.ctx().attempt_log().clone();
        RaceLayer::happy_eyeballs().layer(world.net.dialer()).oneshot(route).await.unwrap_err();
        assert_eq!(attempt_log.count(), expected);
    }
    // An attempt that is running is waited for, although no other may start.
    world.up(&v4(2), 600);
    let mut route = world.route([&*v4(1), &*v4(2), &*v4(3)]);
    route.max_attempts = 2;
    let link = RaceLayer::happy_eyeballs().layer(world.net.dialer()).oneshot(route).await.unwrap();
    assert_eq!(link.info.remote, fixtures::endpoint(&v4(2)));
}

#[tokio::test(start_paused = true)]
async fn a_delay_may_be_longer_than_time() {
    let world = World::new();
    world.up(&v4(1), 9_000).up(&v4(2), 0);
    let race = RaceLayer::happy_eyeballs().delay(Duration::MAX).layer(world.net.dialer());
    let link = race.oneshot(world.route([&*v4(1), &*v4(2)])).await.unwrap();
    assert_eq!((link.info.remote, world.elapsed()), (fixtures::endpoint(&v4(2)), 2_000), "it is 2 s");
}

#[tokio::test(start_paused = true)]
async fn the_first_wins_although_a_second_has_started() {
    let world = World::new();
    world.up(&v4(1), 260).up(&v4(2), 20);
    let link = race(&world, &[v4(1), v4(2)]).await.unwrap();
    assert_eq!(link.info.remote, fixtures::endpoint(&v4(1)));
    let trace = ["t0 connect_start a1", "t250 connect_start a2", "t260 connect_end a1", "t260 connect_dropped a2"];
    assert_eq!(world.trace(), trace);
}

#[tokio::test(start_paused = true)]
async fn the_second_wins_when_it_is_faster() {
    let world = World::new();
    world.up(&v4(1), 270).up(&v4(2), 9);
    let link = race(&world, &[v4(1), v4(2)]).await.unwrap();
    assert_eq!(link.info.remote, fixtures::endpoint(&v4(2)));
    let trace = ["t0 connect_start a1", "t250 connect_start a2", "t259 connect_end a2", "t259 connect_dropped a1"];
    assert_eq!(world.trace(), trace);
    assert_eq!(world.net.live_sockets(), 1, "the loser's socket is closed");
    let reports = link.info.route.ctx().attempt_log().reports();
    assert!(matches!(reports[0].outcome, Outcome::Abandoned), "{}", reports[0]);
    assert!(matches!(reports[1].outcome, Outcome::Connected), "{}", reports[1]);
    assert!(link.info.route.ctx().attempt_log().failed().is_empty(), "to lose is not to fail");
}

#[tokio::test(start_paused = true)]
async fn of_two_that_connect_at_once_the_older_wins() {
    let world = World::new();
    world.up(&v4(1), 260).up(&v4(2), 10);
    let link = race(&world, &[v4(1), v4(2)]).await.unwrap();
    assert_eq!(link.info.remote, fixtures::endpoint(&v4(1)));
}

#[tokio::test(start_paused = true)]
async fn starts_are_250_ms_apart() {
    let world = World::new();
    world.up(&v4(1), 520).up(&v4(2), 270).up(&v4(3), 0);
    let link = race(&world, &[v4(1), v4(2), v4(3)]).await.unwrap();
    assert_eq!(link.info.remote, fixtures::endpoint(&v4(3)));
    let starts = ["t0 connect_start a1", "t250 connect_start a2", "t500 connect_start a3", "t500 connect_end a3"];
    assert_eq!(world.trace()[..4], starts);
    assert_eq!(world.net.live_sockets(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_delay_can_be_set_from_100_ms_to_2_s() {
    for (set, is) in [(150, 150), (99, 100), (0, 100), (1_999, 1_999), (2_001, 2_000)] {
        let world = World::new();
        world.silent(&v4(1)).up(&v4(2), 0);
        let race = RaceLayer::happy_eyeballs().delay(ms(set)).layer(world.net.dialer());
        race.oneshot(world.route([&*v4(1), &*v4(2)])).await.unwrap();
        assert_eq!(world.elapsed(), is);
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_starts_at_once_when_one_fails() {
    let world = World::new();
    world.refuses(&v4(1), 20).up(&v4(2), 5);
    race(&world, &[v4(1), v4(2)]).await.unwrap();
    let trace = ["t0 connect_start a1", "t20 connect_failed a1", "t20 connect_start a2", "t25 connect_end a2"];
    assert_eq!(world.trace(), trace);
}

/// RFC 8305, section 5. OkHttp would wait for the 250 ms.
#[tokio::test(start_paused = true)]
async fn the_next_starts_at_once_also_while_another_is_running() {
    let world = World::new();
    world.silent(&v4(1)).refuses(&v4(2), 10).up(&v4(3), 5).silent(&v4(4));
    let link = race(&world, &[v4(1), v4(2), v4(3), v4(4)]).await.unwrap();
    assert_eq!((world.elapsed(), link.info.remote), (265, fixtures::endpoint(&v4(3))));
}

#[tokio::test(start_paused = true)]
async fn a_black_hole_costs_one_delay() {
    let world = World::new();
    world.silent(&v6(1)).up(&v4(1), 0);
    let link = race(&world, &[v4(1), v6(1)]).await.unwrap();
    assert_eq!((world.elapsed(), link.info.remote), (250, fixtures::endpoint(&v4(1))));
    assert_eq!(world.trace().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn the_only_failure_is_the_error() {
    let world = World::new();
    world.refuses(&v4(1), 3);
    let error = race(&world, &[v4(1)]).await.unwrap_err();
    assert_eq!((kind(&error), error.phase()), (ErrorKind::ConnectionRefused, Some(Phase::Tcp)));
    assert_eq!(error.endpoint(), Some(&fixtures::endpoint(&v4(1))));
    assert!(!error.is_fatal() && !error.is_timeout());
    assert_eq!(world.elapsed(), 3);
}

#[tokio::test(start_paused = true)]
async fn that_no_descriptor_is_left_goes_before_the_first_failure() {
    let world = World::new();
    world.refuses(&v4(1), 10).up(&v4(2), 0);
    let _held = world.net.connect(addr(&v4(2))).await.unwrap();
    let addrs = [v4(1), v4(2)];
    let take_last = async {
        tokio::time::sleep(ms(5)).await;
        // The first has its socket; when that is closed, there is none for the second.
        world.net.max_sockets(1);
    };
    let (raced, ()) = tokio::join!(race(&world, &addrs), take_last);
    assert!(raced.unwrap_err().is_out_of_descriptors());
}

#[tokio::test(start_paused = true)]
async fn when_all_fail_the_first_failure_is_the_error_and_the_log_has_all() {
    let world = World::new();
    world.net.at(addr(&v4(1))).fail(ErrorKind::HostUnreachable).connect_latency(ms(300));
    world.refuses(&v4(2), 10);
    let route = world.route([&*v4(1), &*v4(2)]);
    let race = RaceLayer::happy_eyeballs().layer(world.net.dialer());
    let error = race.oneshot(route.clone()).await.unwrap_err();
    assert_eq!(kind(&error), ErrorKind::ConnectionRefused, "at 260 ms, 40 before the other");
    assert_eq!(world.elapsed(), 300, "it waits for those that still run");
    assert_eq!(route.ctx().attempt_log().failed().len(), 2);
    world.recorder.assert_balanced();
}

#[tokio::test(start_paused = true)]
async fn families_take_turns_from_ipv6_on() {
    for (listed, started) in [
        (vec![v4(1), v4(2), v4(3), v6(1), v6(2)], vec![v6(1), v4(1), v6(2), v4(2), v4(3)]),
        (vec![v6(1), v6(2), v4(1)], vec![v6(1), v4(1), v6(2)]),
        (vec![v4(2), v4(1)], vec![v4(2), v4(1)]),
        (vec![v6(2), v6(1)], vec![v6(2), v6(1)]),
    ] {
        let world = World::new();
        let route = world.route(listed.iter().map(String::as_str));
        RaceLayer::happy_eyeballs().layer(world.net.dialer()).oneshot(route.clone()).await.unwrap_err();
        assert_eq!(tried(&route), started);
    }
}

#[tokio::test(start_paused = true)]
async fn so_many_of_ipv6_go_before_the_first_of_ipv4() {
    let listed = [v4(1), v4(2), v6(1), v6(2), v6(3)];
    for (count, started) in [
        (0, [v6(1), v4(1), v6(2), v4(2), v6(3)]),
        (1, [v6(1), v4(1), v6(2), v4(2), v6(3)]),
        (2, [v6(1), v6(2), v4(1), v6(3), v4(2)]),
        (9, [v6(1), v6(2), v6(3), v4(1), v4(2)]),
    ] {
        let world = World::new();
        let route = world.route(listed.iter().map(String::as_str));
        let race = RaceLayer::happy_eyeballs().first_family_count(count);
        race.layer(world.net.dialer()).oneshot(route.clone()).await.unwrap_err();
        assert_eq!(tried(&route), started, "{count}");
    }
}

/// A look-up that has answered with IPv4 addresses says this, if anything, so long after its first answer.
async fn first_answered_by_ipv4(layer: RaceLayer, resolved_before: u64, says: Option<(u64, &str)>) -> (String, u128) {
    let world = World::new();
    world.up(&v4(1), 0).up(&v6(1), 0);
    let (mut feed, endpoints) = Endpoints::feed();
    feed.extend([fixtures::endpoint(&v4(1))]);
    let mut route = world.route_by(endpoints);
    let answered = world.executor.runtime().now();
    route.resolved = Some(Span { start: answered, end: answered });
    tokio::time::sleep(ms(resolved_before)).await;
    let late = async {
        let Some((after, what)) = says else { return std::future::pending().await };
        tokio::time::sleep(ms(after - resolved_before)).await;
        if what.is_empty() {
            drop(feed);
        } else {
            feed.extend([fixtures::endpoint(what)]);
            std::future::pending::<()>().await;
        }
    };
    let race = layer.layer(world.net.dialer()).oneshot(route);
    tokio::select! {
        link = race => (link.unwrap().info.remote.to_string(), world.elapsed()),
        () = async { late.await; std::future::pending().await } => unreachable!(),
    }
}

/// RFC 8305, section 3. OkHttp has all addresses before it starts.
#[tokio::test(start_paused = true)]
async fn ipv4_that_is_found_first_waits_50_ms_for_ipv6() {
    let layer = RaceLayer::happy_eyeballs;
    let rows = [
        // After IPv6 it starts at once.
        (layer(), 0, Some((49, v6(1))), v6(1), 49),
        (layer(), 0, Some((51, v6(1))), v4(1), 50),
        (layer(), 0, None, v4(1), 50),
        // So it does when there is none.
        (layer(), 0, Some((20, String::new())), v4(1), 20),
        // More of the same family changes nothing.
        (layer(), 0, Some((20, v4(2))), v4(1), 50),
        // It counts from the answer, however late it connects.
        (layer(), 30, None, v4(1), 50),
        (layer(), 80, None, v4(1), 80),
        (layer().resolution_delay(ms(7)), 0, None, v4(1), 7),
        (layer().resolution_delay(ms(0)), 0, None, v4(1), 0),
        (layer().resolution_delay(Duration::MAX), 0, Some((4_000, String::new())), v4(1), 4_000),
        (RaceLayer::sequential(), 0, Some((49, v6(1))), v4(1), 49),
    ];
    for (layer, resolved_before, says, connected, after) in rows {
        let says = says.as_ref().map(|(after, what)| (*after, &**what));
        assert_eq!(first_answered_by_ipv4(layer, resolved_before, says).await, (connected, after), "{says:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn ipv6_that_is_found_first_waits_for_nothing() {
    let world = World::new();
    world.up(&v6(1), 0);
    let (mut feed, endpoints) = Endpoints::feed();
    feed.extend([fixtures::endpoint(&v6(1))]);
    RaceLayer::happy_eyeballs().layer(world.net.dialer()).oneshot(world.route_by(endpoints)).await.unwrap();
    assert_eq!(world.elapsed(), 0);
}

#[tokio::test(start_paused = true)]
async fn sequential_is_one_at_a_time_in_the_order_given() {
    let world = World::new();
    world.silent(&v4(1)).refuses(&v6(1), 7).up(&v4(2), 5);
    let route = world.route([&*v4(1), &*v6(1), &*v4(2)]);
    RaceLayer::sequential().timeout(ms(1000)).layer(world.net.dialer()).oneshot(route.clone()).await.unwrap();
    assert_eq!(tried(&route), [v4(1), v6(1), v4(2)]);
    assert_eq!(world.elapsed(), 1012);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_ends_after_10_s_and_has_failed() {
    let world = World::new();
    world.silent(&v4(1));
    let route = world.route([&*v4(1)]);
    let error = RaceLayer::happy_eyeballs().layer(world.net.dialer()).oneshot(route.clone()).await.unwrap_err();
    let timed_out = error.timed_out().unwrap();
    assert_eq!((timed_out.phase, timed_out.limit, world.elapsed()), (Phase::Tcp, ms(10_000), 10_000));
    assert_eq!(error.endpoint(), Some(&fixtures::endpoint(&v4(1))));
    assert_eq!(route.ctx().attempt_log().failed(), [fixtures::endpoint(&v4(1))], "so that nobody tries it again");
    assert_eq!(world.net.live_sockets(), 0);
    world.recorder.assert_balanced();
}

#[tokio::test(start_paused = true)]
async fn each_attempt_has_its_own_limit_and_a_requests_limit_goes_first() {
    let mut world = World::new();
    world.timeouts.attempt = Some(ms(1000));
    world.silent(&v4(1)).silent(&v4(2));
    race(&world, &[v4(1), v4(2)]).await.unwrap_err();
    assert_eq!(world.elapsed(), 1250);
}

#[tokio::test(start_paused = true)]
async fn without_endpoints_there_is_an_error_of_its_own() {
    let world = World::new();
    let error = race(&world, &[]).await.unwrap_err();
    assert!(error.source_as::<NoEndpoint>().is_some());
    assert_eq!(world.elapsed(), 0);
}

#[tokio::test(start_paused = true)]
async fn late_endpoints_join() {
    for (arrives, starts) in [(100, 250), (400, 400)] {
        let world = World::new();
        world.silent(&v4(1)).up(&v4(2), 5);
        let (mut feed, endpoints) = Endpoints::feed();
        feed.extend([fixtures::endpoint(&v4(1))]);
        let race = RaceLayer::happy_eyeballs().resolution_delay(ms(0)).layer(world.net.dialer());
        let late = async {
            tokio::time::sleep(ms(arrives)).await;
            feed.extend([fixtures::endpoint(&v4(2))]);
        };
        let (link, ()) = tokio::join!(race.oneshot(world.route_by(endpoints)), late);
        assert_eq!(link.unwrap().info.remote, fixtures::endpoint(&v4(2)));
        assert_eq!(world.trace()[1], format!("t{starts} connect_start a2"));
        assert_eq!(world.elapsed(), starts + 5);
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_endpoint_takes_its_familys_turn() {
    let world = World::new();
    for silent in [v6(1), v6(2), v4(1)] {
        world.silent(&silent);
    }
    let (mut feed, endpoints) = Endpoints::feed();
    feed.extend([fixtures::endpoint(&v6(1)), fixtures::endpoint(&v6(2))]);
    let route = world.route_by(endpoints);
    let race = RaceLayer::happy_eyeballs().layer(world.net.dialer()).oneshot(route.clone());
    let late = async {
        tokio::time::sleep(ms(100)).await;
        feed.extend([fixtures::endpoint(&v4(1))]);
        drop(feed);
    };
    let _ = tokio::join!(race, late);
    assert_eq!(tried(&route), [v6(1), v4(1), v6(2)]);
}

#[tokio::test(start_paused = true)]
async fn while_more_may_come_a_failure_of_all_is_not_the_end() {
    let world = World::new();
    world.refuses(&v4(1), 0).up(&v4(2), 0);
    let (mut feed, endpoints) = Endpoints::feed();
    feed.extend([fixtures::endpoint(&v4(1))]);
    let race = RaceLayer::happy_eyeballs().layer(world.net.dialer()).oneshot(world.route_by(endpoints));
    let late = async {
        tokio::time::sleep(ms(3000)).await;
        feed.extend([fixtures::endpoint(&v4(2))]);
    };
    let (link, ()) = tokio::join!(race, late);
    assert_eq!((link.unwrap().info.remote, world.elapsed()), (fixtures::endpoint(&v4(2)), 3000));
}

#[tokio::test(start_paused = true)]
async fn when_resolving_brings_nothing_its_error_is_the_races() {
    let world = World::new();
    let (feed, endpoints) = Endpoints::feed();
    feed.fail(ConnectError::new(Phase::Resolve, std::io::Error::from(ErrorKind::NotFound)));
    let race = RaceLayer::happy_eyeballs().layer(world.net.dialer());
    let error = race.oneshot(world.route_by(endpoints)).await.unwrap_err();
    assert_eq!(error.phase(), Some(Phase::Resolve));
}

#[derive(Debug)]
struct Postponed(Endpoint);

impl RouteFeedback for Postponed {
    fn report(&self, _: &Endpoint, _: FirstExchange<'_>) {}

    fn failed_recently(&self, endpoint: &Endpoint) -> bool {
        *endpoint == self.0
    }
}

#[derive(Debug)]
struct AllPostponed;

impl RouteFeedback for AllPostponed {
    fn report(&self, _: &Endpoint, _: FirstExchange<'_>) {}

    fn failed_recently(&self, _: &Endpoint) -> bool {
        true
    }
}

#[tokio::test(start_paused = true)]
async fn what_failed_recently_starts_last_whatever_its_family() {
    for layer in [RaceLayer::happy_eyeballs(), RaceLayer::sequential()] {
        let world = World::new();
        let mut route = world.route([&*v6(1), &*v4(1), &*v4(2)]);
        route.feedback = Some(Arc::new(Postponed(fixtures::endpoint(&v6(1)))));
        layer.layer(world.net.dialer()).oneshot(route.clone()).await.unwrap_err();
        assert_eq!(tried(&route), [v4(1), v4(2), v6(1)]);
    }
}

/// It may take connections quickly, and fail again: what works gets more time than it would beside a sound address.
#[tokio::test(start_paused = true)]
async fn what_failed_recently_waits_longer_for_what_is_slow() {
    let (good, bad) = (v4(1), v6(1));
    // How the good one fares, and when the race is decided for whom.
    type Row = (fn(&World, &str), u128, usize);
    let rows: [Row; 4] = [
        (|world, good| _ = world.up(good, 900), 900, 0),
        (|world, good| _ = world.up(good, 1200), 1000, 1),
        (|world, good| _ = world.silent(good), 1000, 1),
        (|world, good| _ = world.refuses(good, 100), 100, 1),
    ];
    for (i, (fare, when, winner)) in rows.into_iter().enumerate() {
        let world = World::new();
        world.up(&bad, 0);
        fare(&world, &good);
        let mut route = world.route([&*bad, &*good]);
        route.feedback = Some(Arc::new(Postponed(fixtures::endpoint(&bad))));
        let link = RaceLayer::happy_eyeballs().layer(world.net.dialer()).oneshot(route).await.unwrap();
        let winner = [&good, &bad][winner];
        assert_eq!((world.elapsed(), link.info.remote), (when, fixtures::endpoint(winner)), "row {i}");
    }
    // Where all failed recently none of them is any better.
    let world = World::new();
    world.silent(&good).up(&v4(2), 0);
    let mut route = world.route([&*good, &*v4(2)]);
    route.feedback = Some(Arc::new(AllPostponed));
    RaceLayer::happy_eyeballs().layer(world.net.dialer()).oneshot(route).await.unwrap();
    assert_eq!(world.elapsed(), 250);
    // At most as long as any delay may be.
    let world = World::new();
    world.up(&bad, 0).silent(&good);
    let mut route = world.route([&*bad, &*good]);
    route.feedback = Some(Arc::new(Postponed(fixtures::endpoint(&bad))));
    RaceLayer::happy_eyeballs().delay(ms(900)).layer(world.net.dialer()).oneshot(route).await.unwrap();
    assert_eq!(world.elapsed(), 2000);
}

/// A sound address that is found meanwhile has not to wait like that.
#[tokio::test(start_paused = true)]
async fn what_is_found_while_a_bad_address_waits_starts_at_once() {
    let world = World::new();
    world.silent(&v4(1)).up(&v6(1), 0).up(&v4(2), 0);
    let (mut feed, endpoints) = Endpoints::feed();
    feed.extend([fixtures::endpoint(&v6(1)), fixtures::endpoint(&v4(1))]);
    let mut route = world.route_by(endpoints);
    route.feedback = Some(Arc::new(Postponed(fixtures::endpoint(&v6(1)))));
    let race = RaceLayer::happy_eyeballs().layer(world.net.dialer()).oneshot(route);
    let late = async {
        tokio::time::sleep(ms(600)).await;
        feed.extend([fixtures::endpoint(&v4(2))]);
    };
    let (link, ()) = tokio::join!(race, late);
    assert_eq!((link.unwrap().info.remote, world.elapsed()), (fixtures::endpoint(&v4(2)), 600));
}

#[tokio::test(start_paused = true)]
async fn dropped_at_any_point_it_leaves_no_socket() {
    let walked = drop_walk(
        async || {
            let world = World::new();
            world.silent(&v6(1)).refuses(&v4(1), 10).up(&v6(2), 400).up(&v4(2), 60);
            let route = world.route([&*v6(1), &*v4(1), &*v6(2), &*v4(2)]);
            let race = RaceLayer::happy_eyeballs().layer(world.net.dialer()).oneshot(route);
            (world, async move { drop(race.await.unwrap()) })
        },
        async |world, _| {
            assert_eq!(world.net.live_sockets(), 0);
            assert_eq!(world.executor.tasks(), 0);
            world.recorder.assert_balanced();
        },
    )
    .await;
    assert!(walked.polls >= 4, "{walked:?}");
}

/// A foreign layer between the race and the dialer.
mod foreign_layers {
    use super::*;
    use tower::{ServiceBuilder, limit::ConcurrencyLimitLayer, service_fn, util::MapRequestLayer};

    #[tokio::test(start_paused = true)]
    async fn the_dialers_readiness_is_waited_for_by_each_attempt() {
        let world = World::new();
        world.silent(&v4(1)).up(&v4(2), 5);
        let race = ServiceBuilder::new()
            .layer(RaceLayer::happy_eyeballs().timeout(ms(1000)))
            .layer(ConcurrencyLimitLayer::new(1))
            .service(world.net.dialer());
        let link = race.oneshot(world.route([&*v4(1), &*v4(2)])).await.unwrap();
        // The second may not start beside the first: it waits from 250 ms until the first is over.
        assert_eq!((world.elapsed(), link.info.remote), (1005, fixtures::endpoint(&v4(2))));
        assert_eq!(world.trace()[2], "t1000 connect_start a2");
    }

    #[tokio::test(start_paused = true)]
    async fn a_foreign_layer_may_change_the_endpoint_of_an_attempt() {
        let world = World::new();
        world.up(&v4(9), 0);
        let race = ServiceBuilder::new()
            .layer(RaceLayer::happy_eyeballs())
            .layer(MapRequestLayer::new(|mut attempt: skybridge_core::Attempt| {
                attempt.endpoint = fixtures::endpoint(&v4(9));
                attempt
            }))
            .service(world.net.dialer());
        let link = race.oneshot(world.route([&*v4(1)])).await.unwrap();
        assert_eq!(link.info.remote, fixtures::endpoint(&v4(9)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_that_no_phase_guard_saw_is_in_the_log() {
        let world = World::new();
        let dialer = service_fn(|_: skybridge_core::Attempt| async {
            Err::<Link<Conn>, _>(ConnectError::from(std::io::Error::other("boom")))
        });
        let route = world.route([&*v4(1)]);
        let error = RaceLayer::happy_eyeballs().layer(dialer).oneshot(route.clone()).await.unwrap_err();
        assert_eq!(error.root_cause().to_string(), "boom");
        assert_eq!(route.ctx().attempt_log().failed(), [fixtures::endpoint(&v4(1))]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_fatal_error_ends_the_race() {
        let world = World::new();
        let net = world.net.clone();
        world.silent(&v4(1));
        let dialer = service_fn(move |attempt: skybridge_core::Attempt| {
            let net = net.clone();
            async move {
                if attempt.endpoint == fixtures::endpoint(&v4(2)) {
                    return Err(ConnectError::from(std::io::Error::other("forbidden")).fatal());
                }
                net.dialer().oneshot(attempt).await
            }
        });
        let route = world.route([&*v4(1), &*v4(2), &*v4(3)]);
        let error = RaceLayer::happy_eyeballs().layer(dialer).oneshot(route).await.unwrap_err();
        assert!(error.is_fatal());
        assert_eq!((world.elapsed(), world.net.live_sockets()), (250, 0));
        assert_eq!(world.net.connects_to(addr(&v4(3))), 0);
    }
}
