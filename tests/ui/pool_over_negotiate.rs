//! Route is missing, with foreign layers in the middle and at the bottom.

use skybridge::{tower::ServiceBuilder, *};
use std::time::Duration;

fn main() {
    let _client = ServiceBuilder::new()
        .layer(PoolLayer::<RequestBody>::new(TokioRuntime::current()))
        .layer(NegotiateLayer::new(H1::<RequestBody>::new(), H2::<RequestBody>::new()))
        .timeout(Duration::from_secs(10))
        .layer(RaceLayer::happy_eyeballs())
        .concurrency_limit(100)
        .service(Tcp::new());
}
