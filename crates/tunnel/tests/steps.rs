//! What an observer is told of the exchange with a proxy.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use self::support::World;
use http::{HeaderMap, HeaderValue, Response};
use skybridge_core::{
    ConnectError, Connector as _, Ctx, Event, EventKind, Io, Link, Observe, Protocol, Proxy, ProxyAuth, ProxyHeaders,
    ProxyRequest, ProxyStep, Route, TlsConnect, TlsInfo,
};
use skybridge_testkit::{fixtures, h1::Script, net::Conn};
use skybridge_tunnel::TunnelLayer;
use std::{
    future::{Ready, ready},
    sync::{Arc, Mutex},
};
use tower::Layer;

const OK: &str = "HTTP/1.1 200 Connection Established\r\nVia: 1.1 squid\r\n\r\n";
const WHO: &str = "HTTP/1.1 407 Who\r\nproxy-authenticate: Digest nonce=1\r\ncontent-length: 0\r\n\r\n";

/// Lines of what was said.
#[derive(Default)]
struct Steps(Mutex<Vec<String>>);

impl Observe for Steps {
    fn observe(&self, event: &Event<'_>) {
        let EventKind::ProxyStep(proxy, step) = &event.kind else { return };
        assert!(event.attempt.is_some());
        let fields = |headers: &HeaderMap| {
            let fields = headers.iter().map(|(name, value)| {
                let value = if value.is_sensitive() { "hidden" } else { value.to_str().unwrap() };
                format!(" {name}={value}")
            });
            fields.collect::<String>()
        };
        let said = match step {
            ProxyStep::Tls(tls) => format!("tls {:?}", tls.alpn),
            ProxyStep::Request { target, version, headers } => {
                format!("CONNECT {target} {version:?}{}", fields(headers))
            }
            ProxyStep::Response { status, version, headers, head } => {
                let head = head.map_or_else(String::new, |head| format!(" in {}", head.len()));
                format!("{version:?} {}{}{head}", status.as_u16(), fields(headers))
            }
            ProxyStep::Socks(step) => step.to_string(),
            other => format!("{other:?}"),
        };
        self.0.lock().unwrap().push(format!("{} {}: {said}", proxy.name(), event.kind.name()));
    }
}

/// Answers each challenge.
struct Digest;

impl ProxyAuth for Digest {
    fn identity(&self) -> &[u8] {
        b"digest"
    }

    fn authorize(&self, _: &ProxyRequest<'_>, challenge: Option<&HeaderMap>) -> Option<HeaderValue> {
        challenge.map(|_| HeaderValue::from_static("Digest answer"))
    }

    fn schemes(&self) -> &'static str {
        "Digest"
    }
}

/// TLS that seals nothing, and whose peer has chosen this.
#[derive(Clone, Copy)]
struct Chosen(Protocol);

impl<I: Io> TlsConnect<I> for Chosen {
    type Io = I;
    type Future = Ready<Result<Link<I>, ConnectError>>;

    fn tls_connect(&self, mut link: Link<I>, _: &str, _: &Ctx) -> Self::Future {
        let mut tls = TlsInfo::unknown();
        tls.alpn = Some(self.0);
        link.info.tls = Some(tls);
        ready(Ok(link))
    }
}

fn observed(world: &World, proxy: Proxy) -> (Route, Arc<Steps>) {
    let steps = Arc::new(Steps::default());
    let ctx = world.executor.ctx().observer(Some(steps.clone()));
    let mut route = fixtures::route("https://a.test", [support::PROXY], ctx);
    route.proxies = [proxy].into();
    (route, steps)
}

