//! What the client above learns of TLS and of proxies, over real TLS.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt, Empty};
use hyper_util::{
    client::legacy::{Client, connect::capture_connection},
    rt::TokioExecutor,
};
use skybridge_core::{ConnectError, Phase, Proxy};
use skybridge_hyper::{Hyper, HyperLayer};
use skybridge_route::{RouteLayer, RoutePlanner};
use skybridge_testkit::{
    certs::Ca,
    executor::Executor,
    net::{self, Names, Network},
    origin::{self, Origin},
    proxy::ProxyServer,
};
use skybridge_tls::{Roots, Tls, TlsConfig, TlsError, TlsLayer};
use skybridge_tunnel::{Tunnel, TunnelLayer};
use std::{error::Error, net::SocketAddr, time::Duration};
use tower::ServiceBuilder;

const PROXY: &str = "192.0.2.9:3128";

type TlsStack = Hyper<RoutePlanner<Tls<Tunnel<net::Connector>>, Names>>;

/// `a.test` on the in-memory network, and a client for it: directly, or through a proxy.
struct World {
    net: Network,
    executor: Executor,
    ca: Ca,
}

impl World {
    fn new() -> Self {
        let net = Network::new();
        net.host("a.test", ["192.0.2.1".parse().unwrap()]);
        Self { net, executor: Executor::new(), ca: Ca::new("a root") }
    }

    fn origin(&self, origin: origin::Builder, port: u16) -> Origin {
        origin.serve_on(self.net.listen(SocketAddr::new("192.0.2.1".parse().unwrap(), port)))
    }

    fn proxy(&self) -> ProxyServer {
        ProxyServer::http().serve_on(self.net.listen(PROXY.parse().unwrap()), &self.net)
    }

    fn client(&self, root: &Ca, proxied: bool) -> Client<TlsStack, Empty<Bytes>> {
        let config = TlsConfig::builder().roots(Roots::Given(vec![root.der()])).build().unwrap();
        let routes = RouteLayer::new(self.net.resolver());
        let proxy = Proxy::parse(&format!("http://{PROXY}")).unwrap();
        let connector = ServiceBuilder::new()
            .layer(HyperLayer::shared(self.executor.runtime()))
            .layer(if proxied { routes.proxies([[proxy]]) } else { routes })
            .layer(TlsLayer::new(config))
            .layer(TunnelLayer::new())
            .service(self.net.connector());
        Client::builder(TokioExecutor::new()).build(connector)
    }
}

/// The error of this type in a chain of sources.
fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
        .find_map(|error| error.downcast_ref())
}

/// The client's own view of its connection: whether it is HTTP/2, and whether a proxy forwards.
#[tokio::test(start_paused = true)]
async fn the_client_learns_of_http2_and_of_a_forwarding_proxy() {
    let rows = [
        // https, h2, by a proxy: is h2, is proxied
        (true, true, false, (true, false)),
        (true, false, false, (false, false)),
        (false, false, false, (false, false)),
        // A tunnel makes no difference to the client.
        (true, true, true, (true, false)),
        (true, false, true, (false, false)),
        (false, false, true, (false, true)),
    ];
    for (https, h2, by_proxy, expected) in rows {
        let case = format!("https {https}, h2 {h2}, by a proxy {by_proxy}");
        let world = World::new();
        let origin = if h2 { Origin::h2c() } else { Origin::h1() };
        let leaf = world.ca.leaf(["a.test"]);
        let origin = if https { world.origin(origin.tls(&leaf), 443) } else { world.origin(origin, 80) };
        let proxy = by_proxy.then(|| world.proxy());
        let client = world.client(&world.ca, by_proxy);
        let uri = if https { "https://a.test/x" } else { "http://a.test/x" };
        for _ in 0..2 {
            let mut request = Request::get(uri).body(Empty::new()).unwrap();
            let captured = capture_connection(&mut request);
            let response = client.request(request).await.unwrap();
            let seen = captured.connection_metadata().as_ref().map(|it| (it.is_negotiated_h2(), it.is_proxied()));
            assert_eq!(seen, Some(expected), "{case}");
            assert_eq!(response.version(), if h2 { Version::HTTP_2 } else { Version::HTTP_11 }, "{case}");
            assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello", "{case}");
        }
        let opened = proxy.as_ref().map_or_else(|| origin.connections(), ProxyServer::connections);
        assert_eq!((opened, origin.requests().len()), (1, 2), "{case}");
        let asked = proxy.map(|proxy| proxy.requests()[0].line.clone());
        let expected =
            by_proxy.then_some(if https { "CONNECT a.test:443 HTTP/1.1" } else { "GET http://a.test/x HTTP/1.1" });
        assert_eq!(asked.as_deref(), expected, "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_untrusted_root_is_reported_at_once_as_a_tls_error() {
    for by_proxy in [false, true] {
        let world = World::new();
        let origin = world.origin(Origin::h2c().tls(&world.ca.leaf(["a.test"])), 443);
        let _proxy = world.proxy();
        let began = tokio::time::Instant::now();
        let client = world.client(&Ca::new("another root"), by_proxy);
        let error = client.get("https://a.test/".parse().unwrap()).await.unwrap_err();
        assert!(error.is_connect(), "{error:?}");
        let ours: &ConnectError = cause(&error).expect("our error");
        assert_eq!((ours.phase(), ours.is_fatal()), (Some(Phase::Tls), true), "{error:?}");
        assert!(ours.to_string().contains("tls failed"), "{ours}");
        assert!(
            matches!(cause(&error), Some(TlsError::UnknownIssuer { name, .. }) if &**name == "a.test"),
            "{error:?}"
        );
        assert_eq!(began.elapsed(), Duration::ZERO, "it waited");
        assert_eq!(origin.requests().len(), 0);
    }
}
