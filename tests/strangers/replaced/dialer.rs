//! A dialer of one's own in place of `Tcp`, in a stack by hand and in a client's.

use skybridge::{
    Client, ConnectError, H1, H2, NegotiateLayer, PoolLayer, RaceLayer, RetryLayer, RouteLayer, System, TokioRuntime,
    types::Attempt,
};
use skybridge_testkit::origin::Origin;
use std::io;
use tokio::net::TcpStream;
use tower::{ServiceBuilder, service_fn};

/// Tokio's sockets, and nothing else; who opens sockets asks the egress policy.
async fn dial(attempt: Attempt) -> Result<skybridge::types::Link<TcpStream>, ConnectError> {
    let target = &attempt.route.target;
    target.connect_options().egress.check(target.origin(), &attempt.endpoint).map_err(io::Error::other)?;
    let address = attempt.endpoint.inet().ok_or_else(|| io::Error::other("no address"))?;
    Ok(attempt.link(TcpStream::connect(address).await?))
}

#[tokio::test]
async fn a_function_that_dials_under_a_stack_by_hand() {
    let origin = Origin::h1().start().await;
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::safe())
        .layer(PoolLayer::new(TokioRuntime::current()))
        .layer(RouteLayer::new(System::new()))
        .layer(NegotiateLayer::new(H1::new(), H2::new()))
        .layer(RaceLayer::happy_eyeballs())
        .service(service_fn(dial));
    let client = Client::from_stack(stack);
    assert_eq!(client.get(origin.url("/")).await.unwrap().into_body().text().await.unwrap(), "hello");
}

#[tokio::test]
async fn the_same_function_under_a_client() {
    let origin = Origin::h1().start().await;
    let client = Client::builder().dialer(service_fn(dial)).build();
    assert_eq!(client.get(origin.url("/")).await.unwrap().into_body().text().await.unwrap(), "hello");
}
