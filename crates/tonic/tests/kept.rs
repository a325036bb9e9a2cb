//! Messages that are at hand are kept, so that a call that was not processed is sent again.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use self::support::{EchoClient, World};
use skybridge_testkit::{
    h2::{Frame, Peer, setting},
    net::Conn,
};
use skybridge_tonic::TonicLayer;
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::sync::mpsc;
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Code, Status};

const GRPC: [(&str, &str); 2] = [(":status", "200"), ("content-type", "application/grpc")];
const REFUSED_STREAM: u32 = 7;

/// With windows that hold all of it.
async fn accept(world: &World) -> Peer<Conn> {
    let mut peer = Peer::accept_with(world.accept().await, &[(setting::INITIAL_WINDOW_SIZE, 8 << 20)]).await;
    peer.window_update(0, 8 << 20).await;
    peer
}

async fn answer(peer: &mut Peer<Conn>, stream: u32) {
    peer.headers(stream, &GRPC, false).await;
    peer.data(stream, b"\0\0\0\0\x02ok", false).await;
    peer.headers(stream, &[("grpc-status", "0")], true).await;
}

/// Refuses the first try after its message has come; the message of each try.
async fn refuse_once(world: &World) -> [Vec<u8>; 2] {
    let mut peer = accept(world).await;
    let first = peer.request().await;
    let refused = peer.body(first.stream).await;
    peer.reset(first.stream, REFUSED_STREAM).await;
    let again = peer.request().await;
    let message = peer.body(again.stream).await;
    answer(&mut peer, again.stream).await;
    [refused.to_vec(), message.to_vec()]
}

#[tokio::test(start_paused = true)]
async fn a_refused_unary_call_is_sent_again_with_its_message() {
    for size in [0, 5, 1 << 20] {
        let message = "x".repeat(size);
        let world = World::new();
        let mut echo = EchoClient::new(world.tonic());
        let (answer, tries) = tokio::join!(echo.unary(message), refuse_once(&world));
        assert_eq!(answer.unwrap().into_inner(), "ok");
        assert!(tries[0] == tries[1] && tries[0].len() == 5 + size);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_messages_that_are_at_hand_is_sent_again_up_to_the_limit() {
    // One frame holds at most some 32 KiB of them.
    for (configure, kept) in [
        (Box::new(|layer| layer) as Box<dyn Fn(TonicLayer) -> TonicLayer>, true),
        (Box::new(|layer: TonicLayer| layer.keep(50_000)), false),
        (Box::new(|layer: TonicLayer| layer.keep(0)), false),
    ] {
        let messages: Vec<_> = (0..10).map(|_| "x".repeat(10_000)).collect();
        let world = World::new();
        let mut echo = EchoClient::new(world.tonic_with(configure));
        let server = async {
            if kept {
                let tries = refuse_once(&world).await;
                assert!(tries[0] == tries[1] && tries[0].len() == 100_050);
                return;
            }
            let mut peer = accept(&world).await;
            let request = peer.request().await;
            assert_eq!(peer.body(request.stream).await.len(), 100_050);
            peer.reset(request.stream, REFUSED_STREAM).await;
            peer.expect_close().await;
        };
        let call = async move { echo.client_stream(tokio_stream::iter(messages)).await };
        match tokio::join!(call, server).0 {
            Ok(_) => assert!(kept),
            Err(status) => assert!(!kept && status.code() == Code::Unavailable, "{status:?}"),
        }
    }
}

/// It is not waited for either: what there is goes out before the rest is said.
#[tokio::test(start_paused = true)]
async fn messages_that_are_waited_for_are_not_kept_and_come_as_they_are_said() {
    let world = World::new();
    let mut echo = EchoClient::new(world.tonic());
    let (messages, rest) = mpsc::channel(4);
    messages.send("first".to_owned()).await.unwrap();
    let server = async {
        let mut peer = accept(&world).await;
        let request = peer.request().await;
        let first = peer.until(|frame| matches!(frame, Frame::Data { .. })).await;
        assert!(!first.ends_stream());
        messages.send("second".to_owned()).await.unwrap();
        drop(messages);
        let body = peer.body(request.stream).await;
        assert!(body.ends_with(b"\0\0\0\0\x06second"), "{body:?}");
        peer.reset(request.stream, REFUSED_STREAM).await;
        peer.expect_close().await;
    };
    let call = async move { echo.client_stream(ReceiverStream::new(rest)).await.unwrap_err() };
    let (status, ()): (Status, ()) = tokio::join!(call, server);
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
}

/// Pending, with the waker that it was last polled by, until it is told to go on.
struct Woken(mpsc::Receiver<()>, bool);

impl Stream for Woken {
    type Item = String;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<String>> {
        if self.1 {
            return Poll::Ready(None);
        }
        self.0.poll_recv(cx).map(|_| {
            self.1 = true;
            Some("late".to_owned())
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_comes_late_wakes_the_call() {
    let world = World::new();
    let mut client = EchoClient::new(world.tonic());
    let (go, going) = mpsc::channel(1);
    let call = client.client_stream(Woken(going, false));
    let server = async {
        let mut peer = accept(&world).await;
        let request = peer.request().await;
        go.send(()).await.unwrap();
        assert_eq!(peer.body(request.stream).await, b"\0\0\0\0\x04late"[..]);
        answer(&mut peer, request.stream).await;
    };
    assert_eq!(tokio::join!(call, server).0.unwrap().into_inner(), "ok");
}

/// As much as is kept is asked for before there is a connection, and then what the server takes.
#[tokio::test(start_paused = true)]
async fn of_messages_without_end_no_more_are_kept_than_may_be() {
    let world = World::new();
    world.net.at("192.0.2.1:80".parse().unwrap()).black_hole();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let messages = std::iter::repeat_with(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        "x".repeat(1_000)
    });
    let mut echo = EchoClient::new(world.tonic());
    let call = echo.client_stream(tokio_stream::iter(messages));
    assert!(tokio::time::timeout(Duration::from_secs(1), call).await.is_err());
    // 256 KiB, and what tonic has encoded by then.
    let kib = asked.load(Ordering::SeqCst) * 1_005 / 1_024;
    assert!((256..=320).contains(&kib), "{kib} KiB");
}
