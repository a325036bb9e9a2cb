//! Plain requests by way of a proxy that is spoken to in HTTP/2 (`TunnelLayer::http2`): it forwards those of all
//! origins on one connection.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use http::{HeaderMap, HeaderValue, Request, Response, header::PROXY_AUTHORIZATION};
use http_body_util::{BodyExt, Full};
use skybridge::{
    Client, HttpVersions, PoolConfig, Proxy, RequestBody, Roots, TlsConfig, TlsLayer, TunnelLayer,
    types::{ProxyAuth, ProxyHeaders, ProxyRequest},
};
use skybridge_testkit::{
    certs::Ca,
    executor::run_until_idle,
    origin::{Builder, Origin},
    proxy::ProxyServer,
};
use skybridge_tests::{World, all, read, wishing};
use std::net::SocketAddr;

/// A proxy with TLS, and a client behind it.
struct Stage {
    world: World,
    /// It answers all that it is asked to forward, and so looks like an origin.
    proxy: Origin,
    client: Client,
}

fn at() -> SocketAddr {
    "192.0.2.7:3128".parse().unwrap()
}

fn tls(ca: &Ca) -> TlsLayer {
    TlsLayer::new(TlsConfig::builder().roots(Roots::Given(vec![ca.der()])).build().unwrap())
}

fn proxy() -> Proxy {
    Proxy::parse("https://alice:hidden@p.test:3128").unwrap()
}

impl Stage {
    fn new(way: Proxy) -> Self {
        Self::with(way, PoolConfig::new(), Origin::h2c())
    }

    fn with(way: Proxy, pool: PoolConfig, proxy: Builder) -> Self {
        let (world, ca) = (World::new(), Ca::new("root"));
        world.net.host("p.test", [at().ip()]);
        let proxy = proxy.tls(&ca.leaf(["p.test"])).serve_on(world.net.listen(at()));
        let tunnel = TunnelLayer::new().http2(true);
        let client = world.builder().tls(tls(&ca)).tunnel(tunnel).pool(pool).proxies([[way]]).build();
        Self { world, proxy, client }
    }

    async fn get(&self, url: &str) {
        assert_eq!(read(self.client.get(url)).await.unwrap(), "hello", "{url}");
    }

