//! No limit has one spelling, the greatest value of its type, and every setting that is a limit takes it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use skybridge::{
    Budget, Client, ClientBuilder, H1, H2, NegotiateLayer, PoolConfig, RaceLayer, RetryLayer, RouteConfig, Timeouts,
    TlsLayer, TunnelLayer,
};
use skybridge_testkit::{
    executor::Executor,
    net::{Dialer, Names, Network},
    origin::Origin,
};
use std::time::Duration;
use tokio::time::{sleep, timeout};

const YEARS: Duration = Duration::from_secs(20 * 365 * 24 * 3600);

fn unlimited(net: &Network, executor: &Executor) -> ClientBuilder<Names, Dialer> {
    let max = Duration::MAX;
    let pool = PoolConfig::new()
        .max_idle(usize::MAX)
        .max_idle_per_origin(usize::MAX)
        .idle_timeout(max)
        .max_per_origin(usize::MAX)
        .max_connecting_per_origin(usize::MAX)
        .max_total(usize::MAX)
        .max_overtaking(usize::MAX)
        .max_waiting_per_origin(usize::MAX)
        .max_age(max)
        .max_requests(u64::MAX)
        .max_streams(u32::MAX)
        .connect_timeout(max)
        .upload_grace(max)
        .unread_grace(max);
    let route =
        RouteConfig::new().timeout(max).max_addresses(usize::MAX).max_attempts(usize::MAX).remember_failures(max);
    Client::builder()
        .runtime(executor.runtime())
        .resolver(net.resolver())
        .dialer(net.dialer())
        .retry(RetryLayer::safe().max_age(max).max_tries(u32::MAX).budget(Budget::unlimited()))
        .pool(pool)
        .route(route)
        .negotiate(NegotiateLayer::new(H1::new(), H2::new()).timeout(max))
        .tls(TlsLayer::native().timeout(max))
        .tunnel(TunnelLayer::new().timeout(max))
        .race(RaceLayer::happy_eyeballs().timeout(max).delay(max))
}

fn network() -> (Network, Executor) {
    let net = Network::new();
    net.host("a.test", ["192.0.2.2".parse().unwrap(), "192.0.2.1".parse().unwrap()]);
    (net, Executor::new())
}

#[tokio::test(start_paused = true)]
async fn without_limits_everything_goes_on_as_it_did() {
    let (net, executor) = network();
    // The first address refuses; the second is an origin.
    let origin = Origin::h1().serve_on(net.listen("192.0.2.1:80".parse().unwrap()));
    let client = unlimited(&net, &executor).build();
    let get = async || client.get("http://a.test/").await.unwrap().into_body().text().await.unwrap();
    assert_eq!(get().await, "hello");
    // Neither age nor idleness ends a connection.
    sleep(YEARS).await;
    assert_eq!(get().await, "hello");
    assert_eq!(origin.connections(), 1);
    for _ in 0..100 {
        get().await;
    }
    assert_eq!(origin.connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_limits_nothing_is_given_up() {
    let (net, executor) = network();
    for address in ["192.0.2.1:80", "192.0.2.2:80"] {
        net.at(address.parse().unwrap()).connect_latency(2 * YEARS);
    }
    let client = unlimited(&net, &executor).build();
    assert!(timeout(YEARS, client.get("http://a.test/")).await.is_err(), "no layer has given up");
    // As those of a client, which go before the layers' own.
    let max = Duration::MAX;
    let timeouts = Timeouts::new().resolve(max).attempt(max).tunnel(max).tls(max).handshake(max).connect(max);
    let timeouts = timeouts.pool_wait(max).response_head(max).read_idle(max).call(max);
    let builder = Client::builder().runtime(executor.runtime()).resolver(net.resolver()).dialer(net.dialer());
    let client = builder.timeouts(timeouts).build();
    assert!(timeout(YEARS, client.get("http://a.test/")).await.is_err(), "no limit has ended it");
}
