//! The stack as it should be: what the wrong ones are compared with.

use skybridge::{tower::ServiceBuilder, *};

fn main() {
    let _client = ServiceBuilder::new()
        .layer(RetryLayer::unsent())
        .layer(PoolLayer::<RequestBody>::new(TokioRuntime::current()))
        .layer(RouteLayer::new(System::new()))
        .layer(NegotiateLayer::new(H1::new(), H2::new()))
        .layer(RaceLayer::happy_eyeballs())
        .service(Tcp::new());
}
