//! Which names are looked up, when, and for how long.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use self::support::{World, addr, at, ip, ms, plan, reach, tried};
use skybridge_core::{
    ConnectOptions, Delivery, Egress, EgressRefused, EgressRule, Endpoint, Error, Families, Phase, Plan, Proxy,
    ProxyKind,
};
use skybridge_dns::Fixed;
use skybridge_route::{NoAddresses, RouteLayer};
use skybridge_testkit::{drop_walk::drop_walk, fixtures};
use std::io::ErrorKind;
use tower::{Layer, util::BoxCloneService};

#[tokio::test(start_paused = true)]
async fn an_address_is_never_asked_for() {
    let world = World::new();
    for (url, endpoint) in [
        ("http://192.0.2.1", "192.0.2.1:80"),
        ("http://192.0.2.1.:81", "192.0.2.1:81"),
        ("https://[2001:db8::1]", "[2001:db8::1]:443"),
    ] {
        let plan = plan(&world.planner(), world.target(url)).await.unwrap();
        assert_eq!(plan.route().endpoints.snapshot(), [fixtures::endpoint(endpoint)]);
        assert!(plan.route().endpoints.is_complete());
    }
    assert_eq!(world.recorder.names(), ["addresses_found"; 3], "no phase was begun");
    assert_eq!(world.net.name("192.0.2.1").queries(), 0);
}

#[tokio::test(start_paused = true)]
async fn unresolved_names_are_left_to_the_connector_and_no_lookup_is_told() {
    let world = World::new();
    let planner = RouteLayer::unresolved().layer(world.connector());
    let named = plan(&planner, world.target("https://a.test:8443")).await.unwrap();
    assert_eq!(named.route().endpoints.snapshot(), [Endpoint::Name { host: "a.test".into(), port: 8443 }]);
    assert!(named.route().endpoints.is_complete() && named.route().resolved.is_none());
    assert_eq!(world.recorder.names(), Vec::<&str>::new());
    let known = plan(&planner, world.target("http://192.0.2.1")).await.unwrap();
    assert_eq!(known.route().endpoints.snapshot(), [at(1)]);
    // What it would be connected to is known to nobody here.
    let target = world.target_with("http://a.test", |options| options.egress = Egress::public());
    let error = plan(&planner, target).await.map(|_| ()).unwrap_err();
    assert!(error.is_fatal() && error.source_as::<EgressRefused>().is_some(), "{error:?}");
    // And a proxy that wants an address can't be told one.
    let socks = Proxy::new(ProxyKind::Socks5, "192.0.2.7", 1080);
    let target = world.target_with("http://a.test", |options| options.proxies = Some([socks].into()));
    let error = plan(&planner, target).await.map(|_| ()).unwrap_err();
    assert!(error.source_as::<NoAddresses>().is_some(), "{error:?}");
}

