//! Requests of HTTP/1.0 (RFC 9110, section 2.5).
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::suite::support::{frames, full, get, ready, send, world};
use bytes::Bytes;
use http::Request;
use http_body::Frame;
use skybridge_core::{Cause, Delivery, RequestError};
use skybridge_h1::H1;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test(start_paused = true)]
async fn it_asks_for_nothing_that_http_1_0_has_not() {
    let mut world = world(H1::new().http1_0()).await;
    let request = Request::post("http://a.test/x")
        .header("expect", "100-continue")
        .header("te", "trailers")
        .header("connection", "te, keep-alive")
        .body(full("12345"))
        .unwrap();
    let (head, response) = world.exchange(request, OK).await;
    assert_eq!(head, "POST /x HTTP/1.0\r\nhost: a.test\r\ncontent-length: 5\r\n\r\n");
    assert_eq!(response.body(), "ok");
    // Whatever the answer says of the connection.
    assert!(ready(&mut world.conn).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_body_ends_with_the_connection() {
    let mut world = world(H1::new().http1_0()).await;
    let client = async { send(&mut world.conn, get("http://a.test/")).await.unwrap().into_body() };
    let server = async {
        assert_eq!(world.peer.request().await.head(), "GET / HTTP/1.0\r\nhost: a.test\r\n\r\n");
        world.peer.send("HTTP/1.0 200 OK\r\n\r\nall of it").await;
        world.peer.fin().await;
    };
    let (body, ()) = tokio::join!(client, server);
    let read = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
    assert_eq!(read, "all of it");
}

#[tokio::test(start_paused = true)]
async fn a_body_of_no_known_length_is_refused_unsent() {
    let mut world = world(H1::new().http1_0()).await;
    let body = frames(vec![Ok(Frame::data(Bytes::from("12345")))]);
    let error = send(&mut world.conn, Request::post("http://a.test/").body(body).unwrap()).await.unwrap_err().error;
    assert_eq!(error.delivery(), Delivery::Unsent);
    assert!(matches!(error.cause(), Cause::Request(RequestError::Header(name, _)) if &**name == "transfer-encoding"));
}
