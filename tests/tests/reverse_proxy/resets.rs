//! A client by HTTP/2 that resets its stream leaves, whatever it has said before.

use super::{Front, PROXY};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use h2::{Reason, RecvStream, SendStream, client::SendRequest, ext::Protocol};
use http::{Method, Request, Response};
use sha1::{Digest, Sha1};
use skybridge::{ConnectOptions, HttpVersions};
use skybridge_testkit::{
    h1::Script,
    h2::{Frame, Peer, code},
    net::{Conn, Listener},
};
use skybridge_tests::{ADDR, World};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinSet,
    time::timeout,
};

/// A client's connection.
struct Connection {
    requests: SendRequest<Bytes>,
    driver: JoinSet<()>,
}

/// A request of which the content is still being sent, and what it is answered with.
struct Stream {
    sender: SendStream<Bytes>,
    response: Response<RecvStream>,
}

/// A WebSocket through the proxy, and who is at its other end.
struct Joined {
    connection: Connection,
    stream: Stream,
    upstream: Script<Conn>,
}

impl Stream {
    /// Its end may come with a frame that has no data.
    async fn ends(&mut self) {
        let body = self.response.body_mut();
        while let Some(data) = body.data().await {
            assert!(data.unwrap().is_empty());
        }
    }
}

impl Connection {
    async fn new(front: &Front) -> Self {
        let conn = front.world.net.connect(PROXY.parse().unwrap()).await.unwrap();
        let (requests, connection) = h2::client::handshake(conn).await.unwrap();
        let mut driver = JoinSet::new();
        driver.spawn(async move { drop(connection.await) });
        let mut requests = requests.ready().await.unwrap();
        while !requests.is_extended_connect_protocol_enabled() {
            tokio::task::yield_now().await;
            requests = requests.ready().await.unwrap();
        }
        Self { requests, driver }
    }

    fn sends(&mut self, method: Method) -> (h2::client::ResponseFuture, SendStream<Bytes>) {
        let is_websocket = method == Method::CONNECT;
        let mut request = Request::builder().method(method).uri("http://p.test/").body(()).unwrap();
        if is_websocket {
            request.extensions_mut().insert(Protocol::from_static("websocket"));
        }
        self.requests.send_request(request, false).unwrap()
    }
}

