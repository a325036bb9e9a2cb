//! In place of `NegotiateLayer` one line that knows HTTP/1.1 alone, and in place of `H1` hyper's.

use skybridge::{
    Client, H1, H2, NegotiateLayer, PoolLayer, RaceLayer, RequestBody, RetryLayer, RouteLayer, System, Tcp,
    TokioRuntime,
    types::{Handshake, Link},
};
use skybridge_hyper::HyperH1;
use skybridge_testkit::origin::Origin;
use tower::{ServiceBuilder, util::AndThenLayer};

#[tokio::test]
async fn a_handshake_without_a_choice() {
    let origin = Origin::h1().start().await;
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::safe())
        .layer(PoolLayer::new(TokioRuntime::current()))
        .layer(RouteLayer::new(System::new()))
        .layer(AndThenLayer::new(|link: Link<_>| {
            let ctx = link.info.route.ctx().clone();
            H1::<RequestBody>::new().handshake(link, &ctx)
        }))
        .layer(RaceLayer::happy_eyeballs())
        .service(Tcp::new());
    let client = Client::from_stack(stack);
    for _ in 0..2 {
        assert_eq!(client.get(origin.url("/")).await.unwrap().into_body().text().await.unwrap(), "hello");
    }
    assert_eq!(origin.exchanges(), ["c0e0", "c0e1"]);
}

#[tokio::test]
async fn hypers_http1() {
    let origin = Origin::h1().start().await;
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::safe())
        .layer(PoolLayer::new(TokioRuntime::current()))
        .layer(RouteLayer::new(System::new()))
        .layer(NegotiateLayer::new(HyperH1::new(), H2::new()))
        .layer(RaceLayer::happy_eyeballs())
        .service(Tcp::new());
    let client = Client::from_stack(stack);
    for _ in 0..2 {
        assert_eq!(client.get(origin.url("/")).await.unwrap().into_body().text().await.unwrap(), "hello");
    }
    assert_eq!(origin.exchanges(), ["c0e0", "c0e1"]);
}
