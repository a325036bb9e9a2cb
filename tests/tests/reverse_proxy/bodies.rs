//! Bodies are streamed both ways: nobody's slowness is another's memory, and who leaves cancels.

use super::Front;
use http::{HeaderMap, HeaderName};
use http_body_util::BodyExt;
use skybridge::{ConnectOptions, HttpVersions};
use skybridge_testkit::{h1::Script, net::Conn, origin::Origin};
use skybridge_tests::World;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub(super) const SIZE: usize = 100 << 20;
/// What may be under way: buffers of two connections, of the server and of the client.
pub(super) const UNDER_WAY: u64 = 2 << 20;

pub(super) async fn write(conn: &mut Conn, mut left: usize) {
    let piece = vec![b'x'; 64 << 10];
    while left > 0 {
        let length = left.min(piece.len());
        conn.write_all(&piece[..length]).await.unwrap();
        left -= length;
    }
}

pub(super) async fn read(conn: &mut Conn, mut left: usize) {
    let mut piece = vec![0; 64 << 10];
    while left > 0 {
        let length = left.min(piece.len());
        let read = conn.read(&mut piece[..length]).await.unwrap();
        assert!(read > 0, "{left} bytes are missing");
        left -= read;
    }
}

/// A writer that nobody reads is stopped, and goes on when somebody reads.
#[tokio::test(start_paused = true)]
async fn a_hundred_megabytes_pass_both_ways_in_the_memory_of_two() {
    for upload in [true, false] {
        let front = Front::new();
        let listener = front.world.listen();
        let method = if upload { "PUT" } else { "GET" };
        let length = if upload { format!("content-length: {SIZE}\r\n") } else { String::new() };
        let mut client = front.sends(format!("{method} / HTTP/1.1\r\nhost: p.test\r\n{length}\r\n")).await;
        let mut upstream = Script::new(listener.accept().await.0);
        upstream.head().await;
        if !upload {
            upstream.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {SIZE}\r\n\r\n")).await;
            client.head().await;
        }
        let ((mut client, early), (mut upstream, _)) = (client.into_parts(), upstream.into_parts());
        assert!(early.is_empty());
        let (from, to) = if upload { (&mut client, &mut upstream) } else { (&mut upstream, &mut client) };
        let sent = from.wire();
        let reads = async {
            // All that can be written is: virtual time goes on when nobody does anything.
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert!(sent.bytes_sent() < UNDER_WAY, "{} bytes wait", sent.bytes_sent());
            read(to, SIZE).await;
        };
        tokio::join!(write(from, SIZE), reads);
    }
}

#[tokio::test(start_paused = true)]
async fn each_piece_and_the_trailers_pass_at_once() {
    let front = Front::new();
    let listener = front.world.listen();
    let head = "POST / HTTP/1.1\r\nhost: p.test\r\ntransfer-encoding: chunked\r\nte: trailers\r\n\r\n";
    let mut client = front.sends(head).await;
    let mut upstream = Script::new(listener.accept().await.0);
    assert_eq!(upstream.head().await.header("transfer-encoding"), Some("chunked"));
    client.send("3\r\none\r\n").await;
    upstream.expect("3\r\none\r\n").await;
    upstream.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n3\r\ntwo\r\n").await;
    client.head().await;
    client.expect("3\r\ntwo\r\n").await;
    client.send("0\r\nx-end: 1\r\n\r\n").await;
    upstream.expect("0\r\nx-end: 1\r\n\r\n").await;
    upstream.send("0\r\nx-sum: 7\r\n\r\n").await;
    client.expect("0\r\nx-sum: 7\r\n\r\n").await;
}

/// What looked at the fields before the body has passed the request by then: an upstream that merges the two would
/// believe what is behind it (RFC 9110, section 6.5.1).
#[tokio::test(start_paused = true)]
async fn trailers_that_belong_before_the_body_or_claim_who_asks_do_not_pass() {
    let forbidden = "x-forwarded-for: 198.51.100.7\r\nx_real_ip: 198.51.100.7\r\nauthorization: Basic c2VjcmV0\r\n\
                     content-length: 5\r\nhost: evil.test\r\ntransfer-encoding: chunked\r\n";
    for http2 in [false, true] {
        let front = Front::with(
            World::new(),
            |world| {
                let versions = if http2 { HttpVersions::Http2 } else { HttpVersions::default() };
                world.builder().connect_options(ConnectOptions::new().http_versions(versions)).build()
            },
            |proxy| proxy,
        );
        let origin = if http2 { Origin::h2c() } else { Origin::h1() };
        let origin = origin.handle(|request| async move {
            let whole = request.into_body().collect().await.unwrap();
            let names = whole.trailers().into_iter().flat_map(HeaderMap::keys).map(HeaderName::as_str);
            http::Response::new(names.collect::<Vec<_>>().join(" "))
        });
        let _origin = origin.serve_on(front.world.listen());
        for (trailers, expected) in [("", ""), ("x-end: 1\r\n", "x-end")] {
            let head = "POST / HTTP/1.1\r\nhost: p.test\r\ntransfer-encoding: chunked\r\n\r\n";
            let mut client = front.sends(format!("{head}3\r\none\r\n0\r\n{forbidden}{trailers}\r\n")).await;
            let answered = client.head().await;
            assert_eq!(answered.line(), "HTTP/1.1 200 OK", "{http2}");
            assert_eq!(answered.header("content-length"), Some(&*expected.len().to_string()), "{http2}");
            client.expect(expected).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_waits_for_100_continue_waits_for_the_upstreams() {
    let front = Front::new();
    let listener = front.world.listen();
    let head = "POST / HTTP/1.1\r\nhost: p.test\r\ncontent-length: 3\r\nexpect: 100-continue\r\n\r\n";
    let mut client = front.sends(head).await;
    let mut upstream = Script::new(listener.accept().await.0);
    assert_eq!(upstream.head().await.header("expect"), Some("100-continue"));
    client.expect_silence(Duration::from_millis(500)).await;
    upstream.send("HTTP/1.1 100 Continue\r\n\r\n").await;
    client.expect("HTTP/1.1 100 Continue\r\n\r\n").await;
    client.send("one").await;
    upstream.expect("one").await;
}

/// Before the head, within the body, and within the request.
#[tokio::test(start_paused = true)]
async fn a_client_that_is_gone_cancels_its_request_upstream() {
    for stage in ["head", "body", "request"] {
        let front = Front::new();
        let listener = front.world.listen();
        let length = if stage == "request" { "content-length: 5\r\n" } else { "" };
        let mut client = front.sends(format!("POST / HTTP/1.1\r\nhost: p.test\r\n{length}\r\n")).await;
        let mut upstream = Script::new(listener.accept().await.0);
        upstream.head().await;
        if stage == "body" {
            upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n").await;
            client.head().await;
        }
        let begin = front.world.executor.runtime().now();
        drop(client);
        upstream.expect_close().await;
        assert!(front.world.executor.runtime().now() - begin < Duration::from_secs(1), "{stage}");
        drop((upstream, listener));
        front.assert_nothing_left().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_that_breaks_off_is_not_taken_for_a_whole_one() {
    let front = Front::new();
    let listener = front.world.listen();
    let mut client = front.sends("GET / HTTP/1.1\r\nhost: p.test\r\n\r\n").await;
    let mut upstream = Script::new(listener.accept().await.0);
    upstream.request().await;
    upstream.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n").await;
    client.head().await;
    client.expect("3\r\none\r\n").await;
    drop(upstream);
    client.expect_close().await;
    drop((client, listener));
    front.assert_nothing_left().await;
}
