//! Connections that take no more requests, if asked: their certificate has expired, or their origin has moved.

use http::{Request, StatusCode};
use http_body_util::BodyExt;
use skybridge::{
    H1, H2, NegotiateLayer, PoolConfig, PoolLayer, RaceLayer, RequestBody, RetryLayer, RouteLayer,
    tower::{ServiceBuilder, ServiceExt},
};
use skybridge_testkit::{certs::Ca, executor::run_until_idle, origin::Origin};
use skybridge_tests::{World, get, read};
use skybridge_tls::{Roots, TlsConfig, TlsLayer};
use std::{net::SocketAddr, time::Duration};

const SECOND: Duration = Duration::from_secs(1);

fn at(last: u8, port: u16) -> SocketAddr {
    ([192, 0, 2, last], port).into()
}

/// By the system's clock, which goes on a little while this runs.
#[tokio::test(start_paused = true)]
async fn a_connection_takes_no_requests_once_its_certificate_has_expired() {
    for http2 in [false, true] {
        for drains in [true, false] {
            let (world, ca) = (World::new(), Ca::new("a root"));
            let origin = if http2 { Origin::h2c() } else { Origin::h1() };
            let origin = origin.tls(&ca.expiring(["a.test"], 1_000 * SECOND)).serve_on(world.net.listen(at(1, 443)));
            let config = PoolConfig::new().idle_timeout(Duration::MAX).drain_expired_certificates(drains);
            let trusting = TlsConfig::builder().roots(Roots::Given(vec![ca.der()])).build().unwrap();
            let stack = ServiceBuilder::new()
                .layer(RetryLayer::safe())
                .layer(PoolLayer::shared(world.executor.runtime()).config(config).observer(world.recorder.clone()))
                .layer(RouteLayer::new(world.net.resolver()))
                .layer(NegotiateLayer::new(H1::new(), H2::new()))
                .layer(TlsLayer::new(trusting))
                .layer(RaceLayer::happy_eyeballs())
                .service(world.net.dialer());
            for _ in 0..3 {
                let request = Request::get("https://a.test/").body(RequestBody::empty()).unwrap();
                let response = stack.clone().oneshot(request).await.unwrap();
                assert_eq!(response.status(), StatusCode::OK);
                response.into_body().collect().await.unwrap();
                tokio::time::sleep(800 * SECOND).await;
            }
            // The certificate is still good by the clock that a handshake asks.
            assert_eq!(origin.connections(), if drains { 2 } else { 1 }, "HTTP/2 {http2}");
            let lines = world.recorder.lines();
            assert_eq!(lines.iter().any(|line| line.ends_with("c1 certificate_expired")), drains);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_up_that_has_another_address_takes_out_what_leads_to_the_old_one() {
    for drains in [true, false] {
        let world = World::new();
        let origins = [1, 2].map(|last| Origin::h1().serve_on(world.net.listen(at(last, 80))));
        let client = world.builder().pool(PoolConfig::new().drain_moved(drains)).build();
        let old = client.request(get("/")).await.unwrap();
        world.net.host("a.test", [at(2, 80).ip()]);
        // The first is in use: another is needed.
        let (new, old) = (client.request(get("/")).await.unwrap(), old);
        old.into_body().text().await.unwrap();
        new.into_body().text().await.unwrap();
        run_until_idle().await;
        assert_eq!(client.stats().idle, if drains { 1 } else { 2 });
        for _ in 0..3 {
            read(client.request(get("/"))).await.unwrap();
        }
        assert_eq!(origins.map(|origin| origin.connections()), [1, 1]);
    }
}

/// The addresses come in two answers. What came first alone doesn't say that the others are gone.
#[tokio::test(start_paused = true)]
async fn a_look_up_that_ends_before_all_of_it_is_here_takes_out_nothing() {
    let world = World::new();
    let _origins = [1, 2].map(|last| Origin::h1().serve_on(world.net.listen(at(last, 80))));
    let client = world.builder().pool(PoolConfig::new().drain_moved(true)).build();
    let old = client.request(get("/")).await.unwrap();
    world.net.host("a.test", [at(2, 80).ip()]).then(SECOND, [at(1, 80).ip()]);
    let (new, old) = (client.request(get("/")).await.unwrap(), old);
    old.into_body().text().await.unwrap();
    new.into_body().text().await.unwrap();
    run_until_idle().await;
    assert_eq!((client.stats().idle, world.recorder.count("connection_draining")), (2, 0));
}
