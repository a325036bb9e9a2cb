//! The scripted h1 peer reads what clients write, and misbehaves as told.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use skybridge_testkit::{
    gate::Gate,
    h1::Script,
    net::{Conn, Network},
};
use std::{io::ErrorKind, time::Duration};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn pair() -> (Conn, Script<Conn>) {
    let net = Network::new();
    let addr = "192.0.2.1:80".parse().unwrap();
    let listener = net.listen(addr);
    let client = net.connect(addr).await.unwrap();
    (client, Script::new(listener.accept().await.0))
}

#[tokio::test]
async fn a_body_is_read_by_its_length() {
    let (mut client, mut peer) = pair().await;
    client
        .write_all(
            b"POST /a HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\nx: 1\r\nx: 2\r\n\r\nabcGET /b HTTP/1.1\r\n\r\n",
        )
        .await
        .unwrap();
    let first = peer.request().await;
    assert_eq!((first.line(), first.version()), ("POST /a HTTP/1.1", "HTTP/1.1"));
    assert_eq!((first.header("host"), first.count("X"), first.header("y")), (Some("a.test"), 2, None));
    assert_eq!(first.body(), "abc");
    assert_eq!(peer.request().await.target(), "/b");
    assert_eq!(peer.requests().len(), 2);
    drop(client);
    assert_eq!(peer.next_request().await, None);
}

#[tokio::test]
async fn chunks_and_trailers_are_taken_apart() {
    let (mut client, mut peer) = pair().await;
    let head = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    client.write_all(b"4;ext\r\nwiki\r\nA\r\n0123456789\r\n0\r\nsum: 14\r\n\r\n").await.unwrap();
    let request = peer.request().await;
    assert_eq!(request.head(), head);
    assert_eq!(request.body(), "wiki0123456789");
    assert_eq!(request.trailers(), [("sum".to_owned(), "14".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn the_order_of_events_is_the_scripts() {
    let (mut client, mut peer) = pair().await;
    let gate = Gate::new();
    let server = async {
        peer.head().await;
        peer.expect("half").await;
        peer.send("HTTP/1.1 100 Continue\r\n\r\n").await;
        peer.wait(&gate).await;
        peer.respond(204, "").await;
        peer.expect_silence(Duration::from_secs(60)).await;
        peer.send("garbage").await;
        peer.fin().await;
        peer.expect_close().await;
        peer.dialogue().to_owned()
    };
    let talk = async {
        client.write_all(b"PUT / HTTP/1.1\r\ncontent-length: 8\r\n\r\nhalf").await.unwrap();
        let mut interim = [0; 25];
        client.read_exact(&mut interim).await.unwrap();
        gate.open();
        let mut rest = String::new();
        client.read_to_string(&mut rest).await.unwrap();
        drop(client);
        rest
    };
    let (rest, dialogue) = tokio::join!(talk, server);
    assert!(rest.starts_with("HTTP/1.1 204") && rest.ends_with("garbage"), "{rest}");
    assert!(dialogue.contains("| the gate opens\n< HTTP/1.1 204"), "{dialogue}");
}

#[tokio::test(start_paused = true)]
async fn it_resets_and_stalls() {
    let (mut client, mut peer) = pair().await;
    peer.stall();
    peer.send("late").await;
    assert!(tokio::time::timeout(Duration::from_secs(60), client.read_u8()).await.is_err());
    peer.resume();
    assert_eq!(client.read_u8().await.unwrap(), b'l');
    peer.reset();
    assert_eq!(client.read_u8().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
#[should_panic(expected = "expected \"GET / HTTP/1.1\\\\r\\\\n\", got \"GET /x HTTP/1.1\\\\r\\\\n\"")]
async fn what_was_not_expected_is_shown() {
    let (mut client, mut peer) = pair().await;
    client.write_all(b"GET /x HTTP/1.1\r\n").await.unwrap();
    peer.expect("GET / HTTP/1.1\r\n").await;
}

#[tokio::test]
#[should_panic(expected = "expected the client to close, got \"hello\"")]
async fn a_client_that_speaks_has_not_closed() {
    let (mut client, mut peer) = pair().await;
    client.write_all(b"hello").await.unwrap();
    peer.expect_close().await;
}

#[tokio::test]
async fn a_real_socket_can_be_reset() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let mut peer = Script::new(listener.accept().await.unwrap().0);
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    peer.request().await;
    peer.reset().unwrap();
    assert_eq!(client.read(&mut [0; 1]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}
