//! Several proxy lists for an origin: which are tried, in what order, and what is resolved for them.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use skybridge_core::{
    ConnectError, ConnectOptions, Endpoint, Key, Link, Outcome, Phase, Plan, Planner, Proxy, Route, Target,
};
use skybridge_route::RouteLayer;
use skybridge_tcp::RaceLayer;
use skybridge_testkit::{
    executor::Executor,
    fixtures,
    net::{Conn, Network},
    observe::Recorder,
    proxy::{Builder, ProxyServer},
};
use skybridge_tunnel::{SocksReply, TunnelError, TunnelIo, TunnelLayer};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tower::ServiceBuilder;

const ORIGIN: &str = "192.0.2.9:443";

type ProxyLists<'a> = &'a [&'a [&'a str]];

/// `a.test` at `ORIGIN`, and proxies `p1.test`, `p2.test`, ... at 192.0.2.1, 192.0.2.2, ..., port 3128 (HTTP) or 1080.
struct World {
    net: Network,
    executor: Executor,
    recorder: Arc<Recorder>,
    _origin: skybridge_testkit::net::Serving,
}

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn proxies(urls: &[&str]) -> Arc<[Proxy]> {
    urls.iter().map(|proxy| Proxy::parse(proxy).unwrap()).collect()
}

impl World {
    fn new() -> Self {
        let net = Network::new();
        net.host("a.test", [addr(ORIGIN).ip()]);
        for n in 1..5 {
            net.host(&format!("p{n}.test"), [format!("192.0.2.{n}").parse().unwrap()]);
        }
        let origin = net.listen(addr(ORIGIN)).serve(|_, mut conn| async move {
            // A connection that is closed or cut doesn't matter.
            let _ = tokio::io::AsyncReadExt::read(&mut conn, &mut [0]).await;
        });
        Self { net, executor: Executor::new(), recorder: Recorder::new(), _origin: origin }
    }

    fn proxy(&self, at: &str, builder: Builder) -> ProxyServer {
        builder.serve_on(self.net.listen(addr(at)), &self.net)
    }

    fn target(&self, url: &str, connect_options: ConnectOptions) -> Target {
        let key = Key::new(fixtures::key(url).origin, connect_options);
        Target::new(key, self.executor.ctx().observer(Some(self.recorder.clone())))
    }

    async fn reach(&self, lists: ProxyLists<'_>, target: Target) -> Result<Link<TunnelIo<Conn>>, ConnectError> {
        let mut planner = ServiceBuilder::new()
            .layer(RouteLayer::new(self.net.resolver()).proxies(lists.iter().map(|list| proxies(list))))
            .layer(TunnelLayer::new())
            .layer(RaceLayer::happy_eyeballs())
            .service(self.net.dialer());
        Planner::plan(&mut planner, target).await?.connect().await
    }

    async fn https(&self, lists: ProxyLists<'_>) -> Result<Link<TunnelIo<Conn>>, ConnectError> {
        self.reach(lists, self.target("https://a.test", ConnectOptions::default())).await
    }

    fn queries(&self) -> Vec<usize> {
        let names = ["a.test", "p1.test", "p2.test", "p3.test"];
        names.map(|name| self.net.name(name).queries()).to_vec()
    }
}

fn describe(route: &Route) -> String {
    route.to_string()
}

