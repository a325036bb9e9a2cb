//! A reverse proxy in axum: forwards every request to an upstream, streams bodies in both directions, and pools the
//! connections to the upstream.
//!
//! ```sh
//! cargo run --example axum_proxy                                            # asks itself, and ends
//! cargo run --example axum_proxy https://example.com/ 127.0.0.1:8080        # serves until it is stopped
//! ```

use axum::{Router, body::Body, extract::State, response::Response};
use http::{HeaderMap, HeaderName, Request, StatusCode, Uri, header, uri::Authority};
use skybridge::{Client, tower::Service};
use skybridge_testkit::origin::Origin;
use std::error::Error;
use tokio::net::TcpListener;

#[derive(Clone)]
struct ProxyServer {
    client: Client,
    upstream: Uri,
}

/// Headers of one connection, not of the message (RFC 9110, section 7.6.1).
const OF_THE_CONNECTION: [HeaderName; 6] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

async fn forward(
    State(mut proxy): State<ProxyServer>,
    mut request: Request<Body>,
) -> Result<Response, (StatusCode, String)> {
    *request.uri_mut() = proxy.towards(request.uri()).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
    strip(request.headers_mut());
    // The host is the upstream's now.
    request.headers_mut().remove(header::HOST);
    match proxy.client.call(request).await {
        Ok(mut response) => {
            strip(response.headers_mut());
            Ok(response.map(Body::new))
        }
        Err(error) if error.is_timeout() => Err((StatusCode::GATEWAY_TIMEOUT, error.to_string())),
        Err(error) => Err((StatusCode::BAD_GATEWAY, error.to_string())),
    }
}

impl ProxyServer {
    fn towards(&self, asked: &Uri) -> Result<Uri, http::uri::InvalidUriParts> {
        let mut parts = self.upstream.clone().into_parts();
        parts.path_and_query = asked.path_and_query().cloned();
        Uri::from_parts(parts)
    }
}

/// Removes the headers of the connection, and those that `connection` names.
fn strip(headers: &mut HeaderMap) {
    let said: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in OF_THE_CONNECTION.iter().chain(&said) {
        headers.remove(name);
    }
    headers.remove("keep-alive");
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    tracing_subscriber::fmt().init();
    let mut arguments = std::env::args().skip(1);
    if let Some(upstream) = arguments.next() {
        let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
        let listener = TcpListener::bind(&address).await?;
        println!("http://{} leads to {upstream}", listener.local_addr()?);
        return Ok(axum::serve(listener, router(upstream.parse()?)).await?);
    }
    ask_ourselves().await
}

fn router(upstream: Uri) -> Router {
    Router::new().fallback(forward).with_state(ProxyServer { client: Client::new(), upstream })
}

/// An origin, the proxy in front of it, and a client.
async fn ask_ourselves() -> Result<(), Box<dyn Error + Send + Sync>> {
    let answer = |request: Request<_>| async move {
        let told = format!("{} {}", request.method(), request.uri());
        http::Response::builder().header("connection", "x-hop").header("x-hop", "1").body(told).unwrap_or_default()
    };
    let origin = Origin::h1().handle(answer).start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address: Authority = listener.local_addr()?.to_string().parse()?;
    let visit = async {
        let client = Client::new();
        for path in ["/cat?colour=black", "/dog"] {
            let response = client.get(format!("http://{address}{path}")).await?;
            println!("{} {path}: x-hop is {:?}", response.status(), response.headers().get("x-hop"));
            println!("  {}", response.into_body().text().await?);
        }
        Ok::<_, Box<dyn Error + Send + Sync>>(())
    };
    tokio::select! {
        visited = visit => visited?,
        served = async { axum::serve(listener, router(origin.url("/").parse()?)).await.map_err(Box::<dyn Error + Send + Sync>::from) } => served?,
    }
    println!("the origin saw {:?}: one connection for both", origin.exchanges());
    Ok(())
}
