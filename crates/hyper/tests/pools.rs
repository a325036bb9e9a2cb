//! Our connections as plain services: under hyper-util's composable pools, and by themselves.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use bytes::Bytes;
use http::{HeaderValue, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::client::pool::{cache, map::Map, singleton::Singleton};
use skybridge_core::{
    BoxError, BoxFuture, ConnectOptions, ConnectionService, Ctx, Delivery, EchMode, Egress, Handshake,
    HandshakeService, Link, Proxy, ProxyKind, RequestOptions,
};
use skybridge_h1::{H1, Http1};
use skybridge_h2::{H2, Http2};
use skybridge_tcp::RaceLayer;
use skybridge_testkit::{
    certs::Ca,
    executor::{Executor, run_until_idle},
    fixtures,
    h1::Script,
    net::{Conn, Network},
    origin::Origin,
};
use skybridge_tls::{Roots, TlsConfig, TlsLayer};
use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};
use tower::{Layer, Service, ServiceExt, service_fn};

type Body = Full<Bytes>;

type Connecting<C> = BoxFuture<Result<ConnectionService<C, Body>, BoxError>>;

const URL: &str = "http://a.test/";

/// Connects, and speaks HTTP: what hyper-util's pools are put around.
fn connector<H>(
    net: Network,
    ctx: Ctx,
    handshake: H,
) -> impl Service<Uri, Response = ConnectionService<H::Connection, Body>, Error = BoxError, Future = Connecting<H::Connection>>
where
    H: Handshake<Conn> + Sync,
{
    service_fn(move |uri: Uri| -> BoxFuture<_> {
        let (net, ctx, handshake) = (net.clone(), ctx.clone(), handshake.clone());
        Box::pin(async move {
            let io = net.connect("192.0.2.1:80".parse()?).await?;
            Ok(HandshakeService::new(handshake).oneshot(Link::of(io, &uri, ctx)?).await?)
        })
    })
}

fn request() -> Request<Body> {
    Request::get(URL).body(Body::default()).unwrap()
}

macro_rules! text {
    ($service:expr) => {{
        let response = $service.ready().await.map_err(|failed| failed.error).unwrap().call(request());
        let response = response.await.map_err(|failed| failed.error).unwrap();
        response.into_body().collect().await.map_err(Into::<BoxError>::into).unwrap().to_bytes()
    }};
}

