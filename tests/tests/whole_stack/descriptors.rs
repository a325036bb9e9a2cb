//! The process has no descriptor for one more socket: what the pool has open is shared, and nobody notices.

use http::Request;
use skybridge::{Phase, RequestBody, RouteConfig};
use skybridge_testkit::{net::Listener, origin::Origin};
use skybridge_tests::{World, addr, all, get, h2, post, read};
use std::{net::SocketAddr, time::Duration};

const SOCKETS: usize = 56;

fn second() -> SocketAddr {
    "192.0.2.2:80".parse().unwrap()
}

/// A world with few descriptors, where each round trip takes a while.
fn small() -> World {
    let world = World::new();
    world.net.max_sockets(SOCKETS).host("b.test", [second().ip()]);
    for addr in [addr(), second()] {
        world.net.at(addr).latency(Duration::from_millis(5)).connect_latency(Duration::from_millis(10));
    }
    world
}

fn serve(listener: Listener) -> Origin {
    Origin::h1().serve_on(listener)
}

fn of_b(path: &str) -> Request<RequestBody> {
    Request::get(format!("http://b.test{path}")).body(RequestBody::empty()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn more_requests_than_descriptors_are_all_answered() {
    let world = small();
    let origin = serve(world.listen());
    let client = world.client();
    for answer in all((0..500).map(|_| read(client.request(get("/"))))).await {
        assert_eq!(answer.unwrap(), "hello");
    }
    assert_eq!(origin.connections(), SOCKETS);
    // So many may connect at once, and none of those that failed was tried again.
    assert_eq!(world.net.connects_to(addr()), 64);
    drop(client);
    world.assert_nothing_left().await;
}

#[tokio::test(start_paused = true)]
async fn those_of_another_origin_too() {
    let world = small();
    let origins = [serve(world.listen()), serve(world.net.listen(second()))];
    let client = world.client();
    let requests = (0..500).map(|n| if n % 2 == 0 { get("/") } else { of_b("/") });
    for answer in all(requests.map(|request| read(client.request(request)))).await {
        assert_eq!(answer.unwrap(), "hello");
    }
    // And one whose connections are all idle makes room for the other at once.
    for answer in all((0..100).map(|_| read(client.request(get("/"))))).await {
        assert_eq!(answer.unwrap(), "hello");
    }
    assert_eq!(origins.map(|origin| origin.exchanges().len()), [350, 250]);
    drop(client);
    world.assert_nothing_left().await;
}

#[tokio::test(start_paused = true)]
async fn http2_waits_for_a_connection_of_another_origin() {
    let world = small();
    world.net.max_sockets(1);
    let _others = serve(world.net.listen(second()));
    let origin = Origin::h2c().serve_on(world.listen());
    let client = world.client();
    let (theirs, mine) = tokio::join!(
        read(client.request(of_b("/"))),
        all((0..20).map(|n| read(client.request(h2(if n == 7 { post("once") } else { get("/") }))))),
    );
    assert_eq!(theirs.unwrap(), "hello");
    mine.into_iter().for_each(|answer| assert_eq!(answer.unwrap(), "hello"));
    assert_eq!((origin.connections(), origin.exchanges().len()), (1, 20), "each was sent once");
}

#[tokio::test(start_paused = true)]
async fn with_none_open_the_error_says_so() {
    let world = small();
    world.net.max_sockets(0);
    let _origin = serve(world.listen());
    let client = world.client();
    for answer in all((0..20).map(|_| read(client.request(get("/"))))).await {
        let error = answer.unwrap_err();
        assert!(error.is_out_of_descriptors() && error.is_connect(), "{error:?}");
        assert_eq!(error.phase(), Phase::Tcp);
    }
    // Each failed by a try of its own, and was tried once again at most.
    assert!(world.net.connects_to(addr()) <= 40, "{} tries", world.net.connects_to(addr()));
    world.net.max_sockets(1);
    assert_eq!(read(client.request(get("/"))).await.unwrap(), "hello");
    drop(client);
    world.assert_nothing_left().await;
}

#[tokio::test(start_paused = true)]
async fn it_is_not_the_addresss_fault() {
    let world = small();
    world.net.max_sockets(1).host("a.test", [addr().ip(), "192.0.2.3".parse().unwrap()]);
    let (origin, _others) = (serve(world.listen()), serve(world.net.listen(second())));
    let route = RouteConfig::new().max_attempts(1);
    let client = world.builder().route(route).build();
    let (theirs, mine) = tokio::join!(read(client.request(of_b("/"))), async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        read(client.request(get("/"))).await
    });
    assert_eq!((theirs.unwrap().as_ref(), mine.unwrap().as_ref()), ("hello", "hello"));
    // Nobody listens at the other address, which would have been tried first by now.
    assert_eq!((world.net.connects_to(addr()), origin.connections()), (2, 1));
}
