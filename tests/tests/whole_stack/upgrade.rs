//! A connection that becomes another protocol's reaches whoever asked for that, and leaves the pool.

use http::{Request, Response};
use skybridge::{Body, PoolConfig, RequestBody, Upgrade};
use skybridge_testkit::h1::Script;
use skybridge_tests::{World, get, read};
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