#[tokio::test(start_paused = true)]
async fn only_the_hosts_of_the_first_proxies_that_work_are_resolved() {
    let world = World::new();
    let proxy = world.proxy("192.0.2.1:3128", ProxyServer::http());
    let link = world.https(&[&["http://p1.test:3128"], &["http://p2.test:3128"], &[]]).await.unwrap();
    assert_eq!(describe(&link.info.route), "a.test via http://p1.test:3128");
    assert_eq!(proxy.requests()[0].line, "CONNECT a.test:443 HTTP/1.1");
    // The proxy resolves the origin's name.
    assert_eq!(world.queries(), [0, 1, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn the_next_proxy_is_tried_when_all_addresses_of_the_one_before_have_failed() {
    let world = World::new();
    // The first proxy's first address refuses the connection, its second one the tunnel.
    world.net.host("p1.test", ["192.0.2.11", "192.0.2.12"].map(|ip| ip.parse().unwrap()));
    let first = world.proxy("192.0.2.12:3128", ProxyServer::http().status(403, "no"));
    // The second has no address, the third works.
    let third = world.proxy("192.0.2.3:3128", ProxyServer::http());
    let lists: ProxyLists<'_> = &[&["http://p1.test:3128"], &["http://gone.test:3128"], &["http://p3.test:3128"], &[]];
    let link = world.https(lists).await.unwrap();
    assert_eq!(describe(&link.info.route), "a.test via http://p3.test:3128");
    assert_eq!((first.connections(), third.connections()), (1, 1));
    let tried: Vec<_> = link.info.route.ctx().attempt_log().reports();
    let tried: Vec<_> = tried.iter().map(|report| (report.endpoint.to_string(), report.phase)).collect();
    assert_eq!(
        tried,
        [
            ("192.0.2.11:3128".to_owned(), Phase::Tcp),
            ("192.0.2.12:3128".to_owned(), Phase::Tunnel),
            ("192.0.2.3:3128".to_owned(), Phase::Tunnel),
        ]
    );
    assert_eq!((world.queries(), world.recorder.count("resolve_failed")), (vec![0, 1, 0, 1], 1));
    world.recorder.assert_balanced();
}

#[tokio::test(start_paused = true)]
async fn the_error_is_the_first_proxys_and_lists_every_attempt() {
    let world = World::new();
    let _first = world.proxy("192.0.2.1:3128", ProxyServer::http().status(403, "no"));
    let _second = world.proxy("192.0.2.2:1080", ProxyServer::socks5().reply(2));
    let error = world.https(&[&["http://p1.test:3128"], &["socks5h://p2.test"]]).await.unwrap_err();
    assert!(matches!(error.source_as(), Some(TunnelError::Refused { status, .. }) if *status == 403));
    assert_eq!(error.route(), Some("a.test via http://p1.test:3128"));
    let failed = |error: &ConnectError| error.source_as::<TunnelError>().unwrap().to_string();
    let message = error.attempts().iter().map(|report| match &report.outcome {
        Outcome::Failed(error) => failed(error),
        other => format!("{other:?}"),
    });
    assert_eq!(
        message.collect::<Vec<_>>(),
        [
            "the proxy refused the tunnel with 403 Forbidden; its rules don't allow it",
            "the proxy refused the tunnel: not allowed by its rules"
        ]
    );
    // Proxies alone: nothing connects directly.
    assert_eq!((world.net.connects_to(addr(ORIGIN)), world.queries()), (0, vec![0, 1, 1, 0]));
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_are_shown_to_no_other_proxy() {
    let world = World::new();
    let _first = world.proxy("192.0.2.1:3128", ProxyServer::http().user("alice", "secret"));
    let second = world.proxy("192.0.2.2:3128", ProxyServer::http());
    let error = world.https(&[&["http://alice:wrong@p1.test:3128"], &["http://p2.test:3128"], &[]]).await.unwrap_err();
    assert!(error.is_fatal());
    assert_eq!((second.connections(), world.queries()), (0, vec![0, 1, 0, 0]));
    assert_eq!(error.attempts().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_direct_route_can_be_among_them() {
    let world = World::new();
    let link = world.https(&[&["http://p1.test:3128"], &[]]).await.unwrap();
    assert_eq!(describe(&link.info.route), "a.test");
    assert!(!link.info.tunnelled);
    assert_eq!(world.queries(), [1, 1, 0, 0]);
    // Alone, too.
    let link = world.https(&[&[]]).await.unwrap();
    assert_eq!(describe(&link.info.route), "a.test");
}

#[tokio::test(start_paused = true)]
async fn a_proxy_of_the_request_is_the_only_one_tried() {
    let world = World::new();
    let first = world.proxy("192.0.2.1:3128", ProxyServer::http());
    for (own, asked) in [(proxies(&["http://p2.test:3128"]), None), (proxies(&[]), Some("a.test"))] {
        let mut connect_options = ConnectOptions::default();
        connect_options.proxies = Some(own);
        let reached = world.reach(&[&["http://p1.test:3128"]], world.target("https://a.test", connect_options)).await;
        assert_eq!(reached.ok().map(|link| describe(&link.info.route)).as_deref(), asked);
    }
    assert_eq!(first.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn socks5_is_asked_for_each_of_the_origins_addresses_in_turn() {
    for (scheme, ips, lines) in [
        (
            "socks5",
            &["192.0.2.77", "2001:db8::1", "192.0.2.9"][..],
            &["SOCKS5 192.0.2.77:443", "SOCKS5 2001:db8::1:443", "SOCKS5 192.0.2.9:443"][..],
        ),
        ("socks4", &["192.0.2.77", "2001:db8::1", "192.0.2.9"], &["SOCKS4 192.0.2.77:443", "SOCKS4 192.0.2.9:443"]),
    ] {
        let world = World::new();
        world.net.host("a.test", ips.iter().map(|ip| ip.parse().unwrap()));
        let builder = if scheme == "socks5" { ProxyServer::socks5() } else { ProxyServer::socks4() };
        let proxy = world.proxy("192.0.2.1:1080", builder);
        let link = world.https(&[&[&format!("{scheme}://p1.test")]]).await.unwrap();
        let asked = proxy.requests();
        assert_eq!(asked.iter().map(|asked| &*asked.line).collect::<Vec<_>>(), lines);
        assert_eq!(link.info.route.proxy_target, Some(Endpoint::from(addr(ORIGIN))));
        assert_eq!(world.queries(), [1, 1, 0, 0]);
        assert_eq!(world.recorder.count("resolve_end"), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn socks5h_is_asked_for_the_name_and_nothing_is_resolved_here() {
    for (scheme, builder, line) in [
        ("socks5h", ProxyServer::socks5(), "SOCKS5 a.test:443"),
        ("socks4a", ProxyServer::socks4(), "SOCKS4 a.test:443"),
    ] {
        let world = World::new();
        let proxy = world.proxy("192.0.2.1:1080", builder);
        world.https(&[&[&format!("{scheme}://p1.test")]]).await.unwrap();
        assert_eq!((proxy.requests()[0].line.as_str(), world.queries()), (line, vec![0, 1, 0, 0]));
    }
}

#[tokio::test(start_paused = true)]
async fn an_origin_that_the_proxy_cannot_reach_is_reported_for_its_first_address() {
    let world = World::new();
    world.net.host("a.test", ["192.0.2.77", "192.0.2.78"].map(|ip| ip.parse().unwrap()));
    let proxy = world.proxy("192.0.2.1:1080", ProxyServer::socks5());
    let error = world.https(&[&["socks5://p1.test"]]).await.unwrap_err();
    assert!(matches!(error.source_as(), Some(TunnelError::Socks(SocksReply::ConnectionRefused))));
    assert_eq!((proxy.requests().len(), error.attempts().len()), (2, 2));
    // If the proxy itself can't be reached, the origin's other addresses make no difference.
    drop(proxy);
    let world = World::new();
    world.net.host("a.test", ["192.0.2.77", "192.0.2.78"].map(|ip| ip.parse().unwrap()));
    let error = world.https(&[&["socks5://p1.test"]]).await.unwrap_err();
    assert_eq!((error.phase(), error.attempts().len()), (Some(Phase::Tcp), 1));
}

#[tokio::test(start_paused = true)]
async fn the_last_proxy_is_asked_for_the_dial_address() {
    for (url, url_of_last, builder, line) in [
        ("https://b.test", "http://p1.test:1080", ProxyServer::http(), "CONNECT 192.0.2.9:443 HTTP/1.1"),
        ("http://b.test", "http://p1.test:1080", ProxyServer::http(), "CONNECT 192.0.2.9:443 HTTP/1.1"),
        ("https://b.test", "socks5h://p1.test", ProxyServer::socks5(), "SOCKS5 192.0.2.9:443"),
    ] {
        let world = World::new();
        let proxy = world.proxy("192.0.2.1:1080", builder);
        let mut connect_options = ConnectOptions::default();
        connect_options.dial = Some([fixtures::endpoint("192.0.2.77:443"), fixtures::endpoint(ORIGIN)].into());
        let link = world.reach(&[&[url_of_last]], world.target(url, connect_options)).await.unwrap();
        assert_eq!(proxy.requests().last().unwrap().line, line);
        assert!(link.info.tunnelled);
        assert_eq!(world.queries(), [0, 1, 0, 0]);
    }
}

/// Of two the second, through the first; one that wants an address is told that of the other host.
#[tokio::test(start_paused = true)]
async fn the_last_proxy_is_asked_for_the_host_to_connect_to() {
    for (url, list, builder, line) in [
        ("https://b.test", &["http://p1.test:1080"][..], ProxyServer::http(), "CONNECT c.test:8443 HTTP/1.1"),
        ("http://b.test", &["http://p1.test:1080"], ProxyServer::http(), "CONNECT c.test:8443 HTTP/1.1"),
        ("https://b.test", &["socks5h://p1.test"], ProxyServer::socks5(), "SOCKS5 c.test:8443"),
        ("https://192.0.2.99", &["socks5h://p1.test"], ProxyServer::socks5(), "SOCKS5 c.test:8443"),
        ("https://b.test", &["socks5://p1.test"], ProxyServer::socks5(), "SOCKS5 192.0.2.9:8443"),
        ("https://192.0.2.99", &["socks5://p1.test"], ProxyServer::socks5(), "SOCKS5 192.0.2.9:8443"),
        ("https://192.0.2.99", &["socks4://p1.test"], ProxyServer::socks4(), "SOCKS4 192.0.2.9:8443"),
    ] {
        let world = World::new();
        let proxy = world.proxy("192.0.2.1:1080", builder);
        world.net.host("c.test", [addr(ORIGIN).ip()]);
        let _origin = world.net.listen(addr("192.0.2.9:8443"));
        let connect_options = ConnectOptions::new().connect_to("c.test", 8443).unwrap();
        let link = world.reach(&[list], world.target(url, connect_options)).await.unwrap();
        assert_eq!(proxy.requests().last().unwrap().line, line, "{url} {list:?}");
        assert!(link.info.tunnelled && !link.info.forwarded);
    }
}

#[tokio::test(start_paused = true)]
async fn the_proxy_is_also_asked_for_addresses_that_resolve_late() {
    let world = World::new();
    let name = world.net.host("a.test", ["192.0.2.77".parse().unwrap()]);
    name.then(Duration::from_millis(50), [addr(ORIGIN).ip()]);
    let _proxy = world.proxy("192.0.2.1:1080", ProxyServer::socks5());
    let link = world.https(&[&["socks5://p1.test"]]).await.unwrap();
    assert_eq!(link.info.route.proxy_target, Some(Endpoint::from(addr(ORIGIN))));
}
