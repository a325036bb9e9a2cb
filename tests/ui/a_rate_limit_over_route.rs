//! A layer of tower's whose service can't be cloned, where it must be: by `stack`, as the method `service` doesn't say it.

use skybridge::{tower::ServiceBuilder, *};
use std::time::Duration;

fn main() {
    let layers = ServiceBuilder::new()
        .layer(RetryLayer::<RequestBody>::unsent())
        .layer(PoolLayer::<RequestBody>::new(TokioRuntime::current()))
        .rate_limit(10, Duration::from_secs(1))
        .layer(RouteLayer::new(System::new()))
        .layer(NegotiateLayer::new(H1::new(), H2::new()))
        .layer(RaceLayer::happy_eyeballs());
    let _client = stack(layers, Tcp::new());
}
