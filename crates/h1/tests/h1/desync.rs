//! A peer, or what stands between, tries to have one response taken for another, or one request for two.
//!
//! After each odd response the connection is either still in step or closed. What it never does is take bytes that came
//! before a request for the answer to it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use skybridge_core::{CloseReason, Connection, ConnectionStatus, Connector as _, Error, Handshake, StatusListener};
use skybridge_h1::{H1, Http1};
use skybridge_testkit::{
    executor::{Executor, run_until_idle},
    fixtures,
    h1::Script,
    net::{Conn, Network},
};
use std::{
    future::{Future as _, poll_fn},
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};
use tokio::io::AsyncReadExt;

const ADDR: &str = "192.0.2.1:80";
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
/// What an attacker wants the next request to be answered with.
const EVIL: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";

type TestBody = Full<Bytes>;

struct World {
    conn: Http1<TestBody>,
    peer: Script<Conn>,
    status: Arc<Notes>,
    _executor: Executor,
}

#[derive(Default)]
struct Notes(Mutex<Vec<ConnectionStatus>>);

impl StatusListener for Notes {
    fn notify(&self, status: ConnectionStatus) {
        self.0.lock().unwrap().push(status);
    }
}

impl World {
    async fn new() -> Self {
        Self::over(Network::new()).await
    }

    async fn over(net: Network) -> Self {
        let executor = Executor::new();
        let listener = net.listen(ADDR.parse().unwrap());
        let route = fixtures::route("http://a.test", [ADDR], executor.ctx());
        let link = net.connector().connect(route).await.unwrap();
        let conn = H1::new().handshake(link, &executor.ctx()).await.unwrap();
        let peer = Script::new(listener.accept().await.0);
        let status = Arc::new(Notes::default());
        conn.subscribe(status.clone());
        Self { conn, peer, status, _executor: executor }
    }

    async fn send(&mut self, request: Request<TestBody>) -> Result<Response<Bytes>, String> {
        send(&mut self.conn, request).await
    }

    /// The answer to one request, which the peer reads to its end before it says this.
    async fn exchange(&mut self, method: &str, answer: impl AsRef<[u8]>) -> Result<Response<Bytes>, String> {
        let server = async {
            self.peer.request().await;
            self.peer.send(answer).await;
        };
        tokio::join!(send(&mut self.conn, request(method)), server).0
    }

    async fn closed(&self) -> Option<CloseReason> {
        self.status.closed().await
    }
}

impl Notes {
    async fn closed(&self) -> Option<CloseReason> {
        run_until_idle().await;
        match self.0.lock().unwrap()[..] {
            [] => None,
            [ConnectionStatus::Closed(reason)] => Some(reason),
            ref statuses => unreachable!("{statuses:?}"),
        }
    }
}

async fn send(conn: &mut Http1<TestBody>, request: Request<TestBody>) -> Result<Response<Bytes>, String> {
    let words = |error: &Error| format!("{error:?}");
    poll_fn(|cx| conn.poll_ready(cx)).await.map_err(|error| words(&error))?;
    conn.start(request);
    let response = poll_fn(|cx| conn.poll_response(cx)).await.map_err(|failed| words(&failed.error))?;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map_err(|error| format!("{error:?}"))?;
    Ok(Response::from_parts(parts, body.to_bytes()))
}

fn request(method: &str) -> Request<TestBody> {
    Request::builder().method(method).uri("http://a.test/").body(Full::default()).unwrap()
}

