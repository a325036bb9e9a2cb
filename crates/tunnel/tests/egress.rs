//! Egress to public addresses only: no proxy is asked for another address, or for a name that it may find at one.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use skybridge_core::{
    ConnectError, ConnectOptions, Egress, EgressReason, EgressRefused, EgressRule, Key, Link, Plan, Planner, Proxy,
    Target,
};
use skybridge_route::RouteLayer;
use skybridge_tcp::RaceLayer;
use skybridge_testkit::{
    executor::Executor,
    fixtures,
    net::{Conn, Network, Serving},
    proxy::ProxyServer,
};
use skybridge_tunnel::{TunnelIo, TunnelLayer};
use std::{net::SocketAddr, sync::Arc};
use tower::ServiceBuilder;

const HTTP: &str = "http://p.test:3128";
const SOCKS: [&str; 3] = ["socks5://p.test", "socks5h://p.test", "socks4a://p.test"];

/// Proxies at public addresses, and `a.test` at 9.9.9.9.
struct World {
    net: Network,
    executor: Executor,
    http: ProxyServer,
    socks: ProxyServer,
    _origin: Serving,
}

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn public() -> ConnectOptions {
    let mut connect_options = ConnectOptions::default();
    connect_options.egress = Egress::public();
    connect_options
}

impl World {
    fn new(ips: &[&str]) -> Self {
        let net = Network::new();
        net.host("p.test", [addr("1.1.1.1:1").ip()]);
        net.host("a.test", ips.iter().map(|ip| ip.parse().unwrap()));
        let origin = net.listen(addr("9.9.9.9:443")).serve(|_, mut conn| async move {
            // A connection that is closed or cut doesn't matter.
            let _ = tokio::io::AsyncReadExt::read(&mut conn, &mut [0]).await;
        });
        let http = ProxyServer::http().serve_on(net.listen(addr("1.1.1.1:3128")), &net);
        let socks = ProxyServer::socks5().serve_on(net.listen(addr("1.1.1.1:1080")), &net);
        Self { net, executor: Executor::new(), http, socks, _origin: origin }
    }

    async fn reach(
        &self,
        url: &str,
        proxies: &[&str],
        connect_options: ConnectOptions,
    ) -> Result<Link<TunnelIo<Conn>>, ConnectError> {
        let target = Target::new(Key::new(fixtures::key(url).origin, connect_options), self.executor.ctx());
        let list: Arc<[Proxy]> = proxies.iter().map(|proxy| Proxy::parse(proxy).unwrap()).collect();
        let mut planner = ServiceBuilder::new()
            .layer(RouteLayer::new(self.net.resolver()).proxies([list]))
            .layer(TunnelLayer::new())
            .layer(RaceLayer::happy_eyeballs())
            .service(self.net.dialer());
        Planner::plan(&mut planner, target).await?.connect().await
    }

    /// Fails with a fatal error, and no proxy received a request.
    async fn refused(&self, url: &str, proxies: &[&str], connect_options: ConnectOptions) -> EgressRefused {
        let error = self.reach(url, proxies, connect_options).await.unwrap_err();
        assert!(error.is_fatal(), "{error:?}");
        assert_eq!((self.http.connections(), self.socks.connections()), (0, 0));
        error.source_as::<EgressRefused>().unwrap_or_else(|| panic!("{error:?}")).clone()
    }
}

#[tokio::test(start_paused = true)]
async fn no_proxy_is_asked_for_an_address_that_is_not_public() {
    let rows = [
        ("https://10.0.0.1", "10.0.0.1:443"),
        ("http://169.254.169.254", "169.254.169.254:80"),
        ("https://[::1]", "[::1]:443"),
        ("https://[::ffff:127.0.0.1]", "127.0.0.1:443"),
    ];
    for proxy in [HTTP].into_iter().chain(SOCKS) {
        for (url, message) in rows {
            assert_eq!(World::new(&[]).refused(url, &[proxy], public()).await.to, message.into());
        }
    }
    let chain = [HTTP, "http://10.0.0.1:3128"];
    assert_eq!(
        World::new(&[]).refused("https://1.1.1.1", &chain, public()).await.endpoint,
        Some(fixtures::endpoint("10.0.0.1:3128"))
    );
}

