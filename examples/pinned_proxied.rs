//! The five-minute client: through a proxy over TLS, to an origin whose key is pinned. Each decision is one line.
//!
//! ```sh
//! cargo run --example pinned_proxied
//! ```

use skybridge::{Client, Proxy, ResponseExt, Roots, TlsConfig, TlsLayer};
use skybridge_testkit::{certs::Ca, origin::Origin, proxy::ProxyServer};
use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    // The environment: a CA, an origin, and a proxy that requires a password and resolves the origin's name.
    let ca = Ca::new("an authority");
    let cert = ca.leaf(["api.test"]);
    let origin = Origin::h2c().tls(&cert).start().await;
    let proxy = ProxyServer::http().tls(&ca.leaf(["127.0.0.1"])).user("alice", "wonderland");
    let proxy = proxy.host("api.test", origin.addr()).start().await;

    // The client.
    let trust = Roots::Given(vec![ca.der()]); // the default is the system's roots
    let tls = TlsConfig::builder().roots(trust.clone()).pin("**.api.test", &cert.pin()).build()?;
    let proxies = [Proxy::parse(&format!("https://alice:wonderland@{}", proxy.addr()))?];
    let client = Client::builder().tls(TlsLayer::new(tls)).proxies([proxies]).build();

    let url = format!("https://api.test:{}/", origin.addr().port());
    let response = client.get(&url).await?;
    println!("GET {url} -> {}", response.status());
    if let Some(connection) = response.connection() {
        println!("on {connection}");
        for pin in connection.tls.iter().flat_map(|tls| &*tls.pins) {
            println!("  key {pin}");
        }
    }
    println!("{}", response.into_body().text().await?);
    println!("the proxy was asked: {}", proxy.requests()[0].line);

    // With another key than the pinned one no request is sent.
    let tls = TlsConfig::builder().roots(trust).pin("**.api.test", &Ca::new("somebody else").pin()).build()?;
    let client =
        Client::builder().tls(TlsLayer::new(tls)).proxies([[Proxy::parse(&proxy.url())?.auth(alice())]]).build();
    match client.get(&url).await {
        Ok(response) => return Err(format!("accepted: {}", response.status()).into()),
        Err(error) => println!("with another pin: {}", error.report()),
    }
    println!("the origin has seen {} request", origin.requests().len());
    Ok(())
}

/// Credentials need not be in the URL.
fn alice() -> skybridge::types::BasicAuth {
    skybridge::types::BasicAuth::new("alice", "wonderland")
}
