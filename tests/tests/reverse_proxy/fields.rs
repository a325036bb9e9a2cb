//! What is of one hop stays on it, and what the upstream is told of the client.

use super::{Front, Peer};
use axum::extract::ConnectInfo;
use http::Extensions;
use skybridge_reverse_proxy::Forwarded;
use skybridge_testkit::{
    h1::{Received, Script},
    origin::Origin,
};
use skybridge_tests::World;
use std::net::IpAddr;

fn peer(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ConnectInfo<Peer>>().map(|info| info.0.0.ip())
}

/// What the upstream and the client receive.
async fn exchange(front: &Front, request: &str, response: &str) -> (Received, Received) {
    let listener = front.world.listen();
    let server = async {
        let mut upstream = Script::new(listener.accept().await.0);
        let asked = upstream.request().await;
        upstream.send(response).await;
        asked
    };
    let client = async { front.sends(request).await.head().await };
    tokio::join!(server, client)
}

const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn what_is_of_one_hop_stays_on_it_both_ways() {
    let hop = "connection: keep-alive, x-hop\r\nx-hop: 1\r\nkeep-alive: timeout=5\r\nproxy-connection: keep-alive\r\n";
    let request = format!(
        "GET /cat?colour=black HTTP/1.1\r\nhost: p.test\r\n{hop}te: trailers, deflate\r\n\
         proxy-authorization: Basic c2VjcmV0\r\nvia: 1.0 edge\r\nx-stays: 1\r\n\r\n"
    );
    let response = format!(
        "HTTP/1.1 200 OK\r\n{hop}proxy-authenticate: Basic realm=\"inside\"\r\ntransfer-encoding: chunked\r\n\
         x-stays: 1\r\n\r\n0\r\n\r\n"
    );
    let (asked, answered) = exchange(&Front::new(), &request, &response).await;
    for received in [&asked, &answered] {
        for name in ["x-hop", "keep-alive", "proxy-connection", "proxy-authorization", "proxy-authenticate"] {
            assert_eq!(received.header(name), None, "{name}: {}", received.head());
        }
        assert_eq!(received.header("x-stays"), Some("1"));
    }
    assert_eq!((asked.line(), asked.header("host")), ("GET /cat?colour=black HTTP/1.1", Some("a.test")));
    assert_eq!(asked.header("te"), Some("trailers"));
    let via: Vec<_> = asked.headers().filter(|(name, _)| *name == "via").map(|(_, value)| value).collect();
    assert_eq!(via, ["1.0 edge", "1.1 skybridge"]);
    assert_eq!(answered.header("via"), Some("1.1 skybridge"));
}

#[tokio::test(start_paused = true)]
async fn the_upstream_is_told_of_the_client_by_choice_and_never_by_the_client() {
    let claims = "GET / HTTP/1.1\r\nhost: p.test:81\r\nx-forwarded-for: 198.51.100.7\r\nforwarded: for=evil\r\n\r\n";
    let front = Front::new();
    let (asked, _) = exchange(&front, claims, EMPTY).await;
    assert!(!asked.head().contains("forwarded"), "{}", asked.head());

    let front =
        Front::with(World::new(), World::client, |proxy| proxy.keep_host().forwarded(Forwarded::both().client(peer)));
    let (asked, _) = exchange(&front, claims, EMPTY).await;
    let client = front.world.net.wire(0).client_addr().ip();
    assert_eq!(asked.header("host"), Some("p.test:81"));
    assert_eq!(asked.header("x-forwarded-for"), Some(&*client.to_string()));
    assert_eq!(
        (asked.header("x-forwarded-host"), asked.header("x-forwarded-proto")),
        (Some("p.test:81"), Some("http"))
    );
    let IpAddr::V4(client) = client else { panic!("{client}") };
    assert_eq!(asked.header("forwarded"), Some(&*format!("for={client};host=\"p.test:81\";proto=http")));
}

#[tokio::test(start_paused = true)]
async fn an_upstream_by_http2_gets_no_field_of_http1() {
    let front = Front::with(
        World::new(),
        |world| {
            let options = skybridge::ConnectOptions::new().http_versions(skybridge::HttpVersions::Http2);
            world.builder().connect_options(options).build()
        },
        |proxy| proxy,
    );
    let origin = Origin::h2c().serve_on(front.world.listen());
    let mut client = front.sends("GET /cat HTTP/1.1\r\nhost: p.test\r\nte: trailers\r\nx-stays: 1\r\n\r\n").await;
    let answered = client.head().await;
    assert_eq!((answered.line(), answered.header("via")), ("HTTP/1.1 200 OK", Some("2 skybridge")));
    let requests = origin.requests();
    assert_eq!((requests[0].header("te"), requests[0].header("x-stays")), (Some("trailers"), Some("1")));
    assert_eq!(requests[0].header("via"), Some("1.1 skybridge"));
}

/// RFC 9112, section 3.2.2: `host` is not looked at then.
#[tokio::test(start_paused = true)]
async fn the_host_of_an_absolute_uri_goes_before_the_field() {
    let front = Front::with(World::new(), World::client, |proxy| proxy.keep_host().forwarded(Forwarded::x_forwarded()));
    let request = "GET http://user:secret@real.test:81/cat HTTP/1.1\r\nhost: claimed.test\r\n\r\n";
    let (asked, _) = exchange(&front, request, EMPTY).await;
    assert_eq!((asked.line(), asked.header("host")), ("GET /cat HTTP/1.1", Some("real.test:81")));
    assert_eq!(asked.header("x-forwarded-host"), Some("real.test:81"));
}
