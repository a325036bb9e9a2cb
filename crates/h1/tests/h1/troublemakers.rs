//! Answers as servers in the field send them, byte by byte on the wire: what comes of each, and whether its connection
//! carries another request.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test may panic")]

use crate::{
    handshake::{H1, cause},
    suite::support::{TestBody, empty, send, world},
};
use http::{Method, Request};
use http_body_util::BodyExt;
use skybridge_core::{Capacity, Connection};
use skybridge_h1::H1Error;
use skybridge_testkit::executor::run_until_idle;

/// What came of an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Comes {
    /// Status and body; the connection carries another request.
    Kept(u16, &'static str),
    /// The same, and it is the connection's last.
    Last(u16, &'static str),
    /// The head is refused.
    Head,
    /// The peer ended before there was a whole head.
    Closed,
    /// There is a head, and its body is refused or broken off.
    Body,
}

use Comes::*;

/// The method, the answer, whether a FIN follows, and what comes of it.
type Row = (&'static str, &'static str, bool, Comes);

const ROWS: &[Row] = &[
    // How a body ends.
    ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", false, Kept(200, "ok")),
    ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", false, Kept(200, "")),
    ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokay", false, Last(200, "ok")),
    ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok\r\n", false, Last(200, "ok")),
    ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n", false, Last(200, "ok")),
    ("GET", "HTTP/1.1 200 OK\r\n\r\nok", true, Last(200, "ok")),
    ("GET", "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\n\r\nok", true, Last(200, "ok")),
    ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok", true, Body),
    ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\n\r\nok", false, Kept(200, "ok")),
    ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nok", false, Kept(200, "ok")),
    ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok", false, Head),
    ("GET", "HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\nok", false, Head),
    ("GET", "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nok", false, Head),
    ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\nok", false, Head),
    ("GET", "HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\nok", false, Head),
    // What has no body, whatever its head says.
    ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n", false, Kept(200, "")),
    ("HEAD", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", false, Kept(200, "")),
    ("HEAD", "HTTP/1.1 200 OK\r\n\r\n", false, Kept(200, "")),
    ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", false, Last(200, "")),
    ("GET", "HTTP/1.1 204 No Content\r\n\r\n", false, Kept(204, "")),
    ("GET", "HTTP/1.1 204 No Content\r\ncontent-length: 2\r\n\r\nok", false, Last(204, "")),
    ("GET", "HTTP/1.1 204 No Content\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", false, Last(204, "")),
    ("GET", "HTTP/1.1 304 Not Modified\r\ncontent-length: 100\r\n\r\n", false, Kept(304, "")),
    ("GET", "HTTP/1.1 304 Not Modified\r\ntransfer-encoding: chunked\r\n\r\n", false, Kept(304, "")),
    // Chunks.
    ("GET", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", false, Kept(200, "ok")),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED\r\n\r\n002;a=b\r\nok\r\n0;c\r\n\r\n",
        false,
        Kept(200, "ok"),
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx: y\r\n\r\n",
        false,
        Kept(200, "ok"),
    ),
    ("GET", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nmore", false, Last(200, "ok")),
    ("GET", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n", true, Body),
    ("GET", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n", true, Body),
    ("GET", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nokay\r\n0\r\n\r\n", false, Body),
    ("GET", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nok", false, Body),
    ("GET", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-2\r\nok\r\n0\r\n\r\n", false, Body),
    ("GET", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\nok\n0\n\n", false, Body),
    ("GET", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n11111111111111111\r\nok", false, Body),
    ("GET", "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", false, Head),
    ("GET", "HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\ncontent-length: 2\r\n\r\nok", false, Head),
    ("GET", "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", false, Last(200, "ok")),
    // Versions, and what they say of the connection.
    ("GET", "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", false, Last(200, "ok")),
    ("GET", "HTTP/1.0 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nok", false, Kept(200, "ok")),
    ("GET", "HTTP/1.0 200 OK\r\n\r\nok", true, Last(200, "ok")),
    ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok", false, Last(200, "ok")),
    ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nConnection: Foo, CLOSE\r\n\r\nok", false, Last(200, "ok")),
    ("GET", "HTTP/0.9 200 OK\r\n\r\n", false, Head),
    ("GET", "HTTP/2 200\r\n\r\n", false, Head),
    ("GET", "ICY 200 OK\r\n\r\n", false, Head),
    ("GET", "<html>hello</html>", false, Head),
    ("GET", "HTTP/1.1 1000 OK\r\n\r\n", false, Head),
    ("GET", "HTTP/1.1  200 OK\r\n\r\n", false, Head),
    // Heads that are written badly. What is read all the same is the connection's last.
    ("GET", "HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok", false, Kept(200, "ok")),
    ("GET", "HTTP/1.1 200 OK\ncontent-length: 2\n\nok", false, Last(200, "ok")),
    ("GET", "\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", false, Last(200, "ok")),
    ("GET", "HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 2\r\n\r\nok", false, Last(200, "ok")),
    ("GET", "HTTP/1.1 200 OK\r\ncontent-length : 2\r\n\r\nok", false, Head),
    ("GET", "HTTP/1.1 200 OK\r\n content-length: 2\r\n\r\nok", false, Head),
    ("GET", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", false, Head),
    ("GET", "HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n", false, Head),
    ("GET", "HTTP/1.1 200 OK\r\nx: a\rb\r\n\r\n", false, Head),
    // Interim answers.
    ("GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", false, Kept(200, "ok")),
    ("GET", "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", false, Kept(204, "")),
    ("GET", "HTTP/1.1 100 Continue\r\n\r\n", true, Closed),
    // Heads that break off.
    ("GET", "", true, Closed),
    ("GET", "H", true, Closed),
    ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n", true, Closed),
];

async fn comes((method, answer, fin, _): &Row) -> (Comes, String) {
    let mut world = world(H1::new()).await;
    let method: Method = method.parse().unwrap();
    let request: Request<TestBody> = Request::builder().method(method).uri("http://a.test/").body(empty()).unwrap();
    let server = async {
        world.peer.request().await;
        let _ = world.peer.try_send(answer).await;
        if *fin {
            world.peer.fin().await;
        }
    };
    let (result, ()) = tokio::join!(send(&mut world.conn, request), server);
    let response = match result {
        Ok(response) => response,
        Err(failed) => {
            let comes = match cause(&failed.error) {
                H1Error::Head(_) => Head,
                H1Error::Closed { .. } => Closed,
                other => panic!("{answer:?}: {other:?}"),
            };
            return (comes, String::new());
        }
    };
    let status = response.status().as_u16();
    let Ok(body) = response.into_body().collect().await else { return (Body, String::new()) };
    run_until_idle().await;
    let last = world.conn.capacity() == Capacity::None;
    let body = String::from_utf8(body.to_bytes().to_vec()).unwrap();
    (if last { Last(status, "") } else { Kept(status, "") }, body)
}

#[tokio::test(start_paused = true)]
async fn each_answer_is_what_it_is() {
    let mut wrong = Vec::new();
    for row in ROWS {
        let (got, body) = comes(row).await;
        let (expected, expected_body) = match row.3 {
            Kept(status, body) => (Kept(status, ""), body),
            Last(status, body) => (Last(status, ""), body),
            other => (other, ""),
        };
        if (got, body.as_str()) != (expected, expected_body) {
            wrong.push(format!("{} {:?}: {got:?} {body:?} instead of {expected:?} {expected_body:?}", row.0, row.1));
        }
    }
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), ROWS.len(), wrong.join("\n"));
}
