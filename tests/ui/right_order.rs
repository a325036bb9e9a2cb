//! The stack as it should be, with a foreign layer at every seam: the wrong orders are compared with this one.

use skybridge::{tower::ServiceBuilder, *};
use std::time::Duration;

fn main() {
    let _client = ServiceBuilder::new()
        .timeout(Duration::from_secs(30))
        .layer(RetryLayer::unsent())
        .concurrency_limit(100)
        .layer(PoolLayer::<RequestBody>::new(TokioRuntime::current()))
        .concurrency_limit(100)
        .layer(RouteLayer::new(System::new()))
        .concurrency_limit(100)
        .layer(NegotiateLayer::new(H1::new(), H2::new()))
        .timeout(Duration::from_secs(5))
        .layer(TlsLayer::native())
        .concurrency_limit(100)
        .layer(TunnelLayer::new())
        .timeout(Duration::from_secs(5))
        .layer(RaceLayer::happy_eyeballs())
        .concurrency_limit(100)
        .service(Tcp::new());
}