    /// On which connection each was asked for.
    fn connections(&self) -> Vec<usize> {
        self.proxy.requests().iter().map(|request| request.connection).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn requests_of_many_origins_are_on_one_connection() {
    for pool in [PoolConfig::new(), PoolConfig::new().max_total(1)] {
        let stage = Stage::with(proxy(), pool, Origin::h2c());
        stage.get("http://first.test/").await;
        let urls: Vec<_> = (0..20).map(|i| format!("http://h{i}.test:{}/p?q", 80 + i % 3)).collect();
        let calls = urls.iter().chain(&urls).map(|url| read(stage.client.get(url.as_str())));
        assert!(all(calls).await.into_iter().all(|text| text.unwrap() == "hello"));
        assert_eq!((stage.proxy.connections(), stage.proxy.requests().len()), (1, 41));
        assert_eq!((stage.world.recorder.count("connection_created"), stage.client.stats().idle), (1, 1));
        let asked: Vec<_> = stage.proxy.requests().into_iter().map(|request| request.uri.to_string()).collect();
        assert!(urls.iter().all(|url| asked.contains(&url.replace(":80/", "/")) || asked.contains(url)), "{asked:?}");
        drop(stage.client);
        run_until_idle().await;
        assert_eq!((stage.proxy.open(), stage.world.net.live_sockets()), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_told_what_is_for_it_and_nothing_that_is_of_a_connection() {
    let fields = HeaderMap::from_iter([("x-session".parse().unwrap(), HeaderValue::from_static("7"))]);
    let stage = Stage::new(proxy().headers(ProxyHeaders::new(&fields).unwrap()));
    let request = Request::get("http://a.test:81/p")
        .header("host", "elsewhere.test")
        .header("connection", "close, x-hop")
        .header("x-hop", "1")
        .header("proxy-connection", "keep-alive")
        .header("keep-alive", "timeout=5")
        .header("te", "trailers")
        .header("accept", "*/*")
        .body(RequestBody::empty())
        .unwrap();
    assert_eq!(read(stage.client.request(request)).await.unwrap(), "hello");
    let told = stage.proxy.requests().remove(0);
    // Where it goes was checked by the URI, and no other name takes its place.
    assert_eq!((told.uri.to_string(), told.version), ("http://a.test:81/p".into(), http::Version::HTTP_2));
    let mut names: Vec<_> = told.headers.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["accept", "proxy-authorization", "te", "x-session"]);
    assert_eq!(told.header("proxy-authorization"), Some("Basic YWxpY2U6aGlkZGVu"));
}

/// As over HTTP/1.1: it is the last on its connection.
#[tokio::test(start_paused = true)]
async fn nothing_follows_a_request_with_credentials_of_its_own() {
    let stage = Stage::new(proxy());
    stage.get("http://a.test/").await;
    let own = Request::get("http://b.test/").header(PROXY_AUTHORIZATION, "Basic eA==");
    assert_eq!(read(stage.client.request(own.body(RequestBody::empty()).unwrap())).await.unwrap(), "hello");
    stage.get("http://a.test/").await;
    stage.get("http://b.test/").await;
    assert_eq!(stage.connections(), [0, 0, 1, 1]);
    let shown: Vec<_> = stage.proxy.requests().iter().map(|told| told.headers[PROXY_AUTHORIZATION].clone()).collect();
    let ours = "Basic YWxpY2U6aGlkZGVu";
    assert_eq!(shown, [ours, "Basic eA==", ours, ours]);
}

/// Says nothing at first, then what it is asked for.
struct Answers;

impl ProxyAuth for Answers {
    fn identity(&self) -> &[u8] {
        b"answers"
    }

    fn authorize(&self, asked: &ProxyRequest<'_>, challenge: Option<&HeaderMap>) -> Option<HeaderValue> {
        let nonce = challenge?.get("proxy-authenticate")?.to_str().ok()?.replace("Nonce", "For");
        HeaderValue::try_from(format!("{nonce} {} {}", asked.method(), asked.target())).ok()
    }
}

#[tokio::test(start_paused = true)]
async fn a_challenge_is_answered_on_another_stream() {
    let challenges = |request: Request<hyper::body::Incoming>| async move {
        let shown = request.headers().get(PROXY_AUTHORIZATION).cloned();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "a body");
        let response = match &shown {
            Some(shown) if shown == "For 1 POST http://a.test/p?q" => Response::builder(),
            _ => Response::builder().status(407).header("proxy-authenticate", "Nonce 1"),
        };
        response.body(Full::<bytes::Bytes>::from("hello")).unwrap()
    };
    let stage = Stage::with(proxy().auth(Answers), PoolConfig::new(), Origin::h2c().handle(challenges));
    let request = Request::post("http://a.test/p?q").body(RequestBody::from("a body")).unwrap();
    assert_eq!(read(stage.client.request(request)).await.unwrap(), "hello");
    assert_eq!(stage.connections(), [0, 0]);
    // One that it doesn't take is the response.
    let other = Request::post("http://b.test/").body(RequestBody::from("a body")).unwrap();
    let response = stage.client.request(other).await.unwrap();
    assert_eq!((response.status().as_u16(), stage.proxy.requests().len()), (407, 2 + 21));
}

/// What must be HTTP/1.1 is offered that alone, and so is told to nobody who has chosen HTTP/2.
#[tokio::test(start_paused = true)]
async fn a_request_for_http1_has_a_connection_of_its_own() {
    let stage = Stage::new(proxy());
    stage.get("http://a.test/").await;
    let request = Request::get("http://a.test/").body(RequestBody::empty()).unwrap();
    let http1 = wishing(request, |options| options.http_versions(HttpVersions::Http1));
    let _ = stage.client.request(http1).await;
    let chosen: Vec<_> = stage.proxy.handshakes().into_iter().map(|handshake| handshake.alpn).collect();
    assert_eq!(chosen, [Some("h2".to_owned()), Some("http/1.1".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_chooses_http1_forwards_as_ever() {
    let (world, ca) = (World::new(), Ca::new("root"));
    world.net.host("p.test", [at().ip()]);
    let origin = Origin::h1().serve_on(world.listen());
    let proxy_server = ProxyServer::http().tls(&ca.leaf(["p.test"])).serve_on(world.net.listen(at()), &world.net);
    let tunnel = TunnelLayer::new().http2(true);
    let client = world.builder().tls(tls(&ca)).tunnel(tunnel).proxies([[proxy()]]).build();
    for _ in 0..2 {
        assert_eq!(read(client.get("http://a.test/")).await.unwrap(), "hello");
    }
    assert_eq!((proxy_server.connections(), origin.requests().len()), (1, 2));
    assert!(proxy_server.requests()[0].line.starts_with("GET http://a.test/ HTTP/1.1"));
}

#[tokio::test(start_paused = true)]
async fn when_the_proxy_says_goodbye_all_origins_go_to_the_next_connection() {
    let stage = Stage::with(proxy(), PoolConfig::new(), Origin::h2c().requests_per_connection(3));
    for _ in 0..3 {
        for url in ["http://a.test/", "http://b.test/"] {
            stage.get(url).await;
            run_until_idle().await;
        }
    }
    assert_eq!(stage.connections(), [0, 0, 0, 1, 1, 1]);
}