#[tokio::test(start_paused = true)]
async fn hyper_utils_cache_keeps_our_connections_of_both_versions() {
    let (net, executor) = (Network::new(), Executor::new());
    let origin = Origin::h1().serve_on(net.listen("192.0.2.1:80".parse().unwrap()));
    let mut pool = cache::builder().build(connector(net.clone(), executor.ctx(), H1::<Body>::new()));
    for _ in 0..3 {
        let mut connection = pool.ready().await.unwrap().call(Uri::from_static(URL)).await.unwrap();
        assert_eq!(text!(connection), "hello");
    }
    assert_eq!(origin.exchanges(), ["c0e0", "c0e1", "c0e2"]);

    let net = Network::new();
    let origin = Origin::h2c().serve_on(net.listen("192.0.2.1:80".parse().unwrap()));
    let mut pool = cache::builder().build(connector(net.clone(), executor.ctx(), H2::<Body>::new()));
    for _ in 0..3 {
        let mut connection = pool.ready().await.unwrap().call(Uri::from_static(URL)).await.unwrap();
        assert_eq!(text!(connection), "hello");
    }
    assert_eq!((origin.connections(), origin.requests().len()), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn hyper_utils_singleton_shares_one_and_makes_another_when_that_has_ended() {
    let (net, executor) = (Network::new(), Executor::new());
    let origin = Origin::h2c().serve_on(net.listen("192.0.2.1:80".parse().unwrap()));
    let mut pool = Singleton::new(connector(net.clone(), executor.ctx(), H2::<Body>::new()));
    let make = [pool.call(Uri::from_static(URL)), pool.call(Uri::from_static(URL)), pool.call(Uri::from_static(URL))];
    for made in make {
        let mut connection = made.await.unwrap();
        assert_eq!(text!(connection), "hello");
    }
    assert_eq!((origin.connections(), origin.requests().len()), (1, 3));

    let mut last = pool.call(Uri::from_static(URL)).await.unwrap();
    origin.close_all();
    run_until_idle().await;
    last.ready().await.map(|_| ()).map_err(|failed| failed.error).unwrap_err();
    assert!(pool.is_empty());
}

#[tokio::test(start_paused = true)]
async fn hyper_utils_map_has_a_pool_for_each_origin() {
    let (net, executor) = (Network::new(), Executor::new());
    let origin = Origin::h1().serve_on(net.listen("192.0.2.1:80".parse().unwrap()));
    let (inner, ctx) = (net.clone(), executor.ctx());
    let mut pools = Map::builder::<Uri>()
        .keys(|uri: &Uri| uri.authority().cloned())
        .values(move |_: &Uri| cache::builder().build(connector(inner.clone(), ctx.clone(), H1::<Body>::new())))
        .build();
    for url in ["http://a.test/", "http://b.test/", "http://a.test/"] {
        let uri = Uri::from_static(url);
        let mut connection = pools.service(&uri).ready().await.unwrap().call(uri.clone()).await.unwrap();
        let mut request = request();
        *request.uri_mut() = uri;
        let call = connection.ready().await.map_err(|failed| failed.error).unwrap().call(request);
        let response = call.await.map_err(|failed| failed.error).unwrap();
        assert_eq!(response.into_body().collect().await.map_err(Into::<BoxError>::into).unwrap().to_bytes(), "hello");
    }
    assert_eq!(origin.exchanges(), ["c0e0", "c1e0", "c0e1"]);
}

/// Each in turn, whichever of them was made or dropped in between.
#[tokio::test(start_paused = true)]
async fn clones_of_http1_take_turns_and_one_that_is_dropped_gives_it_up() {
    let (net, executor) = (Network::new(), Executor::new());
    let origin = Origin::h1().serve_on(net.listen("192.0.2.1:80".parse().unwrap()));
    let connect = connector(net.clone(), executor.ctx(), H1::<Body>::new());
    let mut first = connect.oneshot(Uri::from_static(URL)).await.unwrap();
    let (second, mut gives_up) = (first.clone(), first.clone());
    first.ready().await.map_err(|failed| failed.error).unwrap();
    assert!(poll_fn(|cx| Poll::Ready(gives_up.poll_ready(cx).is_pending())).await);
    drop(gives_up);
    let mut waits = second.clone();
    let mut waiting = pin!(async move { text!(waits) });
    assert!(poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx).is_pending())).await);
    let (body, ()) = tokio::join!(waiting, async { drop(first) });
    assert_eq!(body, "hello");
    let [mut one, mut other, mut last] = [second.clone(), second.clone(), second];
    let bodies = tokio::join!(async { text!(one) }, async { text!(other) }, async { text!(last) });
    assert_eq!(bodies, ("hello".into(), "hello".into(), "hello".into()));
    assert_eq!(origin.exchanges(), ["c0e0", "c0e1", "c0e2", "c0e3"]);
}

