//! Negotiate is missing, in a whole stack with foreign layers: a route to a link is no route to a connection.

use skybridge::{tower::ServiceBuilder, *};
use std::time::Duration;

fn main() {
    let _client = ServiceBuilder::new()
        .timeout(Duration::from_secs(30))
        .layer(RetryLayer::unsent())
        .layer(PoolLayer::<RequestBody>::new(TokioRuntime::current()))
        .layer(RouteLayer::new(System::new()))
        .layer(RaceLayer::happy_eyeballs())
        .concurrency_limit(100)
        .service(Tcp::new());
}
