//! Requests for one name, spread over its servers.
//!
//! ```sh
//! cargo run --example balanced
//! ```

use http::Uri;
use skybridge::{Client, OverridesLayer, System, TokioRuntime, balance::BalanceLayer, tower::Layer};
use skybridge_testkit::origin::Origin;
use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let servers = [Origin::h1().start().await, Origin::h1().start().await, Origin::h1().start().await];
    // As a resolver would find them; `System` alone asks for all addresses of the name.
    let addresses = servers.iter().map(|server| server.addr().into());
    let resolver = OverridesLayer::new().host("api.test", addresses).layer(System::new());

    let balance = BalanceLayer::new(TokioRuntime::current(), &Uri::from_static("http://api.test"), resolver)?;
    let client = Client::builder().above_pool(balance.clone()).build();
    for _ in 0..30 {
        client.get("http://api.test/").await?.into_body().text().await?;
    }
    println!("{} servers of api.test", balance.endpoints().len());
    for server in servers {
        println!("{}: {} requests, {} connection", server.addr(), server.requests().len(), server.connections());
    }
    Ok(())
}
