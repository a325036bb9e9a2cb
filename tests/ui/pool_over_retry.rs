//! Pool and retry in each other's place, above a layer of one's own that names its service outright.

use skybridge::{core::Connector, tower::Layer, tower::ServiceBuilder, *};

#[derive(Clone)]
struct Mine;

impl<S: Connector> Layer<S> for Mine {
    type Service = S;
    fn layer(&self, inner: S) -> S {
        inner
    }
}

fn main() {
    let _client = ServiceBuilder::new()
        .layer(PoolLayer::<RequestBody>::new(TokioRuntime::current()))
        .layer(RetryLayer::<RequestBody>::unsent())
        .layer(RouteLayer::new(System::new()))
        .layer(NegotiateLayer::new(H1::<RequestBody>::new(), H2::<RequestBody>::new()))
        .layer(Mine)
        .layer(RaceLayer::happy_eyeballs())
        .service(Tcp::new());
}
