//! Peers that answer and never take the rest of a request, and requests of which the rest never comes.

use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame, SizeHint};
use skybridge::{Client, PoolConfig, RequestBody};
use skybridge_testkit::{
    executor::run_until_idle,
    h1::Script,
    h2::{Frame as H2Frame, Peer, code, setting},
    net::Conn,
};
use skybridge_tests::{World, addr, all, get, h2, post, read};
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

const SECOND: Duration = Duration::from_secs(1);

/// Five bytes that never come.
struct Stalled;

impl Body for Stalled {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(5)
    }
}

fn stalled() -> Request<RequestBody> {
    post(RequestBody::wrap(Stalled))
}

/// More than a connection of [`stuck`] takes.
fn long() -> Request<RequestBody> {
    post(vec![0; 100_000])
}

/// A world with little room on the wire, where each HTTP/1.1 request is answered as soon as its head is here, and the
/// rest is not taken.
async fn stuck(connections: usize, config: PoolConfig) -> (World, Client, Vec<Script<Conn>>) {
    let world = World::new();
    world.net.at(addr()).window(4096);
    let listener = world.listen();
    let client = world.builder().pool(config).build();
    let calls = (0..connections).map(|_| {
        let client = client.clone();
        async move { assert_eq!(read(client.request(long())).await.unwrap(), "too much") }
    });
    let server = async {
        let mut peers = Vec::new();
        for _ in 0..connections {
            let mut peer = Script::new(listener.accept().await.0);
            peer.head().await;
            peer.respond(413, "too much").await;
            peers.push(peer);
        }
        peers
    };
    let (_, peers) = tokio::join!(all(calls), server);
    run_until_idle().await;
    assert_eq!((client.stats().active, client.stats().idle), (connections, 0));
    drop(listener);
    (world, client, peers)
}

/// Nothing that one request doesn't send holds up another.
#[tokio::test(start_paused = true)]
async fn a_body_that_never_comes_is_no_trap() {
    let world = World::new();
    let listener = world.listen();
    let client = world.client();
    let calls = async {
        for _ in 0..3 {
            assert_eq!(read(client.request(stalled())).await.unwrap(), "too much");
        }
        run_until_idle().await;
        assert_eq!(read(client.request(get("/"))).await.unwrap(), "hello");
    };
    let server = async {
        let mut peers = Vec::new();
        for _ in 0..3 {
            let mut peer = Script::new(listener.accept().await.0);
            peer.head().await;
            peer.respond(413, "too much").await;
            peers.push(peer);
        }
        let mut peer = Script::new(listener.accept().await.0);
        peer.request().await;
        peer.respond(200, "hello").await;
        peers.push(peer);
        peers
    };
    let both = async { tokio::join!(calls, server).1 };
    let peers = tokio::time::timeout(SECOND, both).await.expect("the last request waits for another's body");
    tokio::time::sleep(6 * SECOND).await;
    assert_eq!((client.stats().active, client.stats().idle, world.net.live_sockets()), (0, 1, 1));
    assert_eq!(world.recorder.lines().iter().filter(|line| line.contains("upload_stalled")).count(), 3);
    drop((client, peers));
    world.assert_nothing_left().await;
}

#[tokio::test(start_paused = true)]
async fn sockets_of_peers_that_do_not_take_the_rest_are_closed() {
    let (world, client, peers) = stuck(50, PoolConfig::new()).await;
    assert_eq!(world.net.live_sockets(), 50);
    tokio::time::sleep(6 * SECOND).await;
    assert_eq!((client.stats(), world.net.live_sockets()), (Default::default(), 0));
    drop(client);
    world.assert_nothing_left().await;
    drop(peers);
}