/// Each is read as it stands, and then its connection closes: somebody else may see another end of it.
#[tokio::test(start_paused = true)]
async fn what_can_be_read_in_two_ways_is_the_last_of_its_connection() {
    let rows: &[(&str, &str, &str, CloseReason)] = &[
        ("GET", "HTTP/1.1 200 OK\r\ncontent-length:\r\n 2\r\n\r\nok", "ok", CloseReason::Protocol),
        ("GET", "HTTP/1.1 200 OK\r\nx: y\r\n \r\ncontent-length: 2\r\n\r\nok", "ok", CloseReason::Protocol),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nx: content-length: 9\r\n\tz\r\ncontent-length: 2\r\n\r\nok",
            "ok",
            CloseReason::Protocol,
        ),
        ("GET", "HTTP/1.1 200 OK\r\ntransfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n", "", CloseReason::Protocol),
        ("GET", "HTTP/1.1 200 OK\ncontent-length: 2\r\n\r\nok", "ok", CloseReason::Protocol),
        ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 2\n\r\nok", "ok", CloseReason::Protocol),
        ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\nok", "ok", CloseReason::Protocol),
        ("GET", "\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", "ok", CloseReason::Protocol),
        ("GET", "HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n", "", CloseReason::Protocol),
        ("GET", "HTTP/1.1 204 No Content\r\ntransfer-encoding: chunked\r\n\r\n", "", CloseReason::Protocol),
        ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", "", CloseReason::Protocol),
        (
            "GET",
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
            "",
            CloseReason::Protocol,
        ),
        // The same of what comes before it: an interim response has no body, whatever it says.
        (
            "GET",
            "HTTP/1.1 103 Early Hints\r\ncontent-length: 59\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
            "ok",
            CloseReason::Protocol,
        ),
        (
            "GET",
            "HTTP/1.1 100 Continue\r\ntransfer-encoding: chunked\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
            "",
            CloseReason::Protocol,
        ),
        ("GET", "HTTP/1.1 103 Early Hints\nlink: x\n\nHTTP/1.1 204 No Content\r\n\r\n", "", CloseReason::Protocol),
        (
            "GET",
            "HTTP/1.1 103 Early Hints\r\nconnection: close\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
            "",
            CloseReason::PeerFin,
        ),
        // Nor is what doesn't persist.
        (
            "GET",
            "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\nconnection: keep-alive\r\n\r\n0\r\n\r\n",
            "",
            CloseReason::PeerFin,
        ),
        ("GET", "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", "ok", CloseReason::PeerFin),
        (
            "GET",
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\nconnection: x,close\r\n\r\nok",
            "ok",
            CloseReason::PeerFin,
        ),
    ];
    for (method, answer, body, reason) in rows {
        let mut world = World::new().await;
        let response = world.exchange(method, answer).await.unwrap();
        assert_eq!(
            (response.body(), world.closed().await),
            (&Bytes::from_static(body.as_bytes()), Some(*reason)),
            "{answer:?}"
        );
        assert!(world.send(request("GET")).await.is_err(), "{answer:?}");
    }
}

/// Nothing of it is content: where it ends is anybody's guess.
#[tokio::test(start_paused = true)]
async fn what_contradicts_itself_is_refused() {
    for fields in [
        "content-length: 2\r\ncontent-length: 3\r\n",
        "content-length: 2, 3\r\n",
        "content-length: 2\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 2\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 0\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: \"chunked\"\r\n",
        "transfer-encoding:\r\n",
        "transfer-encoding : chunked\r\n",
        "transfer-encoding\t: chunked\r\n",
        " transfer-encoding: chunked\r\n",
        "x: y\rtransfer-encoding: chunked\r\n",
        "x: \0\r\n",
        "content-length: 0x2\r\n",
        "content-length: +2\r\n",
        "content-length: 2 2\r\n",
        "content-length: 2;\r\n",
        "content-length: ,2\r\n",
        "content-length: 18446744073709551618\r\n",
        "content length: 2\r\n",
        "content-length: 2\r\n\r\0\r\n",
    ] {
        let mut world = World::new().await;
        let answer = format!("HTTP/1.1 200 OK\r\n{fields}\r\n2\r\nok\r\n0\r\n\r\n{EVIL}");
        let refused = world.exchange("GET", &answer).await;
        assert!(refused.is_err(), "{fields:?}: {refused:?}");
        assert_eq!(world.closed().await, Some(CloseReason::Protocol), "{fields:?}");
    }
}