/// Made for one origin, as by a pool with a key that is too wide.
#[tokio::test(start_paused = true)]
async fn a_request_that_asks_for_more_protection_than_its_connection_has_is_not_sent() {
    let (net, executor, ca) = (Network::new(), Executor::new(), Ca::new("a root"));
    let plain = Origin::h1().serve_on(net.listen("192.0.2.1:80".parse().unwrap()));
    let connect = connector(net.clone(), executor.ctx(), H1::<Body>::new());
    let mut plain_service = connect.oneshot(Uri::from_static(URL)).await.unwrap();
    let sealed =
        Origin::h1().tls(&ca.leaf(["a.test", "b.test"])).serve_on(net.listen("192.0.2.1:443".parse().unwrap()));
    let tls = TlsConfig::builder().roots(Roots::Given(vec![ca.der()])).build().unwrap();
    let route = fixtures::route("https://a.test", ["192.0.2.1:443"], executor.ctx());
    let race = RaceLayer::happy_eyeballs().layer(net.dialer());
    let link = TlsLayer::new(tls).layer(race).oneshot(route).await.unwrap();
    let mut sealed_service = HandshakeService::<_, Body>::new(H1::<Body>::new()).oneshot(link).await.unwrap();
    let only = |options: ConnectOptions| {
        let mut only = RequestOptions::new();
        only.connect_options = options;
        only
    };
    let with =
        |url: &str, options: ConnectOptions| Request::get(url).extension(only(options)).body(Body::default()).unwrap();
    let none = ConnectOptions::new;
    let plain_rows = [
        (with(URL, none()), true),
        // Whoever has no key says by the service which connection it is.
        (with("http://b.test/", none()), true),
        (with("https://a.test/", none()), false),
        (with(URL, none().proxies([Proxy::new(ProxyKind::Http, "p.test", 1)])), false),
        (with(URL, none().egress(Egress::public())), false),
        (with("/", none()), true),
    ];
    let sealed_rows = [
        (with("https://a.test/", none()), true),
        (with("https://b.test/", none()), true),
        (with("https://c.test/", none()), false),
        (with("https://a.test/", none().ech(EchMode::Require)), false),
    ];
    for (service, rows) in [(&mut plain_service, &plain_rows[..]), (&mut sealed_service, &sealed_rows[..])] {
        for (request, is_sent) in rows {
            let mut request = request.clone();
            request.headers_mut().insert("host", HeaderValue::from_static("a.test"));
            let call = service.ready().await.map_err(|failed| failed.error).unwrap().call(request.clone());
            match call.await {
                Ok(response) => {
                    assert!(is_sent, "{request:?}");
                    response.into_body().collect().await.unwrap();
                }
                Err(failed) => {
                    assert!(!is_sent, "{:?}", failed.error);
                    assert_eq!(failed.error.delivery(), Delivery::Unsent);
                    assert_eq!(failed.into_request().unwrap().uri(), request.uri());
                }
            }
        }
    }
    assert_eq!((plain.requests().len(), sealed.requests().len()), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn http1_is_not_ready_until_the_response_is_read() {
    let (net, executor) = (Network::new(), Executor::new());
    let listener = net.listen("192.0.2.1:80".parse().unwrap());
    let connect = connector(net.clone(), executor.ctx(), H1::<Body>::new());
    let (service, accepted) = tokio::join!(connect.oneshot(Uri::from_static(URL)), listener.accept());
    let mut service: ConnectionService<Http1<Body>, Body> = service.unwrap();
    let mut peer = Script::new(accepted.0);
    let call = service.ready().await.map_err(|failed| failed.error).unwrap().call(request());
    let server = async {
        peer.request().await;
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nme").await;
    };
    let (response, ()) = tokio::join!(call, server);
    let response = response.map_err(|failed| failed.error).unwrap();
    assert!(poll_fn(|cx| Poll::Ready(service.poll_ready(cx).is_pending())).await);
    let (body, ()) = tokio::join!(response.into_body().collect(), peer.send("ow"));
    assert_eq!(body.unwrap().to_bytes(), "meow");
    service.ready().await.map_err(|failed| failed.error).unwrap();

    // Given up before its response: the end of the connection, and whoever waits for it is told.
    let call = service.call(request());
    let mut call = Box::pin(call);
    assert!(poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_pending())).await);
    drop(call);
    let error = service.ready().await.map(|_| ()).map_err(|failed| failed.error).unwrap_err();
    assert!(error.to_string().contains("given up"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn http2_carries_several_at_once() {
    let (net, executor) = (Network::new(), Executor::new());
    let origin = Origin::h2c().serve_on(net.listen("192.0.2.1:80".parse().unwrap()));
    let connect = connector(net.clone(), executor.ctx(), H2::<Body>::new());
    let mut service: ConnectionService<Http2<Body>, Body> = connect.oneshot(Uri::from_static(URL)).await.unwrap();
    let mut calls = Vec::new();
    for _ in 0..3 {
        calls.push(service.ready().await.map_err(|failed| failed.error).unwrap().call(request()));
    }
    let mut bodies = Vec::new();
    for call in calls {
        bodies.push(call.await.map_err(|failed| failed.error).unwrap().into_body());
    }
    for body in bodies {
        assert_eq!(body.collect().await.map_err(Into::<BoxError>::into).unwrap().to_bytes(), "hello");
    }
    assert_eq!((origin.connections(), origin.requests().len()), (1, 3));
}
