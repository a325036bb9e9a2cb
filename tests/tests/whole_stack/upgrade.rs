//! A connection that becomes another protocol's reaches whoever asked for that, and leaves the pool.

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Channel};
use skybridge::{Body, Cause, ConnectProtocol, PoolConfig, RequestBody, RequestError, Timeouts, Upgrade};
use skybridge_testkit::{
    h1::Script,
    h2::{Frame, Peer, setting},
};
use skybridge_tests::{World, get, h2, read};
use std::{io, time::Duration};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn websocket() -> Request<RequestBody> {
    let mut request = get("/chat");
    request.headers_mut().insert("connection", "upgrade".parse().unwrap());
    request.headers_mut().insert("upgrade", "websocket".parse().unwrap());
    request
}

/// Bytes right behind the head are read first, then those that follow; and what is written arrives.
async fn speaks(mut response: Response<Body>) -> impl Sized {
    let mut stream = response.extensions_mut().remove::<Upgrade>().unwrap().take().unwrap();
    drop(response);
    let mut bytes = [0; 9];
    stream.write_all(b"ping").await.unwrap();
    stream.read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes, b"earlypong");
    stream
}

#[tokio::test(start_paused = true)]
async fn an_upgraded_connection_is_its_users_and_the_pool_has_another_for_the_next_request() {
    let world = World::new();
    let listener = world.listen();
    let client = world.builder().pool(PoolConfig::new().max_per_origin(1)).build();
    let server = async {
        let mut first = Script::new(listener.accept().await.0);
        first.request().await;
        first.respond(200, "one").await;
        first.request().await;
        first.send("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\nearly").await;
        first.expect("ping").await;
        first.send("pong").await;
        let mut second = Script::new(listener.accept().await.0);
        second.request().await;
        second.respond(200, "two").await;
        (first, second)
    };
    let calls = async {
        assert_eq!(read(client.request(get("/"))).await.unwrap(), "one");
        let stream = speaks(client.request(websocket()).await.unwrap()).await;
        let stats = client.stats();
        assert_eq!((stats.idle, stats.active, stats.draining), (0, 0, 0), "{stats:?}");
        let closed: Vec<_> =
            world.recorder.lines().into_iter().filter(|line| line.starts_with("connection_closed")).collect();
        assert_eq!(closed, ["connection_closed a1 c1 upgraded"]);
        // It counts for no limit, though it lives.
        assert_eq!(read(client.request(get("/"))).await.unwrap(), "two");
        stream
    };
    let (stream, (mut first, second)) = tokio::join!(calls, server);
    assert_eq!(world.net.opened(), 2);
    drop(client);
    drop(second);
    drop(stream);
    first.expect_close().await;
    drop(first);
    world.assert_nothing_left().await;
}

/// WebSocket over HTTP/2 (RFC 8441): `body` is what the client sends.
fn stream(body: RequestBody) -> Request<RequestBody> {
    let mut request = get("/chat").map(|_| body);
    *request.method_mut() = Method::CONNECT;
    request.extensions_mut().insert(ConnectProtocol::WEBSOCKET);
    request
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_another_protocol_shares_its_connection_for_as_long_as_it_likes() {
    let world = World::new();
    let listener = world.listen();
    let client = world.builder().timeouts(Timeouts::new().response_head(Duration::from_secs(5))).build();
    let server = async {
        let settings = [(setting::ENABLE_CONNECT_PROTOCOL, 1)];
        let mut peer = Peer::accept_with(listener.accept().await.0, &settings).await;
        let chat = peer.request().await;
        assert_eq!((chat.fields.get(":method"), chat.fields.get(":protocol")), (Some("CONNECT"), Some("websocket")));
        peer.headers(chat.stream, &[(":status", "200")], false).await;
        let other = peer.request().await.stream;
        peer.respond(other, 200, "beside").await;
        let Frame::Data { data, .. } = peer.until(|frame| matches!(frame, Frame::Data { .. })).await else {
            unreachable!()
        };
        peer.data(chat.stream, [&*data, b"-pong"].concat(), true).await;
        peer.until(Frame::ends_stream).await;
        peer
    };
    let calls = async {
        let (mut sender, body) = Channel::<Bytes, io::Error>::new(1);
        let response = client.request(h2(stream(RequestBody::wrap(body)))).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(read(client.request(h2(get("/")))).await.unwrap(), "beside");
        // Nothing is sent for an hour, and nothing received.
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert_eq!(client.stats().active, 1);
        sender.send_data(Bytes::from_static(b"ping")).await.unwrap();
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ping-pong");
    };
    let ((), peer) = tokio::join!(calls, server);
    assert_eq!(world.net.opened(), 1);
    drop((client, peer));
    world.assert_nothing_left().await;
}

/// It fails as what it is, and isn't tried again: an `upgrade` is another request.
#[tokio::test(start_paused = true)]
async fn a_stream_of_another_protocol_is_refused_where_there_is_none() {
    for over_h2 in [false, true] {
        let world = World::new();
        let listener = world.listen();
        let client = world.client();
        let server = async {
            let mut conn = listener.accept().await.0;
            if over_h2 {
                let mut peer = Peer::accept(conn).await;
                let other = peer.request().await;
                assert_eq!(other.fields.get(":method"), Some("GET"), "the stream was asked for");
                peer.respond(other.stream, 200, "after").await;
            } else {
                // A request that can't be encoded ends the connection that it was given to.
                assert_eq!(conn.read(&mut [0; 1]).await.unwrap(), 0);
                let mut script = Script::new(listener.accept().await.0);
                assert_eq!(script.request().await.line(), "GET / HTTP/1.1");
                script.respond(200, "after").await;
            }
        };
        let calls = async {
            let version = |request| if over_h2 { h2(request) } else { request };
            let error = client.request(version(stream(().into()))).await.unwrap_err();
            let refused = matches!(error.cause(), Cause::Request(RequestError::ExtendedConnect(_)));
            assert!(refused && error.earlier().is_empty(), "{error:?}");
            assert_eq!(read(client.request(version(get("/")))).await.unwrap(), "after");
        };
        tokio::join!(calls, server);
        assert_eq!(world.net.opened(), if over_h2 { 1 } else { 2 });
        let error = client.request(Request::connect("http://a.test:80").body(()).unwrap()).await.unwrap_err();
        assert!(matches!(error.cause(), Cause::Request(RequestError::Method(_))), "{error:?}");
    }
}
