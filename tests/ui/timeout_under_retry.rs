//! A layer of tower's that erases the error, where the request comes back in it.

use skybridge::{tower::ServiceBuilder, *};
use tower::{Layer, timeout::TimeoutLayer};

fn main() {
    let pool = ServiceBuilder::new()
        .layer(TimeoutLayer::new(std::time::Duration::from_secs(1)))
        .layer(PoolLayer::<RequestBody>::new(TokioRuntime::current()))
        .layer(RouteLayer::new(System::new()))
        .layer(NegotiateLayer::new(H1::new(), H2::new()))
        .layer(RaceLayer::happy_eyeballs())
        .service(Tcp::new());
    let _client = RetryLayer::unsent().layer(pool);
}