/// It arrives line by line and then ends: what is wrong is said, not that it ended.
#[tokio::test(start_paused = true)]
async fn a_malformed_head_that_breaks_off_is_malformed() {
    for (line, malformed) in [("x y: 1\r\n", true), ("x: 1\r\n", false)] {
        let mut world = World::new().await;
        let server = async {
            world.peer.request().await;
            world.peer.send("HTTP/1.1 200 OK\r\na: 1\r\n").await;
            run_until_idle().await;
            world.peer.send(line).await;
            world.peer.fin().await;
        };
        let error = tokio::join!(send(&mut world.conn, request("GET")), server).0.unwrap_err();
        assert_eq!(
            (error.contains("is malformed"), error.contains("closed the connection")),
            (malformed, !malformed),
            "{error}"
        );
    }
}

/// The first half of a chunked body has come, when what follows is no chunk.
#[tokio::test(start_paused = true)]
async fn a_chunk_that_two_readers_end_differently_ends_the_connection() {
    for chunks in [
        "2\nok\r\n0\r\n\r\n",
        "2;\nok\r\n0\r\n\r\n",
        "2;x=\"\r\n\"\r\nok\r\n0\r\n\r\n",
        "2\r\r\nok\r\n0\r\n\r\n",
        "2\r\nok\n0\r\n\r\n",
        "2\r\nokk\r\n0\r\n\r\n",
        "2\r\nok0\r\n\r\n",
        "+2\r\nok\r\n0\r\n\r\n",
        " 2\r\nok\r\n0\r\n\r\n",
        "0x2\r\nok\r\n0\r\n\r\n",
        "2 2\r\nok\r\n0\r\n\r\n",
        "2_\r\nok\r\n0\r\n\r\n",
        "10000000000000002\r\nok\r\n0\r\n\r\n",
        "-1\r\nok\r\n0\r\n\r\n",
        "\r\n2\r\nok\r\n0\r\n\r\n",
        "2\r\nok\r\n0\r\nx y\r\n\r\n",
        "2\r\nok\r\n0\r\nx: 1\ny: 2\r\n\r\n",
        "2\r\nok\r\n0\r\n x: 1\r\n\r\n",
        "2\r\nok\r\n0\r\n\n\r\n\r\n",
    ] {
        let mut world = World::new().await;
        let answer = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n{chunks}{EVIL}");
        let refused = world.exchange("GET", &answer).await;
        assert!(refused.is_err(), "{chunks:?}: {refused:?}");
        assert_eq!(world.closed().await, Some(CloseReason::Protocol), "{chunks:?}");
    }
}

