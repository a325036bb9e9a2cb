//! One address after the other in place of `RaceLayer`.

use skybridge::{
    Client, ConnectError, Endpoint, H1, H2, NegotiateLayer, PoolLayer, RetryLayer, RouteLayer, Tcp, TokioRuntime,
    types::{Dialer, Route},
};
use skybridge_dns::Fixed;
use skybridge_testkit::{closed::Closed, origin::Origin};
use std::{future::poll_fn, io};
use tower::{ServiceBuilder, layer::layer_fn, service_fn};

#[tokio::test]
async fn addresses_that_are_tried_in_turn() {
    let origin = Origin::h1().start().await;
    let closed = Closed::tcp();
    let endpoints = Fixed::new([closed.addr().into(), Endpoint::from(origin.addr())]);
    let in_turn = layer_fn(|dialer: Tcp| {
        service_fn(move |route: Route| {
            let mut dialer = dialer.clone();
            async move {
                let mut last = ConnectError::from(io::Error::other("no address"));
                for endpoint in route.endpoints.snapshot() {
                    poll_fn(|cx| dialer.poll_ready(cx)).await?;
                    match dialer.dial(route.attempt(endpoint)).await {
                        Ok(link) => return Ok(link),
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
        })
    });
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::safe())
        .layer(PoolLayer::new(TokioRuntime::current()))
        .layer(RouteLayer::new(endpoints))
        .layer(NegotiateLayer::new(H1::new(), H2::new()))
        .layer(in_turn)
        .service(Tcp::new());
    let client = Client::from_stack(stack);
    let response = client.get("http://a.test/").await.unwrap();
    assert_eq!(response.into_body().text().await.unwrap(), "hello");
}
