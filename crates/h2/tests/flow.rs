//! Flow control in both directions.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use bytes::Bytes;
use http_body_util::BodyExt;
use skybridge_testkit::{
    executor::run_until_idle,
    h2::{Frame, setting},
};
use support::*;

const MIB: usize = 1 << 20;
const PIECE: usize = 16_384;

#[tokio::test(start_paused = true)]
async fn a_closed_window_withholds_data_of_its_stream_only() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer_with(&[(setting::INITIAL_WINDOW_SIZE, 0)]).await;
    run_until_idle().await;
    let (mut blocked, mut free) = (world.handle(), world.handle());
    let client =
        async { tokio::join!(exchange(&mut blocked, post(full("withheld"))), exchange(&mut free, get("/free"))) };
    let server = async {
        let first = peer.request().await.stream;
        let second = peer.request().await.stream;
        peer.respond(second, 204, "").await;
        run_until_idle().await;
        assert!(!peer.received().iter().any(|frame| matches!(frame, Frame::Data { .. })));
        peer.window_update(first, 3).await;
        let data = peer.until(|frame| matches!(frame, Frame::Data { .. })).await;
        assert!(matches!(data, Frame::Data { data, end: false, .. } if data == "wit"));
        peer.window_update(first, 100).await;
        assert_eq!(peer.body(first).await, "withheld");
        peer.respond(first, 200, "").await;
    };
    let ((blocked, free), ()) = tokio::join!(client, server);
    assert_eq!((blocked.unwrap().status().as_u16(), free.unwrap().status().as_u16()), (200, 204));
}

