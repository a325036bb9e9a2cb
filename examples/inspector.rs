//! The inspector of a client, mounted in axum: connections, who waits, failed routes, the latest calls.
//!
//! ```sh
//! cargo run --example inspector https://example.com/
//! ```
//!
//! Whoever reads the page sees hosts and paths, so that it is served on localhost alone.

use skybridge::Client;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::builder().keep_calls().build();
    let app = axum::Router::new().nest_service("/inspect", skybridge::inspect(&client));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/inspect", listener.local_addr()?);
    let calls = async {
        for url in std::env::args().skip(1) {
            match client.get(&url).await {
                Ok(response) => println!("{url}: {}", response.status()),
                Err(error) => println!("{url}: {error}"),
            }
        }
    };
    let (served, ()) = tokio::join!(async { axum::serve(listener, app).await }, calls);
    Ok(served?)
}
