//! Origins answer real clients on real sockets and on the in-memory network, and record what came on which connection.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use skybridge_testkit::{
    gate::Gate,
    net::{Conn, Network},
    origin::Origin,
};
use tokio::net::TcpStream;

type H1 = http1::SendRequest<Empty<Bytes>>;
type H2 = http2::SendRequest<Empty<Bytes>>;

async fn h1(io: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static) -> H1 {
    let (send, connection) = http1::handshake(TokioIo::new(io)).await.unwrap();
    tokio::runtime::Handle::current().spawn(connection);
    send
}

async fn h2(io: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static) -> H2 {
    let (send, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(io)).await.unwrap();
    tokio::runtime::Handle::current().spawn(connection);
    send
}

fn get(uri: &str) -> Request<Empty<Bytes>> {
    Request::get(uri).header(header::HOST, "a.test").body(Empty::new()).unwrap()
}

async fn tcp(origin: &Origin) -> TcpStream {
    TcpStream::connect(origin.addr()).await.unwrap()
}

#[tokio::test]
async fn exchanges_are_named_by_connection_and_place() {
    let origin = Origin::h1().start().await;
    let (mut first, mut second) = (h1(tcp(&origin).await).await, h1(tcp(&origin).await).await);
    for index in [0, 1, 0] {
        let send = if index == 0 { &mut first } else { &mut second };
        send.ready().await.unwrap();
        let response = send.send_request(get("/a")).await.unwrap();
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");
    }
    let mut names = origin.exchanges();
    names.sort();
    assert!(names == ["c0e0", "c0e1", "c1e0"] || names == ["c0e0", "c1e0", "c1e1"], "{names:?}");
    assert_eq!((origin.connections(), origin.open()), (2, 2));
    let requests = &origin.requests()[0];
    assert_eq!((requests.line().as_str(), requests.header("host")), ("GET /a HTTP/1.1", Some("a.test")));
    drop((first, second));
    origin.until_open(0).await;
}

#[tokio::test]
async fn h2c_shares_one_connection() {
    let gate = Gate::new();
    let wait = gate.clone();
    let origin = Origin::h2c()
        .max_concurrent_streams(10)
        .handle(move |request| {
            let gate = wait.clone();
            async move {
                gate.passed().await;
                Response::new(request.uri().path().to_owned())
            }
        })
        .start()
        .await;
    let send = h2(tcp(&origin).await).await;
    let ask = |uri: &'static str| {
        let mut send = send.clone();
        async move { send.send_request(get(uri)).await.unwrap().into_body().collect().await.unwrap().to_bytes() }
    };
    let open = async {
        while origin.exchanges().len() < 2 {
            tokio::task::yield_now().await;
        }
        gate.open();
    };
    let (a, b, ()) = tokio::join!(ask("http://a.test/1"), ask("http://a.test/2"), open);
    assert_eq!((a, b), (Bytes::from("/1"), Bytes::from("/2")));
    assert_eq!(origin.exchanges(), ["c0e0", "c0e1"]);
    assert_eq!(origin.requests()[0].line(), "GET http://a.test/1 HTTP/2.0");
}

#[tokio::test(start_paused = true)]
async fn it_serves_the_in_memory_network_too() {
    let net = Network::new();
    let addr = "192.0.2.1:80".parse().unwrap();
    let origin = Origin::h1().serve_on(net.listen(addr));
    assert_eq!(origin.url("/x"), "http://192.0.2.1:80/x");
    let conn: Conn = net.connect(addr).await.unwrap();
    let mut send = h1(conn).await;
    assert_eq!(send.send_request(get("/")).await.unwrap().status(), 200);
    drop(origin);
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    assert!(send.is_closed());
    assert!(net.connect(addr).await.is_err());
}

#[tokio::test]
async fn a_connection_ends_after_its_requests() {
    let origin = Origin::h1().requests_per_connection(2).start().await;
    let mut send = h1(tcp(&origin).await).await;
    let first = send.send_request(get("/")).await.unwrap();
    assert!(!first.headers().contains_key(header::CONNECTION));
    first.into_body().collect().await.unwrap();
    send.ready().await.unwrap();
    let second = send.send_request(get("/")).await.unwrap();
    assert_eq!(second.headers()[header::CONNECTION], "close");
    second.into_body().collect().await.unwrap();
    origin.until_open(0).await;

    let origin = Origin::h2c().requests_per_connection(1).start().await;
    let mut send = h2(tcp(&origin).await).await;
    assert_eq!(send.send_request(get("http://a.test/")).await.unwrap().status(), 200);
    origin.until_open(0).await;
}

#[tokio::test]
async fn idle_connections_can_be_drained_and_hung_up() {
    let origin = Origin::h1().start().await;
    let mut send = h1(tcp(&origin).await).await;
    send.send_request(get("/")).await.unwrap().into_body().collect().await.unwrap();
    origin.drain();
    origin.until_open(0).await;
    let mut send = h1(tcp(&origin).await).await;
    send.send_request(get("/")).await.unwrap().into_body().collect().await.unwrap();
    origin.close_all();
    origin.until_open(0).await;
    while !send.is_closed() {
        tokio::task::yield_now().await;
    }
    let _third = h1(tcp(&origin).await).await;
    origin.until_open(1).await;
    assert_eq!(origin.connections(), 3);
}

#[tokio::test]
#[should_panic(expected = "in the handler")]
async fn a_panic_of_the_handler_fails_the_test() {
    async fn broken() -> Response<String> {
        panic!("in the handler")
    }
    let origin = Origin::h2c().handle(|_| broken()).start().await;
    let mut send = h2(tcp(&origin).await).await;
    assert!(send.send_request(get("http://a.test/")).await.is_err());
}