#[tokio::test(start_paused = true)]
async fn a_streamed_body_is_read_no_faster_than_the_peer_takes_it() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer_with(&[(setting::INITIAL_WINDOW_SIZE, 10)]).await;
    run_until_idle().await;
    let (mut sender, body) = streamed();
    let piece = Bytes::from_static(b"0123456789");
    let feed = async {
        // The channel's capacity, one piece held by the upload, one with the peer.
        for _ in 0..10 {
            sender.send_data(piece.clone()).await.unwrap();
        }
        run_until_idle().await;
        assert!(
            sender.try_send(http_body::Frame::data(piece.clone())).is_err(),
            "the body was read ahead of the window"
        );
        sender
    };
    let server = async {
        let stream = peer.request().await.stream;
        peer.until(|frame| matches!(frame, Frame::Data { .. })).await;
        run_until_idle().await;
        run_until_idle().await;
        peer.window_update(stream, 1000).await;
        assert_eq!(peer.body(stream).await.len(), 100);
        peer.respond(stream, 200, "").await;
    };
    let (response, (), ()) = tokio::join!(exchange(&mut world.client, post(body)), server, async {
        drop(feed.await);
    });
    assert_eq!(response.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn reading_releases_the_window_to_the_peer() {
    let mut world = World::new(H2::new().stream_window(65_535).connection_window(65_535)).await;
    let mut peer = world.peer().await;
    let client = async {
        let response = exchange(&mut world.client, get("/")).await.unwrap();
        bytes(response).await.len()
    };
    let server = async {
        let stream = peer.request().await.stream;
        peer.headers(stream, &[(":status", "200")], false).await;
        let (mut left, mut window, mut whole) = (MIB, 65_535, 65_535);
        while left > 0 {
            let now = left.min(16_384).min(window).min(whole);
            if now > 0 {
                peer.data(stream, vec![0; now], now == left).await;
                (left, window, whole) = (left - now, window - now, whole - now);
                continue;
            }
            match peer.recv().await {
                Frame::WindowUpdate { stream: 0, increment } => whole += increment as usize,
                Frame::WindowUpdate { increment, .. } => window += increment as usize,
                _ => {}
            }
        }
    };
    let (read, ()) = tokio::join!(client, server);
    assert_eq!(read, MIB);
}

/// The last bytes of a response are released with its stream: those of many small ones must come back too, also where a
/// handle has had to wait until the peer allowed its stream.
#[tokio::test(start_paused = true)]
async fn the_connections_window_comes_back_from_small_responses() {
    const SIZE: usize = 4096;
    for limit in [1, 1000] {
        let mut world = World::new(H2::new().stream_window(65_535).connection_window(65_535)).await;
        let mut peer = world.peer_with(&[(setting::MAX_CONCURRENT_STREAMS, limit)]).await;
        let (mut one, mut other) = (world.handle(), world.handle());
        let read = async |client: &mut Client| {
            for _ in 0..50 {
                let response = exchange(client, get("/")).await.unwrap();
                assert_eq!(bytes(response).await.len(), SIZE);
            }
        };
        let server = async {
            for sent in 0..100 {
                let stream = peer.request().await.stream;
                while granted(peer.received()) < sent * SIZE + SIZE {
                    peer.recv().await;
                }
                peer.headers(stream, &[(":status", "200")], false).await;
                peer.data(stream, vec![0; SIZE], true).await;
            }
        };
        tokio::join!(read(&mut one), read(&mut other), server);
    }
}

/// A long body that is dropped unread must not use up the connection's window.
#[tokio::test(start_paused = true)]
async fn the_connections_window_comes_back_from_dropped_bodies() {
    let mut world = World::new(H2::new().stream_window(MIB as u32).connection_window(4 * MIB as u32)).await;
    let mut peer = world.peer().await;
    let client = async {
        for _ in 0..16 {
            let response = exchange(&mut world.client, get("/long")).await.unwrap();
            run_until_idle().await;
            drop(response);
            run_until_idle().await;
        }
        let response = exchange(&mut world.client, get("/last")).await.unwrap();
        assert_eq!(bytes(response).await.len(), MIB);
    };
    let server = async {
        let mut sent = 0;
        for _ in 0..17 {
            let request = peer.request().await;
            let last = request.get(":path") == Some("/last");
            peer.headers(request.stream, &[(":status", "200")], false).await;
            for piece in 1..=MIB / PIECE {
                while granted(peer.received()) < sent + PIECE {
                    peer.recv().await;
                }
                peer.data(request.stream, vec![0; PIECE], last && piece == MIB / PIECE).await;
                sent += PIECE;
            }
            if !last {
                peer.expect_reset(request.stream).await;
            }
        }
    };
    tokio::join!(client, server);
}

/// The connection window that the client has granted so far, in bytes.
fn granted(received: &[Frame]) -> usize {
    let updates = received.iter().filter_map(|frame| match frame {
        Frame::WindowUpdate { stream: 0, increment } => Some(*increment as usize),
        _ => None,
    });
    65_535 + updates.sum::<usize>()
}

#[tokio::test(start_paused = true)]
async fn an_unread_body_does_not_block_another() {
    let mut world = World::new(H2::new().stream_window(65_535)).await;
    let mut peer = world.peer().await;
    let (mut first, mut second) = (world.handle(), world.handle());
    let client = async {
        let held = exchange(&mut first, get("/held")).await.unwrap();
        let other = exchange(&mut second, get("/other")).await.unwrap();
        assert_eq!(bytes(other).await, "other");
        assert_eq!(held.into_body().collect().await.unwrap().to_bytes().len(), 65_535);
    };
    let server = async {
        let held = peer.request().await.stream;
        peer.headers(held, &[(":status", "200")], false).await;
        for size in [16_384, 16_384, 16_384, 16_383] {
            peer.data(held, vec![0; size], size == 16_383).await;
        }
        let other = peer.request().await.stream;
        peer.respond(other, 200, "other").await;
    };
    tokio::join!(client, server);
}

/// Handles that are not used again hold the streams that they could not open at once, and nothing of the connection's
/// window with them.
#[tokio::test(start_paused = true)]
async fn handles_that_are_kept_hold_no_window() {
    const PIECE: usize = 4096;
    let mut world = World::new(H2::new().connection_window(1 << 16)).await;
    let mut peer = world.peer_with(&[(setting::MAX_CONCURRENT_STREAMS, 1)]).await;
    run_until_idle().await;
    let mut kept = Vec::new();
    // More than the connection's window: a peer that sent it without being allowed to would end the connection.
    for _ in 0..40 {
        let mut client = world.handle();
        let server = async {
            let stream = peer.request().await.stream;
            peer.respond(stream, 200, vec![0; PIECE]).await;
        };
        let (response, ()) = tokio::join!(exchange(&mut client, get("/")), server);
        assert_eq!(bytes(response.unwrap()).await.len(), PIECE);
        run_until_idle().await;
        kept.push(client);
    }
}
