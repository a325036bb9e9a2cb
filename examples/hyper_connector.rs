//! hyper-util's client above, this stack below: the client pools and speaks HTTP, the stack resolves, races, tunnels,
//! runs TLS, and reports what happened.
//!
//! ```sh
//! cargo run --example hyper_connector [http://example.com/]
//! ```

use bytes::Bytes;
use http::Uri;
use http_body_util::{BodyExt, Empty};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use skybridge::{
    ConnInfo, Proxy, RaceLayer, RouteLayer, System, Tcp, TlsLayer, TokioRuntime, TunnelLayer,
    tower::ServiceBuilder,
    types::{CallId, ProxyKind},
};
use skybridge_hyper::HyperLayer;
use skybridge_testkit::{origin::Origin, proxy::ProxyServer};
use skybridge_trace::Recorder;
use std::{error::Error, sync::Arc};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let (origin, proxy) = (Origin::h1().start().await, ProxyServer::socks5().start().await);
    let uri: Uri = std::env::args().nth(1).unwrap_or_else(|| origin.url("/")).parse()?;
    let proxy = Proxy::new(ProxyKind::Socks5, proxy.addr().ip().to_string(), proxy.addr().port());
    let recorder = Recorder::new();

    let runtime = TokioRuntime::current();
    #[rustfmt::skip]
    let connector = ServiceBuilder::new()
        .layer(HyperLayer::new(runtime).observer(recorder.clone()))  // what hyper-util's client asks for a connection
        .layer(RouteLayer::new(System::new()).proxies([[proxy]]))    // found by its address, through a proxy
        .layer(TlsLayer::native())                                   // with TLS, if it is https
        .layer(TunnelLayer::new())                                   // through that proxy
        .layer(RaceLayer::happy_eyeballs())                          // over whichever address answers first
        .service(Tcp::new()); // by a socket
    let client = Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(connector);

    for _ in 0..2 {
        let response = client.get(uri.clone()).await?;
        let connection = response.extensions().get::<Arc<ConnInfo>>().cloned();
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        let connection = connection.map_or_else(String::new, |connection| connection.to_string());
        println!("{status}, {} bytes, by {connection}", body.len());
    }
    print!("\n{}", recorder.timeline(CallId(1)).titled(format!("connect to {}", uri.host().unwrap_or("nowhere"))));
    Ok(())
}
