//! Connections that become another protocol's, through `Upgraded`.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::{
    handshake::{H1, cause},
    suite::support::{TestBody, World, amended, empty, forwarded, get, ready, send, world},
};
use http::{Method, Request};
use http_body_util::BodyExt;
use skybridge_core::{CloseReason, Delivery, Upgrade};
use skybridge_h1::H1Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn connect(authority: &str) -> Request<TestBody> {
    Request::builder().method(Method::CONNECT).uri(authority).body(empty()).unwrap()
}

fn websocket() -> Request<TestBody> {
    let request = Request::get("http://a.test/chat").header("connection", "upgrade").header("upgrade", "websocket");
    request.body(empty()).unwrap()
}

/// What is read and written beyond the response's head is the other protocol's, early bytes first.
async fn speaks(world: &mut World<TestBody>, mut response: http::Response<crate::handshake::H1Body>) {
    let upgrade = response.extensions_mut().remove::<Upgrade>().unwrap();
    let mut stream = upgrade.take().unwrap();
    assert!(upgrade.take().is_none(), "it is there once");
    assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
    let mut early = [0; 5];
    stream.read_exact(&mut early).await.unwrap();
    assert_eq!(&early, b"hello");
    stream.write_all(b"ping").await.unwrap();
    world.peer.expect("ping").await;
    world.peer.send("pong").await;
    let mut late = [0; 4];
    stream.read_exact(&mut late).await.unwrap();
    assert_eq!(&late, b"pong");
    world.status.assert_closed(CloseReason::Upgraded);
    assert!(ready(&mut world.conn).await.is_err());
    stream.shutdown().await.unwrap();
    world.peer.expect_close().await;
}

#[tokio::test(start_paused = true)]
async fn bytes_behind_a_101_are_read_first() {
    let mut world = world(H1::new()).await;
    let server = async {
        let request = world.peer.request().await;
        assert_eq!((request.header("connection"), request.header("upgrade")), (Some("upgrade"), Some("websocket")));
        world.peer.send("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\nhello").await;
    };
    let (answer, ()) = tokio::join!(send(&mut world.conn, websocket()), server);
    let response = answer.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["upgrade"]), (101, &"websocket".parse().unwrap()));
    speaks(&mut world, response).await;
}

/// The target is host and port, and so is `host` (RFC 9112, section 3.2.3). A 2xx has no body, whatever it says (RFC
/// 9110, section 9.3.6).
#[tokio::test(start_paused = true)]
async fn a_tunnel_by_hand() {
    for answer in [
        "HTTP/1.1 200 Connection established\r\n\r\nhello",
        "HTTP/1.1 204 No Content\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nhello",
    ] {
        let mut world = world(H1::new()).await;
        let server = async {
            let request = world.peer.request().await;
            assert_eq!(request.head(), "CONNECT b.test:443 HTTP/1.1\r\nhost: b.test:443\r\n\r\n");
            world.peer.send(answer).await;
        };
        let (response, ()) = tokio::join!(send(&mut world.conn, connect("b.test:443")), server);
        speaks(&mut world, response.unwrap()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_by_hand_through_a_proxy_that_wants_credentials() {
    let mut world = amended(H1::new(), forwarded).await;
    let server = async {
        let request = world.peer.request().await;
        assert_eq!((request.line(), request.header("host")), ("CONNECT b.test:443 HTTP/1.1", Some("b.test:443")));
        assert_eq!(request.header("proxy-authorization"), Some("Basic YWxpY2U6c2VjcmV0"));
        world.peer.send("HTTP/1.1 200 OK\r\n\r\nhello").await;
    };
    let (response, ()) = tokio::join!(send(&mut world.conn, connect("b.test:443")), server);
    speaks(&mut world, response.unwrap()).await;
}

/// Whoever is asked for a tunnel is a proxy, and gets the credentials that the request has for it; no origin does.
#[tokio::test(start_paused = true)]
async fn a_tunnel_by_hand_may_bring_credentials_of_its_own() {
    for (mut request, credentials) in [(connect("b.test:443"), Some("Basic eA==")), (get("http://a.test/"), None)] {
        let mut world = world(H1::new()).await;
        request.headers_mut().insert("proxy-authorization", "Basic eA==".parse().unwrap());
        let server = async {
            assert_eq!(world.peer.request().await.header("proxy-authorization"), credentials);
            world.peer.send("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").await;
        };
        let (answer, ()) = tokio::join!(send(&mut world.conn, request), server);
        assert_eq!(answer.unwrap().status(), 403);
    }
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_that_is_refused_is_a_response_like_any_other() {
    let mut world = world(H1::new()).await;
    let refusal = "HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno";
    let (_, response) = world.exchange(connect("b.test:443"), refusal).await;
    assert_eq!((response.status().as_u16(), &response.body()[..]), (403, &b"no"[..]));
    ready(&mut world.conn).await.unwrap();
}

/// There is no port by default, and nobody's password is a part of it.
#[tokio::test(start_paused = true)]
async fn a_tunnel_needs_a_host_and_a_port() {
    let mut world = world(H1::new()).await;
    for uri in ["b.test", "/", "http://b.test", "http://b.test/x", "*"] {
        let failed = send(&mut world.conn, connect(uri)).await.unwrap_err();
        assert!(failed.error.is_request(), "{uri}: {:?}", failed.error);
        assert_eq!(failed.error.delivery(), Delivery::Unsent);
        assert!(failed.has_request());
    }
    let server = async {
        assert_eq!(world.peer.request().await.head(), "CONNECT b.test:1 HTTP/1.1\r\nhost: b.test:1\r\n\r\n");
        world.peer.send("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").await;
    };
    let (answer, ()) = tokio::join!(send(&mut world.conn, connect("http://me:secret@b.test:1/")), server);
    assert_eq!(answer.unwrap().status(), 403);
}

#[tokio::test(start_paused = true)]
async fn a_switch_that_nobody_asked_for_is_an_error() {
    let mut world = world(H1::new()).await;
    let server = async {
        world.peer.request().await;
        world.peer.send("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n").await;
        world.peer.expect_close().await;
    };
    let (answer, ()) = tokio::join!(send(&mut world.conn, get("http://a.test/")), server);
    let error = answer.unwrap_err().error;
    assert!(matches!(cause(&error), H1Error::UnaskedUpgrade), "{error:?}");
    world.status.assert_closed(CloseReason::Protocol);
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_that_is_declined_leaves_the_connection_as_it_is() {
    let mut world = world(H1::new()).await;
    let (_, response) = world.exchange(websocket(), "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    assert_eq!((response.body(), response.extensions().get::<Upgrade>().is_some()), (&"ok".into(), false));
    ready(&mut world.conn).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_nobody_takes_is_closed_with_its_response() {
    let mut world = world(H1::new()).await;
    let server = async {
        world.peer.request().await;
        world.peer.send("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n").await;
    };
    let (answer, ()) = tokio::join!(send(&mut world.conn, websocket()), server);
    drop(answer);
    world.peer.expect_close().await;
    world.executor.assert_idle().await;
}
