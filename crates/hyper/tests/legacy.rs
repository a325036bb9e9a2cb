//! Our connector under hyper-util's client.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use bytes::Bytes;
use http::{Response, Version};
use http_body_util::{BodyExt, Empty};
use hyper_util::{
    client::legacy::{Client, connect::Connection as _},
    rt::TokioExecutor,
};
use skybridge_core::{
    ConnInfo, ConnectError, Event, EventKind, HttpVersions, Key, Lost, Observe, Phase, Protocol, Proxy, ProxyKind,
    Target, TimedOut, Timeouts, Unfit,
};
use skybridge_dns::System;
use skybridge_hyper::{AlpnMismatch, Hyper, HyperLayer};
use skybridge_route::{RouteLayer, RoutePlanner};
use skybridge_runtime::TokioRuntime;
use skybridge_tcp::{RaceLayer, Tcp};
use skybridge_testkit::{
    certs::Ca,
    drop_walk::drop_walk,
    executor::{Executor, run_until_idle},
    fixtures,
    net::{self, Names, Network},
    observe::Recorder,
    origin::Origin,
    proxy::ProxyServer,
};
use skybridge_tls::{PinMismatch, Roots, TlsConfig, TlsLayer};
use skybridge_tunnel::TunnelLayer;
use std::{
    error::Error,
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};
use tower::{ServiceBuilder, ServiceExt};

type InMemory = Hyper<RoutePlanner<net::Connector, Names>>;
type Http<C> = Client<C, Empty<Bytes>>;

fn addr() -> SocketAddr {
    "192.0.2.1:80".parse().unwrap()
}

/// `a.test` on the in-memory network, and a connector to it.
fn world(
    layer: impl FnOnce(HyperLayer) -> HyperLayer,
    connector: impl FnOnce(net::Connector) -> net::Connector,
) -> (Network, Executor, InMemory) {
    let (net, executor) = (Network::new(), Executor::new());
    net.host("a.test", [addr().ip()]);
    let connector = ServiceBuilder::new()
        .layer(layer(HyperLayer::shared(executor.runtime())))
        .layer(RouteLayer::new(net.resolver()))
        .service(connector(net.connector()));
    (net, executor, connector)
}

fn client<C>(connector: C) -> Http<C>
where
    C: hyper_util::client::legacy::connect::Connect + Clone,
{
    Client::builder(TokioExecutor::new()).build(connector)
}

async fn text(response: Response<hyper::body::Incoming>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

fn facts<B>(response: &Response<B>) -> Arc<ConnInfo> {
    Arc::clone(response.extensions().get::<Arc<ConnInfo>>().expect("every response has the facts"))
}

/// The error of this type in a chain of sources.
fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
        .find_map(|error| error.downcast_ref())
}

#[tokio::test]
async fn over_real_sockets_a_connection_is_reused_and_its_facts_are_in_the_response() {
    let origin = Origin::h1().start().await;
    let connector = ServiceBuilder::new()
        .layer(HyperLayer::new(TokioRuntime::current()))
        .layer(RouteLayer::new(System::new()))
        .layer(RaceLayer::happy_eyeballs())
        .service(Tcp::new());
    let client = client(connector);
    for _ in 0..3 {
        let response = client.get(origin.url("/").parse().unwrap()).await.unwrap();
        let info = facts(&response);
        assert_eq!((info.id.map(|id| id.0), info.protocol), (Some(1), Some(Protocol::Http1)));
        assert_eq!(info.remote.inet(), Some(origin.addr()));
        assert!(info.timings.get(Phase::Tcp).is_some());
        assert_eq!(text(response).await, "hello");
    }
    assert_eq!(origin.exchanges(), ["c0e0", "c0e1", "c0e2"]);
}

#[tokio::test(start_paused = true)]
async fn names_are_resolved_and_two_connections_have_two_numbers() {
    let (net, _executor, connector) = world(|layer| layer, |net| net);
    let origin = Origin::h1().requests_per_connection(1).serve_on(net.listen(addr()));
    let client = client(connector);
    for id in 1..=2 {
        let response = client.get("http://a.test/x?y".parse().unwrap()).await.unwrap();
        assert_eq!(facts(&response).id.map(|id| id.0), Some(id));
        assert_eq!(text(response).await, "hello");
        run_until_idle().await;
    }
    assert_eq!(origin.exchanges(), ["c0e0", "c1e0"]);
    assert_eq!(origin.requests()[0].line(), "GET /x?y HTTP/1.1");
}

