//! Under hyper-util's client, and route is missing.

use skybridge::{tower::ServiceBuilder, *};
use skybridge_hyper::HyperLayer;

fn main() {
    let _connector = ServiceBuilder::new()
        .layer(HyperLayer::new(TokioRuntime::current()))
        .layer(TlsLayer::native())
        .layer(TunnelLayer::new())
        .layer(RaceLayer::happy_eyeballs())
        .concurrency_limit(100)
        .service(Tcp::new());
}
