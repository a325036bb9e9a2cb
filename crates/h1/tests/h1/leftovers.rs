//! Nothing of one exchange is left for the next, and a request that fails is never one that seems whole.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use crate::{
    handshake::H1,
    suite::support::{TestBody, full, ready, send, world},
};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Channel, channel::Sender};
use skybridge_core::{BoxError, Cause, Error};
use skybridge_h1::H1Error;

fn streamed() -> (Sender<Bytes, BoxError>, TestBody) {
    let (sender, body) = Channel::new(8);
    (sender, body.boxed_unsync())
}

fn h1_error(error: &Error) -> &H1Error {
    match error.cause() {
        Cause::Exchange(source) => source.downcast_ref().unwrap(),
        other => panic!("{other:?}"),
    }
}

/// A body of which all bytes were sent, and that stays open until it is answered, or longer.
#[tokio::test(start_paused = true)]
async fn a_body_that_stays_open_is_not_sent_with_the_next_request() {
    let mut world = world(H1::new()).await;
    let (mut sender, body) = streamed();
    sender.send_data("12345".into()).await.unwrap();
    let request = Request::put("http://a.test/").header("content-length", "5").body(body).unwrap();
    let server = async {
        let request = world.peer.request().await;
        world.peer.send("HTTP/1.1 204 No Content\r\n\r\n").await;
        request
    };
    let (response, request) = tokio::join!(send(&mut world.conn, request), server);
    assert_eq!((response.unwrap().status().as_u16(), &request.body()[..]), (204, &b"12345"[..]));
    assert!(sender.send_data("secret".into()).await.is_err(), "it is dropped with its exchange");

    ready(&mut world.conn).await.unwrap();
    let server = async {
        let request = world.peer.request().await;
        world.peer.send("HTTP/1.1 204 No Content\r\n\r\n").await;
        request
    };
    let second = Request::put("http://a.test/").header("content-length", "5").body(full("abcde")).unwrap();
    let (response, request) = tokio::join!(send(&mut world.conn, second), server);
    assert_eq!((response.unwrap().status().as_u16(), &request.body()[..]), (204, &b"abcde"[..]));
}

/// The failure and the head are seen at once. The body isn't asked again, which some don't survive, and the request
/// isn't ended as if it were whole.
#[tokio::test(start_paused = true)]
async fn a_body_that_fails_beside_a_head_fails_its_request() {
    for answer in ["HTTP/1.1 103 Early Hints\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"] {
        let mut world = world(H1::new()).await;
        let (mut sender, body) = streamed();
        let request = Request::post("http://a.test/").body(body).unwrap();
        let server = async {
            world.peer.head().await;
            sender.send_data("half".into()).await.unwrap();
            world.peer.send(answer).await;
            sender.abort("the disk is gone".into());
        };
        let (result, ()) = tokio::join!(send(&mut world.conn, request), server);
        match result {
            // An answer that is there says more than why the request failed.
            Ok(response) => assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ok"),
            Err(failed) => assert!(matches!(h1_error(&failed.error), H1Error::RequestBody(_)), "{}", failed.error),
        }
        assert!(ready(&mut world.conn).await.is_err(), "its request was not sent to its end");
        // Had it been ended, `0` and an empty line would follow.
        world.peer.expect("4\r\nhalf\r\n").await;
        world.peer.expect_close().await;
    }
}

/// The rest of the request would be taken for the other protocol, or the other way round (RFC 9110, section 7.8).
#[tokio::test(start_paused = true)]
async fn no_other_protocol_begins_in_the_middle_of_a_request() {
    let mut world = world(H1::new()).await;
    let (mut sender, body) = streamed();
    sender.send_data("some".into()).await.unwrap();
    let request = Request::post("http://a.test/")
        .header("connection", "upgrade")
        .header("upgrade", "x")
        .header("content-length", "1000")
        .body(body)
        .unwrap();
    let server = async {
        world.peer.head().await;
        world.peer.send("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n").await;
    };
    let (result, ()) = tokio::join!(send(&mut world.conn, request), server);
    assert!(matches!(h1_error(&result.unwrap_err().error), H1Error::EarlyUpgrade));
    assert!(ready(&mut world.conn).await.is_err());
}
