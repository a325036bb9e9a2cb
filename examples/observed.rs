//! What a client does, as lines of a log: `RUST_LOG=skybridge=debug cargo run --example observed -- URL...`
//!
//! It needs `cargo add skybridge -F tracing` and `cargo add tracing-subscriber -F env-filter`.
//!
//! One line for each call and each connection. A layer that exports spans, such as that of `tracing-opentelemetry`, is
//! given the spans of calls, attempts and phases by the same observer.

use skybridge::{Client, Spans};
use std::{error::Error, io};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("skybridge=debug"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    let client = Client::builder().observer(Spans::new()).build();
    for url in std::env::args().skip(1) {
        match client.get(url).await {
            Ok(response) => println!("{} bytes", response.into_body().bytes().await?.len()),
            // Its line has said so.
            Err(_) => continue,
        }
    }
    Ok(())
}
