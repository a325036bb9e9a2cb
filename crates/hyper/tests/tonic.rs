//! Under tonic's channel: a unary call over our connector.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use bytes::{Buf, BufMut, Bytes};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use skybridge_core::{ConnectError, Protocol, Want};
use skybridge_hyper::HyperLayer;
use skybridge_route::RouteLayer;
use skybridge_testkit::{executor::Executor, net::Network, nouns, origin::Origin};
use std::net::SocketAddr;
use tonic::{
    Code, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::{Channel, Endpoint},
};
use tower::ServiceBuilder;

/// Messages that are text.
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

/// Answers a unary call with its own message, five bytes of prefix included.
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

/// `Channel::new` skips tonic's own TLS step: ours is below, so that `https` goes through too.
async fn say(channel: Channel, what: &str) -> Result<String, Status> {
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
        let sealed = url.starts_with("https");
        let connector = ServiceBuilder::new()
            .layer(HyperLayer::shared(executor.runtime()).want(Want::Http2))
            .layer(RouteLayer::new(net.resolver()))
            .service(net.connector().amend(move |info| {
                info.tls = sealed.then(|| nouns::tls(Some(Protocol::Http2), ["a.test"]));
            }));
        let channel = Channel::new(connector, Endpoint::from_static(url));
        for what in ["hello", "again"] {
            assert_eq!(say(channel.clone(), what).await.unwrap(), what);
        }
        assert_eq!((origin.connections(), origin.exchanges().len()), (1, 2));
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_connect_is_unavailable_once_it_is_named_in_tonics_words() {
    let (net, executor) = (Network::new(), Executor::new());
    net.host("a.test", ["192.0.2.1".parse().unwrap()]);
    let connector = ServiceBuilder::new()
        .map_err(|error: ConnectError| tonic::ConnectError(error.into()))
        .layer(HyperLayer::shared(executor.runtime()).want(Want::Http2))
        .layer(RouteLayer::new(net.resolver()))
        .service(net.connector());
    let status = say(Channel::new(connector, Endpoint::from_static("http://a.test")), "hello").await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
}