async fn told(proxy: Proxy, part: impl AsyncFnOnce(&mut Script<Conn>)) -> Vec<String> {
    let world = World::new();
    let (route, steps) = observed(&world, proxy);
    let peer = async {
        let mut script = world.accept().await;
        part(&mut script).await;
    };
    let (_linked, ()) = tokio::join!(world.connect(route), peer);
    steps.0.lock().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn each_request_for_a_tunnel_and_each_answer_is_told_without_credentials() {
    let extra = HeaderMap::from_iter([("x-for".parse().unwrap(), HeaderValue::from_static("proxy"))]);
    let proxy =
        Proxy::parse("http://proxy.test:3128").unwrap().auth(Digest).headers(ProxyHeaders::new(&extra).unwrap());
    let said = told(proxy, async |script| {
        script.head().await;
        script.send(WHO).await;
        script.head().await;
        script.send(["HTTP/1.1 103 Hm\r\n\r\n", OK].concat()).await;
    });
    let agent = concat!("user-agent=skybridge/", env!("CARGO_PKG_VERSION"));
    let asked = format!("proxy.test proxy_request: CONNECT a.test:443 HTTP/1.1 host=a.test:443 x-for=proxy {agent}");
    let answer = |rest: &str| format!("proxy.test proxy_response: HTTP/1.1 {rest}");
    let expected = [
        asked.clone(),
        answer(&format!("407 proxy-authenticate=Digest nonce=1 content-length=0 in {}", WHO.len())),
        format!("{asked} proxy-authorization=hidden"),
        answer(&format!("200 via=1.1 squid in {}", OK.len())),
    ];
    assert_eq!(said.await, expected);
}

#[tokio::test(start_paused = true)]
async fn the_steps_of_socks_are_told() {
    let step = |words: &str| format!("proxy.test proxy_socks: {words}");
    let five = told(Proxy::parse("socks5h://alice:secret@proxy.test:1080").unwrap(), async |script| {
        script.expect([5, 2, 0, 2]).await;
        script.send([5, 2]).await;
        script.expect(*b"\x01\x05alice\x06secret").await;
        script.send([1, 0]).await;
        script.expect(*b"\x05\x01\x00\x03\x06a.test\x01\xbb").await;
        script.send([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await;
    });
    let words = [
        "no authentication offered, and user and password",
        "it wants user and password",
        "it accepts them",
        "asked for a.test:443",
        "granted",
    ];
    assert_eq!(five.await, words.map(step));
    let four = told(Proxy::parse("socks4a://proxy.test:1080").unwrap(), async |script| {
        script.expect(*b"\x04\x01\x01\xbb\x00\x00\x00\x01\x00a.test\x00").await;
        script.send([0, 91, 0, 0, 0, 0, 0, 0]).await;
    });
    assert_eq!(four.await, [step("asked for a.test:443")]);
}

#[tokio::test(start_paused = true)]
async fn tls_with_the_proxy_and_a_tunnel_of_http2_are_told_too() {
    let world = World::new();
    let (route, steps) = observed(&world, Proxy::parse("https://alice:secret@proxy.test:443").unwrap());
    let layer = TunnelLayer::new().http2(true).proxy_tls(Chosen(Protocol::Http2));
    let client = async { layer.layer(world.net.connector()).connect(route).await.map(drop).unwrap() };
    let proxy = async {
        let mut proxy = h2::server::handshake(world.listener.accept().await.0).await.unwrap();
        while let Some(Ok((_request, mut answer))) = proxy.accept().await {
            answer.send_response(Response::new(()), false).unwrap();
        }
    };
    tokio::join!(client, proxy);
    let said = steps.0.lock().unwrap().clone();
    let agent = concat!("user-agent=skybridge/", env!("CARGO_PKG_VERSION"));
    assert_eq!(said[0], "proxy.test proxy_tls: tls Some(Http2)");
    let asked = "proxy.test proxy_request: CONNECT a.test:443 HTTP/2.0";
    assert_eq!(said[1], format!("{asked} {agent} proxy-authorization=hidden"));
    assert_eq!(said[2..], ["proxy.test proxy_response: HTTP/2.0 200"]);
}