#[tokio::test(start_paused = true)]
async fn h2_by_prior_knowledge_makes_the_client_speak_it() {
    let (net, _executor, connector) = world(|layer| layer.http_versions(HttpVersions::Http2), |net| net);
    let origin = Origin::h2c().serve_on(net.listen(addr()));
    let client = client(connector);
    for _ in 0..2 {
        let response = client.get("http://a.test/".parse().unwrap()).await.unwrap();
        assert_eq!(response.version(), Version::HTTP_2);
        assert_eq!(facts(&response).protocol, Some(Protocol::Http2));
        assert_eq!(text(response).await, "hello");
    }
    assert_eq!(origin.exchanges(), ["c0e0", "c0e1"]);
}

#[tokio::test(start_paused = true)]
async fn h2_by_alpn_makes_the_client_speak_it() {
    let with_alpn =
        |alpn| move |net: net::Connector| net.amend(move |info| info.tls = Some(fixtures::tls(alpn, ["a.test"])));
    let (net, _executor, connector) = world(|layer| layer, with_alpn(Some(Protocol::Http2)));
    let addr = "192.0.2.1:443".parse().unwrap();
    let _origin = Origin::h2c().serve_on(net.listen(addr));
    let response = client(connector).get("https://a.test/".parse().unwrap()).await.unwrap();
    assert_eq!(response.version(), Version::HTTP_2);

    for alpn in [None, Some(Protocol::Http1)] {
        let (net, _executor, connector) = world(|layer| layer, with_alpn(alpn));
        let _origin = Origin::h1().serve_on(net.listen(addr));
        let response = client(connector).get("https://a.test/".parse().unwrap()).await.unwrap();
        assert_eq!((response.version(), facts(&response).protocol), (Version::HTTP_11, Some(Protocol::Http1)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_negotiates_another_version_is_refused() {
    let rows = [
        (HttpVersions::Http2, None),
        (HttpVersions::Http2, Some(Protocol::Http1)),
        (HttpVersions::Http1, Some(Protocol::Http2)),
    ];
    for (http_versions, alpn) in rows {
        let amend = move |net: net::Connector| net.amend(move |info| info.tls = Some(fixtures::tls(alpn, ["a.test"])));
        let (net, _executor, connector) = world(|layer| layer.http_versions(http_versions), amend);
        let _listener = net.listen("192.0.2.1:443".parse().unwrap());
        let error = connector.oneshot("https://a.test".parse().unwrap()).await.unwrap_err();
        assert_eq!((error.phase(), error.is_fatal()), (Some(Phase::Handshake), true), "{error:?}");
        assert!(error.source_as::<AlpnMismatch>().is_some(), "{error:?}");
        assert_eq!((error.route(), error.attempts().len()), (Some("a.test"), 1), "{error:?}");
        assert_eq!(net.live_sockets(), 0);
    }
}

/// The client would write its request on any stream that it is given.
#[tokio::test(start_paused = true)]
async fn without_a_tls_layer_https_is_refused() {
    for http_versions in [HttpVersions::Any, HttpVersions::Http1, HttpVersions::Http2] {
        let (net, _executor, connector) = world(|layer| layer.http_versions(http_versions), |net| net);
        let addr = "192.0.2.1:443".parse().unwrap();
        let origin = Origin::h1().serve_on(net.listen(addr));
        let error = client(connector).get("https://a.test/secret".parse().unwrap()).await.unwrap_err();
        assert!(error.is_connect());
        let ours: &ConnectError = cause(&error).expect("our error");
        assert_eq!((ours.source_as(), ours.is_fatal()), (Some(&Unfit::TlsMissing), true));
        assert_eq!((ours.phase(), ours.endpoint()), (Some(Phase::Handshake), Some(&addr.into())));
        assert_eq!((ours.route(), ours.attempts().len()), (Some("a.test"), 1), "{error:?}");
        assert!(ours.root_cause().to_string().contains("a TlsLayer is missing below"), "{error:?}");
        assert_eq!((net.wire(0).other_end().bytes_sent(), net.live_sockets()), (0, 0));
        assert_eq!(origin.requests().len(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_tunnel_layer_a_proxied_origin_is_refused() {
    for (proxy, url) in ["http://192.0.2.9:3128", "socks5h://192.0.2.9:3128", "socks4a://192.0.2.9:3128"]
        .into_iter()
        .flat_map(|proxy| ["http://a.test/", "https://a.test/"].map(|url| (proxy, url)))
    {
        let (net, executor) = (Network::new(), Executor::new());
        let _listener = net.listen("192.0.2.9:3128".parse().unwrap());
        let connector = ServiceBuilder::new()
            .layer(HyperLayer::shared(executor.runtime()))
            .layer(RouteLayer::new(net.resolver()).proxies([[Proxy::parse(proxy).unwrap()]]))
            .service(net.connector());
        let error = client(connector).get(url.parse().unwrap()).await.unwrap_err();
        assert!(error.is_connect());
        let ours: &ConnectError = cause(&error).expect("our error");
        assert_eq!(ours.source_as(), Some(&Unfit::NotTunnelled { passed: 0, proxies: 1 }));
        assert!(ours.root_cause().to_string().contains("a TunnelLayer is missing below"), "{error:?}");
        assert_eq!((net.wire(0).other_end().bytes_sent(), net.live_sockets()), (0, 0));
    }
}

/// A layer in between that rewrites the target may forget that the request is for `https`.
#[tokio::test(start_paused = true)]
async fn an_https_uri_is_not_given_a_link_to_an_http_origin() {
    for tls_above in [false, true] {
        let (net, executor) = (Network::new(), Executor::new());
        net.host("b.test", [addr().ip()]);
        let origin = Origin::h1().serve_on(net.listen(addr()));
        let elsewhere = |target: Target| {
            let origin = fixtures::route("http://b.test", [], target.ctx.clone()).target.origin().clone();
            Target::new(Key::new(origin, target.connect_options().clone()), target.ctx)
        };
        let layer = HyperLayer::shared(executor.runtime());
        let connector = ServiceBuilder::new()
            .layer(if tls_above { layer.tls_above() } else { layer })
            .map_request(elsewhere)
            .layer(RouteLayer::new(net.resolver()))
            .service(net.connector());
        let error = client(connector.clone()).get("https://a.test/secret".parse().unwrap()).await.unwrap_err();
        let ours: &ConnectError = cause(&error).expect("our error");
        assert_eq!((ours.source_as(), ours.is_fatal()), (Some(&Unfit::Less(Lost::Https)), true));
        assert_eq!((origin.requests().len(), net.live_sockets()), (0, 0));
        client(connector).get("http://a.test/".parse().unwrap()).await.unwrap();
    }
}

/// As for hyper-rustls, which wraps our connector.
#[tokio::test(start_paused = true)]
async fn with_tls_above_a_link_without_tls_is_handed_out_and_one_with_tls_refused() {
    let (net, _executor, connector) = world(HyperLayer::tls_above, |net| net);
    for port in [80, 443] {
        let _origin = Origin::h1().serve_on(net.listen(SocketAddr::new(addr().ip(), port)));
        let uri = if port == 443 { "https://a.test" } else { "http://a.test" };
        let io = connector.clone().oneshot(uri.parse().unwrap()).await.unwrap();
        assert!(io.info().tls.is_none() && !io.connected().is_negotiated_h2());
    }
    let with_tls = |net: net::Connector| net.amend(|info| info.tls = Some(fixtures::tls(None, ["a.test"])));
    let (net, _executor, connector) = world(HyperLayer::tls_above, with_tls);
    let _origin = Origin::h1().serve_on(net.listen("192.0.2.1:443".parse().unwrap()));
    let error = connector.oneshot("https://a.test".parse().unwrap()).await.unwrap_err();
    assert_eq!(error.source_as(), Some(&Unfit::SealedTwice));
}

#[tokio::test(start_paused = true)]
async fn a_forwarded_request_is_written_in_absolute_form() {
    for forwarded in [false, true] {
        let (net, _executor, connector) = world(|layer| layer, |net| net.amend(move |info| info.forwarded = forwarded));
        let origin = Origin::h1().serve_on(net.listen(addr()));
        let io = connector.clone().oneshot("http://a.test".parse().unwrap()).await.unwrap();
        assert_eq!(io.connected().is_proxied(), forwarded);
        client(connector).get("http://a.test/x".parse().unwrap()).await.unwrap();
        let line = if forwarded { "GET http://a.test/x HTTP/1.1" } else { "GET /x HTTP/1.1" };
        assert_eq!(origin.requests()[0].line(), line);
    }
}

#[tokio::test(start_paused = true)]
async fn the_clients_error_has_ours_as_its_source() {
    let (_net, _executor, connector) = world(|layer| layer, |net| net);
    let error = client(connector).get("http://a.test/".parse().unwrap()).await.unwrap_err();
    assert!(error.is_connect());
    let ours: &ConnectError = cause(&error).expect("our error");
    assert_eq!((ours.phase(), ours.endpoint()), (Some(Phase::Tcp), Some(&addr().into())));
    assert_eq!((ours.route(), ours.attempts().len()), (Some("a.test"), 1));
    let io: &std::io::Error = cause(&error).expect("the system's error");
    assert_eq!(io.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[tokio::test(start_paused = true)]
async fn a_connect_that_times_out_lists_its_attempts() {
    let short = |layer: HyperLayer| {
        let mut timeouts = Timeouts::new();
        timeouts.connect = Some(Duration::from_secs(3));
        layer.timeouts(timeouts)
    };
    let rows: [fn(HyperLayer) -> HyperLayer; 2] = [|layer| layer.timeout(Duration::from_secs(3)), short];
    for phase_timeout in rows {
        let (net, _executor, connector) = world(phase_timeout, |net| net);
        net.at(addr()).black_hole();
        let began = tokio::time::Instant::now();
        let error = connector.oneshot("http://a.test".parse().unwrap()).await.unwrap_err();
        assert_eq!(began.elapsed(), Duration::from_secs(3));
        assert_eq!(error.timed_out(), Some(TimedOut { phase: Phase::Acquire, limit: Duration::from_secs(3) }));
        assert_eq!((error.attempts().len(), net.live_sockets()), (1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_uri_without_an_origin_opens_nothing_and_its_error_has_no_secret() {
    for uri in ["/path", "ftp://a.test/", "http://user:hunter2@a.test/"] {
        let (net, _executor, connector) = world(|layer| layer, |net| net);
        let error = connector.oneshot(uri.parse().unwrap()).await.unwrap_err();
        assert!(error.is_fatal() && net.opened() == 0);
        assert!(!format!("{error:?} {error} {}", error.root_cause()).contains("hunter2"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_connect_that_is_dropped_leaves_nothing() {
    let walked = drop_walk(
        async || {
            let (net, executor, connector) = world(|layer| layer, |net| net);
            net.name("a.test").latency(Duration::from_millis(5));
            net.at(addr()).connect_latency(Duration::from_millis(5));
            let listener = net.listen(addr());
            ((net, executor, listener), async move {
                connector.oneshot("http://a.test".parse().unwrap()).await.unwrap();
            })
        },
        async |(net, executor, _listener), _moment| {
            assert_eq!(net.live_sockets(), 0);
            executor.assert_idle().await;
        },
    );
    assert!(walked.await.polls >= 3);
}

/// Counts sockets when a connection is reported as closed.
#[derive(Default)]
struct Left {
    net: OnceLock<Network>,
    sockets: Mutex<Vec<usize>>,
}

impl Observe for Left {
    fn observe(&self, event: &Event<'_>) {
        if let (EventKind::Closed(_), Some(net)) = (&event.kind, self.net.get()) {
            self.sockets.lock().unwrap().push(net.live_sockets());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_socket_is_closed_when_the_connection_is_reported_as_closed() {
    let left = Arc::new(Left::default());
    let (net, _executor, connector) = world(|layer| layer.observer(left.clone()), |net| net);
    let _ = left.net.set(net.clone());
    let _listener = net.listen(addr());
    drop(connector.oneshot("http://a.test".parse().unwrap()).await.unwrap());
    assert_eq!(*left.sockets.lock().unwrap(), [0]);
}

#[tokio::test(start_paused = true)]
async fn an_observer_sees_the_beginning_and_the_end_of_a_connection() {
    let recorder = Recorder::new();
    let (net, _executor, connector) = world(|layer| layer.observer(recorder.clone()), |net| net);
    let origin = Origin::h1().serve_on(net.listen(addr()));
    let client = client(connector);
    text(client.get("http://a.test/".parse().unwrap()).await.unwrap()).await;
    run_until_idle().await;
    assert_eq!(
        recorder.lines(),
        [
            "acquire_start",
            "resolve_start",
            "addresses_found a.test 192.0.2.1:80 (resolver)",
            "resolve_end",
            "connect_start a1",
            "connect_end a1",
            "connection_created a1 c1",
            "acquire_end"
        ]
    );
    origin.close_all();
    run_until_idle().await;
    assert_eq!(recorder.lines().last().unwrap(), "connection_closed a1 c1 peer_fin");
    recorder.assert_balanced();
}

#[tokio::test]
async fn through_real_proxies() {
    let origin = Origin::h1().start().await;
    for (proxy, forwarded) in [(ProxyServer::http().start().await, true), (ProxyServer::socks5().start().await, false)]
    {
        let kind = if forwarded { ProxyKind::Http } else { ProxyKind::Socks5h };
        let through = Proxy::new(kind, proxy.addr().ip().to_string(), proxy.addr().port());
        let connector = ServiceBuilder::new()
            .layer(HyperLayer::new(TokioRuntime::current()))
            .layer(RouteLayer::new(System::new()).proxies([[through]]))
            .layer(TunnelLayer::new())
            .layer(RaceLayer::happy_eyeballs())
            .service(Tcp::new());
        let client = client(connector);
        for _ in 0..2 {
            let response = client.get(origin.url("/x").parse().unwrap()).await.unwrap();
            let info = facts(&response);
            assert_eq!((info.forwarded, info.tunnelled), (forwarded, !forwarded));
            assert_eq!(info.remote.inet(), Some(proxy.addr()));
            assert_eq!(text(response).await, "hello");
        }
        assert_eq!(proxy.connections(), 1);
    }
    assert_eq!(origin.requests().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn over_real_tls_alpn_decides_and_a_pin_mismatch_is_reported() {
    let ca = Ca::new("a root");
    for (origin, version) in [(Origin::h1(), Version::HTTP_11), (Origin::h2c(), Version::HTTP_2)] {
        let (net, executor) = (Network::new(), Executor::new());
        net.host("a.test", [addr().ip()]);
        let origin = origin.tls(&ca.leaf(["a.test"])).serve_on(net.listen("192.0.2.1:443".parse().unwrap()));
        let pinned = |pin: &str| {
            let config = TlsConfig::builder().roots(Roots::Given(vec![ca.der()])).pin("a.test", pin).build().unwrap();
            ServiceBuilder::new()
                .layer(HyperLayer::shared(executor.runtime()))
                .layer(RouteLayer::new(net.resolver()))
                .layer(TlsLayer::new(config))
                .service(net.connector())
        };
        let right = client(pinned(&ca.pin()));
        for _ in 0..2 {
            let response = right.get("https://a.test/".parse().unwrap()).await.unwrap();
            assert_eq!(response.version(), version);
            assert_eq!(facts(&response).tls.as_ref().unwrap().version, Some("1.3"));
            assert_eq!(text(response).await, "hello");
        }
        assert_eq!(origin.exchanges(), ["c0e0", "c0e1"]);

        let wrong = client(pinned("sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
        let error = wrong.get("https://a.test/".parse().unwrap()).await.unwrap_err();
        assert!(cause::<PinMismatch>(&error).is_some(), "{error:?}");
        assert_eq!(origin.requests().len(), 2);
    }
}
