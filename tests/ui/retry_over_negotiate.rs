//! Pool and route are missing.

use skybridge::{tower::ServiceBuilder, *};

fn main() {
    let _client = ServiceBuilder::new()
        .layer(RetryLayer::<RequestBody>::unsent())
        .layer(NegotiateLayer::new(H1::<RequestBody>::new(), H2::<RequestBody>::new()))
        .layer(RaceLayer::happy_eyeballs())
        .service(Tcp::new());
}
