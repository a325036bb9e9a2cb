//! A response that nobody reads to its end is read by whoever waits for the connection, for a while.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::{
    handshake::H1,
    suite::support::{TestBody, World, get, ready, send, world},
};
use skybridge_core::{CloseReason, Connection, Delivery};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Wake, Waker},
    time::Duration,
};
use tokio::time::Instant;

/// Answered, and the response dropped.
async fn dropped(h1: H1<TestBody>, answer: &str) -> World<TestBody> {
    let mut world = world(h1).await;
    let server = async {
        world.peer.request().await;
        world.peer.send(answer).await;
    };
    let (answer, ()) = tokio::join!(send(&mut world.conn, get("http://a.test/")), server);
    drop(answer.unwrap());
    world
}

#[tokio::test(start_paused = true)]
async fn what_comes_soon_is_thrown_away_and_the_connection_used_again() {
    for (begin, rest) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nha", "lf"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nha", "lf\r\n0\r\nx-end: 1\r\n\r\n"),
    ] {
        let mut world = dropped(H1::new(), begin).await;
        let server = async {
            tokio::time::sleep(Duration::from_millis(90)).await;
            world.peer.send(rest).await;
        };
        let (ready, ()) = tokio::join!(ready(&mut world.conn), server);
        ready.unwrap();
        world.exchange(get("http://a.test/"), "HTTP/1.1 204 No Content\r\n\r\n").await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_come_is_not_waited_for() {
    let mut world = dropped(H1::new(), "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nha").await;
    let begin = Instant::now();
    assert_eq!(ready(&mut world.conn).await.unwrap_err().delivery(), Delivery::Unsent);
    assert_eq!(begin.elapsed(), Duration::from_millis(100));
    world.status.assert_closed(CloseReason::Unread);
    world.peer.expect_close().await;
}

/// A task that polls it sleeps until there is something to read, or the time is over.
#[tokio::test(start_paused = true)]
async fn whoever_waits_for_the_rest_is_not_woken_for_nothing() {
    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    let mut world = dropped(H1::new(), "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nha").await;
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let mut cx = Context::from_waker(&waker);
    for poll in 0..3 {
        assert!(world.conn.poll_ready(&mut cx).is_pending());
        assert_eq!(count.0.load(Ordering::SeqCst), 0, "woken by poll {poll}");
    }
    world.peer.send("lf").await;
    tokio::task::yield_now().await;
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    ready(&mut world.conn).await.unwrap();
}

/// Nor what would end with the connection.
#[tokio::test(start_paused = true)]
async fn what_is_too_long_is_not_read() {
    for (h1, answer) in [
        (H1::new(), "HTTP/1.1 200 OK\r\ncontent-length: 65537\r\n\r\n"),
        (H1::new().drain(3, Duration::from_secs(9)), "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"),
        (H1::new().drain(3, Duration::from_secs(9)), "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf"),
        (H1::new(), "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\n"),
        (H1::new(), "HTTP/1.1 200 OK\r\n\r\nha"),
    ] {
        let mut world = dropped(h1, answer).await;
        let begin = Instant::now();
        assert!(ready(&mut world.conn).await.is_err(), "{answer}");
        assert_eq!(begin.elapsed(), Duration::ZERO, "{answer}");
        world.status.assert_closed(CloseReason::Unread);
    }
}
