//! CONNECT by hand in place of `TunnelLayer`, with our TLS above it.

use skybridge::{
    Client, ConnectError, H1, H2, NegotiateLayer, PoolLayer, Proxy, RaceLayer, RetryLayer, Roots, RouteLayer, System,
    Tcp, TlsConfig, TlsLayer, TokioRuntime,
    types::{Io, Link},
};
use skybridge_testkit::{certs::Ca, origin::Origin, proxy::ProxyServer};
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::{ServiceBuilder, util::AndThenLayer};

/// Through one proxy, and says so.
async fn tunnelled<I: Io>(mut link: Link<I>) -> Result<Link<I>, ConnectError> {
    let authority = {
        let origin = link.info.route.target.origin();
        format!("{}:{}", origin.name(), origin.port())
    };
    let request = format!("CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n\r\n");
    link.io.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(link.io.read_u8().await?);
    }
    if !answer.starts_with(b"HTTP/1.1 200") {
        return Err(io::Error::other(String::from_utf8_lossy(&answer)).into());
    }
    link.info.proxies_passed = 1;
    link.info.tunnelled = true;
    Ok(link)
}

#[tokio::test]
async fn a_tunnel_of_ten_lines() {
    let ca = Ca::new("a root");
    let origin = Origin::h2c().tls(&ca.leaf(["a.test"])).start().await;
    let proxy = ProxyServer::http().host("a.test", origin.addr()).start().await;
    let tls = TlsLayer::new(TlsConfig::builder().roots(Roots::Given(vec![ca.der()])).build().unwrap());
    let by_proxy = Proxy::parse(&proxy.url()).unwrap();
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::safe())
        .layer(PoolLayer::new(TokioRuntime::current()))
        .layer(RouteLayer::new(System::new()).proxies([[by_proxy]]))
        .layer(NegotiateLayer::new(H1::new(), H2::new()))
        .layer(tls)
        .layer(AndThenLayer::new(tunnelled))
        .layer(RaceLayer::happy_eyeballs())
        .service(Tcp::new());
    let client = Client::from_stack(stack);
    let response = client.get("https://a.test/").await.unwrap();
    assert_eq!(response.into_body().text().await.unwrap(), "hello");
    assert_eq!(proxy.requests().len(), 1);
}
