//! Negotiate is missing, in a whole stack: a route to a link is no route to a connection.

use skybridge::{tower::ServiceBuilder, *};

fn main() {
    let _client = ServiceBuilder::new()
        .layer(RetryLayer::unsent())
        .layer(PoolLayer::<RequestBody>::new(TokioRuntime::current()))
        .layer(RouteLayer::new(System::new()))
        .layer(RaceLayer::happy_eyeballs())
        .service(Tcp::new());
}
