//! Pool, retry and both versions of HTTP over anybody's connector: any `Service<Uri>` that hyper-util's client would
//! take. It resolves and connects by itself, here hyper-util's own one.
//!
//! ```sh
//! cargo run --example any_connector [http://example.com/]
//! ```

use hyper_util::client::legacy::connect::HttpConnector;
use skybridge::{
    Client, H1, H2, NegotiateLayer, PoolLayer, ResponseExt, RetryLayer, RouteLayer, TokioRuntime, tower::ServiceBuilder,
};
use skybridge_hyper::FromHyper;
use skybridge_testkit::origin::Origin;
use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let origin = Origin::h1().start().await;
    let url = std::env::args().nth(1).unwrap_or_else(|| origin.url("/"));

    let stack = ServiceBuilder::new()
        .layer(RetryLayer::safe())
        .layer(PoolLayer::new(TokioRuntime::current()))
        .layer(RouteLayer::unresolved())
        .layer(NegotiateLayer::new(H1::new(), H2::new()))
        .service(FromHyper::new(HttpConnector::new()));
    let client = Client::from_stack(stack);

    for _ in 0..2 {
        let response = client.get(&url).await?;
        let connection = response.connection().map(ToString::to_string).unwrap_or_default();
        println!("{}, by {connection}: {}", response.status(), response.into_body().text().await?);
    }
    Ok(())
}
