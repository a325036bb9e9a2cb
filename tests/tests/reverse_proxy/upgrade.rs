//! WebSocket, and whatever else a connection is upgraded to.

use super::Front;
use skybridge_testkit::h1::Script;

const ASKED: &str = "GET /chat HTTP/1.1\r\nhost: p.test\r\nconnection: keep-alive, Upgrade\r\nupgrade: websocket\r\n\
                     sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nkeep-alive: timeout=5\r\n\r\n";

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
