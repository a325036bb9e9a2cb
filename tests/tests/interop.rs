//! Against real servers, started by `cargo xtask interop`; what each variable names is in `xtask/fixtures/README.md`.
//!
//! The first three ask the servers themselves, over bare sockets: what a test of the stack concludes from their answers
//! and their logs is only worth something if the servers are as described. What the stack did is then counted from the
//! servers' side.

#![expect(clippy::unwrap_used, reason = "a test's own steps")]

use http::{Method, Request, Version};
use skybridge::{
    Client, H1, H2, HttpVersions, NegotiateLayer, Protocol, Proxy, RaceLayer, RequestBody, ResponseExt, Roots, Tcp,
    TlsConfig, TlsLayer, TunnelLayer, Upgrade, Upgraded,
    tower::{ServiceBuilder, ServiceExt},
    types::Connection as _,
};
use skybridge_testkit::{executor::Executor, fixtures, h1::Script};
use skybridge_tests::{all, certificate, named, nghttpx_saw, read, wishing};
use std::{
    collections::{BTreeSet, HashMap},
    fs,
    future::poll_fn,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The body of the answer to `GET /`, and whether the server keeps the connection.
fn get(connection: &mut BufReader<TcpStream>) -> (String, bool) {
    connection.get_mut().write_all(b"GET / HTTP/1.1\r\nhost: origin\r\n\r\n").unwrap();
    let (mut length, mut keeps_alive) = (0, true);
    loop {
        let mut line = String::new();
        connection.read_line(&mut line).unwrap();
        match line.trim_end().to_ascii_lowercase().split_once(": ") {
            Some(("content-length", value)) => length = value.parse().unwrap(),
            Some(("connection", value)) => keeps_alive = value != "close",
            _ if line == "\r\n" => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body).unwrap();
    (String::from_utf8(body).unwrap(), keeps_alive)
}

#[test]
fn nginx_numbers_connections_and_the_requests_on_them() {
    let mut connection = BufReader::new(TcpStream::connect(named("SKYBRIDGE_NGINX")).unwrap());
    let bodies: Vec<String> = (0..3).map(|_| get(&mut connection).0).collect();
    let (stem, _) = bodies[0].split_once(" req=").unwrap();
    assert!(stem.starts_with("nginx HTTP/1.1 conn="), "{stem}");
    let expected: Vec<String> = (1..=3).map(|number| format!("{stem} req={number}\n")).collect();
    assert_eq!(bodies, expected);

    let number = stem.rsplit('=').next().unwrap();
    let log = fs::read_to_string(named("SKYBRIDGE_NGINX_LOG")).unwrap();
    assert!(log.lines().any(|line| line.starts_with(&format!("{number} 2 GET / HTTP/1.1 port="))), "{log}");
}

#[test]
fn nginx_ends_a_connection_after_its_second_answer() {
    let mut connection = BufReader::new(TcpStream::connect(named("SKYBRIDGE_NGINX_KEEPALIVE2")).unwrap());
    assert!(get(&mut connection).1);
    assert!(!get(&mut connection).1);
    assert_eq!(connection.read(&mut [0]).unwrap(), 0);
}

#[test]
fn nghttpd_allows_a_hundred_streams_and_logs_by_connection() {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    const SETTINGS: &[u8] = b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64"; // MAX_CONCURRENT_STREAMS = 100
    let mut connection = TcpStream::connect(named("SKYBRIDGE_NGHTTPD_H2C")).unwrap();
    connection.write_all(PREFACE).unwrap();
    let mut answer = [0; SETTINGS.len()];
    connection.read_exact(&mut answer).unwrap();
    assert_eq!(answer, SETTINGS);
    let log = fs::read_to_string(named("SKYBRIDGE_NGHTTPD_LOG")).unwrap();
    assert!(log.contains("[id=") && log.contains("send SETTINGS frame"), "{log}");
}

fn url(variable: &str, path: &str) -> String {
    format!("http://{}{path}", named(variable))
}

fn over_h2(url: &str, body: impl Into<RequestBody>) -> Request<RequestBody> {
    let body = body.into();
    let method = if http_body::Body::is_end_stream(&body) { "GET" } else { "POST" };
    let request = Request::builder().method(method).uri(url).body(body).unwrap();
    wishing(request, |options| options.http_versions(HttpVersions::Http2))
}

/// Of `nginx HTTP/1.1 conn=7 req=1`.
fn connection_and_request(answer: &str) -> (u64, u64) {
    let (stem, request) = answer.trim().split_once(" req=").unwrap();
    (stem.rsplit('=').next().unwrap().parse().unwrap(), request.parse().unwrap())
}

/// The connections in nghttpd's log that a request's path is in.
fn nghttpd_connections(path: &str) -> BTreeSet<String> {
    let log = fs::read_to_string(named("SKYBRIDGE_NGHTTPD_LOG")).unwrap();
    let lines = log.lines().filter(|line| line.contains(&format!(":path: {path}")));
    lines.map(|line| line.split(']').next().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn nginx_sees_three_requests_on_one_connection() {
    let client = Client::new();
    let mut seen = Vec::new();
    for _ in 0..3 {
        let response = client.get(url("SKYBRIDGE_NGINX", "/")).await.unwrap();
        assert_eq!(response.connection().unwrap().protocol, Some(Protocol::Http1));
        seen.push(connection_and_request(&response.into_body().text().await.unwrap()));
    }
    let connection = seen[0].0;
    assert_eq!(seen, [(connection, 1), (connection, 2), (connection, 3)]);
}

#[tokio::test]
async fn nginx_answers_without_a_body_and_with_a_large_one() {
    let client = Client::new();
    let empty = client.get(url("SKYBRIDGE_NGINX", "/204")).await.unwrap();
    assert_eq!(empty.status(), 204);
    assert_eq!(empty.into_body().bytes().await.unwrap(), "");
    let large = client.get(url("SKYBRIDGE_NGINX", "/large")).await.unwrap();
    assert_eq!(large.into_body().bytes().await.unwrap(), vec![b'x'; 300_000]);
    let head = Request::head(url("SKYBRIDGE_NGINX", "/large")).body(()).unwrap();
    let head = client.request(head).await.unwrap();
    assert_eq!(head.headers()["content-length"], "300000");
    assert_eq!(head.into_body().bytes().await.unwrap(), "");
    let after = read(client.get(url("SKYBRIDGE_NGINX", "/"))).await.unwrap();
    assert_eq!(connection_and_request(&after).1, 4, "all on one connection");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_that_ends_connections_after_two_requests_fails_none_of_500() {
    let client = Client::new();
    let callers = (0..20).map(|_| {
        let client = client.clone();
        async move {
            let mut seen = Vec::new();
            for _ in 0..25 {
                let response = client.get(url("SKYBRIDGE_NGINX_KEEPALIVE2", "/")).await.unwrap();
                assert_eq!(response.status(), 200);
                seen.push(connection_and_request(&response.into_body().text().await.unwrap()));
            }
            seen
        }
    });
    let seen = all(callers).await.concat();
    let mut carried: HashMap<u64, Vec<u64>> = HashMap::new();
    seen.iter().for_each(|(connection, request)| carried.entry(*connection).or_default().push(*request));
    assert_eq!(seen.len(), 500);
    // Each connection's requests are those that were answered: nothing was sent twice, nothing failed unseen.
    for (connection, mut requests) in carried.clone() {
        requests.sort_unstable();
        assert!(matches!(requests[..], [1] | [1, 2]), "connection {connection} carried {requests:?}");
    }
    // Second requests are the rule.
    assert!(carried.len() < 350, "{} connections for 500 requests", carried.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nghttpd_sees_fifty_requests_at_once_on_one_connection() {
    let client = Client::new();
    let url = url("SKYBRIDGE_NGHTTPD_H2C", "/?fifty");
    for response in all((0..50).map(|_| client.request(over_h2(&url, ())))).await {
        let response = response.unwrap();
        assert_eq!(response.connection().unwrap().protocol, Some(Protocol::Http2));
        assert_eq!(response.into_body().text().await.unwrap(), "nghttpd\n");
    }
    assert_eq!(nghttpd_connections("/?fifty").len(), 1);
}

/// Each response is held until all are there, and with it its tunnel: the connection of a proxy whose last tunnel goes
/// is closed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nghttpx_sees_fifty_tunnels_at_once_on_one_connection() {
    let root = fs::read(certificate("root.pem")).unwrap();
    let trusting = || TlsConfig::builder().roots(Roots::Given(vec![])).add_root_pem(&root).build().unwrap();
    let proxy = Proxy::parse(&format!("https://alice:s3cret@{}", named("SKYBRIDGE_NGHTTPX"))).unwrap();
    let port = named("SKYBRIDGE_NGINX_TLS_H1").rsplit(':').next().unwrap().to_owned();
    let url = format!("https://a.test:{port}/");
    let asked = format!(" CONNECT a.test:{port} ");
    for (http2, connections) in [(true, 1), (false, 50)] {
        let before = nghttpx_saw(&asked, 0).len();
        let client = Client::builder()
            .tls(TlsLayer::new(trusting()))
            .proxy_tls(trusting().tls_connector())
            .proxies([vec![proxy.clone()]])
            .tunnel(TunnelLayer::new().http2(http2))
            .build();
        let responses = all((0..50).map(|_| client.get(&url))).await;
        let seen =
            all(responses.into_iter().map(|response| async { response.unwrap().into_body().text().await.unwrap() }));
        let numbers: BTreeSet<_> = seen.await.iter().map(|answer| connection_and_request(answer)).collect();
        assert_eq!(numbers.len(), 50, "{numbers:?}");
        drop(client);
        let lines = nghttpx_saw(&asked, before + 50).split_off(before);
        let ports: BTreeSet<_> = lines.iter().map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!((lines.len(), ports.len()), (50, connections), "{lines:?}");
    }
}

#[tokio::test]
async fn nghttpd_echoes_more_than_a_window_holds() {
    let client = Client::new();
    let body = vec![b'y'; 1_000_000];
    let response = client.request(over_h2(&url("SKYBRIDGE_NGHTTPD_H2C", "/?echo"), body.clone())).await.unwrap();
    assert_eq!(response.into_body().bytes().await.unwrap(), body);
    let large = client.request(over_h2(&url("SKYBRIDGE_NGHTTPD_H2C", "/large"), ())).await.unwrap();
    assert_eq!(large.into_body().bytes().await.unwrap().len(), 300_000);
}

/// The stream that a response has become.
fn upgraded<B>(mut response: http::Response<B>) -> Upgraded {
    response.extensions_mut().remove::<Upgrade>().unwrap().take().unwrap()
}

async fn take(stream: &mut Upgraded, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await.unwrap();
    bytes
}

/// A frame with text of the WebSocket (RFC 6455, section 5.2): the client's are masked, here with zeros.
fn frame(masked: bool, text: &str) -> Vec<u8> {
    let mask: &[u8] = if masked { &[0; 4] } else { &[] };
    let length = u8::try_from(text.len()).unwrap();
    [&[0x81, if masked { 0x80 } else { 0 } | length], mask, text.as_bytes()].concat()
}

/// The key and its answer are those of RFC 6455, section 1.3. The first frame comes right behind the head.
#[tokio::test]
async fn a_websocket_goes_through_nginx_both_ways() {
    let backend = tokio::net::TcpListener::bind(named("SKYBRIDGE_WEBSOCKET_BACKEND")).await.unwrap();
    let server = async {
        let mut peer = Script::new(backend.accept().await.unwrap().0);
        let request = peer.request().await;
        assert_eq!((request.header("upgrade"), request.header("connection")), (Some("websocket"), Some("upgrade")));
        assert_eq!(request.header("sec-websocket-key"), Some("dGhlIHNhbXBsZSBub25jZQ=="));
        let head = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
                    sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        peer.send([head.as_bytes(), &frame(false, "early")].concat()).await;
        for round in 0..100 {
            peer.expect(frame(true, &format!("ping {round}"))).await;
            peer.send(frame(false, &format!("pong {round}"))).await;
        }
        peer.expect_close().await;
    };
    let client = Client::new();
    let calls = async {
        let request = Request::get(url("SKYBRIDGE_NGINX_WEBSOCKET", "/chat"))
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let response = client.request(request.body(()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 101);
        assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        let mut stream = upgraded(response);
        assert_eq!(client.stats().idle + client.stats().active, 0);
        assert_eq!(take(&mut stream, 7).await, frame(false, "early"));
        for round in 0..100 {
            let pong = frame(false, &format!("pong {round}"));
            stream.write_all(&frame(true, &format!("ping {round}"))).await.unwrap();
            assert_eq!(take(&mut stream, pong.len()).await, pong);
        }
        stream.shutdown().await.unwrap();
    };
    tokio::join!(calls, server);
}

/// A connection to the proxy itself, without a pool: pools refuse CONNECT, as what it opens could not come back to
/// them.
async fn tunnel(proxy: &str, target: &str) -> http::Response<impl Sized + use<>> {
    let executor = Executor::new();
    let route = fixtures::route(&format!("http://{}", named(proxy)), [named(proxy).as_str()], executor.ctx());
    let stack = ServiceBuilder::new()
        .layer(NegotiateLayer::new(H1::new(), H2::new()))
        .layer(RaceLayer::happy_eyeballs())
        .service(Tcp::new());
    let mut connection = stack.oneshot(route).await.unwrap();
    let request = Request::builder().method(Method::CONNECT).uri(target);
    let request = request.header("proxy-authorization", "Basic YWxpY2U6czNjcmV0").body(RequestBody::empty()).unwrap();
    poll_fn(|cx| connection.poll_ready(cx)).await.unwrap();
    connection.start(request);
    poll_fn(|cx| connection.poll_response(cx)).await.map_err(|failed| failed.error).unwrap()
}

/// The caller speaks HTTP/1.1 with nginx itself, through the tunnel that it has asked for.
#[tokio::test]
async fn a_tunnel_by_hand_leads_through_squid_and_tinyproxy() {
    for proxy in ["SKYBRIDGE_SQUID", "SKYBRIDGE_TINYPROXY"] {
        let response = tunnel(proxy, &named("SKYBRIDGE_NGINX")).await;
        assert_eq!(response.status(), 200, "{proxy}");
        let mut stream = upgraded(response);
        stream.write_all(b"GET /204 HTTP/1.1\r\nhost: origin\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 204 No Content\r\n"), "{proxy}: {answer}");
    }
}

#[tokio::test]
async fn a_tunnel_by_hand_that_is_refused_is_a_response() {
    let response = tunnel("SKYBRIDGE_SQUID", "forbidden.test:80").await;
    assert_eq!((response.status().as_u16(), response.extensions().get::<Upgrade>().is_some()), (403, false));
}

/// An answer of HTTP/1.0 is told as that, read to its end, and ends the connection.
#[tokio::test]
async fn apache_answers_in_http_1_0() {
    let client = Client::new();
    for _ in 0..3 {
        let response = client.get(url("SKYBRIDGE_APACHE_HTTP10", "/")).await.unwrap();
        assert_eq!((response.status().as_u16(), response.version()), (200, Version::HTTP_10));
        assert_eq!(response.into_body().text().await.unwrap(), "apache\n");
        assert_eq!(client.stats().idle, 0);
    }
    let large = client.get(url("SKYBRIDGE_APACHE_HTTP10", "/large")).await.unwrap();
    assert_eq!(large.into_body().bytes().await.unwrap(), vec![b'x'; 300_000]);
}

/// Its answers are the origin's, and it ends each connection behind the first, without having said so.
#[tokio::test]
async fn tinyproxy_that_ends_connections_unannounced_fails_no_request() {
    let proxy = Proxy::parse(&format!("http://alice:s3cret@{}", named("SKYBRIDGE_TINYPROXY"))).unwrap();
    let client = Client::builder().proxies([[proxy]]).build();
    for _ in 0..50 {
        let response = client.get(url("SKYBRIDGE_NGINX", "/")).await.unwrap();
        assert_eq!(response.status(), 200);
        let text = response.into_body().text().await.unwrap();
        assert!(text.starts_with("nginx HTTP/1.1 conn="), "{text}");
    }
    let large = client.get(url("SKYBRIDGE_NGINX", "/large")).await.unwrap();
    assert_eq!(large.into_body().bytes().await.unwrap(), vec![b'x'; 300_000]);
}
