//! A client in the state of an axum application: a handler fetches from an upstream and streams the response.
//!
//! ```sh
//! cargo run --example axum_handler
//! ```

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::{Response, StatusCode},
    routing::get,
};
use skybridge::Client;
use skybridge_testkit::origin::Origin;
use std::{error::Error, sync::Arc};
use tokio::{net::TcpListener, sync::oneshot};

/// A client is cheap to clone and has no type parameters: it is a field like any other.
#[derive(Clone)]
struct App {
    client: Client,
    upstream: Arc<str>,
}

async fn fetch(State(app): State<App>, Path(name): Path<String>) -> Result<Response<Body>, (StatusCode, String)> {
    match app.client.get(format!("{}/{name}", app.upstream)).await {
        // Its body holds the connection until it has been streamed.
        Ok(response) => Ok(response.map(Body::new)),
        Err(error) if error.is_request() => Err((StatusCode::BAD_REQUEST, error.to_string())),
        Err(error) if error.is_timeout() => Err((StatusCode::GATEWAY_TIMEOUT, error.to_string())),
        Err(error) => Err((StatusCode::BAD_GATEWAY, error.to_string())),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    tracing_subscriber::fmt().init();
    let upstream = Origin::h1().start().await;
    let app = App { client: Client::new(), upstream: upstream.url("").into() };
    let router = Router::new().route("/fetch/{name}", get(fetch)).with_state(app.clone());

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/fetch/cat", listener.local_addr()?);
    let (stop, stopped) = oneshot::channel::<()>();
    let server = async {
        axum::serve(listener, router).with_graceful_shutdown(async { stopped.await.unwrap_or_default() }).await
    };
    let visitor = async {
        let response = app.client.get(&url).await?;
        println!("GET {url} -> {}: {}", response.status(), response.into_body().text().await?);
        // Idle connections would keep the server from shutting down.
        app.client.evict_all();
        drop(stop);
        Ok::<_, Box<dyn Error + Send + Sync>>(())
    };
    let (served, visited) = tokio::join!(server, visitor);
    visited?;
    println!("the upstream saw: {:?}", upstream.requests().iter().map(|seen| seen.line()).collect::<Vec<_>>());
    Ok(served?)
}
