//! A closure that makes another error of it, where the request comes back in it.

use skybridge::{tower::ServiceBuilder, *};

fn main() {
    let layers = ServiceBuilder::new()
        .layer(RetryLayer::<RequestBody>::unsent())
        .map_err(|_| std::io::Error::other("mine"))
        .layer(PoolLayer::<RequestBody>::new(TokioRuntime::current()))
        .layer(RouteLayer::new(System::new()))
        .layer(NegotiateLayer::new(H1::new(), H2::new()))
        .layer(RaceLayer::happy_eyeballs());
    let _client = stack(layers, Tcp::new());
}
