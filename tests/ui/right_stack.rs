//! The same, by the function that tells more of a wrong one.

use skybridge::{tower::ServiceBuilder, *};
use std::time::Duration;

fn main() {
    let layers = ServiceBuilder::new()
        .layer(RetryLayer::unsent())
        .layer(PoolLayer::<RequestBody>::new(TokioRuntime::current()))
        .layer(RouteLayer::new(System::new()))
        .layer(NegotiateLayer::new(H1::new(), H2::new()))
        .layer(TlsLayer::native())
        .layer(TunnelLayer::new())
        .layer(RaceLayer::happy_eyeballs())
        .timeout(Duration::from_secs(5));
    let _client = stack(layers, Tcp::new());
}
