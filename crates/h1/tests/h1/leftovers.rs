//! Nothing of one exchange is left for the next, and a request that fails is never one that seems whole.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test may panic")]

use crate::{
    handshake::{H1, H1Body},
    suite::support::{TestBody, World, full, get, narrow, ready, response, send, world},
};
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Channel, channel::Sender};
use skybridge_core::{Advice, BoxError, Cause, CloseReason, Connection, Delivery, Error};
use skybridge_h1::H1Error;
use skybridge_testkit::executor::{Executor, run_until_idle};
use std::{
    error::Error as _,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    task::Poll,
    time::Duration,
};
use tokio::time::Instant;

fn streamed() -> (Sender<Bytes, BoxError>, TestBody) {
    let (sender, body) = Channel::new(8);
    (sender, body.boxed_unsync())
}

fn h1_error(error: &Error) -> &H1Error {
    error.source().unwrap().downcast_ref().unwrap()
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

const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\n\r\n";

/// The wire is full of the first request, so that nothing of the second one can leave: what comes then answers
/// something else.
#[tokio::test(start_paused = true)]
async fn an_answer_before_the_first_byte_of_its_request_is_not_taken_for_it() {
    let whole = "GET / HTTP/1.1\r\nhost: a.test\r\n\r\n";
    let mut world = narrow(whole.len()).await;
    let (first, ()) = tokio::join!(send(&mut world.conn, get("http://a.test/")), world.peer.send(NO_CONTENT));
    assert_eq!(first.unwrap().status(), 204);

    ready(&mut world.conn).await.unwrap();
    world.conn.start(get("http://a.test/secret"));
    assert!(poll_fn(|cx| Poll::Ready(world.conn.poll_response(cx).is_pending())).await);
    world.peer.send(NO_CONTENT).await;
    let failed = response(&mut world.conn).await.unwrap_err();
    assert_eq!(failed.error.delivery(), Delivery::Unsent);
    let cause = failed.error.cause();
    assert!(matches!(cause, Cause::ConnectionClosed(CloseReason::Unsolicited)), "{}", failed.error);
    assert_eq!(failed.into_request().unwrap().uri(), "http://a.test/secret");
    world.status.assert_closed(CloseReason::Unsolicited);
    world.peer.expect(whole).await;
    world.peer.expect_close().await;
}

/// Answered, while a task of the world's runtime still writes the request with this body.
async fn answered_early(body: TestBody, answer: &str) -> (World<TestBody>, H1Body) {
    let mut world = world(H1::new()).await;
    let request = Request::post("http://a.test/").body(body).unwrap();
    let server = async {
        world.peer.head().await;
        world.peer.send(answer).await;
    };
    let (answer, ()) = tokio::join!(send(&mut world.conn, request), server);
    run_until_idle().await;
    assert_eq!(world.executor.tasks(), 1);
    (world, answer.unwrap().into_body())
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    let (limit, begin) = (Duration::from_secs(1), Instant::now());
    let output = tokio::time::timeout(limit, future).await.expect("it waits for what never comes");
    assert!(begin.elapsed() < limit, "nobody woke it");
    output
}

/// Nobody goes on with such a request, so that it isn't waited for.
#[tokio::test(start_paused = true)]
async fn a_request_whose_task_ends_too_early_ends_its_connection() {
    for ends in ["its runtime ends", "its body panics"] {
        let (sender, body) = streamed();
        let body = body.map_frame(|frame| if frame.is_trailers() { panic!("a body that panics") } else { frame });
        let (mut world, response) =
            answered_early(body.boxed_unsync(), "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        assert_eq!(response.collect().await.unwrap().to_bytes(), "ok");
        end_task(world.executor, sender, ends).await;
        assert_eq!(soon(ready(&mut world.conn)).await.unwrap_err().delivery(), Delivery::Unsent, "{ends}");
        world.status.assert_closed(CloseReason::RequestFailed);
    }
}

/// Nor is what is missing of the response, and what has arrived of it isn't taken for all.
#[tokio::test(start_paused = true)]
async fn a_response_breaks_off_with_its_request_whose_task_ends_too_early() {
    for ends in ["its runtime ends", "its body panics"] {
        for fields in ["content-length: 4\r\n", "transfer-encoding: chunked\r\n", ""] {
            let (sender, body) = streamed();
            let body = body.map_frame(|frame| if frame.is_trailers() { panic!("a body that panics") } else { frame });
            let (world, mut response) =
                answered_early(body.boxed_unsync(), &format!("HTTP/1.1 200 OK\r\n{fields}\r\n")).await;
            let reader = async {
                let frame = soon(response.frame()).await;
                let aborted = |error: &Error| matches!(h1_error(error), H1Error::UploadAborted);
                assert!(matches!(&frame, Some(Err(error)) if aborted(error)), "{ends}, {fields:?}: {frame:?}");
                assert!(response.frame().await.is_none());
            };
            let ending = async {
                run_until_idle().await;
                end_task(world.executor, sender, ends).await;
            };
            tokio::join!(reader, ending);
            world.status.assert_closed(CloseReason::RequestFailed);
        }
    }
}

/// Ends the task that writes a request, before it is written.
async fn end_task(executor: Executor, mut sender: Sender<Bytes, BoxError>, ends: &str) {
    if ends == "its body panics" {
        sender.send_trailers(HeaderMap::new()).await.unwrap();
        run_until_idle().await;
        assert_eq!(executor.tasks(), 0);
    }
    // Raises the panics of its tasks.
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(executor)));
    assert_eq!(dropped.is_err(), ends == "its body panics");
    // A task is dropped by its runtime, and not by whoever ends it.
    run_until_idle().await;
}

/// A server of HTTP/2 may speak first, and then a request never leaves. What it speaks is the thing to know.
#[tokio::test(start_paused = true)]
async fn a_peer_that_speaks_http2_before_it_is_asked_is_called_one() {
    let settings: &[u8] = b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64";
    // A head that is cut, a frame that isn't SETTINGS, and no frame at all.
    let others: [&[u8]; 3] = [&settings[..8], b"\x00\x00\x06\x05\x00\x00\x00\x00\x00", b"SSH-2.0-OpenSSH\r\n"];
    let rows = std::iter::once((settings, Advice::WantsHttp2)).chain(others.map(|sent| (sent, Advice::NotHttp)));
    for (sent, advice) in rows {
        for is_started in [false, true] {
            let mut world = world(H1::new()).await;
            ready(&mut world.conn).await.unwrap();
            world.peer.send(sent).await;
            let error = if is_started {
                world.conn.start(get("http://a.test/"));
                response(&mut world.conn).await.unwrap_err().error
            } else {
                run_until_idle().await;
                ready(&mut world.conn).await.unwrap_err()
            };
            assert_eq!((error.advice(), error.delivery()), (Some(advice), Delivery::Unsent), "{error}");
            let cause = error.cause();
            assert!(matches!(cause, Cause::ConnectionClosed(CloseReason::Unsolicited)), "{error}");
            world.status.assert_closed(CloseReason::Unsolicited);
        }
    }
}
