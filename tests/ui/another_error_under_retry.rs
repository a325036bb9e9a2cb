//! A layer that turns the error into one of another type, in which no request can come back.

use skybridge::{tower::ServiceBuilder, *};
use tower::Layer;

fn main() {
    let pool = ServiceBuilder::new()
        .map_err(|error: core::Failed<_>| error.to_string())
        .layer(PoolLayer::<RequestBody>::new(TokioRuntime::current()))
        .layer(RouteLayer::new(System::new()))
        .layer(NegotiateLayer::new(H1::new(), H2::new()))
        .layer(RaceLayer::happy_eyeballs())
        .service(Tcp::new());
    let _client = RetryLayer::unsent().layer(pool);
}
