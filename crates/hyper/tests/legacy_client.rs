//! hyper-util's client on our stack: the scenarios of hyper-util's own `tests/legacy_client.rs`, and what its users
//! match on. The differences are listed in the module's documentation.
#![cfg(feature = "legacy")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "tests, and tasks of their peers"
)]

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Uri, Version};
use http_body::Body as _;
use http_body_util::{BodyExt, Empty, Full, channel::Channel};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use skybridge_core::Delivery;
use skybridge_hyper::legacy::{
    self, Builder, Client,
    connect::{Connected, Connection, HttpConnector, HttpInfo, capture_connection},
    upgrade,
};
use skybridge_testkit::{
    executor::run_until_idle,
    h1::Script,
    net::{Conn, Listener, Network},
    origin::Origin,
};
use std::{
    error::Error,
    future::{Future, poll_fn},
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tower::{Service, ServiceExt};

const ADDR: &str = "192.0.2.1:80";
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// A connector on the network in memory, as a user of hyper-util writes one.
#[derive(Clone)]
struct Memory {
    net: Network,
    asked: Arc<Mutex<Vec<String>>>,
    h2: bool,
    proxied: bool,
}

struct Pipe {
    conn: Conn,
    h2: bool,
    proxied: bool,
}

/// An extra of the connector.
#[derive(Clone, Debug, PartialEq)]
struct Extra(&'static str);

impl Connection for Pipe {
    fn connected(&self) -> Connected {
        let connected = Connected::new().proxy(self.proxied).extra(Extra("of the connector"));
        if self.h2 { connected.negotiated_h2() } else { connected }
    }
}

impl Service<Uri> for Memory {
    type Response = TokioIo<Pipe>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<Pipe>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            this.asked.lock().unwrap().push(uri.to_string());
            let conn = this.net.connect(ADDR.parse().unwrap()).await?;
            Ok(TokioIo::new(Pipe { conn, h2: this.h2, proxied: this.proxied }))
        })
    }
}

impl AsyncRead for Pipe {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.conn).poll_read(cx, buf)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.conn).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.conn).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.conn).poll_shutdown(cx)
    }
}

impl Memory {
    fn new() -> (Self, Listener) {
        let net = Network::new();
        let listener = net.listen(ADDR.parse().unwrap());
        (Self { net, asked: Arc::default(), h2: false, proxied: false }, listener)
    }

