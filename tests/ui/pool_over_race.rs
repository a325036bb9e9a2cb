//! A pool directly over a race, above a limit: nobody plans, nobody speaks HTTP.

use skybridge::{tower::ServiceBuilder, *};

fn main() {
    let _client = ServiceBuilder::new()
        .layer(PoolLayer::<RequestBody>::new(TokioRuntime::current()))
        .layer(RaceLayer::happy_eyeballs())
        .concurrency_limit(100)
        .service(Tcp::new());
}
