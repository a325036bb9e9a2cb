//! Foreign connectors under our stack.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Empty};
use hyper_util::{
    client::legacy::connect::{Connected, Connection, HttpConnector},
    rt::TokioIo,
};
use skybridge_core::{
    Cleartext, ConnectError, ConnectOptions, Connector, Dialer, EchMode, Egress, EgressReason, EgressRefused,
    EgressRule, Endpoint, Endpoints, Key, Phase, Proxy, ProxyKind, Route, Target, Trust, Unfit,
};
use skybridge_dns::{Fixed, System};
use skybridge_h1::H1;
use skybridge_h2::H2;
use skybridge_hyper::{FromHyper, OptionUnsupported, ProxyUnsupported};
use skybridge_negotiate::NegotiateLayer;
use skybridge_pool::PoolLayer;
use skybridge_retry::RetryLayer;
use skybridge_route::RouteLayer;
use skybridge_runtime::TokioRuntime;
use skybridge_tcp::RaceLayer;
use skybridge_testkit::{
    certs::Ca,
    executor::Executor,
    fixtures,
    net::{Conn, Network},
    origin::Origin,
};
use skybridge_tls::{Roots, TlsConfig, TlsLayer};
use std::{
    error::Error,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower::{ServiceBuilder, ServiceExt, service_fn};

/// The stream of a foreign connector, and what it reports of it.
struct Pipe {
    conn: Conn,
    h2: bool,
    proxied: bool,
}

impl Connection for Pipe {
    fn connected(&self) -> Connected {
        let connected = Connected::new().proxy(self.proxied);
        if self.h2 { connected.negotiated_h2() } else { connected }
    }
}

impl AsyncRead for Pipe {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.conn).poll_read(cx, buf)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.conn).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.conn).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.conn).poll_shutdown(cx)
    }
}

/// The URIs that the connector was called with.
type Asked = Arc<Mutex<Vec<String>>>;

/// A foreign connector that connects every URI to one address, and records the URIs.
macro_rules! foreign {
    ($net:expr, $asked:expr, $h2:expr, $proxied:expr) => {{
        let (net, asked) = ($net.clone(), Arc::clone($asked));
        service_fn(move |uri: Uri| {
            let (net, asked) = (net.clone(), Arc::clone(&asked));
            async move {
                asked.lock().unwrap().push(uri.to_string());
                let conn = net.connect("192.0.2.1:80".parse().unwrap()).await?;
                Ok::<_, io::Error>(TokioIo::new(Pipe { conn, h2: $h2, proxied: $proxied }))
            }
        })
    }};
}

async fn text<B: http_body::Body<Data = Bytes, Error: std::fmt::Debug>>(response: Response<B>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

#[tokio::test]
async fn hyper_utils_connector_dials_for_the_race() {
    let origin = Origin::h1().start().await;
    let stack = ServiceBuilder::new()
        .layer(PoolLayer::new(TokioRuntime::current()))
        .layer(RouteLayer::new(System::new()))
        .layer(NegotiateLayer::new(H1::new(), H2::new()))
        .layer(RaceLayer::happy_eyeballs())
        .service(FromHyper::new(HttpConnector::new()));
    for _ in 0..2 {
        let request = Request::get(origin.url("/")).body(Empty::<Bytes>::new()).unwrap();
        let response = stack.clone().oneshot(request).await.unwrap();
        assert_eq!(text(response).await, "hello");
    }
    assert_eq!(origin.exchanges(), ["c0e0", "c0e1"]);
}

#[tokio::test(start_paused = true)]
async fn pool_and_retry_over_any_service_of_uris_without_a_resolver() {
    let (net, executor, asked) = (Network::new(), Executor::new(), Asked::default());
    let origin = Origin::h1().serve_on(net.listen("192.0.2.1:80".parse().unwrap()));
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::unsent())
        .layer(PoolLayer::shared(executor.runtime()))
        .layer(RouteLayer::unresolved())
        .layer(NegotiateLayer::new(H1::new(), H2::new()))
        .service(FromHyper::new(foreign!(net, &asked, false, false)));
    let mut bodies = Vec::new();
    for _ in 0..2 {
        let request = Request::get("http://nobody.asks.dns.test/").body(Empty::<Bytes>::new()).unwrap();
        let response = stack.clone().oneshot(request).await.unwrap();
        // The connector doesn't tell its address.
        let info = response.body().connection().unwrap();
        assert_eq!(info.remote.to_string(), "nobody.asks.dns.test:80");
        bodies.push(text(response).await);
    }
    assert_eq!(bodies, ["hello", "hello"]);
    assert_eq!(origin.exchanges(), ["c0e0", "c0e1"]);
    assert_eq!(*asked.lock().unwrap(), ["http://nobody.asks.dns.test/"]);
    // Below a race it is a dialer, and told the name too.
    let route = Route::to(
        Target::of(&"http://b.test:81".parse().unwrap(), executor.ctx()).unwrap(),
        [Endpoint::Name { host: "b.test".into(), port: 81 }],
    );
    let attempt = route.attempt(route.endpoints.snapshot().remove(0));
    let mut dialer = FromHyper::new(foreign!(net, &asked, false, false));
    dialer.dial(attempt).await.unwrap();
    assert_eq!(asked.lock().unwrap().last().unwrap(), "http://b.test:81/");
}

