//! Exchanges that fail: what the error says, and whether the request comes back.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test may panic")]

use super::support::{TestBody, amended, empty, forwarded_with_headers, get, ready, response, send, stream, world};
use crate::handshake::{self, H1};
use http::{HeaderValue, Request, Uri, Version};
use http_body_util::BodyExt;
use skybridge_core::{Capacity, CloseReason, Connection, ConnectionStatus, Delivery, Error, Failed, Phase};
use skybridge_testkit::executor::run_until_idle;
use std::{error::Error as _, io};

/// The socket's error among the causes.
fn io_error(error: &Error) -> Option<&io::Error> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref() {
            return Some(io);
        }
        cause = error.source();
    }
    None
}

/// A request with all that is taken off for the wire.
fn peculiar(uri: Uri) -> Request<TestBody> {
    let mut request = Request::get(uri).version(Version::HTTP_2).body(empty()).unwrap();
    request.headers_mut().append("x-mine", HeaderValue::from_static("1"));
    request.headers_mut().append("keep-alive", HeaderValue::from_static("1"));
    request.headers_mut().append("proxy-connection", HeaderValue::from_static("a"));
    request.headers_mut().append("proxy-connection", HeaderValue::from_static("b"));
    request.headers_mut().append("proxy-authorization", HeaderValue::from_static("secret"));
    request.headers_mut().append("connection", HeaderValue::from_static("x-hop, upgrade"));
    request.headers_mut().append("connection", HeaderValue::from_static("te"));
    request.headers_mut().append("x-hop", HeaderValue::from_static("1"));
    request.headers_mut().append("te", HeaderValue::from_static("gzip, trailers"));
    request.headers_mut().append("upgrade", HeaderValue::from_static("h2c, echo"));
    request.headers_mut().append("host", HeaderValue::from_static("b.test"));
    request.extensions_mut().insert(7_u8);
    request
}

fn assert_as_it_came(failed: Failed<Request<TestBody>>, uri: &Uri) {
    let (back, before) = (failed.into_request().unwrap(), peculiar(uri.clone()));
    assert_eq!(back.uri(), before.uri());
    assert_eq!((back.method(), back.version()), (before.method(), before.version()));
    assert_eq!(back.headers(), before.headers());
    assert_eq!(back.extensions().get(), Some(&7_u8));
}

