//! A reverse proxy in axum: WebSocket and other upgrades, bodies streamed both ways, `x-forwarded-for`, and errors that
//! say nothing of what is inside.
//!
//! ```sh
//! cargo run --example axum_proxy                                            # asks itself, and ends
//! cargo run --example axum_proxy https://example.com/ 127.0.0.1:8080        # serves until it is stopped
//! ```

use axum::{Router, extract::ConnectInfo, response::Response};
use skybridge::{Client, Upgrade};
use skybridge_reverse_proxy::{Forwarded, ReverseProxy};
use skybridge_testkit::{h1::Script, origin::Origin};
use std::{error::Error, net::SocketAddr, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

type BoxError = Box<dyn Error + Send + Sync>;

fn router(upstream: &str) -> Result<Router, BoxError> {
    let forwarded = Forwarded::x_forwarded()
        .client(|extensions| extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip()));
    let proxy = ReverseProxy::new(Client::new(), upstream.parse()?)?.forwarded(forwarded);
    // Routes of one's own go before, layers of tower around.
    Ok(Router::new().fallback_service(proxy).layer(axum::middleware::map_response(log)))
}

/// The client reads `502 Bad Gateway`; addresses and reasons are for those on this side.
async fn log(response: Response) -> Response {
    if let Some(error) = response.extensions().get::<Arc<skybridge::Error>>() {
        println!("{}: {error}", response.status());
    }
    response
}

async fn serve(listener: TcpListener, upstream: &str) -> Result<(), BoxError> {
    let app = router(upstream)?.into_make_service_with_connect_info::<SocketAddr>();
    Ok(axum::serve(listener, app).await?)
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let mut arguments = std::env::args().skip(1);
    let Some(upstream) = arguments.next() else { return ask_ourselves().await };
    let listener = TcpListener::bind(arguments.next().as_deref().unwrap_or("127.0.0.1:8080")).await?;
    println!("http://{} leads to {upstream}", listener.local_addr()?);
    serve(listener, &upstream).await
}

/// Origins, the proxy in front of them, and a client.
async fn ask_ourselves() -> Result<(), BoxError> {
    let origin = Origin::h1()
        .handle(|request| async move {
            let forwarded = request.headers().get("x-forwarded-for").cloned();
            http::Response::new(format!("{} {} for {forwarded:?}", request.method(), request.uri()))
        })
        .start()
        .await;
    let visit = async |address: SocketAddr| {
        let client = Client::new();
        for path in ["/cat?colour=black", "/dog"] {
            let response = client.get(format!("http://{address}{path}")).await?;
            println!("{}: {}", response.status(), response.into_body().text().await?);
        }
        Ok::<_, BoxError>(())
    };
    before(&origin.url("/"), visit).await?;
    println!("the origin saw {:?}: one connection for both", origin.exchanges());

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let echoes = format!("http://{}", listener.local_addr()?);
    let echo = async {
        let mut server = Script::new(listener.accept().await?.0);
        server.request().await;
        server.send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n").await;
        server.expect("meow").await;
        server.send("meow").await;
        Ok::<_, BoxError>(())
    };
    let upgraded = async |address: SocketAddr| {
        let request = http::Request::get(format!("http://{address}/chat"))
            .header("connection", "upgrade")
            .header("upgrade", "echo")
            .body(())?;
        let mut response = Client::new().request(request).await?;
        let upgrade = response.extensions_mut().remove::<Upgrade>().and_then(|upgrade| upgrade.take());
        let mut stream = upgrade.ok_or("not upgraded")?;
        stream.write_all(b"meow").await?;
        let mut echoed = [0; 4];
        stream.read_exact(&mut echoed).await?;
        println!("{}: {} came back", response.status(), String::from_utf8_lossy(&echoed));
        Ok(())
    };
    tokio::try_join!(echo, before(&echoes, upgraded))?;

    drop(listener);
    let nobody = async |address: SocketAddr| {
        let response = Client::new().get(format!("http://{address}/")).await?;
        println!("the client reads: {}", response.into_body().text().await?.trim_end());
        Ok(())
    };
    before(&echoes, nobody).await
}

/// Runs the proxy in front of an upstream for as long as the visit takes.
async fn before(upstream: &str, visit: impl AsyncFnOnce(SocketAddr) -> Result<(), BoxError>) -> Result<(), BoxError> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::select! {
        visited = visit(address) => visited,
        served = serve(listener, upstream) => served,
    }
}
