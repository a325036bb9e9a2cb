//! All that is below a seam, in one piece: a whole connector, and the whole of what makes connections.

use skybridge::{
    Client, ConnectError, Endpoint, H1, PoolLayer, RequestBody, RetryLayer, RouteLayer, TokioRuntime,
    types::{Handshake, Link, Route},
};
use skybridge_testkit::origin::Origin;
use std::io;
use tokio::net::TcpStream;
use tower::{ServiceBuilder, service_fn};

async fn connect(route: Route) -> Result<Link<TcpStream>, ConnectError> {
    // Of a route through proxies it is the first of them: never the origin past it.
    let stream = match route.endpoints.snapshot().first() {
        Some(Endpoint::Name { host, port }) => TcpStream::connect((&**host, *port)).await?,
        Some(Endpoint::Inet(address)) => TcpStream::connect(address).await?,
        _ => return Err(io::Error::other("neither a name nor an address").into()),
    };
    let remote = stream.peer_addr()?;
    Ok(route.link(stream, remote))
}

#[tokio::test]
async fn a_connector_in_place_of_race_and_dialer() {
    let origin = Origin::h1().start().await;
    let client = Client::builder().unresolved().connector(service_fn(connect)).build();
    assert_eq!(client.get(origin.url("/")).await.unwrap().into_body().text().await.unwrap(), "hello");
}

#[tokio::test]
async fn a_closure_in_place_of_all_that_makes_connections() {
    let origin = Origin::h1().start().await;
    let connections = service_fn(|route: Route| async move {
        let ctx = route.ctx().clone();
        let link = connect(route).await?;
        H1::<RequestBody>::new().handshake(link, &ctx).await
    });
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::safe())
        .layer(PoolLayer::new(TokioRuntime::current()))
        .layer(RouteLayer::unresolved())
        .service(connections);
    let client = Client::from_stack(stack);
    assert_eq!(client.get(origin.url("/")).await.unwrap().into_body().text().await.unwrap(), "hello");
}
