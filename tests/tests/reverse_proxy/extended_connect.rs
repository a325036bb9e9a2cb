//! WebSocket over HTTP/2 (RFC 8441) in front, over HTTP/1.1 behind.

use super::{Front, PROXY};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Channel, channel::Sender};
use sha1::{Digest, Sha1};
use skybridge::{Body, Client, ConnectProtocol, RequestBody};
use skybridge_testkit::{
    executor::run_until_idle,
    h1::{Received, Script},
    net::{Conn, Listener},
};
use skybridge_tests::{World, h2, read};
use std::{io, time::Duration};
use tokio::task::JoinSet;

/// A browser's end of a WebSocket: what it sends, and what it gets.
struct Stream {
    sender: Sender<Bytes, io::Error>,
    response: Response<Body>,
}

impl Stream {
    /// What comes next; nothing at the end.
    async fn next(&mut self) -> Option<Bytes> {
        self.response.body_mut().frame().await.map(|frame| frame.unwrap().into_data().unwrap())
    }
}

fn to_proxy(path: &str) -> Request<RequestBody> {
    let authority = PROXY.trim_end_matches(":80");
    h2(Request::get(format!("http://{authority}{path}")).body(RequestBody::empty()).unwrap())
}

fn asking(protocol: ConnectProtocol, body: RequestBody) -> Request<RequestBody> {
    let mut request = to_proxy("/chat?room=1").map(|_| body);
    *request.method_mut() = Method::CONNECT;
    request.extensions_mut().insert(protocol);
    let fields = [("sec-websocket-version", "13"), ("sec-websocket-protocol", "talk"), ("origin", "http://p.test")];
    for (name, value) in fields {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    request
}

/// Asks for a WebSocket, whatever the answer is.
async fn asks(client: &Client) -> Stream {
    let (sender, body) = Channel::new(1);
    let request = asking(ConnectProtocol::WEBSOCKET, RequestBody::wrap(body));
    Stream { sender, response: client.request(request).await.unwrap() }
}

/// The right answer to a key (RFC 6455, section 4.2.2).
fn accepts(asked: &Received) -> String {
    let key = asked.header("sec-websocket-key").unwrap();
    assert_eq!(BASE64_STANDARD.decode(key).unwrap().len(), 16);
    BASE64_STANDARD.encode(Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")))
}

fn switched(accept: &str) -> String {
    format!("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n{accept}\r\n")
}

/// Both ends of a WebSocket through the proxy.
async fn joined(client: &Client, listener: &Listener) -> (Stream, Script<Conn>) {
    let server = async {
        let mut upstream = Script::new(listener.accept().await.0);
        let accept = accepts(&upstream.request().await);
        upstream.send(switched(&format!("sec-websocket-accept: {accept}\r\n"))).await;
        upstream
    };
    let (stream, upstream) = tokio::join!(asks(client), server);
    assert_eq!(stream.response.status(), 200);
    (stream, upstream)
}

#[tokio::test(start_paused = true)]
async fn a_websocket_over_http2_is_an_upgrade_for_the_upstream_and_passes_both_ways() {
    let front = Front::new();
    let (listener, client) = (front.world.listen(), front.world.client());
    let server = async {
        let mut upstream = Script::new(listener.accept().await.0);
        let asked = upstream.request().await;
        assert_eq!((asked.line(), asked.header("host")), ("GET /chat?room=1 HTTP/1.1", Some("a.test")));
        let fields = ["connection", "upgrade", "via", "sec-websocket-version", "sec-websocket-protocol", "origin"];
        let expected = ["upgrade", "websocket", "2 skybridge", "13", "talk", "http://p.test"];
        assert_eq!(fields.map(|name| asked.header(name)), expected.map(Some));
        assert_eq!(["content-length", "transfer-encoding"].map(|name| asked.header(name)), [None; 2]);
        let accept = accepts(&asked);
        let fields = format!("sec-websocket-accept: {accept}\r\nsec-websocket-protocol: talk\r\n");
        upstream.send(format!("{}early", switched(&fields))).await;
        upstream.expect("ping").await;
        upstream.send("pong").await;
        upstream.expect_close().await;
    };
    let talk = async {
        let mut stream = asks(&client).await;
        let headers = stream.response.headers();
        assert_eq!(
            (stream.response.status().as_u16(), &headers["sec-websocket-protocol"]),
            (200, &"talk".parse().unwrap())
        );
        for gone in ["connection", "upgrade", "sec-websocket-accept", "content-length"] {
            assert!(!headers.contains_key(gone), "{gone}");
        }
        assert_eq!(stream.next().await.unwrap(), "early");
        stream.sender.send_data(Bytes::from("ping")).await.unwrap();
        assert_eq!(stream.next().await.unwrap(), "pong");
        drop(stream.sender);
        assert!(stream.response.body_mut().frame().await.is_none());
    };
    tokio::join!(server, talk);
    drop((listener, client));
    front.assert_nothing_left().await;
}

/// The connection in front is one, and those behind are as many as there are WebSockets.
#[tokio::test(start_paused = true)]
async fn websockets_over_one_connection_are_apart_and_others_pass_beside() {
    let front = Front::new();
    let (listener, client) = (front.world.listen(), front.world.client());
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(joined(&client, &listener).await);
    }
    let server = async {
        let mut upstream = Script::new(listener.accept().await.0);
        assert_eq!(upstream.request().await.line(), "GET /beside HTTP/1.1");
        upstream.respond(200, "beside").await;
    };
    let ((), beside) = tokio::join!(server, read(client.request(to_proxy("/beside"))));
    assert_eq!(beside.unwrap(), "beside");
    for (at, (stream, upstream)) in streams.iter_mut().enumerate() {
        let word = format!("word {at}");
        stream.sender.send_data(Bytes::from(word.clone())).await.unwrap();
        upstream.expect(&word).await;
        upstream.send(&word).await;
        assert_eq!(stream.next().await.unwrap(), word);
    }
    assert_eq!(front.world.net.opened(), 5, "one in front, and four behind");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_the_upstream_is_an_answer_like_others() {
    let front = Front::new();
    let (listener, client) = (front.world.listen(), front.world.client());
    let server = async {
        let mut upstream = Script::new(listener.accept().await.0);
        for status in ["403 Forbidden", "426 Upgrade Required"] {
            upstream.request().await;
            let fields = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\ncontent-length: 2";
            upstream.send(format!("HTTP/1.1 {status}\r\n{fields}\r\n\r\nno")).await;
        }
    };
    let calls = async {
        for status in [403, 426] {
            let mut stream = asks(&client).await;
            assert_eq!(stream.response.status(), status);
            assert_eq!(stream.response.headers()["sec-websocket-version"], "13");
            assert!(!["connection", "upgrade"].iter().any(|name| stream.response.headers().contains_key(*name)));
            assert_eq!(stream.next().await.unwrap(), "no");
        }
    };
    tokio::join!(server, calls);
    assert_eq!(front.world.net.opened(), 2, "one on each side");
}

/// The client would take it for the begin of the stream, or speak WebSocket to who doesn't.
#[tokio::test(start_paused = true)]
async fn what_is_no_websocket_upstream_is_none_for_the_client() {
    let no_websocket = [
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nplain".to_owned(),
        "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
        switched(""),
        switched("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: irc\r\n\r\n".to_owned(),
    ];
    for answer in no_websocket {
        let front = Front::new();
        let (listener, client) = (front.world.listen(), front.world.client());
        let server = async {
            let mut upstream = Script::new(listener.accept().await.0);
            upstream.request().await;
            upstream.send(&answer).await;
            upstream
        };
        let (stream, upstream) = tokio::join!(asks(&client), server);
        assert_eq!(stream.response.status(), 502, "{answer}");
        drop((stream, upstream, listener, client));
        front.assert_nothing_left().await;
    }
}

/// Tunnels to anywhere, and protocols that nobody here translates.
#[tokio::test(start_paused = true)]
async fn connects_to_anything_else_are_a_501_and_reach_nobody() {
    let front = Front::new();
    let client = front.world.client();
    for protocol in ["connect-udp", "connect-ip", "WebSocket"] {
        let asked = asking(ConnectProtocol::new(protocol).unwrap(), RequestBody::empty());
        assert_eq!(client.request(asked).await.unwrap().status(), 501, "{protocol}");
    }
    for target in ["a.test:443", "192.0.2.1:80"] {
        let asked = format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\nupgrade: websocket\r\n\r\n");
        let mut client = front.sends(asked).await;
        assert_eq!(client.head().await.line(), "HTTP/1.1 501 Not Implemented");
    }
    assert_eq!(front.world.net.opened(), 3, "to the proxy alone");
}

/// Before the answer, and while it is joined.
#[tokio::test(start_paused = true)]
async fn who_leaves_a_websocket_over_http2_ends_it_for_the_other() {
    for is_joined in [false, true] {
        for client_leaves in [true, false] {
            let front = Front::new();
            let (listener, client) = (front.world.listen(), front.world.client());
            if is_joined {
                let (mut stream, mut upstream) = joined(&client, &listener).await;
                drop(listener);
                if client_leaves {
                    drop(stream);
                    upstream.expect_close().await;
                } else {
                    upstream.get_ref().reset();
                    let ended = stream.response.body_mut().frame().await;
                    assert!(ended.is_none_or(|ended| ended.is_err()));
                }
            } else {
                let mut asking = JoinSet::new();
                let asks = |client: Client| async move { asks(&client).await.response.status() };
                asking.spawn(asks(client.clone()));
                let mut upstream = Script::new(listener.accept().await.0);
                upstream.request().await;
                drop(listener);
                if client_leaves {
                    asking.shutdown().await;
                    upstream.expect_close().await;
                } else {
                    drop(upstream);
                    assert_eq!(asking.join_next().await.unwrap().unwrap(), 502);
                }
            }
            // The connection in front goes on.
            let after = client.request(to_proxy("/after")).await.unwrap();
            assert_eq!(after.status(), 502, "{is_joined} {client_leaves}");
            drop((after, client));
            run_until_idle().await;
            front.assert_nothing_left().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_websocket_over_http2_ends_on_both_sides_after_the_idle_limit() {
    let limit = Duration::from_secs(5);
    let front = Front::with(World::new(), World::client, |proxy| proxy.upgrade_idle_limit(limit));
    let (listener, client) = (front.world.listen(), front.world.client());
    let (mut stream, mut upstream) = joined(&client, &listener).await;
    let begin = front.world.executor.runtime().now();
    let both = async { tokio::join!(stream.response.body_mut().frame(), upstream.expect_close()) };
    let (ended, ()) = tokio::time::timeout(Duration::from_secs(3600), both).await.unwrap();
    assert!(ended.is_none_or(|ended| ended.is_err()));
    assert_eq!(front.world.executor.runtime().now() - begin, limit);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_one_direction_passes_between_the_two_versions() {
    for client_first in [true, false] {
        let front = Front::new();
        let (listener, client) = (front.world.listen(), front.world.client());
        let (mut stream, mut upstream) = joined(&client, &listener).await;
        if client_first {
            stream.sender.send_data(Bytes::from("that is all")).await.unwrap();
            drop(stream.sender);
            upstream.expect("that is all").await;
            upstream.expect_close().await;
            upstream.send("more").await;
            assert_eq!(stream.response.body_mut().frame().await.unwrap().unwrap().into_data().unwrap(), "more");
            upstream.fin().await;
            assert!(stream.response.body_mut().frame().await.is_none());
        } else {
            upstream.send("that is all").await;
            upstream.fin().await;
            assert_eq!(stream.next().await.unwrap(), "that is all");
            assert!(stream.next().await.is_none());
            stream.sender.send_data(Bytes::from("more")).await.unwrap();
            upstream.expect("more").await;
            drop(stream.sender);
            upstream.expect_close().await;
        }
    }
}