fn uris() -> [Uri; 4] {
    let star = Uri::builder().scheme("http").authority("a.test").path_and_query("*").build().unwrap();
    ["http://A.test:80/x?y", "http://me:secret@a.test", "/already"]
        .map(|uri| uri.parse().unwrap())
        .into_iter()
        .chain([star])
        .collect::<Vec<_>>()
        .try_into()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_the_peer_closed_upon_comes_back_as_it_came_and_nothing_was_sent() {
    for by_proxy in [false, true] {
        for uri in uris() {
            let mut world =
                if by_proxy { amended(H1::new(), forwarded_with_headers).await } else { world(H1::new()).await };
            ready(&mut world.conn).await.unwrap();
            world.peer.fin().await;
            // The driver hasn't run since: the connection looks alive.
            world.conn.start(peculiar(uri.clone()));
            let failed = response(&mut world.conn).await.unwrap_err();
            assert_eq!((failed.error.delivery(), failed.error.phase()), (Delivery::Unsent, Phase::Send));
            assert_eq!(failed.error.connection().unwrap().id, world.conn.info().id);
            assert_as_it_came(failed, &uri);
            world.peer.expect_close().await;
            assert_eq!(world.net.wire(0).other_end().bytes_sent(), 0);
            // With credentials of its own it would have been the last one by a proxy, which hyper's notes before.
            let [ConnectionStatus::Closed(reason)] = world.status.all()[..] else {
                unreachable!("{:?}", world.status.all())
            };
            assert!(reason == CloseReason::PeerFin || by_proxy && reason == CloseReason::Evicted, "{reason:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_started_on_a_dead_connection_comes_back_too() {
    let mut world = world(H1::new()).await;
    world.peer.fin().await;
    run_until_idle().await;
    assert_eq!(world.conn.capacity(), Capacity::None);
    let error = ready(&mut world.conn).await.unwrap_err();
    assert_eq!(error.delivery(), Delivery::Unsent);
    let uri: Uri = "http://a.test/x".parse().unwrap();
    world.conn.start(peculiar(uri.clone()));
    let failed = response(&mut world.conn).await.unwrap_err();
    assert_eq!(failed.error.delivery(), Delivery::Unsent);
    assert_as_it_came(failed, &uri);
}

#[tokio::test(start_paused = true)]
async fn unsolicited_bytes_before_a_request_fail_it_unsent() {
    let mut world = world(H1::new()).await;
    ready(&mut world.conn).await.unwrap();
    world.peer.send("HTTP/1.1 408 Request Timeout\r\n\r\n").await;
    world.conn.start(peculiar("http://a.test/x".parse().unwrap()));
    let failed = response(&mut world.conn).await.unwrap_err();
    assert_eq!(failed.error.delivery(), Delivery::Unsent);
    assert!(failed.has_request());
    run_until_idle().await;
    world.status.assert_closed(CloseReason::Unsolicited);
}

#[tokio::test(start_paused = true)]
async fn once_written_it_may_have_been_processed() {
    let mut world = world(H1::new()).await;
    let server = async {
        world.peer.request().await;
        world.peer.fin().await;
    };
    let (answer, ()) = tokio::join!(send(&mut world.conn, get("http://a.test/")), server);
    let failed = answer.unwrap_err();
    assert_eq!((failed.error.delivery(), failed.error.phase()), (Delivery::Unknown, Phase::Wait));
    assert!(handshake::is_closed_without_answer(&failed.error));
    assert!(failed.error.to_string().contains("connection 1"), "{}", failed.error);
    assert!(ready(&mut world.conn).await.is_err());
    run_until_idle().await;
    world.status.assert_closed(CloseReason::PeerFin);
}

#[tokio::test(start_paused = true)]
async fn a_reset_keeps_its_io_error() {
    let mut world = world(H1::new()).await;
    let server = async {
        world.peer.request().await;
        world.peer.reset();
    };
    let (answer, ()) = tokio::join!(send(&mut world.conn, get("http://a.test/")), server);
    let error = answer.unwrap_err().error;
    assert_eq!(error.delivery(), Delivery::Unknown);
    let io = io_error(&error).unwrap();
    assert_eq!(io.kind(), std::io::ErrorKind::ConnectionReset);
    run_until_idle().await;
    world.status.assert_closed(CloseReason::SocketFailed);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_http_closes_the_connection() {
    for answer in ["HELO you\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx"] {
        let mut world = world(H1::new()).await;
        let server = async {
            world.peer.request().await;
            world.peer.send(answer).await;
        };
        let (result, ()) = tokio::join!(send(&mut world.conn, get("http://a.test/")), server);
        let error = result.unwrap_err().error;
        assert_eq!(error.delivery(), Delivery::Unknown, "{answer}");
        assert!(handshake::is_malformed(&error), "{answer}");
        run_until_idle().await;
        world.status.assert_closed(CloseReason::Protocol);
        world.peer.expect_close().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_of_more_than_256_kib_is_an_error_and_the_end() {
    for (padding, fits) in [(255 * 1024, true), (256 * 1024, false)] {
        let mut world = world(H1::new()).await;
        let mut answer = format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx-long: {}\r\n\r\n", "x".repeat(padding));
        if !fits {
            answer.truncate(answer.len() - 4); // it never ends
        }
        let server = async {
            world.peer.request().await;
            let _ = world.peer.try_send(answer).await;
        };
        let (result, ()) = tokio::join!(send(&mut world.conn, get("http://a.test/")), server);
        if fits {
            assert_eq!(result.unwrap().headers()["x-long"].len(), padding);
            ready(&mut world.conn).await.unwrap();
        } else {
            assert!(handshake::is_head_too_large(&result.unwrap_err().error, 256 * 1024));
            assert!(ready(&mut world.conn).await.is_err());
            run_until_idle().await;
            world.status.assert_closed(CloseReason::Protocol);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_head_limit_can_be_set() {
    let mut world = world(H1::new().head_limit(64)).await;
    let server = async {
        world.peer.request().await;
        let _ = world.peer.try_send(format!("HTTP/1.1 200 OK\r\nx-long: {}\r\n\r\n", "x".repeat(64))).await;
    };
    let (result, ()) = tokio::join!(send(&mut world.conn, get("http://a.test/")), server);
    assert!(handshake::is_head_too_large(&result.unwrap_err().error, 64));
}

#[tokio::test(start_paused = true)]
async fn a_request_body_that_fails_is_its_own_cause() {
    let mut world = world(H1::new()).await;
    let body = stream(vec![Ok("12"), Err("the disk is gone".into())]);
    let failed = send(&mut world.conn, Request::post("http://a.test/").body(body).unwrap()).await.unwrap_err();
    assert_eq!((failed.error.delivery(), failed.error.phase()), (Delivery::Unknown, Phase::Send));
    assert_eq!(handshake::request_body(&failed.error).unwrap().to_string(), "the disk is gone");
    assert!(!failed.has_request());
    run_until_idle().await;
    world.status.assert_closed(CloseReason::RequestFailed);
}

#[tokio::test(start_paused = true)]
async fn a_response_cut_short_is_an_error_of_its_body() {
    let mut world = world(H1::new()).await;
    let server = async {
        world.peer.request().await;
        world.peer.send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await;
        world.peer.fin().await;
    };
    let (answer, ()) = tokio::join!(send(&mut world.conn, get("http://a.test/")), server);
    let error = answer.unwrap().into_body().collect().await.unwrap_err();
    assert!(handshake::is_incomplete(&error, 5), "{error}");
    assert!(ready(&mut world.conn).await.is_err());
    world.status.assert_closed(CloseReason::PeerFin);
}

#[tokio::test(start_paused = true)]
async fn a_response_before_a_request_is_an_error_not_a_hang() {
    let mut world = world(H1::new()).await;
    for _ in 0..2 {
        let error = response(&mut world.conn).await.unwrap_err().error;
        assert!(handshake::is_not_started(&error));
        assert_eq!(error.delivery(), Delivery::Unsent);
        world.exchange(get("http://a.test/"), "HTTP/1.1 204 No Content\r\n\r\n").await;
    }
}