#[tokio::test(start_paused = true)]
async fn close_ends_them_at_once_and_the_last_handle_in_time() {
    let (world, client, peers) = stuck(5, PoolConfig::new()).await;
    client.close();
    world.assert_nothing_left().await;
    drop(peers);

    let (world, client, peers) = stuck(5, PoolConfig::new()).await;
    drop(client);
    run_until_idle().await;
    assert_eq!(world.net.live_sockets(), 5);
    tokio::time::sleep(6 * SECOND).await;
    world.assert_nothing_left().await;
    drop(peers);
}

/// The origin may have one connection, and gets another in time.
#[tokio::test(start_paused = true)]
async fn an_origin_is_not_blocked_for_ever() {
    let (world, client, peers) = stuck(1, PoolConfig::new().max_per_origin(1).upload_grace(SECOND)).await;
    let listener = world.listen();
    let server = async {
        let mut peer = Script::new(listener.accept().await.0);
        peer.request().await;
        peer.respond(200, "hello").await;
        peer
    };
    let both = async { tokio::join!(read(client.request(get("/"))), server) };
    let (answer, _peer) = tokio::time::timeout(2 * SECOND, both).await.expect("the origin is blocked");
    assert_eq!(answer.unwrap(), "hello");
    drop(peers);
}

/// A request that nobody waits for any more is not sent to its end, though its peer takes nothing.
#[tokio::test(start_paused = true)]
async fn a_request_given_up_while_it_is_stuck_leaves_nothing() {
    let world = World::new();
    world.net.at(addr()).window(4096);
    let listener = world.listen();
    let client = world.client();
    let call = tokio::time::timeout(SECOND, client.request(long()));
    let (given_up, peer) = tokio::join!(call, async {
        let mut peer = Script::new(listener.accept().await.0);
        peer.head().await;
        peer
    });
    assert!(given_up.is_err());
    run_until_idle().await;
    assert_eq!(world.net.live_sockets(), 0);
    drop(client);
    world.assert_nothing_left().await;
    drop(peer);
}

/// What 300 uploads leave at a peer that answers each and gives none of them room.
#[tokio::test(start_paused = true)]
async fn streams_without_a_window_are_reset() {
    for closed in [false, true] {
        let world = World::new();
        let listener = world.listen();
        let client = world.client();
        let mut peer = None;
        let first = async {
            let capacity = [(setting::INITIAL_WINDOW_SIZE, 0), (setting::MAX_CONCURRENT_STREAMS, 1000)];
            let mut accepted = Peer::accept_with(listener.accept().await.0, &capacity).await;
            let stream = accepted.request().await.stream;
            accepted.respond(stream, 204, "").await;
            peer = Some(accepted);
        };
        tokio::join!(async { read(client.request(h2(get("/")))).await.unwrap() }, first);
        let (mut peer, tasks) = (peer.unwrap(), world.executor.tasks());
        let calls = (0..300).map(|n| {
            let client = client.clone();
            // Such as is at hand, such as is longer than it should be, and such as never comes.
            let request = if n % 2 == 0 { long() } else { stalled() };
            async move { assert_eq!(read(client.request(h2(request))).await.unwrap(), "too much") }
        });
        let server = async {
            let mut streams = Vec::new();
            for _ in 0..300 {
                let stream = peer.request().await.stream;
                peer.respond(stream, 413, "too much").await;
                streams.push(stream);
            }
            streams
        };
        let (_, streams) = tokio::join!(all(calls), server);
        run_until_idle().await;
        assert_eq!(client.stats().streams, 300);
        if closed {
            client.close();
        } else {
            tokio::time::sleep(6 * SECOND).await;
        }
        for stream in streams {
            assert_eq!(peer.expect_reset(stream).await, code::CANCEL);
        }
        run_until_idle().await;
        assert_eq!(client.stats().streams, 0);
        if closed {
            peer.until(|frame| matches!(frame, H2Frame::GoAway { .. })).await;
        } else {
            assert_eq!(world.executor.tasks(), tasks);
        }
        drop((client, peer));
        world.assert_nothing_left().await;
    }
}
