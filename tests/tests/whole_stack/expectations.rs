//! `expect: 100-continue` (RFC 9110, section 10.1.1), through the whole stack.

use http::{Request, header};
use skybridge::{RequestBody, Timeouts};
use skybridge_testkit::{
    executor::run_until_idle,
    h1::Script,
    h2::{Peer, code},
};
use skybridge_tests::{World, get, h2, post, read};
use std::{future::Future, time::Duration};
use tokio::time::{Instant, timeout};

const SECOND: Duration = Duration::from_secs(1);

/// Both sides may wait for each other where the body doesn't do what is expected.
async fn in_time<T>(dialogue: impl Future<Output = T>) -> T {
    timeout(60 * SECOND, dialogue).await.unwrap()
}

fn expecting() -> Request<RequestBody> {
    let mut request = post("12345");
    request.headers_mut().insert(header::EXPECT, "100-continue".parse().unwrap());
    request
}

#[tokio::test(start_paused = true)]
async fn over_http1_the_body_is_sent_when_it_is_wanted() {
    let world = World::new();
    let (client, listener) = (world.client(), world.listen());
    let server = async {
        let mut peer = Script::new(listener.accept().await.0);
        assert_eq!(peer.head().await.header("expect"), Some("100-continue"));
        peer.expect_silence(SECOND / 2).await;
        peer.send("HTTP/1.1 100 Continue\r\n\r\n").await;
        let wanted = Instant::now();
        peer.expect("12345").await;
        assert_eq!(wanted.elapsed(), Duration::ZERO);
        peer.respond(200, "hello").await;
        peer.request().await;
        peer.respond(200, "again").await;
        peer
    };
    let calls = async { (read(client.request(expecting())).await, read(client.request(get("/"))).await) };
    let ((answer, next), _peer) = in_time(async { tokio::join!(calls, server) }).await;
    assert_eq!((&*answer.unwrap(), &*next.unwrap(), world.net.opened()), ("hello", "again", 1));
    world.recorder.assert_balanced();
}

/// What comes next on the connection could be the body or another request.
#[tokio::test(start_paused = true)]
async fn over_http1_a_final_answer_costs_the_connection() {
    let world = World::new();
    let (client, listener) = (world.client(), world.listen());
    let server = async {
        let mut peer = Script::new(listener.accept().await.0);
        peer.head().await;
        peer.respond(401, "no").await;
        peer.expect_close().await;
        assert!(!peer.dialogue().contains("12345"), "{}", peer.dialogue());
        let mut other = Script::new(listener.accept().await.0);
        other.request().await;
        other.respond(200, "again").await;
        other
    };
    let calls = async {
        let response = client.request(expecting()).await.unwrap();
        assert_eq!((response.status().as_u16(), &*response.into_body().text().await.unwrap()), (401, "no"));
        read(client.request(get("/"))).await
    };
    let (next, _other) = in_time(async { tokio::join!(calls, server) }).await;
    assert_eq!((&*next.unwrap(), world.net.opened()), ("again", 2));
}

#[tokio::test(start_paused = true)]
async fn over_http1_a_417_is_answered_by_the_request_without_it() {
    let world = World::new();
    let (client, listener) = (world.client(), world.listen());
    let server = async {
        let mut peer = Script::new(listener.accept().await.0);
        peer.head().await;
        peer.respond(417, "").await;
        let mut other = Script::new(listener.accept().await.0);
        let request = other.request().await;
        assert_eq!((request.header("expect"), &request.body()[..]), (None, &b"12345"[..]));
        other.respond(200, "hello").await;
        (peer, other)
    };
    let (answer, _peers) = in_time(async { tokio::join!(read(client.request(expecting())), server) }).await;
    assert_eq!(answer.unwrap(), "hello");
}

/// It is not waited for: a stream that is not wanted can be reset by itself.
#[tokio::test(start_paused = true)]
async fn over_http2_the_body_follows_at_once_and_a_final_answer_costs_its_stream_alone() {
    let world = World::new();
    let (client, listener) = (world.client(), world.listen());
    let server = async {
        let mut peer = Peer::accept(listener.accept().await.0).await;
        let wanted = peer.request().await;
        let since = Instant::now();
        assert_eq!(wanted.fields.get("expect"), Some("100-continue"));
        assert_eq!(peer.body(wanted.stream).await, "12345");
        assert_eq!(since.elapsed(), Duration::ZERO);
        peer.headers(wanted.stream, &[(":status", "100")], false).await;
        peer.respond(wanted.stream, 200, "hello").await;
        let unwanted = peer.request().await.stream;
        peer.respond(unwanted, 401, "no").await;
        peer.reset(unwanted, code::NO_ERROR).await;
        let next = peer.request().await.stream;
        peer.respond(next, 200, "again").await;
        peer
    };
    let calls = async {
        assert_eq!(read(client.request(h2(expecting()))).await.unwrap(), "hello");
        let response = client.request(h2(expecting())).await.unwrap();
        assert_eq!((response.status().as_u16(), &*response.into_body().text().await.unwrap()), (401, "no"));
        run_until_idle().await;
        assert_eq!(read(client.request(h2(get("/")))).await.unwrap(), "again");
    };
    in_time(async { tokio::join!(calls, server) }).await;
    assert_eq!(world.net.opened(), 1);
}

/// The body goes after a second, and then the time limit is that of any answer.
#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_waited_for_as_ever() {
    for over_h2 in [false, true] {
        let world = World::new();
        let client = world.builder().timeouts(Timeouts::default().response_head(5 * SECOND)).build();
        let listener = world.listen();
        let server = async {
            let conn = listener.accept().await.0;
            if over_h2 {
                let mut peer = Peer::accept(conn).await;
                let stream = peer.request().await.stream;
                assert_eq!(peer.body(stream).await, "12345");
                peer.expect_close().await;
            } else {
                let mut peer = Script::new(conn);
                peer.head().await;
                peer.expect("12345").await;
                peer.expect_close().await;
            }
        };
        let since = Instant::now();
        let call = async {
            let request = if over_h2 { h2(expecting()) } else { expecting() };
            let error = read(client.request(request)).await.unwrap_err();
            assert!(error.is_timeout(), "{error:?}");
            let waited = since.elapsed();
            assert!((5 * SECOND..=6 * SECOND).contains(&waited), "{waited:?}");
            drop(client);
        };
        in_time(async { tokio::join!(call, server) }).await;
    }
}
