//! The raw-frame h2 peer, against the `h2` crate's client.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use bytes::Bytes;
use h2::client::{Connection, SendRequest};
use http::Request;
use skybridge_testkit::{
    gate::Gate,
    h2::{Frame, Peer, code, setting},
    net::{Conn, Network},
};
use std::future::{Future, poll_fn};

type Client = (SendRequest<Bytes>, Connection<Conn, Bytes>);

async fn talk<T, U>(client: impl AsyncFnOnce(SendRequest<Bytes>) -> T, server: impl AsyncFnOnce(Conn) -> U) -> (T, U) {
    let net = Network::new();
    let addr = "192.0.2.1:80".parse().unwrap();
    let listener = net.listen(addr);
    let conn = net.connect(addr).await.unwrap();
    let (send, connection): Client = h2::client::handshake(conn).await.unwrap();
    let client = async {
        let mut connection = Box::pin(connection);
        let mut said = std::pin::pin!(client(send));
        poll_fn(|cx| {
            let _ = connection.as_mut().poll(cx);
            said.as_mut().poll(cx)
        })
        .await
    };
    tokio::join!(client, async { server(listener.accept().await.0).await })
}

fn get(path: &str) -> Request<()> {
    Request::get(format!("http://a.test{path}")).header("x-long", "v".repeat(40_000)).body(()).unwrap()
}

#[tokio::test]
async fn requests_are_decoded_and_answered() {
    let client = async |mut send: SendRequest<Bytes>| {
        let mut bodies = String::new();
        for path in ["/one", "/two"] {
            let (response, _) = send.send_request(get(path), true).unwrap();
            let response = response.await.unwrap();
            assert_eq!(response.status(), 203);
            let mut body = response.into_body();
            while let Some(data) = body.data().await {
                bodies.push_str(std::str::from_utf8(&data.unwrap()).unwrap());
            }
            assert_eq!(body.trailers().await.unwrap().unwrap()["sum"], "9");
        }
        bodies
    };
    let server = async |conn| {
        let mut peer = Peer::accept(conn).await;
        let mut paths = Vec::new();
        for _ in 0..2 {
            let request = peer.request().await;
            assert_eq!((request.get(":method"), request.end), (Some("GET"), true));
            assert_eq!(request.get("x-long").map(str::len), Some(40_000));
            paths.push(request.get(":path").unwrap().to_owned());
            peer.headers(request.stream, &[(":status", "203")], false).await;
            peer.data(request.stream, "hello ", false).await;
            peer.headers(request.stream, &[("sum", "9")], true).await;
        }
        paths
    };
    let (bodies, paths) = talk(client, server).await;
    assert_eq!((bodies.as_str(), paths), ("hello hello ", vec!["/one".to_owned(), "/two".to_owned()]));
}

#[tokio::test]
async fn a_body_is_collected_and_acknowledgements_are_automatic() {
    let client = async |mut send: SendRequest<Bytes>| {
        let (response, mut body) = send.send_request(Request::post("http://a.test/").body(()).unwrap(), false).unwrap();
        body.send_data("ab".into(), false).unwrap();
        body.send_data("cd".into(), true).unwrap();
        response.await.unwrap().status()
    };
    let server = async |conn| {
        let mut peer = Peer::accept(conn).await;
        let request = peer.request().await;
        assert!(!request.end);
        let body = peer.body(request.stream).await;
        peer.ping(*b"testping").await;
        peer.find(|frame| matches!(frame, Frame::Ping { ack: true, data } if data == b"testping")).await;
        peer.find(|frame| matches!(frame, Frame::Settings { ack: true, .. })).await;
        peer.respond(request.stream, 204, "").await;
        peer.expect_close().await;
        body
    };
    let (status, body) = talk(client, server).await;
    assert_eq!((status.as_u16(), body.as_ref()), (204, &b"abcd"[..]));
}

#[tokio::test]
async fn resets_and_goaway_reach_the_client_with_their_codes() {
    let client = async |mut send: SendRequest<Bytes>| {
        let (refused, _) = send.send_request(get("/refused"), true).unwrap();
        let refused = refused.await.unwrap_err();
        assert!(refused.is_reset() && refused.is_remote());
        assert_eq!(refused.reason(), Some(h2::Reason::REFUSED_STREAM));
        let (proxy_target, _) = send.send_request(get("/beyond"), true).unwrap();
        let proxy_target = proxy_target.await.unwrap_err();
        assert!(proxy_target.is_go_away() && proxy_target.is_remote());
        assert_eq!(proxy_target.reason(), Some(h2::Reason::ENHANCE_YOUR_CALM));
    };
    let server = async |conn| {
        let mut peer = Peer::accept(conn).await;
        let first = peer.request().await;
        peer.reset(first.stream, code::REFUSED_STREAM).await;
        let second = peer.request().await;
        assert_eq!((first.stream, second.stream), (1, 3));
        peer.goaway(first.stream, code::ENHANCE_YOUR_CALM, "calm").await;
        peer.expect_close().await;
    };
    talk(client, server).await;
}