#[tokio::test]
async fn the_facts_have_the_addresses_of_its_socket() {
    let (origin, executor) = (Origin::h1().start().await, Executor::new());
    let route = fixtures::route(&origin.url(""), ["192.0.2.9:9"], executor.ctx());
    let link = Connector::connect(&mut FromHyper::new(HttpConnector::new()), route).await.unwrap();
    assert_eq!(link.info.remote.inet(), Some(origin.addr()));
    assert!(link.info.local_addr.is_some());
}

#[tokio::test(start_paused = true)]
async fn as_a_dialer_it_is_called_with_an_endpoint() {
    let (net, executor, asked) = (Network::new(), Executor::new(), Asked::default());
    let _listener = net.listen("192.0.2.1:80".parse().unwrap());
    let mut connector = FromHyper::new(foreign!(net, &asked, false, false));
    let route = fixtures::route("https://a.test", [], executor.ctx());
    let mut attempts = Vec::new();
    for endpoint in ["192.0.2.7:443", "[2001:db8::7]:443"] {
        let link = connector.dial(route.attempt(fixtures::endpoint(endpoint))).await.unwrap();
        assert_eq!(link.info.remote, fixtures::endpoint(endpoint));
        assert!(link.info.tls.is_none() && link.info.timings.get(Phase::Tcp).is_some());
        attempts.push(link);
    }
    assert_eq!(*asked.lock().unwrap(), ["http://192.0.2.7:443/", "http://[2001:db8::7]:443/"]);
}

