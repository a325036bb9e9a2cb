//! How a connection ends, and that its watcher hears of it at once, once, with the reason.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::support::{get, ready, send, world};
use crate::handshake::{self, H1};
use http::{HeaderValue, header};
use http_body_util::BodyExt;
use skybridge_core::{Capacity, CloseReason, Connection, Delivery};
use skybridge_testkit::executor::run_until_idle;
use std::{future::poll_fn, task::Poll};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test(start_paused = true)]
async fn an_idle_connections_end_is_news_though_nobody_polls_the_handle() {
    for used in [false, true] {
        for (how, reason) in
            [("fin", CloseReason::PeerFin), ("bytes", CloseReason::Unsolicited), ("reset", CloseReason::SocketFailed)]
        {
            let mut world = world(H1::new()).await;
            if used {
                world.exchange(get("http://a.test/"), OK).await;
            }
            match how {
                "fin" => world.peer.fin().await,
                "bytes" => world.peer.send("HTTP/1.1 408 Request Timeout\r\n\r\n").await,
                _ => world.peer.reset(),
            }
            run_until_idle().await;
            world.status.assert_closed(reason);
            assert_eq!(world.conn.capacity(), Capacity::None, "{how}");
            world.executor.assert_idle().await;
            assert_eq!(ready(&mut world.conn).await.unwrap_err().delivery(), Delivery::Unsent);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_wants_to_close_after_its_answer_is_obeyed() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok",
        "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n",
        "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ] {
        let mut world = world(H1::new()).await;
        world.exchange(get("http://a.test/"), answer).await;
        assert_eq!(ready(&mut world.conn).await.unwrap_err().delivery(), Delivery::Unsent);
        world.peer.expect_close().await;
        world.status.assert_closed(CloseReason::PeerFin);
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_wants_to_close_after_the_answer_is_obeyed() {
    let mut world = world(H1::new()).await;
    let mut request = get("http://a.test/");
    request.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("foo, Close"));
    let (head, response) = world.exchange(request, OK).await;
    assert!(head.contains("\r\nconnection: close\r\n"), "{head}");
    assert_eq!(response.body(), "ok");
    assert!(ready(&mut world.conn).await.is_err());
    world.peer.expect_close().await;
    world.status.assert_closed(CloseReason::Evicted);
}

#[tokio::test(start_paused = true)]
async fn an_unused_handle_that_is_dropped_closes_the_connection() {
    let mut world = world(H1::new()).await;
    drop(world.conn);
    world.peer.expect_close().await;
    world.executor.assert_idle().await;
    world.status.assert_closed(CloseReason::Shutdown);
}

#[tokio::test(start_paused = true)]
async fn a_handle_dropped_while_it_waits_closes_the_connection() {
    let mut world = world(H1::new()).await;
    ready(&mut world.conn).await.unwrap();
    world.conn.start(get("http://a.test/"));
    assert!(poll_fn(|cx| Poll::Ready(world.conn.poll_response(cx).is_pending())).await);
    world.peer.request().await;
    drop(world.conn);
    world.peer.expect_close().await;
    world.executor.assert_idle().await;
    world.status.assert_closed(CloseReason::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn a_body_dropped_early_closes_the_connection_with_its_handle() {
    let mut world = world(H1::new()).await;
    let server = async {
        world.peer.request().await;
        world.peer.send("HTTP/1.1 200 OK\r\ncontent-length: 9000\r\n\r\nhalf").await;
    };
    let (answer, ()) = tokio::join!(send(&mut world.conn, get("http://a.test/")), server);
    let mut body = answer.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "half");
    drop(world.conn);
    drop(body);
    world.peer.expect_close().await;
    world.executor.assert_idle().await;
    world.status.assert_closed(CloseReason::Unread);
}

#[tokio::test(start_paused = true)]
async fn a_body_outlives_its_handle() {
    let mut world = world(H1::new()).await;
    let server = async {
        world.peer.request().await;
        world.peer.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nha").await;
    };
    let (answer, ()) = tokio::join!(send(&mut world.conn, get("http://a.test/")), server);
    drop(world.conn);
    run_until_idle().await;
    world.peer.send("lf").await;
    assert_eq!(answer.unwrap().into_body().collect().await.unwrap().to_bytes(), "half");
    world.peer.expect_close().await;
    world.executor.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_became_something_else_is_gone_for_http() {
    let mut world = world(H1::new()).await;
    let mut request = get("http://a.test/");
    request.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    request.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("echo"));
    let server = async {
        let request = world.peer.request().await;
        assert_eq!((request.header("connection"), request.header("upgrade")), (Some("upgrade"), Some("echo")));
        world.peer.send("HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\nconnection: upgrade\r\n\r\nhello").await;
    };
    let (answer, ()) = tokio::join!(send(&mut world.conn, request), server);
    let mut response = answer.unwrap();
    assert_eq!(response.status(), 101);
    let mut io = handshake::upgraded(&mut response).await;
    world.status.assert_closed(CloseReason::Upgraded);
    assert!(ready(&mut world.conn).await.is_err());
    drop(world.conn);
    io.write_all(b"ping").await.unwrap();
    world.peer.expect("ping").await;
    let mut five = [0; 5];
    io.read_exact(&mut five).await.unwrap();
    assert_eq!(&five, b"hello");
    drop(io);
    world.peer.expect_close().await;
    world.executor.assert_idle().await;
}