#[tokio::test]
async fn a_dropped_response_is_seen_as_a_reset() {
    let gate = Gate::new();
    let client = async |mut send: SendRequest<Bytes>| {
        let (dropped, _) = send.send_request(get("/"), true).unwrap();
        gate.passed().await;
        drop(dropped);
        send.send_request(get("/"), true).unwrap().0.await.unwrap();
    };
    let server = async |conn| {
        let mut peer = Peer::accept(conn).await;
        let dropped = peer.request().await;
        gate.open();
        assert_eq!(peer.expect_reset(dropped.stream).await, code::CANCEL);
        let second = peer.request().await;
        peer.respond(second.stream, 200, "").await;
        peer.expect_close().await;
    };
    talk(client, server).await;
}

#[tokio::test]
async fn requests_that_come_while_something_else_is_waited_for_are_not_lost() {
    let client = async |mut send: SendRequest<Bytes>| {
        let (first, mut body) = send.send_request(Request::post("http://a.test/").body(()).unwrap(), false).unwrap();
        let (second, _) = send.send_request(get("/"), true).unwrap();
        body.send_data("late".into(), false).unwrap();
        body.send_trailers(http::HeaderMap::new()).unwrap();
        let (first, second) = tokio::join!(first, second);
        (first.unwrap().status().as_u16(), second.unwrap().status().as_u16())
    };
    let server = async |conn| {
        let mut peer = Peer::accept(conn).await;
        let first = peer.request().await;
        assert_eq!(peer.body(first.stream).await, "late");
        let second = peer.request().await;
        peer.respond(second.stream, 202, "").await;
        peer.respond(first.stream, 201, "").await;
        peer.expect_close().await;
        (first.stream, second.stream)
    };
    assert_eq!(talk(client, server).await, ((201, 202), (1, 3)));
}

#[tokio::test]
async fn settings_may_come_at_any_moment() {
    let client = async |mut send: SendRequest<Bytes>| {
        let (first, _) = send.send_request(get("/"), true).unwrap();
        first.await.unwrap();
        (send.current_max_send_streams(), send.send_request(get("/"), true).unwrap().0.await.is_ok())
    };
    let server = async |conn| {
        let mut peer = Peer::new(conn).manual();
        peer.preface().await;
        peer.settings(&[(setting::MAX_CONCURRENT_STREAMS, 7), (setting::INITIAL_WINDOW_SIZE, 1 << 20)]).await;
        let first = peer.request().await;
        peer.settings(&[(setting::MAX_CONCURRENT_STREAMS, 3)]).await;
        peer.respond(first.stream, 200, "").await;
        let second = peer.request().await;
        peer.settings_ack().await;
        peer.respond(second.stream, 200, "").await;
        peer.expect_close().await;
        peer.received().iter().filter(|frame| matches!(frame, Frame::Settings { ack: true, .. })).count()
    };
    assert_eq!(talk(client, server).await, ((3, true), 2));
}

#[tokio::test]
async fn unknown_frames_are_ignored_and_malformed_ones_are_errors() {
    let client = async |mut send: SendRequest<Bytes>| {
        let (first, _) = send.send_request(get("/"), true).unwrap();
        assert_eq!(first.await.unwrap().status(), 200);
        let (second, _) = send.send_request(get("/"), true).unwrap();
        second.await.unwrap_err().reason()
    };
    let server = async |conn| {
        let mut peer = Peer::accept(conn).await;
        let first = peer.request().await;
        peer.send(Frame::Unknown { kind: 0xbe, flags: 0xff, stream: first.stream, payload: "?".into() }).await;
        peer.respond(first.stream, 200, "").await;
        peer.request().await;
        peer.send(Frame::Unknown { kind: 0x4, flags: 0, stream: 0, payload: "12345".into() }).await;
        let last = peer.find(|frame| matches!(frame, Frame::GoAway { .. })).await;
        assert!(matches!(last, Frame::GoAway { code: code::PROTOCOL_ERROR, .. }), "{last:?}");
        peer.expect_close().await;
    };
    assert_eq!(talk(client, server).await.0, Some(h2::Reason::PROTOCOL_ERROR));
}

#[tokio::test]
#[should_panic(expected = "expected the preface, got \"GET / HTTP/1.1")]
async fn a_client_of_another_protocol_is_shown() {
    let (mut client, server) = tokio::io::duplex(1024);
    tokio::io::AsyncWriteExt::write_all(&mut client, b"GET / HTTP/1.1\r\nhost: a.test\r\n\r\n").await.unwrap();
    Peer::accept(server).await;
}
