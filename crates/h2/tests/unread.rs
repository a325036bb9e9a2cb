//! Responses that nobody reads take nothing from the others, and lie within the connection's window.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests, and the tasks of their peers")]

mod support;

use bytes::Bytes;
use http::Response;
use http_body::Body;
use http_body_util::BodyExt;
use skybridge_testkit::{
    executor::run_until_idle,
    h2::{Frame, Peer, setting},
    net::Conn,
};
use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::Poll,
};
use support::*;

const MIB: usize = 1 << 20;
/// More than any window.
const LONG: usize = 65 * MIB;

/// A server that sends as fast as windows allow: `/N` is answered with N bytes. Returns what it has sent.
fn serve(conn: Conn) -> Arc<AtomicUsize> {
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    tokio::spawn(async move {
        let mut connection = h2::server::Builder::new().handshake::<_, Bytes>(conn).await.unwrap();
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            let sent = Arc::clone(&counted);
            tokio::spawn(async move {
                let mut rest: usize = request.uri().path()[1..].parse().unwrap();
                let mut stream = respond.send_response(Response::new(()), false).unwrap();
                while rest > 0 {
                    stream.reserve_capacity(rest.min(MIB));
                    let Some(Ok(capacity)) = poll_fn(|cx| stream.poll_capacity(cx)).await else { return };
                    let now = capacity.min(rest);
                    rest -= now;
                    sent.fetch_add(now, Relaxed);
                    stream.send_data(Bytes::from(vec![0; now]), rest == 0).unwrap();
                }
            });
        }
    });
    sent
}

async fn length(response: Response<skybridge_h2::H2Body>) -> usize {
    let mut body = response.into_body();
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        read += frame.unwrap().into_data().unwrap().len();
    }
    read
}

#[tokio::test(start_paused = true)]
async fn a_hundred_unread_responses_stay_within_the_window_and_the_next_is_answered() {
    let mut world = World::new(H2::new()).await;
    let sent = serve(world.conn.take().unwrap());
    let mut unread = Vec::new();
    for _ in 0..100 {
        let mut handle = world.handle();
        unread.push(exchange(&mut handle, get(&format!("/{LONG}"))).await.unwrap());
        run_until_idle().await;
    }
    let lying = sent.load(Relaxed);
    assert!((16 * MIB..=64 * MIB).contains(&lying), "{lying} bytes lie unread");
    let answer = exchange(&mut world.client, get(&format!("/{}", 3 * MIB))).await.unwrap();
    assert_eq!(length(answer).await, 3 * MIB);
    // What lay unread is there, and the rest comes when it is read.
    assert_eq!(length(unread.pop().unwrap()).await, LONG);
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_unread_responses_leaves_room_for_another() {
    let mut world = World::new(H2::new()).await;
    serve(world.conn.take().unwrap());
    assert_eq!(length(exchange(&mut world.client, get("/1")).await.unwrap()).await, 1);
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let mut handle = world.handle();
        calls.spawn(async move { exchange(&mut handle, get(&format!("/{LONG}"))).await.unwrap() });
    }
    let unread = calls.join_all().await;
    assert_eq!(length(exchange(&mut world.client, get(&format!("/{MIB}"))).await.unwrap()).await, MIB);
    drop(unread);
}

/// A window that has grown for a fast reader does not let a reader that stops starve the next.
#[tokio::test(start_paused = true)]
async fn a_response_that_is_not_read_on_leaves_another_its_64_mib() {
    let mut world = World::new(H2::new()).await;
    serve(world.conn.take().unwrap());
    let mut stopped = exchange(&mut world.client, get(&format!("/{}", 4 * LONG))).await.unwrap().into_body();
    let mut read = 0;
    while read < 2 * LONG {
        read += stopped.frame().await.unwrap().unwrap().into_data().unwrap().len();
    }
    let mut other = world.handle();
    assert_eq!(length(exchange(&mut other, get(&format!("/{}", 64 * MIB))).await.unwrap()).await, 64 * MIB);
    assert!(!http_body::Body::is_end_stream(&stopped));
}

/// 16 MiB unread, as OkHttp has it: the head of the second response comes, and its body.
#[tokio::test(start_paused = true)]
async fn a_whole_window_unread_holds_up_nobody() {
    let mut world = World::new(H2::new()).await;
    serve(world.conn.take().unwrap());
    let first = exchange(&mut world.client, get(&format!("/{}", 16 * MIB))).await.unwrap();
    run_until_idle().await;
    let mut second = world.handle();
    assert_eq!(length(exchange(&mut second, get(&format!("/{}", 16 * MIB))).await.unwrap()).await, 16 * MIB);
    assert_eq!(length(first).await, 16 * MIB);
}

#[tokio::test(start_paused = true)]
async fn windows_are_lowered_before_the_stream_that_makes_it_necessary() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    // It acknowledges the first SETTINGS while it reads.
    peer.until(|frame| matches!(frame, Frame::Settings { ack: true, .. })).await;
    run_until_idle().await;
    let (mut first, mut second) = (world.handle(), world.handle());
    let calls = async { tokio::join!(exchange(&mut first, get("/1")), exchange(&mut second, get("/2"))) };
    let server = async {
        let (one, two) = (peer.request().await.stream, peer.request().await.stream);
        let window = [(setting::INITIAL_WINDOW_SIZE, 4 << 20)];
        let lowered = |frame: &Frame| matches!(frame, Frame::Settings { ack: false, values } if values[..] == window);
        let at = |found: &dyn Fn(&Frame) -> bool| peer.received().iter().position(found).unwrap();
        assert!(at(&lowered) < at(&|frame| frame.stream() == two));
        peer.respond(one, 204, "").await;
        peer.respond(two, 204, "").await;
    };
    let ((one, two), ()) = tokio::join!(calls, server);
    assert!(one.is_ok() && two.is_ok());
}

