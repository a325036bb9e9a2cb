//! How many round trips there are before the first byte of an answer, by each way: no fewer are possible.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use skybridge::{Proxy, Roots, TlsConfig, TlsLayer};
use skybridge_testkit::{
    certs::Ca,
    origin::{Builder, Origin},
    proxy::ProxyServer,
};
use skybridge_tests::World;
use std::{net::SocketAddr, time::Duration};
use tokio::time::Instant;

const ONE_WAY: Duration = Duration::from_millis(50);

enum Between {
    Nothing,
    HttpProxy,
    HttpsProxy,
    SocksProxy,
}

fn at(last: u8, port: u16) -> SocketAddr {
    ([192, 0, 2, last], port).into()
}

/// The round trips of a first request and of a second one. All is as near as can be but the first peer.
async fn round_trips(origin: Builder, tls: bool, between: Between) -> [u128; 2] {
    let world = World::new();
    let ca = Ca::new("root");
    let origin = if tls { origin.tls(&ca.leaf(["a.test"])) } else { origin };
    let (port, url) = if tls { (443, "https://a.test/") } else { (80, "http://a.test/") };
    let _origin = origin.serve_on(world.net.listen(at(1, port)));
    world.net.host("p.test", [at(7, 0).ip()]);
    let proxy = match between {
        Between::Nothing => None,
        Between::HttpProxy => Some((ProxyServer::http(), "http")),
        Between::HttpsProxy => Some((ProxyServer::http().tls(&ca.leaf(["p.test"])), "https")),
        Between::SocksProxy => Some((ProxyServer::socks5(), "socks5h")),
    };
    let config = TlsConfig::builder().roots(Roots::Given(vec![ca.der()])).build().unwrap();
    let builder = world.builder().tls(TlsLayer::new(config));
    let (builder, first, _proxy) = match proxy {
        None => (builder, at(1, port), None),
        Some((proxy, scheme)) => {
            let url = format!("{scheme}://alice:hidden@p.test:3128");
            let proxy = proxy.user("alice", "hidden").serve_on(world.net.listen(at(7, 3128)), &world.net);
            (builder.proxies([[Proxy::parse(&url).unwrap()]]), at(7, 3128), Some(proxy))
        }
    };
    world.net.at(first).connect_latency(2 * ONE_WAY).latency(ONE_WAY);
    let client = builder.build();
    let mut trips = [0; 2];
    for trips in &mut trips {
        let start = Instant::now();
        let response = client.get(url).await.unwrap();
        let took = start.elapsed().as_millis();
        assert_eq!(response.into_body().text().await.unwrap(), "hello");
        assert!(took.is_multiple_of((2 * ONE_WAY).as_millis()), "{took} ms are no whole round trips");
        *trips = took / (2 * ONE_WAY).as_millis();
    }
    trips
}

#[tokio::test(start_paused = true)]
async fn in_cleartext_two() {
    assert_eq!(round_trips(Origin::h1(), false, Between::Nothing).await, [2, 1]);
    // The proxy is asked for the origin at once.
    assert_eq!(round_trips(Origin::h1(), false, Between::HttpProxy).await, [2, 1]);
}

#[tokio::test(start_paused = true)]
async fn by_tls_three() {
    assert_eq!(round_trips(Origin::h1(), true, Between::Nothing).await, [3, 1]);
    assert_eq!(round_trips(Origin::h2c(), true, Between::Nothing).await, [3, 1]);
}

#[tokio::test(start_paused = true)]
async fn by_tls_in_a_tunnel_four() {
    assert_eq!(round_trips(Origin::h1(), true, Between::HttpProxy).await, [4, 1]);
    assert_eq!(round_trips(Origin::h2c(), true, Between::HttpProxy).await, [4, 1]);
}

#[tokio::test(start_paused = true)]
async fn by_tls_in_a_tunnel_in_tls_five() {
    assert_eq!(round_trips(Origin::h1(), true, Between::HttpsProxy).await, [5, 1]);
    assert_eq!(round_trips(Origin::h2c(), true, Between::HttpsProxy).await, [5, 1]);
}

/// Three of them are the proxy's: the methods, user and password, and the request (RFC 1928 and 1929).
#[tokio::test(start_paused = true)]
async fn by_tls_through_socks_with_a_password_six() {
    assert_eq!(round_trips(Origin::h1(), true, Between::SocksProxy).await, [6, 1]);
    assert_eq!(round_trips(Origin::h2c(), true, Between::SocksProxy).await, [6, 1]);
}
