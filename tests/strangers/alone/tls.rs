//! By the page of `skybridge_tls`, and that of `TlsLayer::proxy_connector`.

use super::over_tcp;
use skybridge_core::{ConnectError, Connector, Protocol, Proxy, Route, Target};
use skybridge_runtime::TokioRuntime;
use skybridge_testkit::{certs::Ca, origin::Origin, proxy::ProxyServer};
use skybridge_tls::{Roots, TlsConfig, TlsLayer};
use skybridge_tunnel::TunnelLayer;
use std::sync::Arc;
use tower::{Layer, service_fn};

fn target(url: &str) -> Target {
    Target::of(&url.parse().unwrap(), TokioRuntime::ctx()).unwrap()
}

/// Both ends are pipes; the server's TLS is tokio-rustls.
#[tokio::test]
async fn a_pipe_is_encrypted_and_verified() {
    let ca = Ca::new("a root");
    let server = tokio_rustls::TlsAcceptor::from(Arc::new(ca.leaf(["a.test"]).server(&["h2"])));
    let below = service_fn(move |route: Route| {
        let (ours, theirs) = tokio::io::duplex(16_384);
        let server = server.clone();
        async move {
            tokio::spawn(async move { server.accept(theirs).await.unwrap() });
            let endpoint = route.endpoints.snapshot()[0].clone();
            Ok::<_, ConnectError>(route.link(ours, endpoint))
        }
    });
    let config = TlsConfig::builder().roots(Roots::Given(vec![ca.der()])).pin("a.test", &ca.pin()).build().unwrap();
    let route = Route::to(target("https://a.test/"), [std::net::SocketAddr::from(([192, 0, 2, 1], 443))]);
    let link = TlsLayer::new(config).layer(below).connect(route).await.unwrap();
    assert_eq!(link.info.tls.as_ref().unwrap().sni.as_deref(), Some("a.test"));
}

#[tokio::test]
async fn the_same_layer_gives_a_tunnel_the_tls_of_its_proxies() {
    let ca = Ca::new("a root");
    let origin = Origin::h2c().tls(&ca.leaf(["a.test"])).start().await;
    let proxy = ProxyServer::http().tls(&ca.leaf(["proxy.test"])).host("a.test", origin.addr()).start().await;
    let tls = TlsLayer::new(TlsConfig::builder().roots(Roots::Given(vec![ca.der()])).build().unwrap());
    let tunnel = TunnelLayer::new().proxy_tls(tls.proxy_connector());
    let mut connector = tls.layer(tunnel.layer(over_tcp(proxy.addr())));

    let mut route = Route::to(target("https://a.test/"), [proxy.addr()]);
    route.proxies = Arc::new([Proxy::parse("https://proxy.test").unwrap()]);
    let link = connector.connect(route).await.unwrap();
    assert!(link.info.tunnelled);
    assert_eq!(link.info.tls.as_ref().unwrap().alpn, Some(Protocol::Http2));
}