    fn connects(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn builder() -> Builder {
    Client::builder(TokioExecutor::new())
}

fn get(uri: &str) -> Request<Empty<Bytes>> {
    Request::get(uri).body(Empty::new()).unwrap()
}

async fn text(response: Response<legacy::Body>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

async fn accept(listener: &Listener) -> Script<Conn> {
    Script::new(listener.accept().await.0)
}

/// The client closes, long before the idle timeout.
async fn closes(peer: &mut Script<Conn>) {
    tokio::time::timeout(Duration::from_secs(5), peer.expect_close()).await.expect("it closes");
}

/// The first error of this type among the sources.
fn source<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    std::iter::successors(error.source(), |error| (*error).source()).find_map(|error| error.downcast_ref())
}

#[tokio::test(start_paused = true)]
async fn to_drop_a_long_body_closes_its_connection() {
    let (memory, listener) = Memory::new();
    let client = builder().build(memory);
    let (response, mut peer) = tokio::join!(client.request(get("http://a.test/")), async {
        let mut peer = accept(&listener).await;
        peer.request().await;
        peer.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        peer
    });
    drop(response.unwrap());
    closes(&mut peer).await;
}

#[tokio::test(start_paused = true)]
async fn to_drop_the_response_future_closes_its_connection() {
    let (memory, listener) = Memory::new();
    let client = builder().build(memory);
    let mut response = client.request(get("http://a.test/"));
    let asked = async {
        let mut peer = accept(&listener).await;
        peer.request().await;
        peer
    };
    let mut peer = tokio::select! {
        _ = &mut response => unreachable!("the peer doesn't answer"),
        peer = asked => peer,
    };
    drop(response);
    closes(&mut peer).await;
}

#[tokio::test(start_paused = true)]
async fn to_drop_the_client_closes_idle_connections() {
    let (memory, listener) = Memory::new();
    let client = builder().build(memory);
    let (response, mut peer) = tokio::join!(client.request(get("http://a.test/")), async {
        let mut peer = accept(&listener).await;
        peer.request().await;
        peer.respond(200, "hello").await;
        peer
    });
    assert_eq!(text(response.unwrap()).await, "hello");
    peer.expect_silence(Duration::from_secs(5)).await;
    drop(client);
    closes(&mut peer).await;
}

#[tokio::test(start_paused = true)]
async fn without_idle_connections_each_request_has_its_own() {
    for h2 in [false, true] {
        let (mut memory, listener) = Memory::new();
        memory.h2 = h2;
        let origin = if h2 { Origin::h2c() } else { Origin::h1() }.serve_on(listener);
        let client = builder().pool_max_idle_per_host(0).build(memory.clone());
        let request = || client.request(get("https://a.test/"));
        let (a, b) = tokio::join!(request(), request());
        for response in [a, b, request().await] {
            assert_eq!(text(response.unwrap()).await, "hello");
        }
        run_until_idle().await;
        assert_eq!((origin.connections(), memory.net.live_sockets()), (3, 0), "h2: {h2}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_closes_after_the_pools_idle_timeout() {
    let (memory, listener) = Memory::new();
    let _origin = Origin::h1().serve_on(listener);
    let client = builder().pool_idle_timeout(Duration::from_secs(30)).build(memory.clone());
    assert_eq!(text(client.request(get("http://a.test/")).await.unwrap()).await, "hello");
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(memory.net.live_sockets(), 1);
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert_eq!(memory.net.live_sockets(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_its_peer_closed_is_not_used_again() {
    let (memory, listener) = Memory::new();
    let client = builder().build(memory.clone());
    let served = tokio::spawn(async move {
        for _ in 0..2 {
            let mut peer = accept(&listener).await;
            peer.request().await;
            peer.send(OK).await;
            peer.fin().await;
        }
    });
    for _ in 0..2 {
        client.request(get("http://a.test/")).await.unwrap();
        run_until_idle().await;
    }
    served.await.unwrap();
    assert_eq!(memory.connects(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_request_connects_when_it_is_polled_and_not_before() {
    let (memory, _listener) = Memory::new();
    let client = builder().build(memory.clone());
    let response = client.request(get("http://a.test/"));
    run_until_idle().await;
    drop(response);
    assert_eq!(memory.connects(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_second_request_goes_on_the_same_connection() {
    let (memory, listener) = Memory::new();
    let origin = Origin::h1().serve_on(listener);
    let client = builder().build::<_, _, Empty<Bytes>>(memory.clone());
    for path in ["/a", "/b"] {
        let uri = format!("http://a.test{path}").parse().unwrap();
        assert_eq!(text(client.get(uri).await.unwrap()).await, "hello");
    }
    assert_eq!(origin.exchanges(), ["c0e0", "c0e1"]);
    assert_eq!(*memory.asked.lock().unwrap(), ["http://a.test/"]);
}

#[tokio::test(start_paused = true)]
async fn a_body_in_answer_to_head_ends_the_connection() {
    let (memory, listener) = Memory::new();
    let client = builder().build(memory.clone());
    let served = tokio::spawn(async move {
        let mut first = accept(&listener).await;
        first.request().await;
        first.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await;
        let mut second = accept(&listener).await;
        assert_eq!(second.request().await.target(), "/b");
        second.send(OK).await;
    });
    client.request(Request::head("http://a.test/a").body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
    run_until_idle().await;
    client.request(get("http://a.test/b")).await.unwrap();
    served.await.unwrap();
    assert_eq!(memory.connects(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_response_before_the_end_of_the_request_keeps_the_connection() {
    let (memory, listener) = Memory::new();
    let client = builder().build(memory.clone());
    let (mut send, body) = Channel::<Bytes, io::Error>::new(1);
    let request = Request::post("http://a.test/").header("content-length", 5).body(body.boxed()).unwrap();
    let (response, mut peer) = tokio::join!(client.request(request), async {
        let mut peer = accept(&listener).await;
        peer.head().await;
        peer.send(OK).await;
        peer
    });
    assert_eq!(response.unwrap().status(), StatusCode::OK);
    send.send_data("hello".into()).await.unwrap();
    drop(send);
    peer.expect("hello").await;
    let empty = Empty::new().map_err(|never| match never {}).boxed();
    let (response, ()) = tokio::join!(client.request(Request::get("http://a.test/").body(empty).unwrap()), async {
        peer.request().await;
        peer.send(OK).await;
    });
    response.unwrap();
    assert_eq!(memory.connects(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_last_chunk_that_nobody_polled_for_keeps_the_connection() {
    let (memory, listener) = Memory::new();
    let client = builder().build(memory.clone());
    let served = tokio::spawn(async move {
        let mut peer = accept(&listener).await;
        peer.request().await;
        peer.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n").await;
        peer.request().await;
        peer.send(OK).await;
    });
    let mut response = client.request(get("http://a.test/a")).await.unwrap();
    assert_eq!(response.frame().await.unwrap().unwrap().into_data().unwrap(), "hello");
    drop(response);
    client.request(get("http://a.test/b")).await.unwrap();
    served.await.unwrap();
    assert_eq!(memory.connects(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_to_a_proxy_of_the_connector_has_the_whole_uri() {
    let (mut memory, listener) = Memory::new();
    memory.proxied = true;
    let client = builder().build(memory);
    let (response, ()) = tokio::join!(client.request(get("http://a.test/foo/bar")), async {
        let mut peer = accept(&listener).await;
        peer.expect("GET http://a.test/foo/bar HTTP/1.1\r\nhost: a.test\r\n\r\n").await;
        peer.send(OK).await;
    });
    response.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_101_response_gives_its_connection() {
    let (memory, listener) = Memory::new();
    let client = builder().build(memory);
    let mut request = get("http://a.test/up");
    request.headers_mut().insert("connection", "upgrade".parse().unwrap());
    request.headers_mut().insert("upgrade", "foobar".parse().unwrap());
    let (response, mut peer) = tokio::join!(client.request(request), async {
        let mut peer = accept(&listener).await;
        peer.request().await;
        peer.send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: foobar\r\n\r\nready").await;
        peer
    });
    let response = response.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    let mut io = TokioIo::new(upgrade::on(response).await.unwrap());
    let mut ready = [0; 5];
    io.read_exact(&mut ready).await.unwrap();
    io.write_all(b"foo=bar").await.unwrap();
    io.flush().await.unwrap();
    peer.expect("foo=bar").await;
    assert_eq!(&ready, b"ready");
    assert!(upgrade::on(Response::new(())).await.is_err());
}

/// hyper-util opens three connections for the first three in both cases, and uses one.
#[tokio::test(start_paused = true)]
async fn http2_that_the_connector_negotiated_is_spoken_on_one_connection() {
    for (uri, connects) in [("https://a.test/", 1), ("http://a.test/", 3)] {
        let (mut memory, listener) = Memory::new();
        memory.h2 = true;
        let _origin = Origin::h2c().serve_on(listener);
        let client = builder().build::<_, _, Empty<Bytes>>(memory.clone());
        let get = || client.get(uri.parse().unwrap());
        let (a, b, c) = tokio::join!(get(), get(), get());
        for response in [a, b, c] {
            let response = response.unwrap();
            assert_eq!((response.version(), text(response).await), (Version::HTTP_2, "hello".into()));
        }
        let mut request = Request::new(Empty::new());
        (*request.uri_mut(), *request.version_mut()) = (uri.parse().unwrap(), Version::HTTP_2);
        client.request(request).await.unwrap();
        assert_eq!(memory.connects(), connects, "{uri}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_by_http2_goes_by_http1_where_that_was_negotiated() {
    let (memory, listener) = Memory::new();
    let _origin = Origin::h1().serve_on(listener);
    let mut request = get("http://a.test/");
    *request.version_mut() = Version::HTTP_2;
    assert_eq!(builder().build(memory).request(request).await.unwrap().version(), Version::HTTP_11);
}

#[tokio::test(start_paused = true)]
async fn http2_only_is_spoken_by_prior_knowledge() {
    let (memory, listener) = Memory::new();
    let _origin = Origin::h2c().serve_on(listener);
    let client = builder().http2_only(true).build(memory);
    assert_eq!(client.request(get("http://a.test/")).await.unwrap().version(), Version::HTTP_2);
}

#[tokio::test(start_paused = true)]
async fn a_requests_connection_is_captured_before_the_response() {
    let (memory, listener) = Memory::new();
    let client = builder().build(memory);
    let mut request = get("http://a.test/");
    let mut captured = capture_connection(&mut request);
    assert!(captured.connection_metadata().is_none());
    let response = tokio::spawn(client.request(request));
    let mut extras = http::Extensions::new();
    captured.wait_for_connection_metadata().await.as_ref().unwrap().get_extras(&mut extras);
    assert_eq!(extras.get(), Some(&Extra("of the connector")));
    assert!(!response.is_finished());
    let mut peer = accept(&listener).await;
    peer.request().await;
    peer.send(OK).await;
    let response = response.await.unwrap().unwrap();
    assert_eq!(response.extensions().get(), Some(&Extra("of the connector")));
    assert!(captured.connection_metadata().is_some());
}

#[tokio::test(start_paused = true)]
async fn of_a_request_without_a_connection_none_is_captured() {
    let (memory, listener) = Memory::new();
    drop(listener);
    let mut request = get("http://a.test/");
    let mut captured = capture_connection(&mut request);
    builder().build(memory).request(request).await.unwrap_err();
    assert!(captured.wait_for_connection_metadata().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_poisoned_connection_is_not_used_again() {
    for h2 in [false, true] {
        let (mut memory, listener) = Memory::new();
        memory.h2 = h2;
        let _origin = if h2 { Origin::h2c() } else { Origin::h1() }.serve_on(listener);
        let client = builder().build(memory.clone());
        let mut request = get("http://a.test/");
        let captured = capture_connection(&mut request);
        text(client.request(request).await.unwrap()).await;
        text(client.request(get("http://a.test/")).await.unwrap()).await;
        assert_eq!(memory.connects(), 1);
        captured.connection_metadata().as_ref().unwrap().poison();
        for _ in 0..2 {
            text(client.request(get("http://a.test/")).await.unwrap()).await;
            assert_eq!(memory.connects(), 2, "h2: {h2}");
        }
        run_until_idle().await;
        assert_eq!(memory.net.live_sockets(), 1, "the poisoned one is closed");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_poisoned_in_use_is_closed_after_its_response() {
    let (memory, listener) = Memory::new();
    let client = builder().build(memory.clone());
    let mut request = get("http://a.test/");
    let captured = capture_connection(&mut request);
    let (response, mut peer) = tokio::join!(client.request(request), async {
        let mut peer = accept(&listener).await;
        peer.request().await;
        captured.connection_metadata().as_ref().unwrap().poison();
        peer.respond(200, "hello").await;
        peer
    });
    assert_eq!(text(response.unwrap()).await, "hello");
    closes(&mut peer).await;
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_connector_is_a_connect_error_and_the_source() {
    let (memory, listener) = Memory::new();
    drop(listener);
    let error = builder().build(memory).request(get("http://a.test/")).await.unwrap_err();
    assert!(error.is_connect() && error.connect_info().is_none());
    assert_eq!(error.to_string(), "client error (Connect)");
    assert_eq!(source::<io::Error>(&error).unwrap().kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test(start_paused = true)]
async fn an_error_on_a_connection_has_its_info_and_says_what_may_have_happened() {
    let (memory, listener) = Memory::new();
    let client = builder().build(memory);
    let (response, ()) = tokio::join!(client.request(get("http://a.test/")), async {
        let (conn, _) = listener.accept().await;
        let mut peer = Script::new(conn);
        peer.request().await;
        peer.reset();
    });
    let error = response.unwrap_err();
    assert!(!error.is_connect() && !error.is_user());
    assert_eq!(error.to_string(), "client error (SendRequest)");
    let mut extras = http::Extensions::new();
    error.connect_info().unwrap().get_extras(&mut extras);
    assert_eq!(extras.get(), Some(&Extra("of the connector")));
    assert_eq!(error.stack_error().unwrap().delivery(), Delivery::Unknown);
    assert_eq!(source::<io::Error>(&error).unwrap().kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_off_ends_in_an_error() {
    let (memory, listener) = Memory::new();
    let client = builder().build(memory);
    let (response, ()) = tokio::join!(client.request(get("http://a.test/")), async {
        let mut peer = accept(&listener).await;
        peer.request().await;
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello").await;
        peer.fin().await;
    });
    let mut body = response.unwrap().into_body();
    assert_eq!((body.is_end_stream(), body.size_hint().exact()), (false, Some(9)));
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "hello");
    assert_eq!(body.size_hint().exact(), Some(4));
    let error: legacy::Error = body.frame().await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "client error (Body)");
}

#[tokio::test(start_paused = true)]
async fn requests_that_can_not_be_sent_say_so_and_connect_nowhere() {
    let (memory, _listener) = Memory::new();
    let client = builder().build(memory.clone());
    let mut old = get("http://a.test/");
    *old.version_mut() = Version::HTTP_10;
    let mut connect = get("http://a.test/");
    *connect.method_mut() = Method::CONNECT;
    for (request, kind) in
        [(get("/relative"), "UserRequest"), (old, "UserUnsupportedVersion"), (connect, "UserRequest")]
    {
        let error = client.request(request).await.unwrap_err();
        assert!(error.is_user() && !error.is_connect());
        assert_eq!(error.to_string(), format!("client error ({kind})"));
    }
    assert_eq!(memory.connects(), 0);
}

#[tokio::test]
async fn https_without_tls_is_refused_before_anything_is_sent() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = builder().build_http::<Empty<Bytes>>();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    assert!(client.request(get(&url)).await.unwrap_err().is_connect());
    let accepted = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await;
    assert!(accepted.is_err(), "not even a connection");
}

#[tokio::test(start_paused = true)]
async fn the_connector_is_asked_with_https_for_https() {
    let (memory, listener) = Memory::new();
    let _origin = Origin::h1().serve_on(listener);
    let client = builder().build(memory.clone());
    client.request(get("https://a.test:8443/x?y")).await.unwrap();
    assert_eq!(*memory.asked.lock().unwrap(), ["https://a.test:8443/"]);
}

#[tokio::test(start_paused = true)]
async fn a_timer_of_hypers_is_the_clock_of_the_pool() {
    let (memory, listener) = Memory::new();
    let _origin = Origin::h1().serve_on(listener);
    let mut builder = builder();
    builder.pool_timer(TokioTimer::new()).pool_idle_timeout(Duration::from_secs(30));
    let client = builder.build(memory.clone());
    text(client.request(get("http://a.test/")).await.unwrap()).await;
    tokio::time::sleep(Duration::from_secs(35)).await;
    assert_eq!(memory.net.live_sockets(), 0);
}

#[tokio::test(start_paused = true)]
async fn settings_of_http1_and_http2_reach_the_wire() {
    let (memory, listener) = Memory::new();
    let client = builder().http1_title_case_headers(true).build(memory);
    let (response, ()) = tokio::join!(client.request(get("http://a.test/")), async {
        let mut peer = accept(&listener).await;
        peer.expect("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        peer.send(OK).await;
    });
    response.unwrap();

    let (memory, listener) = Memory::new();
    let client = builder().http2_only(true).http2_initial_stream_window_size(77_777).build(memory);
    let sending = tokio::spawn(client.request(get("http://a.test/")));
    let (mut conn, _) = listener.accept().await;
    let mut settings = [0; 24 + 9 + 64];
    let read = conn.read(&mut settings).await.unwrap();
    // SETTINGS_INITIAL_WINDOW_SIZE is 4 (RFC 9113, section 6.5.2).
    let mut window = vec![0, 4];
    window.extend(77_777_u32.to_be_bytes());
    assert!(settings[..read].windows(6).any(|field| field == window), "{:?}", &settings[..read]);
    sending.abort();
}

/// The front page's client: from outside of a runtime, as in hyper-util's tests, over real sockets.
#[test]
fn a_client_is_built_outside_of_a_runtime() {
    let client: Client<HttpConnector, Full<Bytes>> = builder().pool_idle_timeout(None).build_http();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let origin = Origin::h1().start().await;
        let request = Request::post(origin.url("/")).body(Full::from("hello")).unwrap();
        let response = client.oneshot(request).await.unwrap();
        let info = response.extensions().get::<HttpInfo>().expect("the connector's");
        assert_eq!(info.remote_addr(), origin.addr());
        assert_eq!(text(response).await, "hello");
    });
}

/// What those who are generic over the client need of it.
#[tokio::test(start_paused = true)]
async fn its_types_are_send_sync_and_services() {
    fn is_shared<T: Send + Sync + 'static>(value: T) -> T {
        value
    }
    fn is_service<S>(service: S) -> S
    where
        S: Service<Request<Empty<Bytes>>, Response = Response<legacy::Body>, Error = legacy::Error> + Clone,
        S::Future: Send + Sync + Unpin,
    {
        service
    }
    let (memory, listener) = Memory::new();
    let _origin = Origin::h1().serve_on(listener);
    let client = is_service(is_shared(builder().build(memory)));
    is_service(&client);
    let response = is_shared(client.request(get("http://a.test/"))).await.unwrap();
    let mut body = is_shared(response.into_body());
    let frame = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "hello");
    assert!(body.is_end_stream());
}
