//! A layer of tower whose service can't be cloned, in a place where it must be. Written with `stack`, because a missing
//! method `service` would not say so.

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