/// Another response behind the whole one: the whole one counts, and nothing comes after it.
#[tokio::test(start_paused = true)]
async fn what_nobody_asked_for_is_nobodys_answer() {
    let rows: &[(&str, &str)] = &[
        ("GET", OK),
        ("GET", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
        ("GET", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\ncontent-length: 44\r\n\r\n"),
        ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", "HTTP/1.1 304 Not Modified\r\ncontent-length: 44\r\n\r\n"),
        ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 44\r\n\r\n"),
        ("HEAD", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
        ("POST", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"),
    ];
    for (method, answer) in rows {
        // With it, a moment later, and as a single byte.
        for (extra, apart) in [(EVIL, false), (EVIL, true), ("\r", false), ("\n", true)] {
            let mut world = World::new().await;
            let together = if apart { (*answer).to_owned() } else { format!("{answer}{extra}") };
            let response = world.exchange(method, &together).await.unwrap();
            assert!(!response.body().starts_with(b"evil"), "{answer:?}");
            if apart {
                world.peer.send(extra).await;
            }
            assert_eq!(world.closed().await, Some(CloseReason::Unsolicited), "{method} {answer:?} {apart}");
            assert!(world.send(request("GET")).await.is_err(), "{method} {answer:?}");
        }
    }
}

/// While the request is still being written, its answer is over, and another one comes behind it.
#[tokio::test(start_paused = true)]
async fn an_answer_while_the_last_request_goes_out_is_none() {
    for apart in [false, true] {
        let net = Network::new();
        net.at(ADDR.parse().unwrap()).window(64);
        let mut world = World::over(net).await;
        let body = Full::new(Bytes::from_static(&[b'x'; 4_096]));
        let request = Request::post("http://a.test/").body(body).unwrap();
        let server = async {
            world.peer.head().await;
            world.peer.send(OK).await;
            if apart {
                run_until_idle().await;
            }
            world.peer.send(EVIL).await;
        };
        let (response, ()) = tokio::join!(send(&mut world.conn, request), server);
        assert_eq!(response.unwrap().body(), "ok");
        // The peer reads on, as far as there is something.
        let World { mut conn, peer, status, .. } = world;
        let mut rest = Vec::new();
        let mut io = peer.into_parts().0;
        let (next, _) = tokio::join!(poll_fn(|cx| conn.poll_ready(cx)), io.read_to_end(&mut rest));
        assert!(next.is_err(), "{apart}");
        assert_eq!(status.closed().await, Some(CloseReason::Unsolicited), "{apart}");
    }
}

/// Nothing was written yet that it could be the answer to.
#[tokio::test(start_paused = true)]
async fn an_answer_before_the_request_is_none() {
    for used in [false, true] {
        let mut world = World::new().await;
        if used {
            world.exchange("GET", OK).await.unwrap();
        }
        poll_fn(|cx| world.conn.poll_ready(cx)).await.unwrap();
        world.peer.send(EVIL).await;
        world.conn.start(request("GET"));
        let failed = poll_fn(|cx| world.conn.poll_response(cx)).await.unwrap_err();
        assert_eq!(failed.error.delivery(), skybridge_core::Delivery::Unsent);
        assert_eq!(world.closed().await, Some(CloseReason::Unsolicited));
    }
}

/// A connection stays in step as long as everything is strict.
#[tokio::test(start_paused = true)]
async fn what_is_strict_leaves_the_connection_for_the_next() {
    let mut world = World::new().await;
    for (method, answer) in [
        ("GET", OK),
        ("GET", "HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok"),
        ("GET", "HTTP/1.1 200 OK\r\nx:\r\ny: \t z \r\ncontent-length:2\r\n\r\nok"),
        ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\ncontent-length: 2\r\n\r\nok"),
        ("GET", "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok"),
        ("GET", "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n002;x=\"y\"\r\nok\r\n0\r\nx: 1\r\n\r\n"),
        ("GET", "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"),
        ("HEAD", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
        ("GET", "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n"),
        ("GET", "HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n"),
        ("POST", OK),
    ] {
        world.exchange(method, answer).await.unwrap();
        assert_eq!(world.closed().await, None, "{method} {answer:?}");
    }
}

/// A tunnel is asked for by host and port, and by nothing else of the URI.
#[tokio::test(start_paused = true)]
async fn a_tunnel_is_asked_for_by_its_authority() {
    let connect = |uri: &str| Request::connect(uri).body(TestBody::default()).unwrap();
    for uri in ["http://a.test:443/x", "a.test:443", "me:secret@a.test:443"] {
        let mut world = World::new().await;
        let server = async {
            let head = world.peer.head().await.line().to_owned();
            world.peer.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: x\r\n\r\n").await;
            head
        };
        let (response, line) = tokio::join!(send(&mut world.conn, connect(uri)), server);
        assert_eq!((response.unwrap().status().as_u16(), &line[..]), (200, "CONNECT a.test:443 HTTP/1.1"), "{uri}");
    }
    for uri in ["/x", "*"] {
        let mut world = World::new().await;
        poll_fn(|cx| world.conn.poll_ready(cx)).await.unwrap();
        world.conn.start(connect(uri));
        let refused =
            std::pin::pin!(poll_fn(|cx| world.conn.poll_response(cx))).poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(refused, Poll::Ready(Err(_))), "{uri}");
        // Nothing of it was sent.
        world.exchange("GET", OK).await.unwrap();
        assert_eq!(world.peer.requests()[0].method(), "GET");
    }
}
