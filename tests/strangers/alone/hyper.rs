//! By the page of `skybridge_hyper`.

use bytes::Bytes;
use http_body_util::Empty;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use skybridge_core::ConnInfo;
use skybridge_dns::Fixed;
use skybridge_h2::H2;
use skybridge_hyper::{FromHyper, HyperH1, HyperLayer};
use skybridge_negotiate::NegotiateLayer;
use skybridge_pool::PoolLayer;
use skybridge_route::RouteLayer;
use skybridge_runtime::TokioRuntime;
use skybridge_tcp::{RaceLayer, Tcp};
use skybridge_testkit::origin::Origin;
use std::sync::Arc;
use tower::{ServiceBuilder, ServiceExt};

#[tokio::test]
async fn hyper_utils_client_connects_by_this_stack() {
    let origin = Origin::h1().start().await;
    let connector = ServiceBuilder::new()
        .layer(HyperLayer::new(TokioRuntime::current()))
        .layer(RouteLayer::new(Fixed::new([origin.addr().into()])))
        .layer(RaceLayer::happy_eyeballs())
        .service(Tcp::new());
    let client = Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(connector);
    let response = client.get("http://a.test/".parse().unwrap()).await.unwrap();
    let info = response.extensions().get::<Arc<ConnInfo>>().unwrap();
    assert_eq!(info.remote.inet(), Some(origin.addr()));
}

#[tokio::test]
async fn this_stack_connects_by_hypers_connector_and_speaks_http_by_hyper() {
    let origin = Origin::h1().start().await;
    let stack = ServiceBuilder::new()
        .layer(PoolLayer::new(TokioRuntime::current()))
        .layer(RouteLayer::unresolved())
        .layer(NegotiateLayer::new(HyperH1::new(), H2::new()))
        .service(FromHyper::new(HttpConnector::new()));
    let request = http::Request::get(origin.url("/")).body(String::new()).unwrap();
    let response = stack.oneshot(request).await.unwrap();
    assert_eq!(super::text(response.into_body()).await, "hello");
}
