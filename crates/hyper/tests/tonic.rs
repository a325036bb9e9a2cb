//! Under tonic's channel: a unary call over our connector.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use bytes::{Buf, BufMut, Bytes};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use skybridge_core::{ConnectError, HttpVersions, Phase, Protocol, Unfit};
use skybridge_hyper::{AlpnMismatch, Hyper, HyperLayer};
use skybridge_route::{RouteLayer, RoutePlanner};
use skybridge_testkit::{
    certs::Ca,
    executor::Executor,
    fixtures,
    net::{self, Names, Network},
    origin::{self, Origin},
};
use skybridge_tls::{Roots, Tls, TlsConfig, TlsError, TlsLayer};
use std::{error::Error, net::SocketAddr, time::Duration};
use tonic::{
    Code, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::{Channel, Endpoint},
};
use tower::ServiceBuilder;

/// A codec for messages of text.
#[derive(Default)]
struct Text;

impl Codec for Text {
    type Encode = String;
    type Decode = String;
    type Encoder = Self;
    type Decoder = Self;
    fn encoder(&mut self) -> Self {
        Self
    }
    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Text {
    type Item = String;
    type Error = Status;
    fn encode(&mut self, item: String, buf: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buf.put_slice(item.as_bytes());
        Ok(())
    }
}

impl Decoder for Text {
    type Item = String;
    type Error = Status;
    fn decode(&mut self, buf: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
        let bytes = buf.copy_to_bytes(buf.remaining());
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }
}

/// Answers a unary call with its own message, including the prefix of five bytes.
async fn echo(
    request: Request<Incoming>,
) -> Response<http_body_util::combinators::UnsyncBoxBody<Bytes, std::convert::Infallible>> {
    assert_eq!(request.headers()["content-type"], "application/grpc");
    let message = request.into_body().collect().await.unwrap().to_bytes();
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let body = Full::new(message).with_trailers(async { Some(Ok(trailers)) }).boxed_unsync();
    Response::builder().header("content-type", "application/grpc").body(body).unwrap()
}

/// `Channel::new` skips tonic's own TLS: ours is below, so that `https` works too.
async fn unary(channel: Channel, what: &str) -> Result<String, Status> {
    let mut grpc = Grpc::new(channel);
    grpc.ready().await.map_err(|error| Status::from_error(Box::new(error)))?;
    let path = http::uri::PathAndQuery::from_static("/a.Test/Say");
    grpc.unary(tonic::Request::new(what.to_owned()), path, Text).await.map(tonic::Response::into_inner)
}

#[tokio::test(start_paused = true)]
async fn unary_calls_share_one_connection() {
    for url in ["http://a.test", "https://a.test"] {
        let (net, executor) = (Network::new(), Executor::new());
        let addr: SocketAddr = if url.starts_with("https") { "192.0.2.1:443" } else { "192.0.2.1:80" }.parse().unwrap();
        net.host("a.test", [addr.ip()]);
        let origin = Origin::h2c().handle(echo).serve_on(net.listen(addr));
        let world = url.starts_with("https");
        let connector = ServiceBuilder::new()
            .layer(HyperLayer::shared(executor.runtime()).http_versions(HttpVersions::Http2))
            .layer(RouteLayer::new(net.resolver()))
            .service(net.connector().amend(move |info| {
                info.tls = world.then(|| fixtures::tls(Some(Protocol::Http2), ["a.test"]));
            }));
        let channel = Channel::new(connector, Endpoint::from_static(url));
        for what in ["hello", "again"] {
            assert_eq!(unary(channel.clone(), what).await.unwrap(), what);
        }
        assert_eq!((origin.connections(), origin.exchanges().len()), (1, 2));
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_connect_is_unavailable_once_mapped_to_tonics_error() {
    let (net, executor) = (Network::new(), Executor::new());
    net.host("a.test", ["192.0.2.1".parse().unwrap()]);
    let connector = ServiceBuilder::new()
        .map_err(|error: ConnectError| tonic::ConnectError(error.into()))
        .layer(HyperLayer::shared(executor.runtime()).http_versions(HttpVersions::Http2))
        .layer(RouteLayer::new(net.resolver()))
        .service(net.connector());
    let status = unary(Channel::new(connector, Endpoint::from_static("http://a.test")), "hello").await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
}

#[tokio::test(start_paused = true)]
async fn without_a_tls_layer_https_is_unavailable() {
    let (net, executor) = (Network::new(), Executor::new());
    net.host("a.test", ["192.0.2.1".parse().unwrap()]);
    let origin = Origin::h2c().handle(echo).serve_on(net.listen("192.0.2.1:443".parse().unwrap()));
    let connector = ServiceBuilder::new()
        .map_err(|error: ConnectError| tonic::ConnectError(error.into()))
        .layer(HyperLayer::shared(executor.runtime()).http_versions(HttpVersions::Http2))
        .layer(RouteLayer::new(net.resolver()))
        .service(net.connector());
    let status = unary(Channel::new(connector, Endpoint::from_static("https://a.test")), "hello").await.unwrap_err();
    assert_eq!((status.code(), cause::<Unfit>(&status)), (Code::Unavailable, Some(&Unfit::TlsMissing)), "{status:?}");
    assert_eq!((net.wire(0).other_end().bytes_sent(), origin.requests().len()), (0, 0));
}

type TlsStack = Hyper<RoutePlanner<Tls<net::Connector>, Names>>;

/// `https://a.test` in memory with a certificate of `ca`, and a connector to it that trusts `root`.
fn world(origin: origin::Builder, ca: &Ca, root: &Ca) -> (Network, Executor, Origin, TlsStack) {
    let (net, executor) = (Network::new(), Executor::new());
    let addr: SocketAddr = "192.0.2.1:443".parse().unwrap();
    net.host("a.test", [addr.ip()]);
    let origin = origin.tls(&ca.leaf(["a.test"])).serve_on(net.listen(addr));
    let config = TlsConfig::builder().roots(Roots::Given(vec![root.der()])).build().unwrap();
    let connector = ServiceBuilder::new()
        .layer(HyperLayer::shared(executor.runtime()).http_versions(HttpVersions::Http2))
        .layer(RouteLayer::new(net.resolver()))
        .layer(TlsLayer::new(config))
        .service(net.connector());
    (net, executor, origin, connector)
}

/// The error of this type in a chain of sources.
fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
        .find_map(|error| error.downcast_ref())
}

#[tokio::test(start_paused = true)]
async fn over_real_tls_an_endpoint_connects_with_our_connector() {
    let ca = Ca::new("a root");
    let (_net, _executor, origin, connector) = world(Origin::h2c().handle(echo), &ca, &ca);
    let endpoint = Endpoint::from_static("https://a.test");
    let channel = endpoint.connect_with_connector(connector).await.unwrap();
    for what in ["hello", "again"] {
        assert_eq!(unary(channel.clone(), what).await.unwrap(), what);
    }
    assert_eq!((origin.connections(), origin.exchanges().len()), (1, 2));
    let shake = &origin.handshakes()[0];
    assert_eq!((shake.sni.as_deref(), shake.alpn.as_deref()), (Some("a.test"), Some("h2")));
}

#[tokio::test(start_paused = true)]
async fn an_untrusted_root_is_reported_at_once_as_a_tls_error() {
    let (ours, theirs) = (Ca::new("ours"), Ca::new("theirs"));
    let (net, _executor, origin, connector) = world(Origin::h2c().handle(echo), &theirs, &ours);
    let began = tokio::time::Instant::now();
    let endpoint = Endpoint::from_static("https://a.test");
    let error = endpoint.connect_with_connector(connector.clone()).await.unwrap_err();
    let connect: &ConnectError = cause(&error).expect("our error");
    assert_eq!((connect.phase(), connect.is_fatal()), (Some(Phase::Tls), true), "{error:?}");
    assert!(matches!(cause(&error), Some(TlsError::UnknownIssuer { name, .. }) if &**name == "a.test"), "{error:?}");

    // With a lazily connecting channel, the call fails.
    let status = unary(endpoint.connect_with_connector_lazy(connector), "hello").await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    assert!(matches!(cause(&status), Some(TlsError::UnknownIssuer { .. })), "{status:?}");
    assert!(status.message().contains("tls failed"), "{status:?}");

    assert_eq!(began.elapsed(), Duration::ZERO, "it waited");
    assert_eq!((origin.requests().len(), net.live_sockets()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_peer_without_http2_is_an_error() {
    let ca = Ca::new("a root");
    let (_net, _executor, origin, connector) = world(Origin::h1(), &ca, &ca);
    let error = Endpoint::from_static("https://a.test").connect_with_connector(connector).await.unwrap_err();
    assert!(cause::<TlsError>(&error).is_some() || cause::<AlpnMismatch>(&error).is_some(), "{error:?}");
    assert_eq!(origin.requests().len(), 0);
}
