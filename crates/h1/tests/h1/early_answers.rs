//! A response that comes before the request is written to its end.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::{
    handshake::{H1, H1Body},
    suite::support::{TestBody, World, full, get, narrow, ready, send, stream, world},
};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Channel, channel::Sender};
use skybridge_core::{BoxError, CloseReason, Connection, Delivery};
use skybridge_h1::H1Error;
use skybridge_testkit::executor::run_until_idle;
use std::time::Duration;
use tokio::time::Instant;

const LONG: &str = "0123456789012345678901234567890123456789012345678901234567890123456789 is more than fits";
const CLOSE: &str = "HTTP/1.1 413 Content Too Large\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno";

fn post(body: TestBody) -> Request<TestBody> {
    Request::post("http://a.test/").body(body).unwrap()
}

fn streamed() -> (Sender<Bytes, BoxError>, TestBody) {
    let (sender, body) = Channel::new(8);
    (sender, body.boxed_unsync())
}

/// Answered after the request's head.
async fn answered(world: &mut World<TestBody>, body: TestBody, answer: &str) -> Response<H1Body> {
    let server = async {
        world.peer.head().await;
        world.peer.send(answer).await;
    };
    tokio::join!(send(&mut world.conn, post(body)), server).0.unwrap()
}

/// A server that says so, and resets the connection because more comes than it takes.
#[tokio::test(start_paused = true)]
async fn the_answer_of_a_server_that_closes_is_there_though_it_resets_the_connection() {
    let mut world = narrow(64).await;
    let response = answered(&mut world, stream((0..100).map(|_| Ok(LONG)).collect()), CLOSE).await;
    world.peer.reset();
    assert_eq!(response.status(), 413);
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "no");
    assert!(ready(&mut world.conn).await.is_err());
    world.executor.assert_idle().await;
}

/// It wants no more of the request (RFC 9112, section 9.6).
#[tokio::test(start_paused = true)]
async fn a_server_that_closes_gets_no_more_of_the_request() {
    let mut world = world(H1::new()).await;
    let (mut sender, body) = streamed();
    let response = answered(&mut world, body, CLOSE).await;
    assert!(sender.send_data("more".into()).await.is_err(), "the body is dropped");
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "no");
    world.peer.expect_close().await;
    world.status.assert_closed(CloseReason::Unread);
}

/// The peer may wait for the rest of a request that will never come.
#[tokio::test(start_paused = true)]
async fn a_response_is_not_waited_for_once_its_request_has_failed() {
    let mut world = world(H1::new()).await;
    let (sender, body) = streamed();
    let response = answered(&mut world, body, "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nha").await;
    let mut body = response.into_body();
    let client = async {
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "ha");
        body.frame().await.unwrap().unwrap_err()
    };
    let (error, aborted) = tokio::join!(client, async {
        run_until_idle().await;
        sender.abort("the disk is gone".into());
        Instant::now()
    });
    assert!(
        matches!(crate::handshake::cause(&error), H1Error::RequestBody(why) if why.to_string() == "the disk is gone"),
        "{error:?}"
    );
    assert_eq!(aborted.elapsed(), Duration::from_millis(100));
    assert_eq!(ready(&mut world.conn).await.unwrap_err().delivery(), Delivery::Unsent);
    world.executor.assert_idle().await;
}

/// What comes in time is read all the same.
#[tokio::test(start_paused = true)]
async fn a_response_that_goes_on_is_read_to_its_end_though_its_request_has_failed() {
    let mut world = world(H1::new()).await;
    let (sender, body) = streamed();
    let response = answered(&mut world, body, "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nha").await;
    sender.abort("the disk is gone".into());
    let server = async {
        for part in ["lf", "!!"] {
            tokio::time::sleep(Duration::from_millis(80)).await;
            world.peer.send(part).await;
        }
    };
    let (whole, ()) = tokio::join!(response.into_body().collect(), server);
    assert_eq!(whole.unwrap().to_bytes(), "half!!");
    assert!(ready(&mut world.conn).await.is_err(), "the request is not whole");
    world.status.assert_closed(CloseReason::Unread);
}

/// The rest of the request is of no use to it.
#[tokio::test(start_paused = true)]
async fn a_peer_that_ends_the_connection_after_its_answer_ends_the_upload() {
    for (how, reason) in
        [("fin", CloseReason::PeerFin), ("reset", CloseReason::SocketFailed), ("bytes", CloseReason::Unsolicited)]
    {
        let mut world = world(H1::new()).await;
        let (mut sender, body) = streamed();
        let response = answered(&mut world, body, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        run_until_idle().await;
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ok");
        run_until_idle().await;
        match how {
            "fin" => world.peer.fin().await,
            "bytes" => world.peer.send("HTTP/1.1 408 Request Timeout\r\n\r\n").await,
            _ => world.peer.reset(),
        }
        run_until_idle().await;
        assert!(sender.try_send(Frame::data("more".into())).is_err(), "{how}: the body is still held");
        world.status.assert_closed(reason);
        world.executor.assert_idle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_left_of_a_request_is_written_after_its_response_and_then_the_connection_is_free() {
    let mut world = narrow(64).await;
    let response = answered(&mut world, full(LONG), "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ok");
    assert!(!world.conn.is_sent());
    let (ready, ()) = tokio::join!(ready(&mut world.conn), world.peer.expect(LONG));
    ready.unwrap();
    world.exchange(get("http://a.test/"), "HTTP/1.1 204 No Content\r\n\r\n").await;
}
