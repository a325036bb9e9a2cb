//! Opening connections: several addresses, none, and what the error tells of them.

use skybridge::{Delivery, Phase, types::Outcome};
use skybridge_testkit::origin::Origin;
use skybridge_tests::{World, addr, get, read};
use std::{io::ErrorKind, net::SocketAddr, time::Duration};
use tokio::time::Instant;

fn second() -> SocketAddr {
    "192.0.2.2:80".parse().unwrap()
}

fn two_addresses() -> World {
    let world = World::new();
    world.net.host("a.test", [addr().ip(), second().ip()]);
    world
}

#[tokio::test(start_paused = true)]
async fn a_black_hole_costs_a_quarter_of_a_second_and_only_once() {
    let world = two_addresses();
    world.net.at(addr()).black_hole();
    let origin = Origin::h1().serve_on(world.net.listen(second()));
    let client = world.client();
    let start = Instant::now();
    assert_eq!(read(client.request(get("/"))).await.unwrap(), "hello");
    assert_eq!(start.elapsed(), Duration::from_millis(250));
    assert_eq!(world.net.live_sockets_to(addr()), 0);

    // What failed is tried last, so the next connection waits for nothing.
    origin.close_all();
    origin.until_open(0).await;
    let start = Instant::now();
    assert_eq!(read(client.request(get("/"))).await.unwrap(), "hello");
    assert!(start.elapsed() <= Duration::from_millis(250));
    drop(client);
    world.assert_nothing_left().await;
}

#[tokio::test(start_paused = true)]
async fn refused_by_all_is_told_with_every_attempt() {
    let world = two_addresses();
    let client = world.client();
    let error = read(client.request(get("/"))).await.unwrap_err();
    assert!(error.is_connect() && !error.is_timeout() && !error.is_request());
    assert_eq!((error.delivery(), error.phase()), (Delivery::Unsent, Phase::Tcp));
    assert!(error.connection().is_none());
    let attempts = error.attempts();
    let endpoints: Vec<_> = attempts.iter().filter_map(|attempt| attempt.endpoint.inet()).collect();
    assert_eq!(endpoints, [addr(), second()]);
    for attempt in attempts {
        let Outcome::Failed(error) = &attempt.outcome else { panic!("{attempt}") };
        let cause = error.root_cause().downcast_ref::<std::io::Error>().unwrap();
        assert_eq!((attempt.phase, cause.kind()), (Phase::Tcp, ErrorKind::ConnectionRefused));
        assert!(attempt.to_string().contains("a.test"), "{attempt}");
    }
    drop(client);
    world.assert_nothing_left().await;
}

#[tokio::test(start_paused = true)]
async fn a_name_that_does_not_exist_is_an_error_of_resolving() {
    let world = World::new();
    let client = world.client();
    let error = read(client.get("http://unknown.test/")).await.unwrap_err();
    assert!(error.is_connect() && error.attempts().is_empty(), "{error:?}");
    assert_eq!((error.delivery(), error.phase()), (Delivery::Unsent, Phase::Resolve));
    assert_eq!(world.net.opened(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_address_that_comes_late_joins() {
    let world = World::new();
    world.net.at(addr()).black_hole();
    world.net.host("a.test", [addr().ip()]).then(Duration::from_millis(400), [second().ip()]);
    let _origin = Origin::h1().serve_on(world.net.listen(second()));
    let start = Instant::now();
    let client = world.client();
    assert_eq!(read(client.request(get("/"))).await.unwrap(), "hello");
    assert!(start.elapsed() < Duration::from_millis(402), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_address_needs_no_resolver() {
    let world = World::new();
    let _origin = Origin::h1().serve_on(world.listen());
    assert_eq!(read(world.client().get("http://192.0.2.1/")).await.unwrap(), "hello");
    assert_eq!(world.net.name("192.0.2.1").queries(), 0);
}