/// As text, the path `80` is `unix:80`, which could be taken for a host and a port.
#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn a_unix_socket_is_never_taken_for_a_host() {
    let (net, executor, asked) = (Network::new(), Executor::new(), Asked::default());
    let _listener = net.listen("192.0.2.1:80".parse().unwrap());
    let mut connector = FromHyper::new(foreign!(net, &asked, false, false));
    let route = fixtures::route("http://a.test", [], executor.ctx());
    for path in ["80", "/run/a.socket", ""] {
        let attempt = route.attempt(std::path::PathBuf::from(path).into());
        let error = connector.dial(attempt).await.map(|link| link.info).unwrap_err();
        assert_eq!(error.phase(), Some(Phase::Tcp), "{error}");
    }
    assert!(asked.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn with_tls_it_is_called_with_the_origin_and_its_connections_cover_nothing_else() {
    for (h2, proxied) in [(false, false), (true, false), (false, true)] {
        let (net, executor, asked) = (Network::new(), Executor::new(), Asked::default());
        let _listener = net.listen("192.0.2.1:80".parse().unwrap());
        let mut connector = FromHyper::with_tls(foreign!(net, &asked, h2, proxied));
        let route = fixtures::route("https://a.test:8443", ["192.0.2.7:8443"], executor.ctx());
        let origin = route.target.origin().clone();
        let link = connector.connect(route).await.unwrap();
        assert_eq!(*asked.lock().unwrap(), ["https://a.test:8443/"]);
        assert_eq!((link.info.tunnelled, link.info.forwarded), (proxied, false), "a proxy can't forward TLS");
        let tls = link.info.tls.expect("https runs over TLS");
        assert_eq!((tls.alpn.is_some(), tls.trust), (h2, Trust::Other));
        assert!(!tls.covers.covers(&origin));
    }
}

/// Whatever it reports of its stream, and whichever scheme it expects.
#[tokio::test(start_paused = true)]
async fn without_tls_it_is_called_with_http_and_https_needs_a_tls_layer() {
    let rows = [
        ("https://a.test", "http://a.test:443/"),
        ("https://[2001:db8::1]:8443", "http://[2001:db8::1]:8443/"),
        ("http://a.test", "http://a.test/"),
        ("http://a.test:8080", "http://a.test:8080/"),
    ];
    for ((url, uri), h2) in rows.into_iter().flat_map(|row| [(row, false), (row, true)]) {
        let (net, executor, asked) = (Network::new(), Executor::new(), Asked::default());
        let _listener = net.listen("192.0.2.1:80".parse().unwrap());
        let mut connector = FromHyper::new(foreign!(net, &asked, h2, false));
        let link = connector.connect(fixtures::route(url, ["192.0.2.7:1"], executor.ctx())).await.unwrap();
        assert_eq!(*asked.lock().unwrap(), [uri]);
        assert!(link.info.tls.is_none());
        let fit = if url.starts_with("https") { Err(Unfit::TlsMissing) } else { Ok(()) };
        assert_eq!(link.info.fit_for_http(), fit, "{url}");
    }
}

#[tokio::test(start_paused = true)]
async fn https_is_not_forwarded_by_a_foreign_proxy() {
    for (url, fit) in [("https://a.test", Err(Unfit::Forwarded)), ("http://a.test", Ok(()))] {
        let (net, executor, asked) = (Network::new(), Executor::new(), Asked::default());
        let _listener = net.listen("192.0.2.1:80".parse().unwrap());
        let mut connector = FromHyper::new(foreign!(net, &asked, false, true));
        let link = connector.connect(fixtures::route(url, ["192.0.2.7:1"], executor.ctx())).await.unwrap();
        assert_eq!((link.info.forwarded, link.info.fit_for_tls()), (true, fit));
    }
}

#[tokio::test(start_paused = true)]
async fn the_protocol_that_it_negotiated_is_spoken() {
    let (net, executor, asked) = (Network::new(), Executor::new(), Asked::default());
    let origin = Origin::h2c().serve_on(net.listen("192.0.2.1:80".parse().unwrap()));
    let stack = ServiceBuilder::new()
        .layer(PoolLayer::shared(executor.runtime()))
        .layer(RouteLayer::new(Fixed::new([fixtures::endpoint("192.0.2.1:443")])))
        .layer(NegotiateLayer::new(H1::new(), H2::new()))
        .service(FromHyper::with_tls(foreign!(net, &asked, true, false)));
    let request = Request::get("https://a.test/").body(Empty::<Bytes>::new()).unwrap();
    let response = stack.oneshot(request).await.unwrap();
    assert_eq!((response.version(), text(response).await), (http::Version::HTTP_2, "hello".into()));
    assert_eq!(origin.connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn its_error_is_the_source_of_ours() {
    let (net, executor, asked) = (Network::new(), Executor::new(), Asked::default());
    let mut connector = FromHyper::new(foreign!(net, &asked, false, false));
    let route = fixtures::route("http://a.test", ["192.0.2.7:80"], executor.ctx());
    let error: ConnectError = connector.connect(route).await.unwrap_err();
    assert_eq!((error.phase(), error.endpoint()), (Some(Phase::Tcp), Some(&fixtures::endpoint("192.0.2.7:80"))));
    assert_eq!(error.source_as::<io::Error>().unwrap().kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test(start_paused = true)]
async fn a_route_with_proxies_is_refused() {
    let (net, executor, asked) = (Network::new(), Executor::new(), Asked::default());
    let mut connector = FromHyper::new(foreign!(net, &asked, false, false));
    let mut route = fixtures::route("http://a.test", ["192.0.2.7:80"], executor.ctx());
    route.proxies = [Proxy::new(ProxyKind::Http, "proxy.test", 3128)].into();
    let error = connector.connect(route).await.unwrap_err();
    assert!(error.is_fatal() && error.source_as::<ProxyUnsupported>().is_some());
    assert_eq!(asked.lock().unwrap().len(), 0);
}

/// Ignoring them, it would connect to the wrong address or verify the wrong name.
#[tokio::test(start_paused = true)]
async fn options_that_it_would_ignore_are_refused() {
    type RequestOptions = fn(&mut ConnectOptions);
    let wishes: [(RequestOptions, OptionUnsupported); 4] = [
        (|connect_options| connect_options.egress = Egress::public(), OptionUnsupported::Egress),
        (
            |connect_options| connect_options.dial = Some([fixtures::endpoint("192.0.2.7:443")].into()),
            OptionUnsupported::Dial,
        ),
        (|connect_options| connect_options.server_name = Some("b.test".into()), OptionUnsupported::ServerName),
        (|connect_options| connect_options.ech = Some(EchMode::Require), OptionUnsupported::Ech),
    ];
    for (options, unsupported) in wishes {
        let (net, executor, asked) = (Network::new(), Executor::new(), Asked::default());
        let _listener = net.listen("192.0.2.1:80".parse().unwrap());
        let mut connector = FromHyper::with_tls(foreign!(net, &asked, false, false));
        let mut route = fixtures::route("https://a.test", ["192.0.2.7:443"], executor.ctx());
        let mut connect_options = ConnectOptions::default();
        options(&mut connect_options);
        route.target.key = Arc::new(Key::new(route.target.origin().clone(), connect_options));
        let error = connector.connect(route).await.expect_err("it is refused");
        assert!(error.is_fatal());
        assert_eq!(error.source_as::<OptionUnsupported>(), Some(&unsupported));
        assert_eq!(asked.lock().unwrap().len(), 0);
    }
    // A TLS layer above hides the name.
    let (net, executor, asked) = (Network::new(), Executor::new(), Asked::default());
    let _listener = net.listen("192.0.2.1:80".parse().unwrap());
    let mut route = fixtures::route("https://a.test", ["192.0.2.7:443"], executor.ctx());
    let origin = route.target.origin().clone();
    route.target.key = Arc::new(Key::new(origin, ConnectOptions::new().ech(EchMode::Require)));
    FromHyper::new(foreign!(net, &asked, false, false)).connect(route).await.unwrap();
}

/// A limit of addresses it would ignore; this is known before it is asked.
#[tokio::test(start_paused = true)]
async fn a_connector_that_looks_names_up_is_not_asked_for_what_may_not_be_in_cleartext() {
    let egress = Egress::any().cleartext(Cleartext::only_to(["b.test"]).unwrap());
    for (url, asks) in [("http://a.test", 0), ("http://b.test", 1), ("https://a.test", 1)] {
        let (net, executor, asked) = (Network::new(), Executor::new(), Asked::default());
        let _listener = net.listen("192.0.2.1:80".parse().unwrap());
        let mut route = fixtures::route(url, ["192.0.2.7:443"], executor.ctx());
        let origin = route.target.origin().clone();
        route.target.key = Arc::new(Key::new(origin, ConnectOptions::new().egress(egress.clone())));
        let connected = FromHyper::new(foreign!(net, &asked, false, false)).connect(route).await;
        assert_eq!((connected.is_ok(), asked.lock().unwrap().len()), (asks == 1, asks), "{url}");
        let Err(error) = connected else { continue };
        let refused = error.source_as::<EgressRefused>().unwrap();
        assert!(error.is_fatal() && refused.rule == EgressReason::Cleartext, "{error:?}");
    }
}

/// The resolver's address is not the connector's, which looks names up by itself.
#[tokio::test(start_paused = true)]
async fn what_tells_no_address_is_never_coalesced_by_the_one_that_was_resolved() {
    let (net, executor, asked, ca) = (Network::new(), Executor::new(), Asked::default(), Ca::new("a root"));
    let origin = Origin::h2c().tls(&ca.leaf(["a.test", "b.test"]));
    let origin = origin.serve_on(net.listen("192.0.2.1:80".parse().unwrap()));
    let tls = TlsConfig::builder().roots(Roots::Given(vec![ca.der()])).build().unwrap();
    let stack = ServiceBuilder::new()
        .layer(PoolLayer::shared(executor.runtime()))
        .layer(RouteLayer::new(Fixed::new([fixtures::endpoint("192.0.2.7:443")])))
        .layer(NegotiateLayer::new(H1::new(), H2::new()))
        .layer(TlsLayer::new(tls))
        .service(FromHyper::new(foreign!(net, &asked, false, false)));
    for url in ["https://a.test/", "https://b.test/"] {
        let request = Request::get(url).body(Empty::<Bytes>::new()).unwrap();
        let response = stack.clone().oneshot(request).await.unwrap();
        let remote = &response.body().connection().unwrap().remote;
        assert!(matches!(remote, Endpoint::Name { host, port: 443 } if url.contains(&**host)), "{remote}");
        assert_eq!(text(response).await, "hello");
    }
    assert_eq!(*asked.lock().unwrap(), ["http://a.test:443/", "http://b.test:443/"]);
    assert_eq!(origin.connections(), 2);
}

/// It would be given the name, and go to whichever address that has for it.
#[tokio::test(start_paused = true)]
async fn a_dialer_that_forwards_by_a_proxy_of_its_own_is_not_within_limits_of_egress() {
    let (net, executor, asked) = (Network::new(), Executor::new(), Asked::default());
    let origin = Origin::h1().serve_on(net.listen("192.0.2.1:80".parse().unwrap()));
    let egress = Egress::none().allow(EgressRule::new().network("192.0.2.7".parse().unwrap()));
    let stack = ServiceBuilder::new()
        .layer(PoolLayer::shared(executor.runtime()).connect_options(ConnectOptions::new().egress(egress)))
        .layer(RouteLayer::new(Fixed::new([fixtures::endpoint("192.0.2.7:80")])))
        .layer(NegotiateLayer::new(H1::new(), H2::new()))
        .layer(RaceLayer::happy_eyeballs())
        .service(FromHyper::new(foreign!(net, &asked, false, true)));
    let request = Request::get("http://a.test/").body(Empty::<Bytes>::new()).unwrap();
    let failed = stack.oneshot(request).await.map(|_| ()).unwrap_err();
    let error: &(dyn Error + 'static) = &failed.error;
    let mut causes = std::iter::successors(Some(error), |error| (*error).source());
    assert_eq!(causes.find_map(|error| error.downcast_ref()), Some(&Unfit::Egress), "{:?}", failed.error);
    assert_eq!(origin.requests().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_error_says_why_there_is_no_endpoint() {
    let (net, executor, asked) = (Network::new(), Executor::new(), Asked::default());
    let mut connector = FromHyper::new(foreign!(net, &asked, false, false));
    let mut route = fixtures::route("http://a.test", [], executor.ctx());
    let (feed, endpoints) = Endpoints::feed();
    route.endpoints = endpoints;
    feed.fail(ConnectError::new(Phase::Resolve, "no such name"));
    assert_eq!(connector.connect(route).await.err().and_then(|error| error.phase()), Some(Phase::Resolve));
}
