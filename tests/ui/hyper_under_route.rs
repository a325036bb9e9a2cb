//! Hyper and route in each other's place.

use skybridge::{tower::ServiceBuilder, *};
use skybridge_hyper::HyperLayer;
use std::time::Duration;

fn main() {
    let _connector = ServiceBuilder::new()
        .layer(RouteLayer::new(System::new()))
        .layer(HyperLayer::new(TokioRuntime::current()))
        .layer(TlsLayer::native())
        .timeout(Duration::from_secs(10))
        .layer(RaceLayer::happy_eyeballs())
        .concurrency_limit(100)
        .service(Tcp::new());
}