/// What is below may have no race that asks the egress policy.
#[tokio::test(start_paused = true)]
async fn where_nothing_is_resolved_a_known_address_passes_if_egress_allows_it() {
    let world = World::new();
    let planner = RouteLayer::unresolved().layer(world.connector());
    let allowed = || Egress::none().allow(EgressRule::new().network("192.0.2.1".parse().unwrap()));
    let proxy = |address: &str| vec![Proxy::new(ProxyKind::Http, address, 80)];
    let rows: [(&str, ConnectOptions, &[Endpoint]); 7] = [
        ("http://192.0.2.1", ConnectOptions::new(), &[at(1)]),
        ("http://192.0.2.1", ConnectOptions::new().egress(allowed()), &[at(1)]),
        ("http://192.0.2.2", ConnectOptions::new().egress(allowed()), &[]),
        ("http://a.test", ConnectOptions::new().dial([at(2), at(1)]).egress(allowed()), &[at(1)]),
        ("http://a.test", ConnectOptions::new().dial([at(2)]).egress(allowed()), &[]),
        ("http://a.test", ConnectOptions::new().proxies(proxy("192.0.2.1")).egress(allowed()), &[at(1)]),
        ("http://a.test", ConnectOptions::new().proxies(proxy("192.0.2.2")).egress(allowed()), &[]),
    ];
    for (url, options, expected) in rows {
        let planned = plan(&planner, world.target_with(url, |own| *own = options)).await;
        match planned {
            Ok(planned) => assert_eq!(planned.route().endpoints.snapshot(), expected, "{url}"),
            Err(error) => {
                assert!(expected.is_empty() && error.is_fatal(), "{error:?}");
                assert!(error.source_as::<EgressRefused>().is_some(), "{error:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_to_be_dialled_is_dialled_and_nobody_asked() {
    let world = World::new();
    world.up(7, 0);
    let target = world.target_with("http://a.test", |connect_options| connect_options.dial = Some([at(7)].into()));
    let link = reach(&world.planner(), target).await.unwrap();
    assert_eq!(link.info.remote, at(7));
    assert_eq!(world.net.name("a.test").queries(), 0);
}

#[tokio::test(start_paused = true)]
async fn another_host_is_looked_up_in_place_of_the_origins_unless_it_is_denied() {
    let world = World::new();
    world.up(7, 0).host("b.test", [7]);
    let port = at(7).inet().unwrap().port();
    let to = |host: &'static str, egress: Egress| {
        world.target_with("http://a.test", move |connect_options| {
            *connect_options = ConnectOptions::new().connect_to(host, port).unwrap().egress(egress);
        })
    };
    assert_eq!(reach(&world.planner(), to("B.test", Egress::any())).await.unwrap().info.remote, at(7));
    assert_eq!((world.net.name("a.test").queries(), world.net.name("b.test").queries()), (0, 1));
    let denied = Egress::any().deny(EgressRule::new().host("b.test").unwrap());
    let error = reach(&world.planner(), to("b.test", denied)).await.map(|_| ()).unwrap_err();
    assert!(error.is_fatal() && error.source_as::<EgressRefused>().is_some(), "{error:?}");
    assert_eq!(world.net.name("b.test").queries(), 1);
}

/// As any of tower's boxed services.
#[tokio::test(start_paused = true)]
async fn a_resolver_needs_to_be_no_sync() {
    let world = World::new();
    world.up(1, 0).host("a.test", [1]);
    let resolver = BoxCloneService::new(world.net.resolver());
    let planner = RouteLayer::new(resolver).layer(world.connector());
    assert_eq!(reach(&planner, world.target("http://a.test")).await.unwrap().info.remote, at(1));
}

#[tokio::test(start_paused = true)]
async fn a_name_is_asked_for_once_without_its_trailing_dot() {
    let world = World::new();
    world.host("a.test", [1, 2]);
    let plan = plan(&world.planner(), world.target("http://A.Test.:80")).await.unwrap();
    assert_eq!(plan.route().endpoints.snapshot(), [at(1), at(2)]);
    assert_eq!(world.net.name("a.test").queries(), 1);
    assert_eq!(world.net.connects_to(addr(1)), 0, "a plan opens no socket");
}

#[tokio::test(start_paused = true)]
async fn only_the_configured_families_are_asked_for() {
    let world = World::new();
    world.net.host("a.test", ["2001:db8::1".parse().unwrap(), addr(1).ip()]);
    let planner = world.layer().families(Families::V4).layer(world.connector());
    let plan = plan(&planner, world.target("http://a.test")).await.unwrap();
    assert_eq!(plan.route().endpoints.snapshot(), [at(1)]);
}

/// Whoever writes such an address asks no resolver, and is asked for no family.
#[tokio::test(start_paused = true)]
async fn an_address_of_another_family_is_not_connected_to() {
    let world = World::new();
    let v6 = fixtures::endpoint("[2001:db8::1]:80");
    let proxy = |host: &str| [Proxy::new(ProxyKind::Http, host, 80)];
    let planned = async |families, url: &str, options: ConnectOptions| {
        let planner = world.layer().families(families).layer(world.connector());
        let plan = plan(&planner, world.target_with(url, |own| *own = options)).await;
        plan.map(|plan| plan.route().endpoints.snapshot()).map_err(|error| error.root_cause().to_string())
    };
    let none = || Err("[2001:db8::1]:80 is no IPv4 address, and only such are connected to".to_owned());
    let own = ConnectOptions::new;
    let rows = [
        (Families::V4, "http://[2001:db8::1]", own(), none()),
        (Families::V4, "http://[::ffff:192.0.2.1]", own(), Ok(vec![at(1)])),
        (Families::V4, "http://a.test", own().connect_to("2001:db8::1", 80).unwrap(), none()),
        (Families::V4, "http://a.test", own().dial([v6.clone(), at(1)]), Ok(vec![at(1)])),
        (Families::V4, "http://a.test", own().proxies(proxy("2001:db8::1")), none()),
        // It is the proxy that connects to it.
        (Families::V4, "http://[2001:db8::1]", own().proxies(proxy("192.0.2.1")), Ok(vec![at(1)])),
        (Families::Both, "http://[2001:db8::1]", own(), Ok(vec![v6.clone()])),
        (Families::V6, "http://[2001:db8::1]", own(), Ok(vec![v6])),
        (
            Families::V6,
            "http://192.0.2.1",
            own(),
            Err("192.0.2.1:80 is no IPv6 address, and only such are connected to".to_owned()),
        ),
    ];
    for (families, url, options, expected) in rows {
        let what = format!("{families:?} {url} {options:?}");
        assert_eq!(planned(families, url, options).await, expected, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn behind_proxies_the_first_one_is_looked_up() {
    let world = World::new();
    world.net.host("proxy.test", [addr(9).ip()]);
    let proxies = [Proxy::new(ProxyKind::Http, "proxy.test", 3128), Proxy::new(ProxyKind::Http, "second.test", 8080)];
    let target = world.target_with("http://a.test", |connect_options| connect_options.proxies = Some(proxies.into()));
    let plan_a = plan(&world.planner(), target).await.unwrap();
    assert_eq!(plan_a.route().endpoints.snapshot(), [fixtures::endpoint("192.0.2.9:3128")]);
    assert_eq!(plan_a.route().proxies.len(), 2);
    assert_eq!(world.net.name("a.test").queries(), 0);

    let literal = [Proxy::new(ProxyKind::Http, "[::1]", 3128)];
    let target = world.target_with("http://a.test", |connect_options| connect_options.proxies = Some(literal.into()));
    let plan_b = plan(&world.planner(), target).await.unwrap();
    assert_eq!(plan_b.route().endpoints.snapshot(), [fixtures::endpoint("[::1]:3128")]);

    world.host("a.test", [1]);
    let target = world.target_with("http://a.test", |connect_options| connect_options.proxies = Some([].into()));
    let plan_c = plan(&world.planner(), target).await.unwrap();
    assert_eq!(plan_c.route().endpoints.snapshot(), [at(1)], "no proxies is directly");
}

#[tokio::test(start_paused = true)]
async fn a_slow_resolver_is_given_up_after_15_s() {
    let world = World::new();
    world.host("a.test", [1]).latency(ms(60_000));
    let error = reach(&world.planner(), world.target("http://a.test")).await.unwrap_err();
    let timed_out = error.timed_out().unwrap();
    assert_eq!((timed_out.phase, timed_out.limit, world.elapsed()), (Phase::Resolve, ms(15_000), 15_000));
    assert_eq!((error.phase(), error.route()), (Some(Phase::Resolve), Some("a.test")));
    assert_eq!(Error::from(error).delivery(), Delivery::Unsent);
    assert_eq!(world.recorder.names(), ["resolve_start", "resolve_failed"]);
}

/// The system's resolver sends its query again after 5 s, and some have a second server.
#[tokio::test(start_paused = true)]
async fn a_lost_packet_fails_no_lookup() {
    let world = World::new();
    world.up(1, 0).host("a.test", [1]).latency(ms(10_007));
    reach(&world.planner(), world.target("http://a.test")).await.unwrap();
    assert_eq!(world.elapsed(), 10_007);
}

#[tokio::test(start_paused = true)]
async fn a_requests_limit_goes_before_the_layers() {
    let mut world = World::new();
    world.host("a.test", [1]).latency(ms(60_000));
    let planner = world.layer().timeout(ms(700)).layer(world.connector());
    reach(&planner, world.target("http://a.test")).await.unwrap_err();
    assert_eq!(world.elapsed(), 700);
    world.timeouts.resolve = Some(ms(200));
    reach(&planner, world.target("http://a.test")).await.unwrap_err();
    assert_eq!(world.elapsed(), 900);
}

#[tokio::test(start_paused = true)]
async fn a_failed_lookup_is_the_error() {
    let world = World::new();
    world.net.name("a.test").fail(ErrorKind::TimedOut);
    let error = reach(&world.planner(), world.target("http://a.test")).await.unwrap_err();
    assert_eq!(error.source_as::<std::io::Error>().unwrap().kind(), ErrorKind::TimedOut);
    assert_eq!((error.phase(), error.route()), (Some(Phase::Resolve), Some("a.test")));
    assert_eq!(world.recorder.names(), ["resolve_start", "resolve_failed"]);
    assert_eq!(error.to_string(), "could not connect to a.test: resolve failed");
}

#[tokio::test(start_paused = true)]
async fn no_addresses_are_an_error_that_names_the_host() {
    let world = World::new();
    world.host("a.test", []);
    let error = reach(&world.planner(), world.target("http://a.test")).await.unwrap_err();
    assert_eq!(&*error.source_as::<NoAddresses>().unwrap().host, "a.test");
    assert_eq!(error.phase(), Some(Phase::Resolve));
}

#[tokio::test(start_paused = true)]
async fn the_plan_is_there_with_the_first_addresses_and_late_ones_join_the_race() {
    let world = World::new();
    world.net.at(addr(1)).black_hole();
    world.up(2, 5);
    world.host("a.test", []).then(ms(30), [addr(1).ip()]).then(ms(100), [addr(2).ip()]);
    let plan = plan(&world.planner(), world.target("http://a.test")).await.unwrap();
    assert_eq!(world.elapsed(), 30);
    let endpoints = plan.route().endpoints.clone();
    assert_eq!((endpoints.snapshot(), endpoints.is_complete()), (vec![at(1)], false));
    let link = plan.connect().await.unwrap();
    assert_eq!((link.info.remote, world.elapsed()), (at(2), 335), "50 ms for IPv6, and a delay of 250 ms");
    assert_eq!(endpoints.snapshot(), [at(1), at(2)], "every handle sees them");
    let resolved = link.info.timings.get(Phase::Resolve).unwrap();
    assert_eq!(resolved.elapsed(), ms(30));
}

/// Not so when nobody waits for the rest any more, or it fails: who has no address in the list may have one all the
/// same.
#[tokio::test(start_paused = true)]
async fn a_list_is_whole_once_the_resolver_has_said_all_of_it() {
    let world = World::new();
    world.up(1, 0).up(2, 1_000).host("a.test", [1]);
    let first = plan(&world.planner(), world.target("http://a.test")).await.unwrap();
    assert!(first.route().endpoints.is_whole());

    world.host("a.test", [1]).then(ms(100), [addr(2).ip()]);
    let dropped = plan(&world.planner(), world.target("http://a.test")).await.unwrap();
    let endpoints = dropped.route().endpoints.clone();
    drop(dropped);
    assert!(endpoints.is_complete() && !endpoints.is_whole());

    for fails in [false, true] {
        let host = world.host("a.test", [2]);
        host.then(ms(100), [addr(1).ip()]);
        if fails {
            host.fail(ErrorKind::TimedOut);
        }
        let late = plan(&world.planner(), world.target("http://a.test")).await.unwrap();
        let endpoints = late.route().endpoints.clone();
        late.connect().await.unwrap();
        assert_eq!((endpoints.snapshot(), endpoints.is_whole()), (vec![at(2), at(1)], !fails));
    }
}

#[tokio::test(start_paused = true)]
async fn when_all_have_failed_late_ones_are_waited_for() {
    let world = World::new();
    world.up(2, 0);
    world.host("a.test", [1]).then(ms(900), [addr(2).ip()]);
    let link = reach(&world.planner(), world.target("http://a.test")).await.unwrap();
    assert_eq!((link.info.remote, world.elapsed()), (at(2), 900));
}

#[tokio::test(start_paused = true)]
async fn but_not_longer_than_resolving_may_take() {
    let world = World::new();
    world.host("a.test", [1]).latency(ms(100)).hang();
    let error = reach(&world.planner(), world.target("http://a.test")).await.unwrap_err();
    assert_eq!(world.elapsed(), 15_000);
    assert_eq!((error.phase(), error.endpoint()), (Some(Phase::Tcp), Some(&at(1))), "the refusal came first");
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_fails_late_spoils_nothing() {
    let world = World::new();
    world.up(1, 400);
    world.host("a.test", [1]).then(ms(100), []).fail(ErrorKind::Other);
    let link = reach(&world.planner(), world.target("http://a.test")).await.unwrap();
    assert_eq!(link.info.remote, at(1));
}

#[tokio::test(start_paused = true)]
async fn egress_reaches_the_race() {
    let world = World::new();
    let target = world.target_with("http://10.0.0.1", |connect_options| connect_options.egress = Egress::public());
    let error = reach(&world.planner(), target).await.unwrap_err();
    assert!(error.is_fatal());
    assert!(error.root_cause().to_string().contains("10.0.0.1:80"));
}

#[tokio::test(start_paused = true)]
async fn a_resolver_may_answer_with_unix_sockets_and_ports() {
    let world = World::new();
    let unix = Endpoint::from(std::path::PathBuf::from("/run/a"));
    let planner = RouteLayer::new(Fixed::new([unix.clone(), fixtures::endpoint(&ip(1))])).layer(world.connector());
    let plan = plan(&planner, world.target("http://a.test:8080")).await.unwrap();
    assert_eq!(plan.route().endpoints.snapshot(), [unix, at(1)]);
}

#[tokio::test(start_paused = true)]
async fn dropped_at_any_point_nothing_is_left() {
    let walked = drop_walk(
        async || {
            let world = World::new();
            world.net.at(addr(1)).black_hole();
            world.up(2, 30).up(3, 300).tls_fails(2, false);
            world.host("a.test", [1]).latency(ms(10)).then(ms(20), [addr(2).ip()]).then(ms(20), [addr(3).ip()]);
            let (planner, target) = (world.planner(), world.target("http://a.test"));
            (world, async move { drop(reach(&planner, target).await.unwrap()) })
        },
        async |world, _| {
            assert_eq!(world.net.live_sockets(), 0);
            assert_eq!(world.executor.spawned(), 0);
            world.recorder.assert_balanced();
        },
    )
    .await;
    assert!(walked.polls >= 5, "{walked:?}");
}

mod cancelling {
    use super::*;
    use futures_core::Stream;
    use skybridge_core::{Answer, ConnectError, Query};
    use std::{
        future::{Ready, ready},
        pin::Pin,
        sync::Arc,
        task::{Context, Poll},
    };
    use tower::service_fn;

    /// Answers once and then never again. Its token counts how many streams are alive.
    struct Alive(Option<Answer>, #[expect(dead_code, reason = "counted")] Arc<()>);

    impl Stream for Alive {
        type Item = Result<Answer, ConnectError>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            self.0.take().map_or(Poll::Pending, |answer| Poll::Ready(Some(Ok(answer))))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_plan_cancels_its_query() {
        let world = World::new();
        let alive = Arc::new(());
        let counted = Arc::clone(&alive);
        let resolver = service_fn(move |_: Query| -> Ready<Result<Alive, ConnectError>> {
            let mut answer = Answer::only([at(1)]);
            answer.last = false;
            ready(Ok(Alive(Some(answer), Arc::clone(&counted))))
        });
        let planner = RouteLayer::new(resolver).layer(world.connector());
        let before = Arc::strong_count(&alive);
        let plan = plan(&planner, world.target("http://a.test")).await.unwrap();
        assert!(Arc::strong_count(&alive) > before);
        let endpoints = plan.route().endpoints.clone();
        drop(plan);
        assert_eq!(Arc::strong_count(&alive), before);
        assert!(endpoints.is_complete(), "nobody waits for more");
        assert_eq!(tried(&world.ctx()), []);
    }
}

/// HTTPS records (RFC 9460): when they are asked for, and what of them is used.
mod https_records {
    use super::*;
    use futures_core::Stream;
    use skybridge_core::{Answer, ConnectError, EchMode, HttpVersions, Query, ServiceBinding};
    use std::{
        collections::VecDeque,
        pin::Pin,
        sync::{Arc, Mutex},
        task::{Context, Poll},
    };
    use tower::service_fn;

    struct Scripted(VecDeque<Answer>);

    impl Stream for Scripted {
        type Item = Result<Answer, ConnectError>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            Poll::Ready(self.0.pop_front().map(Ok))
        }
    }

    /// Of these priorities at these addresses: what is spoken there, and `e` where it has keys. `None` is no record's.
    fn answers(script: &[(Option<u16>, &[usize], &str)]) -> VecDeque<Answer> {
        let answer = |(priority, ns, versions): &(Option<u16>, &[usize], &str)| {
            let mut answer = Answer::only(ns.iter().map(|n| at(*n)));
            answer.last = false;
            answer.service = priority.map(|priority| {
                let mut service = ServiceBinding::new(priority, "b.test");
                (service.http1, service.http2) = (versions.contains('1'), versions.contains('2'));
                service.ech = versions.contains('e').then(|| [0].into());
                Arc::new(service)
            });
            answer
        };
        script.iter().map(answer).collect()
    }

    type Asked = Arc<Mutex<Vec<(String, bool)>>>;

    /// A resolver that answers so, and what it was asked: each host, and whether its record was wanted.
    fn resolver(answers: VecDeque<Answer>) -> (impl skybridge_core::Resolver, Asked) {
        let asked = Asked::default();
        let noted = Arc::clone(&asked);
        let resolver = service_fn(move |query: Query| {
            noted.lock().unwrap().push((query.host.to_string(), query.https_record));
            let answers = Scripted(answers.clone());
            std::future::ready(Ok::<_, ConnectError>(answers))
        });
        (resolver, asked)
    }

    #[tokio::test(start_paused = true)]
    async fn they_are_asked_for_of_https_origins_without_a_proxy() {
        let world = World::new();
        let (resolver, asked) = resolver(answers(&[(None, &[1], "")]));
        let planner = RouteLayer::new(resolver).layer(world.connector());
        let via = |kind: ProxyKind| {
            world
                .target_with("https://a.test", |options| options.proxies = Some([Proxy::new(kind, "p.test", 1)].into()))
        };
        for target in [world.target("https://a.test"), world.target("http://a.test"), via(ProxyKind::Http)] {
            plan(&planner, target).await.unwrap();
        }
        plan(&planner, via(ProxyKind::Socks5)).await.unwrap();
        let asked: Vec<_> = asked.lock().unwrap().iter().map(|(host, https)| format!("{host} {https}")).collect();
        let expected = ["a.test true", "a.test false", "p.test false", "p.test false", "a.test false"];
        assert_eq!(asked, expected, "a proxy's record is never asked for, nor the origin's behind one");
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_service_that_can_be_reached_is_and_the_name_itself_last() {
        let world = World::new();
        world.net.at(addr(1)).black_hole();
        world.up(2, 0).up(3, 0).tls_fails(2, false);
        let script = answers(&[(Some(1), &[1], "12"), (Some(2), &[2], "12"), (None, &[3], "")]);
        let planner = RouteLayer::new(resolver(script).0).layer(world.connector());
        let target = world.target("https://a.test");
        let ctx = target.ctx.clone();
        let link = reach(&planner, target).await.unwrap();
        assert_eq!((link.info.remote, tried(&ctx)), (at(3), vec![at(1), at(2), at(1), at(3)]));
    }

    /// RFC 9848, section 5.1.
    #[tokio::test(start_paused = true)]
    async fn a_name_that_is_to_be_hidden_is_not_shown_elsewhere_where_all_records_have_keys() {
        let rows = [
            (Some(EchMode::Offer), "12e", false),
            (Some(EchMode::Require), "12e", false),
            (Some(EchMode::Offer), "12", true),
            (Some(EchMode::Grease), "12e", true),
            (Some(EchMode::Off), "12e", true),
            (None, "12e", true),
        ];
        for (mode, keys, falls_back) in rows {
            let world = World::new();
            world.up(1, 0).up(2, 0).up(3, 0).tls_fails(1, false).tls_fails(2, false);
            let script = answers(&[(Some(1), &[1], "12e"), (Some(2), &[2], keys), (None, &[3], "")]);
            let planner = RouteLayer::new(resolver(script).0).layer(world.connector());
            let target = world.target_with("https://a.test", |options| options.ech = mode);
            let ctx = target.ctx.clone();
            let reached = reach(&planner, target).await;
            let rest: &[Endpoint] = if falls_back { &[at(3)] } else { &[] };
            assert_eq!(tried(&ctx), [&[at(1), at(2)], rest].concat(), "{mode:?}");
            assert_eq!(reached.map(|link| link.info.remote).ok().as_slice(), rest, "{mode:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn services_that_speak_no_wanted_version_are_left_out() {
        let world = World::new();
        let script = [(Some(1), &[1][..], "2"), (Some(2), &[2], "1"), (Some(3), &[3], ""), (None, &[1, 4], "")];
        world.up(1, 500).up(2, 500).up(4, 500);
        let known = async |versions: HttpVersions, url: &str| {
            let planner = RouteLayer::new(resolver(answers(&script)).0).layer(world.connector());
            let target = world.target_with(url, |options| options.http_versions = versions);
            let plan = plan(&planner, target).await.unwrap();
            let endpoints = plan.route().endpoints.clone();
            plan.connect().await.unwrap();
            let service = |endpoint: &Endpoint| endpoints.service(endpoint).map(|service| service.priority);
            endpoints.snapshot().iter().map(|endpoint| (endpoint.clone(), service(endpoint))).collect::<Vec<_>>()
        };
        let of = |list: &[(usize, Option<u16>)]| list.iter().map(|(n, of)| (at(*n), *of)).collect::<Vec<_>>();
        let https = "https://a.test";
        assert_eq!(known(HttpVersions::Any, https).await, of(&[(1, Some(1)), (2, Some(2)), (4, None)]));
        assert_eq!(known(HttpVersions::Http1, https).await, of(&[(2, Some(2)), (1, None), (4, None)]));
        assert_eq!(known(HttpVersions::Http2, https).await, of(&[(1, Some(1)), (4, None)]));
        let unasked = known(HttpVersions::Any, "http://a.test").await;
        assert_eq!(unasked, of(&[(1, None), (4, None)]), "nobody asked for a record");
    }

    #[tokio::test(start_paused = true)]
    async fn egress_judges_the_addresses_of_services_and_their_hints() {
        let world = World::new();
        world.up(1, 0);
        let mut script = answers(&[(Some(1), &[], "12"), (None, &[1], "")]);
        script[0].early = true;
        script[0].endpoints = vec![fixtures::endpoint("10.0.0.1:80")];
        let planner = RouteLayer::new(resolver(script).0).layer(world.connector());
        let network = "10.0.0.0/8".parse().unwrap();
        let target = world.target_with("https://a.test", |options| {
            options.egress = Egress::any().deny(skybridge_core::EgressRule::new().network(network));
        });
        let link = reach(&planner, target).await.unwrap();
        assert_eq!((link.info.remote, world.net.connects_to("10.0.0.1:80".parse().unwrap())), (at(1), 0));
    }
}

/// Lookups that wait for others, in the system's resolver and in one of our own.
mod queued {
    use super::*;
    use futures_core::Stream;
    use skybridge_core::{Answer, BoxFuture, ConnectError, Ctx, Query, Runtime, Sleep};
    use skybridge_dns::System;
    use std::{
        collections::VecDeque,
        future::{Ready, ready},
        io,
        pin::Pin,
        sync::{Arc, Mutex},
        task::{Context, Poll},
        time::{Duration, Instant},
    };
    use tower::service_fn;

    /// The test's runtime, but that blocking work is run by hand.
    struct ByHand {
        runtime: Arc<dyn Runtime>,
        work: Mutex<VecDeque<Box<dyn FnOnce() + Send>>>,
    }

    impl Runtime for ByHand {
        fn now(&self) -> Instant {
            self.runtime.now()
        }
        fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
            self.runtime.sleep_until(deadline)
        }
        fn spawn(&self, task: BoxFuture<()>) {
            self.runtime.spawn(task);
        }
        fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) {
            self.work.lock().unwrap().push_back(work);
        }
    }

    impl ByHand {
        /// The first lookups of this number end.
        fn run(&self, count: usize) {
            for _ in 0..count {
                let work = self.work.lock().unwrap().pop_front();
                work.unwrap()();
            }
        }
    }

    /// Names whose servers don't answer keep all threads busy: the one that is fine waits, and is found.
    #[tokio::test(start_paused = true)]
    async fn dead_names_do_not_fail_one_that_is_fine() {
        let world = World::new();
        world.up(1, 0);
        let system = System::blocking(|host, _| match host {
            "a.test" => Ok(vec![addr(1)]),
            _ => Err(io::Error::from(ErrorKind::TimedOut)),
        });
        let by_hand = Arc::new(ByHand { runtime: world.executor.runtime(), work: Mutex::default() });
        let ctx = || Ctx::new(by_hand.clone()).observer(Some(world.recorder.clone()));
        let planner = RouteLayer::new(system).layer(world.connector());
        let dead = (0..200).map(|n| Box::pin(reach(&planner, fixtures::target(&format!("http://d{n}.test"), ctx()))));
        let mut dead: Vec<_> = dead.collect();
        for lookup in &mut dead {
            assert!(std::future::poll_fn(|cx| Poll::Ready(lookup.as_mut().poll(cx))).await.is_pending());
        }
        let busy = by_hand.work.lock().unwrap().len();
        assert_eq!(busy, 128, "the others have not begun");
        world.recorder.clear();

        let fine = reach(&planner, fixtures::target("http://a.test", ctx()));
        let threads_come_free = async {
            world.executor.runtime().sleep_until(world.executor.runtime().now() + ms(14_000)).await;
            by_hand.run(busy);
            // What had waited has begun now, and takes long too.
            world.executor.runtime().sleep_until(world.executor.runtime().now() + ms(14_000)).await;
            let left = by_hand.work.lock().unwrap().len();
            by_hand.run(left);
        };
        let (found, ()) = tokio::join!(fine, threads_come_free);
        assert_eq!(found.unwrap().info.remote, at(1));
        assert_eq!(world.elapsed(), 28_000);
        let names = world.recorder.names();
        assert_eq!(
            names[..5],
            ["resolve_start", "lookup_queue_start", "lookup_queue_end", "addresses_found", "resolve_end"]
        );
    }

    /// What a script of answers says, each after a while.
    struct Script(Ctx, VecDeque<(Duration, Result<Answer, ConnectError>)>, Option<Pin<Box<dyn Sleep>>>);

    impl Stream for Script {
        type Item = Result<Answer, ConnectError>;

        fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            let Self(ctx, answers, timer) = &mut *self;
            let Some((after, _)) = answers.front() else { return Poll::Ready(None) };
            let timer = timer.get_or_insert_with(|| ctx.runtime().sleep_until(ctx.runtime().now() + *after));
            std::task::ready!(timer.as_mut().poll(cx));
            self.2 = None;
            Poll::Ready(self.1.pop_front().map(|(_, answer)| answer))
        }
    }

    /// After how many milliseconds there is a connection, or a failure in this phase.
    type Found = Result<u128, (Phase, u128)>;
    type Says = (u64, fn() -> Result<Answer, ConnectError>);

    fn queued() -> Result<Answer, ConnectError> {
        Ok(Answer::queued())
    }

    fn begun() -> Result<Answer, ConnectError> {
        Ok(Answer::default())
    }

    fn found() -> Result<Answer, ConnectError> {
        Ok(Answer::only([at(1)]))
    }

    fn failed() -> Result<Answer, ConnectError> {
        Err(ConnectError::from(io::Error::other("down")))
    }

    async fn ask(world: &World, says: &'static [Says]) -> Result<u128, ConnectError> {
        let resolver = service_fn(move |query: Query| -> Ready<Result<Script, ConnectError>> {
            let answers = says.iter().map(|(after, says)| (ms(*after), says())).collect();
            ready(Ok(Script(query.ctx, answers, None)))
        });
        let planner = RouteLayer::new(resolver).timeout(ms(1000)).layer(world.connector());
        reach(&planner, world.target("http://a.test")).await.map(|_| world.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_has_a_limit_and_a_phase_of_its_own() {
        let rows: [(&'static [Says], Found); 7] = [
            (&[(0, queued), (900, begun), (900, found)], Ok(1800)),
            (&[(0, queued), (900, found)], Ok(900)),
            (&[(900, queued), (900, begun), (900, found)], Ok(2700)),
            (&[(0, queued), (1100, begun), (0, found)], Err((Phase::LookupQueue, 1000))),
            (&[(0, queued), (900, begun), (1100, found)], Err((Phase::Resolve, 1900))),
            (&[(0, queued), (900, failed)], Err((Phase::LookupQueue, 900))),
            (&[(0, queued)], Err((Phase::Resolve, 0))),
        ];
        for (says, expected) in rows {
            let world = World::new();
            world.up(1, 0);
            let result = ask(&world, says).await;
            let result = result.map_err(|error| (error.phase().unwrap(), world.elapsed()));
            assert_eq!(result, expected);
            world.recorder.assert_balanced();
        }
    }

    fn hinted() -> Result<Answer, ConnectError> {
        let mut answer = Answer::only([at(9)]);
        (answer.early, answer.last) = (true, false);
        Ok(answer)
    }

    fn given() -> Result<Answer, ConnectError> {
        let mut answer = Answer::only([at(1)]);
        answer.overridden = true;
        Ok(answer)
    }

    /// The first answer within the phase of resolving, the others after it, each with where its addresses come from.
    #[tokio::test(start_paused = true)]
    async fn addresses_are_told_as_they_come_and_where_from() {
        let rows: [(&'static [Says], &[&str]); 3] = [
            (&[(0, found)], &["addresses_found a.test 192.0.2.1:80 (resolver)", "resolve_end"]),
            (&[(0, given)], &["addresses_found a.test 192.0.2.1:80 (overrides)", "resolve_end"]),
            (
                &[(0, hinted), (5, found)],
                &[
                    "addresses_found a.test 192.0.2.9:80 (hints)",
                    "resolve_end",
                    "addresses_found a.test 192.0.2.1:80 (resolver)",
                ],
            ),
        ];
        for (says, expected) in rows {
            let world = World::new();
            world.up(1, 0);
            ask(&world, says).await.unwrap();
            let lines = world.recorder.lines();
            let lines: Vec<_> =
                lines.iter().filter(|line| line.starts_with("addresses") || *line == "resolve_end").collect();
            assert_eq!(lines, expected);
        }
    }

    /// It is never more than twice the limit, whatever a resolver says.
    #[tokio::test(start_paused = true)]
    async fn one_that_says_again_and_again_that_it_waits_is_given_up() {
        let world = World::new();
        let error = ask(&world, &[(0, queued), (900, queued), (900, queued), (900, queued)]).await.unwrap_err();
        assert_eq!((error.phase(), world.elapsed()), (Some(Phase::Resolve), 1900));
    }

    #[tokio::test(start_paused = true)]
    async fn a_requests_limit_of_resolving_is_that_of_waiting_too() {
        let mut world = World::new();
        world.timeouts.resolve = Some(ms(200));
        let error = ask(&world, &[(0, queued), (900, found)]).await.unwrap_err();
        assert_eq!((error.phase(), world.elapsed()), (Some(Phase::LookupQueue), 200));
        assert_eq!(error.timed_out().unwrap().to_string(), "lookup_queue took longer than 200ms");
        let names = world.recorder.names();
        assert_eq!(names, ["resolve_start", "lookup_queue_start", "lookup_queue_failed", "resolve_failed"]);
    }
}
