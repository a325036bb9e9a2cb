//! The first program of the README, with a pin and a proxy to be replaced by your own.

use skybridge::{Client, Proxy, TlsConfig, TlsLayer};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pin = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let tls = TlsConfig::builder().pin("**.example.com", pin).build()?;
    let proxy = Proxy::parse("http://alice:secret@proxy.test:3128")?;
    let client = Client::builder().tls(TlsLayer::new(tls)).proxies([[proxy]]).build();
    let text = client.get("https://example.com/").await?.into_body().text().await?;
    println!("{text}");
    Ok(())
}
