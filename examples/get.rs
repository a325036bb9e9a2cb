//! Gets a URL: `cargo run --example get -- https://example.com/`
//!
//! The example `observed` logs what happens on the way, `skybridge -v` shows it.

use skybridge::{Client, IntoUri, ResponseExt};
use std::{error::Error, io::Write};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("which URL?")?.into_uri()?;
    let response = Client::new().get(url).await?;
    eprintln!("{} {:?}", response.status(), response.version());
    if let Some(connection) = response.connection() {
        eprintln!("by {connection}");
    }
    let body = response.into_body().bytes().await?;
    Ok(std::io::stdout().write_all(&body)?)
}
