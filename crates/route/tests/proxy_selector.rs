//! Who names the proxies of an origin, and when it is asked.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use self::support::{World, at, plan, reach, tried};
use skybridge_core::{Advice, ConnectError, Endpoint, Error, Origin, Phase, Plan, Planner, Proxy, ProxyKind, Resolver};
use skybridge_route::{EnvironmentProxies, NothingSelected, ProxyVariableError, RouteConfig, RouteLayer};
use std::{
    convert::Infallible,
    io,
    sync::{Arc, Mutex},
};
use tower::{Layer, service_fn};

type Chains = Vec<Arc<[Proxy]>>;

/// The proxy that listens at the n-th address.
fn proxy(n: usize) -> Proxy {
    Proxy::new(ProxyKind::Http, &*format!("192.0.2.{n}"), 80)
}

/// The origin is at the first address, and three proxies behind it.
fn world() -> World {
    let world = World::new();
    world.host("a.test", [1]);
    world.host("b.test", [1]);
    for n in 1..4 {
        world.up(n, 0);
    }
    world
}

async fn first_hop<P: Planner>(planner: &P, world: &World, url: &str) -> Endpoint {
    plan(planner, world.target(url)).await.unwrap().route().endpoints.snapshot().remove(0)
}

#[tokio::test(start_paused = true)]
async fn each_origin_goes_by_the_chains_that_are_selected_for_it_in_their_order() {
    let world = world();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let selector = service_fn(move |origin: Origin| {
        seen.lock().unwrap().push(origin.to_string());
        let chains: Chains = match origin.name() {
            "a.test" => vec![[proxy(2)].into(), [proxy(3)].into()],
            _ => vec![[].into()],
        };
        async move { Ok::<_, Infallible>(chains) }
    });
    let planner = world.layer().proxy_selector(selector).layer(world.connector());
    assert_eq!(first_hop(&planner, &world, "http://b.test").await, at(1));
    world.net.at(support::addr(2)).refuse();
    let target = world.target("https://a.test:444");
    reach(&planner, target.clone()).await.unwrap();
    assert_eq!(tried(&target.ctx), [at(2), at(3)]);
    // What failed is remembered of them, too.
    assert_eq!(first_hop(&planner, &world, "http://a.test").await, at(3));
    assert_eq!(*asked.lock().unwrap(), ["http://b.test", "https://a.test:444", "http://a.test"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_direct_that_is_not_listed_whatever_fails() {
    let world = world();
    world.net.at(support::addr(2)).refuse();
    let selector = service_fn(|_: Origin| async { Ok::<_, Infallible>([[proxy(2)].into()]) });
    let planner = world.layer().proxy_selector(selector).layer(world.connector());
    assert_eq!(reach(&planner, world.target("http://a.test")).await.unwrap_err().endpoint(), Some(&at(2)));

    let nothing = service_fn(|_: Origin| async { Ok::<_, Infallible>(Chains::new()) });
    for layer in [world.layer().proxy_selector(nothing), world.layer().proxies(Chains::new())] {
        let error = reach(&layer.layer(world.connector()), world.target("http://a.test")).await.unwrap_err();
        assert!(error.is_fatal() && error.source_as::<NothingSelected>().is_some(), "{error:?}");
        let expected = "the list of proxies names no way to http://a.test, not even a direct one";
        assert_eq!(error.root_cause().to_string(), expected);
        // No name was looked up.
        assert_eq!(Error::from(error).advice(), Some(Advice::ProxySelection));
    }
    assert_eq!(world.net.connects_to(support::addr(1)), 0);
}

#[tokio::test(start_paused = true)]
async fn a_selector_that_fails_fails_the_connect_with_its_own_error() {
    let world = world();
    let broken = service_fn(|_: Origin| async { Err::<Chains, _>(io::Error::other("no script")) });
    let planner = world.layer().proxy_selector(broken).layer(world.connector());
    let error = reach(&planner, world.target("http://a.test")).await.unwrap_err();
    assert_eq!((error.phase(), error.is_fatal(), error.attempts().len()), (Some(Phase::Acquire), true, 0));
    assert_eq!(error.source_as::<io::Error>().unwrap().to_string(), "no script");
    assert_eq!(world.net.connects_to(support::addr(1)), 0);
    // No name was looked up, and nothing says so.
    let error = Error::from(error);
    assert_eq!(error.advice(), Some(Advice::ProxySelection));
    let sentence = error.to_string();
    assert!(sentence.contains("the proxy selector failed: no script") && !sentence.contains("name"), "{sentence}");
}

#[tokio::test(start_paused = true)]
async fn a_selector_may_say_itself_what_its_failure_means() {
    let world = world();
    let says = |_: Origin| async { Err::<Chains, _>(ConnectError::new(Phase::Tls, "a pin").advise(Advice::Pins)) };
    let planner = world.layer().proxy_selector(service_fn(says)).layer(world.connector());
    let error = reach(&planner, world.target("http://a.test")).await.unwrap_err();
    assert_eq!((error.phase(), error.advice(), error.is_fatal()), (Some(Phase::Tls), Some(Advice::Pins), true));
}

#[tokio::test(start_paused = true)]
async fn a_request_with_proxies_of_its_own_asks_no_selector() {
    let world = world();
    let never = service_fn(|_: Origin| async { Err::<Chains, _>(io::Error::other("asked")) });
    let planner = world.layer().proxy_selector(never).layer(world.connector());
    for (own, expected) in [(vec![], at(1)), (vec![proxy(3)], at(3))] {
        let target = world.target_with("http://a.test", |options| options.proxies = Some(own.into()));
        assert_eq!(reach(&planner, target).await.unwrap().info.remote, expected);
    }
}

/// Of the two settings the last call counts.
#[tokio::test(start_paused = true)]
async fn a_list_and_a_selector_replace_each_other() {
    let world = world();
    let selector = service_fn(|_: Origin| async { Ok::<_, Infallible>([[proxy(2)].into()]) });
    let config = RouteConfig::new().proxies([[proxy(3)]]).proxy_selector(selector);
    let selected = world.layer().config(config.clone()).layer(world.connector());
    assert_eq!(first_hop(&selected, &world, "http://a.test").await, at(2));
    let listed = world.layer().config(config.proxies([[proxy(3)]])).layer(world.connector());
    assert_eq!(first_hop(&listed, &world, "http://a.test").await, at(3));
}

fn with_environment<R: Resolver>(layer: RouteLayer<R>, variables: &'static [(&str, &str)]) -> RouteLayer<R> {
    let find = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
    layer.proxy_selector(EnvironmentProxies::of(find))
}

#[tokio::test(start_paused = true)]
async fn a_bad_variable_fails_the_requests_that_need_it_and_is_never_a_direct_connection() {
    let world = world();
    let variables =
        &[("https_proxy", "socks://me:hunter2@192.0.2.2"), ("http_proxy", "192.0.2.3"), ("no_proxy", "b.test")];
    let planner = with_environment(world.layer(), variables).layer(world.connector());
    assert_eq!(first_hop(&planner, &world, "http://a.test").await, at(3));
    let direct = first_hop(&planner, &world, "https://b.test").await;
    assert_eq!(direct.inet().map(|addr| addr.ip()), at(1).inet().map(|addr| addr.ip()));
    let error: ConnectError = reach(&planner, world.target("https://a.test")).await.unwrap_err();
    assert_eq!(error.source_as::<ProxyVariableError>().map(ProxyVariableError::name), Some("https_proxy"));
    assert!(error.is_fatal() && !format!("{error:?}").contains("hunter2"), "{error:?}");
    assert_eq!(world.net.connects_to(support::addr(2)), 0);
}