#[tokio::test(start_paused = true)]
async fn nor_for_one_that_was_resolved_or_dialled_instead() {
    let world = World::new(&["10.0.0.1", "fd00::1"]);
    assert_eq!(
        world.refused("https://a.test", &["socks5://p.test"], public()).await.endpoint,
        Some(fixtures::endpoint("10.0.0.1:443"))
    );
    for proxy in [HTTP, SOCKS[1]] {
        let mut connect_options = public();
        connect_options.dial = Some([fixtures::endpoint("10.0.0.1:443")].into());
        World::new(&[]).refused("https://a.test", &[proxy], connect_options).await;
    }
}

#[tokio::test(start_paused = true)]
async fn nor_for_another_host_than_the_origins() {
    let other = |egress: Egress| ConnectOptions::new().connect_to("b.test", 8443).unwrap().egress(egress);
    for proxy in [HTTP, SOCKS[1], SOCKS[2]] {
        let refused = World::new(&[]).refused("https://9.9.9.9", &[proxy], other(Egress::public())).await;
        assert_eq!(refused.to, "b.test:8443".into());
    }
    for proxy in [HTTP].into_iter().chain(SOCKS) {
        let denied = Egress::any().deny(EgressRule::new().host("b.test").unwrap());
        World::new(&[]).refused("https://a.test", &[proxy], other(denied)).await;
    }
    let world = World::new(&[]);
    world.net.host("b.test", ["10.0.0.1".parse().unwrap()]);
    let refused = world.refused("https://9.9.9.9", &["socks5://p.test"], other(Egress::public())).await;
    assert_eq!(refused.endpoint, Some(fixtures::endpoint("10.0.0.1:8443")));
}

#[tokio::test(start_paused = true)]
async fn a_proxy_is_asked_for_the_public_ones_of_several_addresses() {
    let world = World::new(&["10.0.0.1", "9.9.9.9"]);
    world.reach("https://a.test", &["socks5://p.test"], public()).await.unwrap();
    let asked = world.socks.requests();
    assert_eq!(asked.iter().map(|asked| &*asked.line).collect::<Vec<_>>(), ["SOCKS5 9.9.9.9:443"]);
}

/// What a name resolves to, only the proxy can check: also where it forwards requests, and where it is the next proxy
/// that it is asked for.
#[tokio::test(start_paused = true)]
async fn names_are_refused_to_a_proxy_that_resolves_them() {
    let rows = [
        ("https://a.test", vec![HTTP], "a.test:443", HTTP),
        ("http://a.test", vec![HTTP], "a.test:80", HTTP),
        ("https://a.test", vec![SOCKS[1]], "a.test:443", "socks5h://p.test:1080"),
        ("https://a.test", vec![SOCKS[2]], "a.test:443", "socks4a://p.test:1080"),
        ("https://9.9.9.9", vec![HTTP, "http://q.test:8080"], "q.test:8080", HTTP),
    ];
    for (url, proxies, to, proxy) in rows {
        let refused = World::new(&["9.9.9.9"]).refused(url, &proxies, public()).await;
        assert_eq!((&*refused.to, refused.endpoint), (to, None));
        assert_eq!(refused.rule, EgressReason::Unfiltered(proxy.into()));
    }
}

#[tokio::test(start_paused = true)]
async fn but_not_to_one_that_is_declared_to_filter_or_where_the_address_does_not_matter() {
    for proxy in [HTTP, SOCKS[1]] {
        let filters = Proxy::parse(proxy).unwrap().filters_egress();
        let mut connect_options = public();
        connect_options.proxies = Some([filters].into());
        World::new(&["9.9.9.9"]).reach("https://a.test", &[], connect_options).await.unwrap();
        let mut connect_options = public();
        connect_options.egress = Egress::public().allow(EgressRule::new().host("a.test").unwrap());
        World::new(&["9.9.9.9"]).reach("https://a.test", &[proxy], connect_options).await.unwrap();
    }
    let private = World::new(&[]);
    private.net.host("p.test", [addr("10.0.0.1:1").ip()]);
    let mut connect_options = public();
    connect_options.proxies = Some([Proxy::parse(HTTP).unwrap().filters_egress()].into());
    let error = private.reach("https://a.test", &[], connect_options).await.unwrap_err();
    assert!(error.source_as::<EgressRefused>().is_some() && error.is_fatal(), "its own address is judged all the same");
}