#[tokio::test(start_paused = true)]
async fn fixed_windows_stay_as_they_were_set() {
    let mut world = World::new(H2::new().adaptive_window(false)).await;
    let mut peer = world.peer().await;
    run_until_idle().await;
    let (mut first, mut second) = (world.handle(), world.handle());
    let calls = async {
        let (one, two) = tokio::join!(exchange(&mut first, get("/1")), exchange(&mut second, get("/2")));
        assert_eq!((length(one.unwrap()).await, length(two.unwrap()).await), (MIB, 0));
        run_until_idle().await;
    };
    let server = async {
        let (one, two) = (peer.request().await.stream, peer.request().await.stream);
        peer.respond(two, 204, "").await;
        peer.headers(one, &[(":status", "200")], false).await;
        for piece in 1..=64 {
            peer.data(one, vec![0; MIB / 64], piece == 64).await;
        }
    };
    tokio::join!(calls, server);
    run_until_idle().await;
    peer.ping([1; 8]).await;
    peer.until(|frame| matches!(frame, Frame::Ping { ack: true, .. })).await;
    let settings = peer.received().iter().filter(|frame| matches!(frame, Frame::Settings { ack: false, .. })).count();
    let pings = peer.received().iter().filter(|frame| matches!(frame, Frame::Ping { ack: false, .. })).count();
    assert_eq!((settings, pings), (1, 0));
}

/// A reader has taken all that came, more than the new window, when the window is lowered: it must be opened again.
#[tokio::test(start_paused = true)]
async fn a_lowered_window_is_opened_again_for_a_reader_that_waits() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    peer.until(|frame| matches!(frame, Frame::Settings { ack: true, .. })).await;
    run_until_idle().await;
    let mut body = None;
    let server = async {
        let stream = peer.request().await.stream;
        peer.headers(stream, &[(":status", "200")], false).await;
        stream
    };
    let (response, stream) = tokio::join!(exchange(&mut world.client, get("/")), server);
    body.replace(response.unwrap().into_body());
    let reader = tokio::spawn(async move {
        let (mut body, mut read) = (body.unwrap(), 0);
        while let Some(frame) = body.frame().await {
            read += frame.unwrap().into_data().unwrap().len();
        }
        read
    });
    for _ in 0..64 {
        peer.data(stream, vec![0; 16_384], false).await;
    }
    run_until_idle().await;
    let mut others: Vec<_> = (0..100).map(|_| world.handle()).collect();
    for handle in &mut others {
        ready(handle).await.unwrap();
        skybridge_core::Connection::start(handle, get("/other"));
    }
    let granted = |frame: &Frame| matches!(frame, Frame::WindowUpdate { stream: of, .. } if *of == stream);
    assert!(!peer.received().iter().any(granted), "1 MiB of 16 is no half");
    peer.until(granted).await;
    peer.data(stream, [0; 16], true).await;
    assert_eq!(reader.await.unwrap(), MIB + 16);
}

/// Readers that have taken all there was, and wait for more; each poll of one is counted.
async fn waiting_readers(world: &World, peer: &mut Peer<Conn>, streams: usize) -> Arc<AtomicUsize> {
    let polls = Arc::new(AtomicUsize::new(0));
    for _ in 0..streams {
        let (mut handle, polls) = (world.handle(), Arc::clone(&polls));
        tokio::spawn(async move {
            let mut body = exchange(&mut handle, get("/")).await.unwrap().into_body();
            poll_fn(|cx| {
                polls.fetch_add(1, Relaxed);
                loop {
                    match Pin::new(&mut body).poll_frame(cx) {
                        Poll::Ready(Some(_)) => {}
                        polled => return polled,
                    }
                }
            })
            .await
        });
        let stream = peer.request().await.stream;
        peer.headers(stream, &[(":status", "200")], false).await;
        peer.data(stream, vec![0; 1 << 14], false).await;
        run_until_idle().await;
    }
    polls
}

#[tokio::test(start_paused = true)]
async fn many_readers_that_wait_do_not_wake_each_other() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    let polls = waiting_readers(&world, &mut peer, 1_200).await;
    let before = polls.load(Relaxed);
    run_until_idle().await;
    assert_eq!(polls.load(Relaxed), before);
}

/// Once, when the peer has acknowledged it.
#[tokio::test(start_paused = true)]
async fn a_reader_that_waits_is_woken_once_for_windows_that_were_lowered() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    let polls = waiting_readers(&world, &mut peer, 100).await;
    let before = polls.load(Relaxed);
    // Another one gets a lot.
    let download = async {
        let response = exchange(&mut world.client, get("/")).await.unwrap();
        length(response).await
    };
    let server = async {
        let stream = peer.request().await.stream;
        peer.headers(stream, &[(":status", "200")], false).await;
        for last in (0..400).rev() {
            peer.data(stream, vec![0; 1 << 14], last == 0).await;
            run_until_idle().await;
        }
    };
    let (length, ()) = tokio::join!(download, server);
    assert_eq!(length, 400 << 14);
    let woken = polls.load(Relaxed) - before;
    assert!(woken <= 200, "100 readers were polled {woken} times");
}
