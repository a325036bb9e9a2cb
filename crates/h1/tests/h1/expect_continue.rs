//! `expect: 100-continue` (RFC 9110, section 10.1.1).
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::{
    handshake::H1,
    suite::support::{TestBody, empty, full, get, ready, send, world},
};
use http::Request;
use http_body_util::BodyExt;
use skybridge_core::{Cause, CloseReason, Delivery};
use std::time::Duration;
use tokio::time::Instant;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

fn expecting(body: TestBody) -> Request<TestBody> {
    Request::put("http://a.test/").header("expect", "100-continue").body(body).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_body_waits_until_it_is_wanted() {
    let mut world = world(H1::new()).await;
    let server = async {
        let head = world.peer.head().await;
        assert_eq!((head.header("expect"), head.header("content-length")), (Some("100-continue"), Some("5")));
        world.peer.expect_silence(Duration::from_millis(900)).await;
        world.peer.send("HTTP/1.1 100 Continue\r\n\r\n").await;
        let wanted = Instant::now();
        world.peer.expect("12345").await;
        assert_eq!(wanted.elapsed(), Duration::ZERO, "at once");
        world.peer.send(OK).await;
    };
    let (response, ()) = tokio::join!(send(&mut world.conn, expecting(full("12345"))), server);
    assert_eq!(response.unwrap().into_body().collect().await.unwrap().to_bytes(), "ok");
    world.exchange(get("http://a.test/"), OK).await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_says_nothing_gets_the_body_after_a_while() {
    for (h1, delay) in [(H1::new(), 1000), (H1::new().continue_delay(Duration::from_millis(20)), 20)] {
        let mut world = world(h1).await;
        let server = async {
            world.peer.head().await;
            let begin = Instant::now();
            world.peer.expect("12345").await;
            assert_eq!(begin.elapsed(), Duration::from_millis(delay));
            world.peer.send(OK).await;
        };
        let (response, ()) = tokio::join!(send(&mut world.conn, expecting(full("12345"))), server);
        assert_eq!(response.unwrap().status(), 200);
    }
}

/// Nobody can tell whether what comes next is the body or another request: the connection is closed.
#[tokio::test(start_paused = true)]
async fn a_final_answer_means_that_the_body_is_not_wanted() {
    let mut world = world(H1::new()).await;
    let server = async {
        world.peer.head().await;
        world.peer.send("HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\nno").await;
        world.peer.expect_close().await;
    };
    let client = async {
        let response = send(&mut world.conn, expecting(full("12345"))).await.unwrap();
        assert_eq!(response.status(), 401);
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "no");
        assert!(ready(&mut world.conn).await.is_err());
    };
    tokio::join!(client, server);
    world.status.assert_closed(CloseReason::Unread);
}

/// To be sent again without `expect` (RFC 9110, section 15.5.18).
#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_know_it_gives_the_request_back_without_it() {
    let mut world = world(H1::new()).await;
    let server = async {
        world.peer.head().await;
        world.peer.send("HTTP/1.1 417 Expectation Failed\r\ncontent-length: 0\r\n\r\n").await;
        world.peer.expect_close().await;
    };
    let mut request = expecting(full("12345"));
    request.headers_mut().insert("x-mine", "1".parse().unwrap());
    let (answer, ()) = tokio::join!(send(&mut world.conn, request), server);
    let failed = answer.unwrap_err();
    assert_eq!(failed.error.delivery(), Delivery::Refused);
    assert!(matches!(failed.error.cause(), Cause::ExpectationFailed));
    let request = failed.into_request().unwrap();
    assert_eq!((request.headers().get("expect"), request.headers()["x-mine"].as_bytes()), (None, &b"1"[..]));
    assert_eq!(request.into_body().collect().await.unwrap().to_bytes(), "12345");
}

/// The body was on its way by then: it is an answer like any other.
#[tokio::test(start_paused = true)]
async fn a_417_that_comes_late_is_the_response() {
    let mut world = world(H1::new()).await;
    let server = async {
        world.peer.request().await;
        world.peer.send("HTTP/1.1 417 Expectation Failed\r\ncontent-length: 0\r\n\r\n").await;
    };
    let (answer, ()) = tokio::join!(send(&mut world.conn, expecting(full("12345"))), server);
    assert_eq!(answer.unwrap().status(), 417);
    ready(&mut world.conn).await.unwrap();
}

/// A request without content must not expect this.
#[tokio::test(start_paused = true)]
async fn a_request_without_a_body_expects_nothing() {
    let mut world = world(H1::new()).await;
    let (head, response) = world.exchange(expecting(empty()), OK).await;
    assert!(!head.contains("expect"), "{head}");
    assert_eq!(response.status(), 200);
}
