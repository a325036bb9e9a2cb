//! Pool and retry in each other's place.

use skybridge::{tower::ServiceBuilder, *};

fn main() {
    let _client = ServiceBuilder::new()
        .layer(PoolLayer::<RequestBody>::new(TokioRuntime::current()))
        .layer(RetryLayer::<RequestBody>::unsent())
        .layer(RouteLayer::new(System::new()))
        .layer(NegotiateLayer::new(H1::<RequestBody>::new(), H2::<RequestBody>::new()))
        .layer(RaceLayer::happy_eyeballs())
        .service(Tcp::new());
}
