//! All that is below a seam, in one piece: a whole connector, and the whole of what makes connections.

use skybridge::{
    Client, ConnectError, H1, PoolLayer, RequestBody, RetryLayer, RouteLayer, TokioRuntime,
    types::{Handshake, Link, Route},
};
use skybridge_testkit::origin::Origin;
use tokio::net::TcpStream;
use tower::{ServiceBuilder, service_fn};

async fn connect(route: Route) -> Result<Link<TcpStream>, ConnectError> {
    let origin = route.target.origin();
    let stream = TcpStream::connect((origin.name(), origin.port())).await?;
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
