//! A body that stands still holds nobody for ever, whoever makes it wait.

use super::{Front, PROXY};
use skybridge_testkit::{
    h1::Script,
    net::{Conn, Listener},
};
use skybridge_tests::World;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

const LIMIT: Duration = Duration::from_secs(5);
/// Longer than any limit here.
const LONG: Duration = Duration::from_secs(2 * 3600);
const GET: &str = "GET / HTTP/1.1\r\nhost: p.test\r\n\r\n";
const PUT: &str = "PUT / HTTP/1.1\r\nhost: p.test\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n";

fn limited(limit: Duration) -> Front {
    Front::with(World::new(), World::client, |proxy| proxy.body_idle_limit(limit))
}

/// A request, and the upstream that has it as far as it goes.
async fn asked(front: &Front, listener: &Listener, request: &str) -> (Script<Conn>, Script<Conn>) {
    let client = front.sends(request).await;
    let mut upstream = Script::new(listener.accept().await.0);
    upstream.head().await;
    if request == PUT {
        upstream.expect("4\r\nhalf\r\n").await;
    }
    (client, upstream)
}

/// When the proxy has closed its connection to this peer, both ways.
async fn closed_after(front: &Front, peer: &Conn) -> Duration {
    let runtime = front.world.executor.runtime();
    let (begin, wire) = (runtime.now(), peer.wire());
    while !wire.peer_dropped() && runtime.now() - begin < LONG {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    runtime.now() - begin
}

fn assert_is_about(late: Duration, expected: Duration) {
    assert!(late >= expected && late - expected < Duration::from_secs(1), "{late:?}");
}

/// To an upstream nothing of it may look like a whole one.
#[tokio::test(start_paused = true)]
async fn a_request_that_stands_still_is_a_408_and_ends_upstream() {
    let front = limited(LIMIT);
    let listener = front.world.listen();
    let (mut client, mut upstream) = asked(&front, &listener, PUT).await;
    let begin = front.world.executor.runtime().now();
    let both = async { tokio::join!(client.head(), upstream.expect_close()) };
    let (answered, ()) = timeout(LONG, both).await.unwrap();
    assert_eq!(answered.line(), "HTTP/1.1 408 Request Timeout");
    assert_eq!(front.world.executor.runtime().now() - begin, LIMIT);
    drop((client, upstream, listener));
    front.assert_nothing_left().await;
}

/// Of a response, and of both bodies at once.
#[tokio::test(start_paused = true)]
async fn what_stands_still_behind_an_answer_ends_on_both_sides() {
    for request in [GET, PUT] {
        let front = limited(LIMIT);
        let listener = front.world.listen();
        let (mut client, mut upstream) = asked(&front, &listener, request).await;
        upstream.send(OK).await;
        client.head().await;
        client.expect("4\r\nhalf\r\n").await;
        let begin = front.world.executor.runtime().now();
        let ended = async { tokio::join!(client.expect_close(), closed_after(&front, upstream.get_ref())) };
        let ((), late) = timeout(LONG, ended).await.unwrap();
        assert_is_about(late, LIMIT);
        assert_is_about(front.world.executor.runtime().now() - begin, LIMIT);
        drop((client, upstream, listener));
        front.assert_nothing_left().await;
    }
}

/// It is the upstream's connection that it would hold; its own is the server's to limit.
#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_lets_go_of_the_upstream() {
    let front = limited(LIMIT);
    front.world.net.at(PROXY.parse().unwrap()).window(1024);
    let listener = front.world.listen();
    let (client, upstream) = asked(&front, &listener, GET).await;
    let (mut conn, _) = upstream.into_parts();
    let flood = async {
        conn.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n").await.unwrap();
        while conn.write_all(&[b'x'; 64 << 10]).await.is_ok() {}
    };
    let begin = front.world.executor.runtime().now();
    timeout(LONG, flood).await.expect("the upstream is held");
    assert_is_about(front.world.executor.runtime().now() - begin, LIMIT);
    // What it has got by then is no whole response.
    let (mut conn_in_front, early) = client.into_parts();
    let mut rest = early.to_vec();
    let _ = timeout(LONG, conn_in_front.read_to_end(&mut rest)).await.expect("the client is told");
    assert!(rest.len() < 100_000_000);
    drop((conn_in_front, conn, listener));
    front.assert_nothing_left().await;
}

/// As a stream of events of which only one side says something, and as slowly as may be.
#[tokio::test(start_paused = true)]
async fn what_passes_either_way_keeps_both_bodies() {
    for upload in [true, false] {
        let front = limited(LIMIT);
        let listener = front.world.listen();
        let (mut client, mut upstream) = asked(&front, &listener, PUT).await;
        upstream.send(OK).await;
        client.head().await;
        client.expect("4\r\nhalf\r\n").await;
        let (from, to) = if upload { (&mut client, &mut upstream) } else { (&mut upstream, &mut client) };
        for _ in 0..5 {
            tokio::time::sleep(LIMIT - Duration::from_secs(1)).await;
            from.send("4\r\nmore\r\n").await;
            to.expect("4\r\nmore\r\n").await;
        }
        client.send("0\r\n\r\n").await;
        upstream.expect("0\r\n\r\n").await;
        upstream.send("0\r\n\r\n").await;
        client.expect("0\r\n\r\n").await;
        drop((client, upstream, listener));
        front.assert_nothing_left().await;
    }
}

/// What was read long ago passes when it is taken.
#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_gets_all_of_it() {
    const SIZE: usize = 2_000_000;
    const WINDOW: usize = 64 << 10;
    let front = limited(LIMIT);
    front.world.net.at(PROXY.parse().unwrap()).window(WINDOW);
    let listener = front.world.listen();
    let (mut client, upstream) = asked(&front, &listener, GET).await;
    let (mut conn, _) = upstream.into_parts();
    let writes = async {
        conn.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {SIZE}\r\n\r\n").as_bytes()).await.unwrap();
        conn.write_all(&vec![b'x'; SIZE]).await.unwrap();
    };
    let reads = async {
        client.head().await;
        let mut left = SIZE;
        while left > 0 {
            tokio::time::sleep(Duration::from_millis(400)).await;
            let length = left.min(WINDOW);
            client.take(length).await;
            left -= length;
        }
    };
    tokio::join!(writes, reads);
    drop((client, conn, listener));
    front.assert_nothing_left().await;
}

#[tokio::test(start_paused = true)]
async fn a_body_may_stand_still_for_an_hour_or_as_set() {
    let hour = Duration::from_secs(3600);
    for (limit, expected) in [(None, hour), (Some(LIMIT), LIMIT), (Some(Duration::MAX), LONG)] {
        let front = Front::with(World::new(), World::client, |proxy| match limit {
            Some(limit) => proxy.body_idle_limit(limit),
            None => proxy,
        });
        let listener = front.world.listen();
        let (mut client, mut upstream) = asked(&front, &listener, GET).await;
        upstream.send(OK).await;
        client.head().await;
        assert_is_about(closed_after(&front, upstream.get_ref()).await, expected);
        drop((client, upstream, listener));
        front.assert_nothing_left().await;
    }
}
