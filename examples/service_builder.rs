//! The stack by hand: what [`skybridge::Client`] is, with other settings. Each line is a layer; leave one out, replace
//! it, or put one in between.
//!
//! ```sh
//! cargo run --example service_builder [http://example.com/]
//! ```

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use skybridge::{
    H1, H2, NegotiateLayer, OverridesLayer, PoolConfig, PoolLayer, RaceLayer, RetryLayer, RouteLayer, System, Tcp,
    TokioRuntime,
    tower::{Service, ServiceBuilder, ServiceExt},
};
use skybridge_testkit::origin::Origin;
use std::{error::Error, time::Duration};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let origin = Origin::h1().start().await;
    let url = std::env::args().nth(1).unwrap_or_else(|| format!("http://a.test:{}/", origin.addr().port()));

    // A resolver is a tower service too, and stacks like one.
    let resolver = ServiceBuilder::new()
        .layer(OverridesLayer::new().host("a.test", [origin.addr().into()]))
        .service(System::new());

    let (runtime, delay) = (TokioRuntime::current(), Duration::from_millis(100));
    #[rustfmt::skip]
    let mut client = ServiceBuilder::new()
        .layer(RetryLayer::unsent())                                  // send again what was never sent
        .layer(PoolLayer::new(runtime).config(PoolConfig::okhttp()))  // on a pooled connection, or a new one
        .layer(RouteLayer::new(resolver))                             // found by its address
        .layer(NegotiateLayer::new(H1::new(), H2::new()))             // that speaks HTTP/2 or HTTP/1.1
        .layer(RaceLayer::happy_eyeballs().delay(delay))              // over whichever address answers first
        .service(Tcp::new()); // by a socket

    for _ in 0..2 {
        let request = http::Request::get(&url).body(Empty::<Bytes>::new())?;
        let response = client.ready().await?.call(request).await?;
        let (status, connection) = (response.status(), response.body().connection().cloned());
        let body = response.into_body().collect().await?.to_bytes();
        let connection = connection.map_or_else(String::new, |connection| connection.to_string());
        println!("{status}, {} bytes, by {connection}", body.len());
    }
    println!("pool: {:?}", client.get_ref().stats());
    Ok(())
}