async fn joined(front: &Front, listener: &Listener) -> Joined {
    let mut connection = Connection::new(front).await;
    let (response, sender) = connection.sends(Method::CONNECT);
    let mut upstream = Script::new(listener.accept().await.0);
    let asked = upstream.request().await;
    let key = asked.header("sec-websocket-key").unwrap();
    let accept = BASE64_STANDARD.encode(Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
    let fields = format!("connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: {accept}");
    upstream.send(format!("HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n\r\n")).await;
    let response = response.await.unwrap();
    assert_eq!(response.status(), 200);
    Joined { connection, stream: Stream { sender, response }, upstream }
}

/// How long it takes until the proxy has closed its connection to the upstream, both ways.
async fn closed_after(front: &Front, upstream: &Conn) -> Duration {
    let runtime = front.world.executor.runtime();
    let (begin, wire) = (runtime.now(), upstream.wire());
    while !wire.peer_dropped() && runtime.now() - begin < Duration::from_secs(7200) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    runtime.now() - begin
}

/// A half that is closed would leave it with somebody whom nobody hears. It says nothing itself.
#[tokio::test(start_paused = true)]
async fn a_websocket_that_is_reset_is_closed_upstream_within_a_second() {
    for stage in ["idle", "idle, without an error", "after its end", "not read", "connection"] {
        let front = Front::new();
        front.world.net.at(ADDR.parse().unwrap()).window(1024);
        let listener = front.world.listen();
        let Joined { connection, mut stream, mut upstream } = joined(&front, &listener).await;
        match stage {
            "idle" => stream.sender.send_reset(Reason::CANCEL),
            "idle, without an error" => stream.sender.send_reset(Reason::NO_ERROR),
            "not read" => {
                stream.sender.send_data(Bytes::from(vec![b'x'; 60_000]), false).unwrap();
                tokio::time::sleep(Duration::from_secs(10)).await;
                stream.sender.send_reset(Reason::CANCEL);
            }
            _ => {
                stream.sender.send_data(Bytes::from("bye"), true).unwrap();
                upstream.expect("bye").await;
                upstream.expect_close().await;
                tokio::time::sleep(Duration::from_secs(10)).await;
                assert!(!upstream.get_ref().wire().peer_dropped(), "a half that is closed stays one");
                match stage {
                    "connection" => drop(connection.driver),
                    _ => stream.sender.send_reset(Reason::CANCEL),
                }
            }
        }
        let late = closed_after(&front, upstream.get_ref()).await;
        assert!(late <= Duration::from_secs(1), "{stage}: {late:?}");
        drop((connection.requests, stream, upstream, listener));
        front.assert_nothing_left().await;
    }
}

/// For as long as it takes, at either end.
#[tokio::test(start_paused = true)]
async fn a_websocket_of_which_one_half_is_closed_goes_on() {
    for is_client in [true, false] {
        let front = Front::new();
        let listener = front.world.listen();
        let Joined { connection, mut stream, mut upstream } = joined(&front, &listener).await;
        if is_client {
            stream.sender.send_data(Bytes::from("bye"), true).unwrap();
            upstream.expect("bye").await;
            upstream.expect_close().await;
        } else {
            upstream.fin().await;
            stream.ends().await;
        }
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_secs(600)).await;
            if is_client {
                upstream.send("more").await;
                assert_eq!(stream.response.body_mut().data().await.unwrap().unwrap(), "more");
            } else {
                stream.sender.send_data(Bytes::from("more"), false).unwrap();
                upstream.expect("more").await;
            }
        }
        if is_client {
            upstream.fin().await;
            stream.ends().await;
        } else {
            stream.sender.send_data(Bytes::new(), true).unwrap();
            upstream.expect_close().await;
        }
        drop((connection, stream, upstream, listener));
        front.assert_nothing_left().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_websocket_whose_upstream_is_slow_but_reads_goes_on() {
    const SIZE: usize = 60_000;
    let front = Front::new();
    front.world.net.at(ADDR.parse().unwrap()).window(1024);
    let listener = front.world.listen();
    let Joined { connection, mut stream, upstream } = joined(&front, &listener).await;
    stream.sender.send_data(Bytes::from(vec![b'x'; SIZE]), false).unwrap();
    let (mut conn, early) = upstream.into_parts();
    let mut left = SIZE - early.len();
    while left > 0 {
        tokio::time::sleep(Duration::from_secs(60)).await;
        let mut taken = [0; 1024];
        left -= conn.read(&mut taken).await.unwrap();
    }
    conn.write_all(b"thanks").await.unwrap();
    assert_eq!(stream.response.body_mut().data().await.unwrap().unwrap(), "thanks");
    drop((connection, stream, conn, listener));
    front.assert_nothing_left().await;
}

/// What was sent of it is no whole one, and must not look like one: no last chunk, and no end of the stream.
#[tokio::test(start_paused = true)]
async fn a_request_that_is_reset_is_broken_off_upstream_at_once() {
    for reason in [Reason::CANCEL, Reason::INTERNAL_ERROR, Reason::NO_ERROR] {
        for answer in ["none", "empty", "begun", "whole"] {
            let front = Front::new();
            let listener = front.world.listen();
            let mut connection = Connection::new(&front).await;
            let (response, mut sender) = connection.sends(Method::POST);
            sender.send_data(Bytes::from("half"), false).unwrap();
            let mut upstream = Script::new(listener.accept().await.0);
            upstream.head().await;
            upstream.expect("4\r\nhalf\r\n").await;
            let mut answered = None;
            if answer != "none" {
                let length = if answer == "empty" { 0 } else { 5 };
                upstream.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n")).await;
                let mut response = response.await.unwrap();
                if answer == "whole" {
                    upstream.send("whole").await;
                    assert_eq!(response.body_mut().data().await.unwrap().unwrap(), "whole");
                }
                answered = Some(response);
            }
            sender.send_reset(reason);
            let (mut conn, early) = upstream.into_parts();
            let mut rest = early.to_vec();
            // It may be a RST that ends it.
            let _ = timeout(Duration::from_secs(7200), conn.read_to_end(&mut rest)).await;
            assert_eq!(String::from_utf8(rest).unwrap(), "", "{reason:?} {answer}");
            let late = closed_after(&front, &conn).await;
            assert!(late <= Duration::from_secs(1), "{reason:?} {answer}: {late:?}");
            drop((connection, sender, answered, conn, listener));
            front.assert_nothing_left().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_reset_is_reset_upstream_by_http2() {
    for reason in [Reason::CANCEL, Reason::INTERNAL_ERROR, Reason::NO_ERROR] {
        for is_answered in [false, true] {
            let front = Front::with(
                World::new(),
                |world| {
                    let options = ConnectOptions::new().http_versions(HttpVersions::Http2);
                    world.builder().connect_options(options).build()
                },
                |proxy| proxy,
            );
            let listener = front.world.listen();
            let mut connection = Connection::new(&front).await;
            let (response, mut sender) = connection.sends(Method::POST);
            sender.send_data(Bytes::from("half"), false).unwrap();
            let mut upstream = Peer::accept(listener.accept().await.0).await;
            let stream = upstream.request().await.stream;
            upstream.find(|frame| matches!(frame, Frame::Data { data, .. } if data == "half")).await;
            let mut answered = None;
            if is_answered {
                upstream.headers(stream, &[(":status", "200")], false).await;
                answered = Some(response.await.unwrap());
            }
            sender.send_reset(reason);
            assert_eq!(upstream.expect_reset(stream).await, code::CANCEL, "{reason:?} {is_answered}");
            let ends =
                |frame: &&Frame| matches!(frame, Frame::Data { end: true, .. } | Frame::Headers { end: true, .. });
            assert_eq!(upstream.received().iter().find(ends), None, "{reason:?} {is_answered}");
            drop((connection, sender, answered, upstream, listener));
            front.assert_nothing_left().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_whose_request_is_reset_is_cancelled_upstream_at_once() {
    for stage in ["head", "content"] {
        let front = Front::new();
        let listener = front.world.listen();
        let mut connection = Connection::new(&front).await;
        let (response, mut sender) = connection.sends(Method::POST);
        sender.send_data(Bytes::from("whole"), true).unwrap();
        let mut upstream = Script::new(listener.accept().await.0);
        upstream.request().await;
        let mut answered = None;
        if stage == "content" {
            upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 500000\r\n\r\n").await;
            answered = Some(response.await.unwrap());
        }
        sender.send_reset(Reason::CANCEL);
        let late = closed_after(&front, upstream.get_ref()).await;
        assert!(late <= Duration::from_secs(1), "{stage}: {late:?}");
        drop((connection, sender, answered, upstream, listener));
        front.assert_nothing_left().await;
    }
}
