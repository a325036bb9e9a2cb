//! By the page of `skybridge_tunnel`.

use super::over_tcp;
use skybridge_core::{ConnectError, Connector, Proxy, Route, Target};
use skybridge_runtime::TokioRuntime;
use skybridge_testkit::{origin::Origin, proxy::ProxyServer};
use skybridge_tunnel::{TunnelError, TunnelLayer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::Layer;

fn route(proxy: &str, address: std::net::SocketAddr) -> Route {
    let target = Target::of(&"http://a.test/".parse().unwrap(), TokioRuntime::ctx()).unwrap();
    let mut route = Route::to(target, [address]);
    route.proxies = [Proxy::parse(proxy).unwrap()].into();
    route
}

/// The stream is tokio's own, and so is what reads and writes it then.
#[tokio::test]
async fn a_plain_stream_goes_through_a_socks_proxy() {
    let origin = Origin::h1().start().await;
    let proxy = ProxyServer::socks5().host("a.test", origin.addr()).start().await;
    let mut connector = TunnelLayer::new().layer(over_tcp(proxy.addr()));

    let mut link = connector.connect(route("socks5h://proxy.test", proxy.addr())).await.unwrap();
    assert!(link.info.tunnelled);
    link.io.write_all(b"GET / HTTP/1.0\r\nhost: a.test\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    link.io.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("200 OK"), "{answer}");
}

#[tokio::test]
async fn a_refusal_of_the_proxy_is_an_error_that_says_so() {
    let proxy = ProxyServer::socks5().user("alice", "secret").start().await;
    let mut connector = TunnelLayer::new().layer(over_tcp(proxy.addr()));
    let error: ConnectError =
        connector.connect(route("socks5h://alice:wrong@proxy.test", proxy.addr())).await.unwrap_err();
    assert!(error.is_fatal());
    assert!(error.source_as::<TunnelError>().is_some(), "{error:?}");
}
