//! WebSocket, and whatever else a connection is upgraded to.

use super::Front;
use skybridge_testkit::{
    h1::Script,
    net::{Conn, Listener},
};
use skybridge_tests::World;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, split};

const ASKED: &str = "GET /chat HTTP/1.1\r\nhost: p.test\r\nconnection: keep-alive, Upgrade\r\nupgrade: websocket\r\n\
                     sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nkeep-alive: timeout=5\r\n\r\n";

const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";

/// The client's end of an upgrade, and the upstream's.
async fn upgraded(front: &Front, listener: &Listener) -> (Script<Conn>, Script<Conn>) {
    let server = async {
        let mut upstream = Script::new(listener.accept().await.0);
        upstream.request().await;
        upstream.send(SWITCHED).await;
        upstream
    };
    let client = async {
        let mut client = front.sends(ASKED).await;
        client.head().await;
        client
    };
    tokio::join!(client, server)
}

#[tokio::test(start_paused = true)]
async fn a_websocket_passes_both_ways_and_ends_on_both_sides() {
    let front = Front::new();
    let listener = front.world.listen();
    let server = async {
        let mut upstream = Script::new(listener.accept().await.0);
        let asked = upstream.request().await;
        assert_eq!((asked.line(), asked.header("host")), ("GET /chat HTTP/1.1", Some("a.test")));
        assert_eq!((asked.header("connection"), asked.header("upgrade")), (Some("upgrade"), Some("websocket")));
        assert!(asked.header("sec-websocket-key").is_some() && asked.header("keep-alive").is_none());
        upstream
            .send(
                "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                 sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nearly",
            )
            .await;
        upstream.expect("ping").await;
        upstream.send("pong").await;
        upstream.expect_close().await;
    };
    let client = async {
        let mut client = front.sends(ASKED).await;
        let answer = client.head().await;
        assert_eq!(answer.line(), "HTTP/1.1 101 Switching Protocols");
        assert_eq!((answer.header("connection"), answer.header("upgrade")), (Some("upgrade"), Some("websocket")));
        assert_eq!(answer.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        client.expect("early").await;
        client.send("ping").await;
        client.expect("pong").await;
    };
    tokio::join!(server, client);
    drop(listener);
    front.assert_nothing_left().await;
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_ends_for_the_client_when_the_upstream_ends_it() {
    let front = Front::new();
    let listener = front.world.listen();
    let server = async {
        let mut upstream = Script::new(listener.accept().await.0);
        upstream.request().await;
        upstream.send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nbye").await;
    };
    let client = async {
        let mut client = front.sends(ASKED).await;
        client.head().await;
        client.expect("bye").await;
        client.expect_close().await;
    };
    tokio::join!(server, client);
    drop(listener);
    front.assert_nothing_left().await;
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_that_the_upstream_refuses_is_an_answer_like_others() {
    let front = Front::new();
    let listener = front.world.listen();
    let server = async {
        let mut upstream = Script::new(listener.accept().await.0);
        upstream.request().await;
        upstream
            .send("HTTP/1.1 426 Upgrade Required\r\nconnection: upgrade\r\nupgrade: chat/2\r\ncontent-length: 2\r\n\r\nno")
            .await;
        upstream.request().await;
        upstream.respond(200, "plain").await;
    };
    let client = async {
        let mut client = front.sends(ASKED).await;
        let refused = client.head().await;
        assert_eq!((refused.line(), refused.header("upgrade")), ("HTTP/1.1 426 Upgrade Required", Some("chat/2")));
        client.expect("no").await;
        client.send("GET / HTTP/1.1\r\nhost: p.test\r\n\r\n").await;
        client.head().await;
        client.expect("plain").await;
    };
    tokio::join!(server, client);
    assert_eq!(front.world.net.opened(), 2, "one on each side");
    drop(listener);
    front.assert_nothing_left().await;
}

/// What is asked for by HTTP/1.0, or by `connection` alone, isn't asked of the upstream.
#[tokio::test(start_paused = true)]
async fn nothing_is_upgraded_that_was_not_asked_for() {
    let front = Front::new();
    let listener = front.world.listen();
    let server = async {
        let mut upstream = Script::new(listener.accept().await.0);
        let asked = upstream.request().await;
        assert_eq!((asked.header("connection"), asked.header("upgrade")), (None, None));
        upstream.send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n").await;
        upstream.expect_close().await;
    };
    let client = async {
        let mut client = front.sends("GET / HTTP/1.1\r\nhost: p.test\r\nupgrade: websocket\r\n\r\n").await;
        assert_eq!(client.head().await.line(), "HTTP/1.1 502 Bad Gateway");
    };
    tokio::join!(server, client);
    drop(listener);
    front.assert_nothing_left().await;
}

/// By it a client would speak HTTP with the upstream itself: for any path and any host, with any claim of who it is.
#[tokio::test(start_paused = true)]
async fn nothing_is_upgraded_to_another_http() {
    for protocol in ["h2c", "H2C-14", "HTTP/2.0", "tls/1.2", "TLS / 1.0", "h2c, HTTP/3"] {
        let front = Front::new();
        let listener = front.world.listen();
        let server = async {
            let mut upstream = Script::new(listener.accept().await.0);
            let asked = upstream.request().await;
            let fields = ["connection", "upgrade", "http2-settings"].map(|name| asked.header(name));
            assert_eq!(fields, [None; 3], "{protocol}");
            let fields = format!("connection: upgrade\r\nupgrade: {protocol}");
            upstream.send(format!("HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n\r\n")).await;
            upstream.expect_close().await;
        };
        let client = async {
            let fields = format!("connection: upgrade\r\nupgrade: {protocol}\r\nhttp2-settings: AAMAAABk");
            let mut client = front.sends(format!("GET / HTTP/1.1\r\nhost: p.test\r\n{fields}\r\n\r\n")).await;
            assert_eq!(client.head().await.line(), "HTTP/1.1 502 Bad Gateway", "{protocol}");
        };
        tokio::join!(server, client);
        drop(listener);
        front.assert_nothing_left().await;
    }
}

/// So that nothing of the content is read as what comes after the upgrade.
#[tokio::test(start_paused = true)]
async fn an_upgrade_before_the_end_of_the_content_is_none() {
    let front = Front::new();
    let listener = front.world.listen();
    let server = async {
        let mut upstream = Script::new(listener.accept().await.0);
        upstream.head().await;
        upstream.send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n").await;
        upstream.expect_close().await;
    };
    let client = async {
        let asked = ASKED.replacen("GET", "POST", 1).replacen("keep-alive: timeout=5", "content-length: 5", 1);
        assert_eq!(front.sends(asked).await.head().await.line(), "HTTP/1.1 502 Bad Gateway");
    };
    tokio::join!(server, client);
    drop(listener);
    front.assert_nothing_left().await;
}

/// A 101 that names another protocol than those asked for, or none (RFC 9110, section 7.8), leaves both sides with
/// different ideas of what the bytes are.
#[tokio::test(start_paused = true)]
async fn an_upgrade_to_what_was_not_asked_for_is_none() {
    for answer in ["connection: upgrade\r\nupgrade: irc\r\n", ""] {
        let front = Front::new();
        let listener = front.world.listen();
        let server = async {
            let mut upstream = Script::new(listener.accept().await.0);
            upstream.request().await;
            upstream.send(format!("HTTP/1.1 101 Switching Protocols\r\n{answer}\r\n")).await;
            upstream.expect_close().await;
        };
        let client = async {
            let client = front.sends(ASKED).await.head().await;
            assert_eq!(client.line(), "HTTP/1.1 502 Bad Gateway", "{answer}");
        };
        let both = async { tokio::join!(server, client) };
        tokio::time::timeout(std::time::Duration::from_secs(100), both).await.unwrap();
        drop(listener);
        front.assert_nothing_left().await;
    }
}

/// By virtual time, to the second. What passes either way counts.
#[tokio::test(start_paused = true)]
async fn an_upgrade_ends_when_nothing_has_passed_either_way_for_an_hour_or_as_set() {
    for (limit, seconds) in [(None, 3600), (Some(Duration::from_secs(5)), 5)] {
        let front = Front::with(World::new(), World::client, |proxy| match limit {
            Some(limit) => proxy.upgrade_idle_limit(limit),
            None => proxy,
        });
        let listener = front.world.listen();
        let (mut client, mut upstream) = upgraded(&front, &listener).await;
        let short = Duration::from_secs(seconds - 1);
        for _ in 0..3 {
            tokio::time::sleep(short).await;
            client.send("ping").await;
            upstream.expect("ping").await;
            tokio::time::sleep(short).await;
            upstream.send("pong").await;
            client.expect("pong").await;
        }
        let begin = front.world.executor.runtime().now();
        let both = async { tokio::join!(client.expect_close(), upstream.expect_close()) };
        tokio::time::timeout(Duration::from_secs(24 * 3600), both).await.unwrap();
        assert_eq!((front.world.executor.runtime().now() - begin).as_secs(), seconds);
        drop((client, upstream, listener));
        front.assert_nothing_left().await;
    }
}

/// What was read long ago passes when it is taken.
#[tokio::test(start_paused = true)]
async fn an_upgrade_whose_reader_is_slow_but_reads_goes_on() {
    const WINDOW: usize = 1024;
    let front = Front::new();
    front.world.net.at(super::PROXY.parse().unwrap()).window(WINDOW);
    let listener = front.world.listen();
    let (client, mut upstream) = upgraded(&front, &listener).await;
    upstream.send(&"x".repeat(5 * WINDOW)).await;
    let (mut client, early) = client.into_parts();
    let mut left = 5 * WINDOW - early.len();
    while left > 0 {
        tokio::time::sleep(Duration::from_secs(3000)).await;
        let mut taken = [0; WINDOW];
        let taken = &mut taken[..left.min(WINDOW)];
        client.read_exact(taken).await.unwrap();
        left -= taken.len();
    }
    client.write_all(b"thanks").await.unwrap();
    upstream.expect("thanks").await;
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_without_a_limit_may_be_silent_for_a_year() {
    let front = Front::with(World::new(), World::client, |proxy| proxy.upgrade_idle_limit(Duration::MAX));
    let listener = front.world.listen();
    let (mut client, mut upstream) = upgraded(&front, &listener).await;
    tokio::time::sleep(Duration::from_secs(365 * 24 * 3600)).await;
    client.send("ping").await;
    upstream.expect("ping").await;
}

/// A client that takes nothing of what has been switched to holds nothing for ever.
#[tokio::test(start_paused = true)]
async fn an_upgrade_whose_answer_nobody_takes_ends_too() {
    let front = Front::new();
    front.world.net.at(super::PROXY.parse().unwrap()).window(16);
    let listener = front.world.listen();
    let client = async {
        let mut conn = front.world.net.connect(super::PROXY.parse().unwrap()).await.unwrap();
        conn.write_all(ASKED.as_bytes()).await.unwrap();
        conn
    };
    let server = async {
        let mut upstream = Script::new(listener.accept().await.0);
        upstream.request().await;
        upstream.send(SWITCHED).await;
        upstream.expect_close().await;
    };
    let begin = front.world.executor.runtime().now();
    let both = async { tokio::join!(client, server) };
    let (_silent, ()) = tokio::time::timeout(Duration::from_secs(24 * 3600), both).await.unwrap();
    assert_eq!((front.world.executor.runtime().now() - begin).as_secs(), 3600);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_one_direction_passes_and_the_other_goes_on() {
    for client_first in [true, false] {
        let front = Front::new();
        let listener = front.world.listen();
        let (client, upstream) = upgraded(&front, &listener).await;
        let (mut first, mut second) = if client_first { (client, upstream) } else { (upstream, client) };
        first.send("that is all").await;
        first.fin().await;
        second.expect("that is all").await;
        second.expect_close().await;
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_secs(60)).await;
            second.send("more").await;
            first.expect("more").await;
        }
        second.fin().await;
        first.expect_close().await;
        drop((first, second, listener));
        front.assert_nothing_left().await;
    }
}

/// Not a byte is lost, doubled or mixed up, and of what nobody reads there is no more than the buffers hold.
#[tokio::test(start_paused = true)]
async fn both_ways_at_once_each_byte_passes_and_who_is_not_read_waits() {
    const SIZE: usize = 4 << 20;
    const UNDER_WAY: u64 = 512 << 10;
    /// Bytes by which each place is told from others.
    fn bytes(seed: u32) -> Vec<u8> {
        (0..SIZE as u32).map(|at| (at.wrapping_add(seed).wrapping_mul(0x9e37_79b1) >> 24) as u8).collect()
    }
    let front = Front::new();
    let listener = front.world.listen();
    let (client, upstream) = upgraded(&front, &listener).await;
    let ((client, none), (upstream, nothing)) = (client.into_parts(), upstream.into_parts());
    assert!(none.is_empty() && nothing.is_empty());
    let sent = [client.wire(), upstream.wire()];
    let before = sent.each_ref().map(|wire| wire.bytes_sent());
    let side = async |conn: Conn, says: Vec<u8>, hears: Vec<u8>| {
        let (mut read, mut write) = split(conn);
        let writes = async {
            write.write_all(&says).await.unwrap();
            write.shutdown().await.unwrap();
        };
        let reads = async {
            // All that can be written is: virtual time goes on when nobody does anything.
            tokio::time::sleep(Duration::from_secs(1)).await;
            for (wire, before) in sent.iter().zip(before) {
                assert!(wire.bytes_sent() - before < UNDER_WAY, "{} bytes wait", wire.bytes_sent());
            }
            let mut heard = vec![];
            read.read_to_end(&mut heard).await.unwrap();
            assert!(heard == hears, "{} bytes of {}", heard.len(), hears.len());
        };
        tokio::join!(writes, reads);
    };
    tokio::join!(side(client, bytes(1), bytes(2)), side(upstream, bytes(2), bytes(1)));
    drop(listener);
    front.assert_nothing_left().await;
}

/// Before the 101, while it is joined, and with bytes that nobody has taken yet.
#[tokio::test(start_paused = true)]
async fn whoever_leaves_an_upgrade_at_any_time_ends_it_for_the_other() {
    for stage in ["asked", "joined", "full"] {
        for client_leaves in [true, false] {
            let front = Front::new();
            let listener = front.world.listen();
            if stage == "asked" {
                let client = front.sends(ASKED).await;
                let mut upstream = Script::new(listener.accept().await.0);
                upstream.request().await;
                // Or it would be asked again.
                drop(listener);
                if client_leaves {
                    drop(client);
                    upstream.expect_close().await;
                } else {
                    drop(upstream);
                    let mut client = client;
                    assert_eq!(client.head().await.line(), "HTTP/1.1 502 Bad Gateway");
                }
            } else {
                let (client, upstream) = upgraded(&front, &listener).await;
                let (leaves, mut stays) = if client_leaves { (client, upstream) } else { (upstream, client) };
                if stage == "full" {
                    let flood = vec![b'x'; 1 << 20];
                    let _ = tokio::time::timeout(Duration::from_secs(1), stays.send(flood)).await;
                }
                leaves.get_ref().reset();
                drop(leaves);
                let begin = front.world.executor.runtime().now();
                stays.expect_close().await;
                let late = front.world.executor.runtime().now() - begin;
                assert!(late < Duration::from_secs(1), "{stage} {client_leaves}: {late:?}");
                drop((stays, listener));
            }
            front.assert_nothing_left().await;
        }
    }
}
