//! Our connections as plain services: under hyper-util's composable pools, and by themselves.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::client::pool::cache;
use skybridge_core::{BoxError, BoxFuture, ConnectionService, Ctx, Handshake, HandshakeService, Link};
use skybridge_h1::{H1, Http1};
use skybridge_h2::{H2, Http2};
use skybridge_testkit::{
    executor::Executor,
    h1::Script,
    net::{Conn, Network},
    origin::Origin,
};
use std::{future::poll_fn, task::Poll};
use tower::{Service, ServiceExt, service_fn};

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
