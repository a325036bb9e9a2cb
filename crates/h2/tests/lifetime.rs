//! Dropping handles, exchanges, bodies and handshakes leaves nothing behind.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use skybridge_core::{CloseReason, Connection, ConnectionStatus, Handshake};
use skybridge_testkit::{
    drop_walk::{DropPoint, drop_walk},
    executor::run_until_idle,
    h2::{Frame, Peer, code},
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use support::*;
use tokio::task::JoinSet;

#[tokio::test(start_paused = true)]
async fn the_last_handle_closes_the_connection() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    let mut other = world.handle();
    drop(world.client);
    let server = async {
        let stream = peer.request().await.stream;
        peer.respond(stream, 200, "still").await;
        peer.until(|frame| matches!(frame, Frame::GoAway { code: code::NO_ERROR, .. })).await;
        peer.expect_close().await;
    };
    let client = async {
        run_until_idle().await;
        let response = exchange(&mut other, get("/")).await.unwrap();
        drop(other);
        run_until_idle().await;
        assert_eq!(world.executor.tasks(), 1, "a response is being read");
        assert_eq!(bytes(response).await, "still");
    };
    tokio::join!(client, server);
    world.executor.assert_idle().await;
    assert_eq!(
        world.notes.all(),
        [ConnectionStatus::Capacity(u32::MAX), ConnectionStatus::Closed(CloseReason::Shutdown)]
    );
    drop(peer);
    assert_eq!(world.net.live_sockets(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_unused_connection_closes_when_it_is_dropped() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    run_until_idle().await;
    drop(world.client);
    peer.expect_close().await;
    world.executor.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_ends_with_its_runtime_reports_it() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    world.client.start(get("/"));
    peer.request().await;
    drop(world.executor);
    run_until_idle().await;
    assert_eq!(
        world.notes.all(),
        [ConnectionStatus::Capacity(u32::MAX), ConnectionStatus::Closed(CloseReason::RuntimeShutdown)]
    );
    assert!(response(&mut world.client).await.is_err());
    assert!(ready(&mut world.client).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_exchange_resets_its_stream_and_nothing_else() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    let (mut dropped, mut saved_request_) = (world.handle(), world.handle());
    let client = async {
        ready(&mut dropped).await.unwrap();
        dropped.start(get("/dropped"));
        run_until_idle().await;
        drop(dropped);
        assert_eq!(exchange(&mut saved_request_, get("/kept")).await.unwrap().status(), 200);
    };
    let server = async {
        let first = peer.request().await.stream;
        let second = peer.request().await.stream;
        assert_eq!(peer.expect_reset(first).await, code::CANCEL);
        peer.respond(second, 200, "").await;
    };
    tokio::join!(client, server);
}

/// Frames that the peer still sends for cancelled streams don't affect the connection, however many there are.
#[tokio::test(start_paused = true)]
async fn any_number_of_cancelled_calls_leaves_the_connection_usable() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    let client = async {
        for _ in 0..3000 {
            drop(exchange(&mut world.client, get("/cancelled")).await.unwrap());
        }
        assert_eq!(exchange(&mut world.client, get("/")).await.unwrap().status(), 204);
    };
    let server = async {
        loop {
            let request = peer.request().await;
            if request.get(":path") == Some("/") {
                return peer.respond(request.stream, 204, "").await;
            }
            peer.headers(request.stream, &[(":status", "200")], false).await;
            peer.expect_reset(request.stream).await;
            peer.data(request.stream, "late", true).await;
        }
    };
    tokio::join!(client, server);
}

/// What the peer received, and whether it has answered.
type Seen = Arc<Mutex<(Vec<Frame>, bool)>>;

/// Runs an exchange, dropping it at every await, and checks that nothing is left.
async fn walk_exchange(early: bool) {
    let walked = drop_walk(
        async || {
            let mut world = World::new(H2::new()).await;
            let mut handle = world.handle();
            let conn = world.conn.take().unwrap();
            let seen = Seen::default();
            let frames = seen.clone();
            let mut peer = JoinSet::new();
            peer.spawn(async move {
                let mut peer = Peer::accept(conn).await;
                let answered = serve(&mut peer, early).await;
                *frames.lock().unwrap() = (peer.received().to_vec(), answered);
            });
            let scenario = async move {
                let (mut sender, body) = streamed();
                let send = async {
                    run_until_idle().await;
                    let _ = sender.send_data("first".into()).await;
                    run_until_idle().await;
                    let _ = sender.send_data("second".into()).await;
                    drop(sender);
                };
                let receive = async {
                    let response = exchange(&mut handle, post(body)).await.unwrap();
                    assert_eq!(bytes(response).await, "answer");
                    ready(&mut handle).await.unwrap();
                };
                tokio::join!(send, receive);
            };
            ((world, peer, seen), scenario)
        },
        async |(mut world, mut peer, seen), moment| {
            // The connection is usable, and no task but its driver is left.
            assert_eq!(world.executor.tasks(), 1);
            assert_eq!(exchange(&mut world.client, get("/next")).await.unwrap().status(), 204);
            drop(world.client);
            peer.join_next().await.unwrap().unwrap();
            world.executor.assert_idle().await;
            assert_eq!(world.net.live_sockets(), 0);
            let (seen, answered) = &*seen.lock().unwrap();
            let opened = seen.iter().any(|frame| matches!(frame, Frame::Headers { stream: 1, fields, .. } if fields.get(":method") == Some("POST")));
            let ended = seen.iter().any(|frame| frame.stream() == 1 && frame.ends_stream());
            let reset = seen.iter().any(|frame| matches!(frame, Frame::Reset { stream: 1, code: code::CANCEL }));
            match moment {
                DropPoint::Completed(_) => assert!(ended && !reset),
                _ => assert!(!opened || reset || (ended && *answered), "a stream was left open: {seen:?}"),
            }
        },
    )
    .await;
    assert!(walked.drops > 10, "{walked:?}");
}

async fn serve<I: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>(peer: &mut Peer<I>, early: bool) -> bool {
    let (mut reset, mut answered) = (false, false);
    while let Some(frame) = peer.next().await {
        let stream = frame.stream();
        match &frame {
            Frame::Headers { fields, .. } if fields.get(":path") == Some("/next") => {
                peer.respond(stream, 204, "").await
            }
            Frame::Headers { .. } if early => peer.headers(stream, &[(":status", "200")], false).await,
            Frame::Reset { .. } => reset = true,
            _ => {}
        }
        if !reset && stream != 0 && matches!(&frame, Frame::Data { .. }) && frame.ends_stream() {
            if !early {
                peer.headers(stream, &[(":status", "200")], false).await;
            }
            run_until_idle().await;
            peer.data(stream, "ans", false).await;
            run_until_idle().await;
            peer.data(stream, "wer", true).await;
            answered = true;
        }
    }
    answered
}

#[tokio::test(start_paused = true)]
async fn an_exchange_dropped_anywhere_leaves_nothing() {
    walk_exchange(false).await;
}

#[tokio::test(start_paused = true)]
async fn an_exchange_answered_early_and_dropped_anywhere_leaves_nothing() {
    walk_exchange(true).await;
}

#[tokio::test(start_paused = true)]
async fn a_handshake_dropped_anywhere_leaves_nothing() {
    let walked = drop_walk(
        async || {
            let (net, executor) =
                (skybridge_testkit::net::Network::new(), skybridge_testkit::executor::Executor::new());
            let listener = net.listen(ADDR.parse().unwrap());
            let route = skybridge_testkit::fixtures::route("http://a.test", [ADDR], executor.ctx());
            let link = skybridge_core::Connector::connect(&mut net.connector(), route).await.unwrap();
            let future = H2::<Out>::new().handshake(link, &executor.ctx());
            ((net, executor, listener), async move { drop(future.await.unwrap()) })
        },
        async |(net, executor, listener), _| {
            drop(listener.accept().await);
            executor.assert_idle().await;
            assert_eq!(net.live_sockets(), 0);
        },
    )
    .await;
    assert!(walked.drops > 0);
}

/// The last frames, a reset and GOAWAY, can't be sent. They must not keep the task and the socket for ever.
#[tokio::test(start_paused = true)]
async fn a_peer_that_stops_reading_does_not_keep_a_connection_without_handles() {
    for slowly in [false, true] {
        let mut world = World::with_capacity(H2::new(), 4096).await;
        let mut peer = world.peer().await;
        let client = async {
            let response = exchange(&mut world.client, post(full(vec![0; 60_000]))).await.unwrap();
            assert_eq!(bytes(response).await, "no");
        };
        let server = async {
            let stream = peer.request().await.stream;
            peer.respond(stream, 413, "no").await;
        };
        tokio::join!(client, server);
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert_eq!(world.executor.tasks(), 2, "it is somebody's: the driver and the upload");
        drop(world.client);
        run_until_idle().await;
        assert_eq!(world.executor.tasks(), 1);
        tokio::time::sleep(Duration::from_secs(29)).await;
        if slowly {
            // The peer reads something: the timer starts again.
            peer.recv().await;
            tokio::time::sleep(Duration::from_secs(29)).await;
            assert_eq!(world.net.live_sockets(), 1);
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!((world.executor.tasks(), world.net.live_sockets()), (0, 0), "slowly {slowly}");
        assert_eq!(world.notes.all().last(), Some(&ConnectionStatus::Closed(CloseReason::Shutdown)));
    }
}
