//! Under hyper-util's client, and a layer too many: both would speak HTTP.

use skybridge::{tower::ServiceBuilder, *};
use skybridge_hyper::HyperLayer;
use std::time::Duration;

fn main() {
    let _connector = ServiceBuilder::new()
        .layer(HyperLayer::new(TokioRuntime::current()))
        .layer(RouteLayer::new(System::new()))
        .layer(NegotiateLayer::new(H1::<RequestBody>::new(), H2::<RequestBody>::new()))
        .layer(TlsLayer::native())
        .timeout(Duration::from_secs(10))
        .layer(RaceLayer::happy_eyeballs())
        .service(Tcp::new());
}
