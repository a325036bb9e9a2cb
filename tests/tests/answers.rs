//! Responses that ask for their request again: 408, 425 and 503. They are sent again once each, and whoever calls gets
//! the response if they aren't.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use skybridge::{
    Budget, Cause, Client, Delivery, Error, H1, H2, NegotiateLayer, PoolConfig, PoolLayer, RaceLayer, RequestBody,
    RetryLayer, RouteLayer, Timeouts,
};
use skybridge_core::FollowUp;
use skybridge_hyper::HyperH1;
use skybridge_testkit::{
    executor::run_until_idle,
    h1::Script,
    h2::Peer,
    origin::{Builder, Origin},
};
use skybridge_tests::{World, get, h2, post, read, wishing};
use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::Instant;
use tower::{
    Service, ServiceBuilder, ServiceExt,
    buffer::BufferLayer,
    limit::ConcurrencyLimitLayer,
    timeout::TimeoutLayer,
    util::{MapRequestLayer, MapResponseLayer},
};

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

/// A status, and its `retry-after`.
type Answer = (u16, Option<&'static str>);

const TIMEOUT: Answer = (408, None);
const TOO_EARLY: Answer = (425, None);
const UNAVAILABLE: Answer = (503, Some("0"));

/// What a server has received: when, the method, and the body.
type Received = Vec<(Duration, Method, String)>;

/// Answers so, one after the other, and then with `hello`.
fn answering(origin: Builder, answers: &[Answer], received: &Arc<Mutex<Received>>) -> Builder {
    let (start, answers, received) = (Instant::now(), answers.to_vec(), Arc::clone(received));
    origin.handle(move |request: Request<Incoming>| {
        let (answers, received) = (answers.clone(), Arc::clone(&received));
        async move {
            let (head, body) = request.into_parts();
            let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
            let index = {
                let mut received = received.lock().unwrap();
                received.push((start.elapsed(), head.method, body));
                received.len() - 1
            };
            let Some((status, retry_after)) = answers.get(index).copied() else {
                return Response::new("hello".to_owned());
            };
            let mut response = Response::builder().status(status);
            if let Some(retry_after) = retry_after {
                response = response.header(header::RETRY_AFTER, retry_after);
            }
            response.body(format!("answer {index}")).unwrap()
        }
    })
}

/// What became of one request.
#[derive(Debug)]
struct Outcome {
    status: u16,
    text: String,
    /// When the response was here.
    after: Duration,
    received: Received,
    connections: usize,
    /// How often it was said that it is sent again.
    decisions: usize,
}

impl Outcome {
    fn tries(&self) -> usize {
        self.received.len()
    }
}

/// Sends a request by a client with this retry layer, over HTTP/1.1 or HTTP/2.
async fn sent(
    http2: bool,
    retry: RetryLayer<RequestBody>,
    answers: &[Answer],
    request: Request<RequestBody>,
) -> Outcome {
    let world = World::new();
    let client = world.builder().retry(retry).build();
    sent_by(world, client, http2, answers, request).await
}

async fn sent_by(
    world: World,
    client: Client,
    http2: bool,
    answers: &[Answer],
    request: Request<RequestBody>,
) -> Outcome {
    let received = Arc::default();
    let origin = if http2 { Origin::h2c() } else { Origin::h1() };
    let origin = answering(origin, answers, &received).serve_on(world.listen());
    let (start, request) = (Instant::now(), if http2 { h2(request) } else { request });
    let mut response = client.request(request).await.unwrap();
    let after = start.elapsed();
    assert!(FollowUp::take::<RequestBody, _>(&mut response).is_none(), "nobody above sends it again");
    let status = response.status().as_u16();
    let text = response.into_body().text().await.unwrap();
    drop(client);
    world.assert_nothing_left().await;
    let received = std::mem::take(&mut *received.lock().unwrap());
    let decided = |line: &String| line.starts_with("retry_decision") && line.contains("again (refused)");
    let decisions = world.recorder.lines().into_iter().filter(decided).count();
    Outcome { status, text, after, received, connections: origin.connections(), decisions }
}

/// As [`sent`], over both.
async fn both(
    retry: RetryLayer<RequestBody>,
    answers: &[Answer],
    request: impl Fn() -> Request<RequestBody>,
) -> [Outcome; 2] {
    [sent(false, retry.clone(), answers, request()).await, sent(true, retry, answers, request()).await]
}

fn safe() -> RetryLayer<RequestBody> {
    RetryLayer::safe()
}

/// A body that can't be had twice.
fn one_shot() -> Request<RequestBody> {
    post(RequestBody::wrap(UnsyncBoxBody::new(Full::new(bytes::Bytes::from("once")))))
}

#[tokio::test(start_paused = true)]
async fn each_answer_is_followed_once() {
    // What the server answers, how often it is asked, and what the caller gets.
    let rows: [(&[Answer], usize, u16); 14] = [
        (&[TIMEOUT], 2, 200),
        (&[(408, Some("0"))], 2, 200),
        (&[TIMEOUT, TIMEOUT], 2, 408),
        (&[TOO_EARLY], 2, 200),
        (&[TOO_EARLY, TOO_EARLY], 2, 425),
        (&[UNAVAILABLE], 2, 200),
        (&[UNAVAILABLE, UNAVAILABLE], 2, 503),
        (&[TIMEOUT, UNAVAILABLE, TOO_EARLY], 4, 200),
        (&[TIMEOUT, UNAVAILABLE, TIMEOUT], 3, 408),
        // These don't ask for it, or not now.
        (&[(503, None)], 1, 503),
        (&[(408, Some("1"))], 1, 408),
        (&[(425, Some("1"))], 1, 425),
        (&[(503, Some("Fri, 31 Dec 1999 23:59:59 GMT"))], 1, 503),
        (&[(429, Some("0"))], 1, 429),
    ];
    for (answers, tries, status) in rows {
        for request in [|| get("/"), || post("a body")] {
            for outcome in both(safe(), answers, request).await {
                assert_eq!((outcome.tries(), outcome.status), (tries, status), "{answers:?} {outcome:?}");
                let text = if status == 200 { "hello".to_owned() } else { format!("answer {}", tries - 1) };
                assert_eq!((outcome.text, outcome.decisions), (text, tries - 1), "{answers:?}");
                let first = &outcome.received[0];
                assert!(outcome.received.iter().all(|request| (&request.1, &request.2) == (&first.1, &first.2)));
                assert_eq!(outcome.connections, 1, "a short answer leaves its connection as it was: {answers:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_the_method_and_only_what_can_be_had_again() {
    for method in ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"] {
        let request = || Request::builder().method(method).uri("http://a.test/").body(RequestBody::from("x")).unwrap();
        for outcome in both(safe(), &[TIMEOUT], request).await {
            assert_eq!((outcome.tries(), outcome.status), (2, 200), "{method}");
            assert!(outcome.received.iter().all(|(_, seen, body)| *seen == method && body == "x"), "{outcome:?}");
        }
    }
    for answer in [TIMEOUT, TOO_EARLY, UNAVAILABLE] {
        for outcome in both(safe(), &[answer], one_shot).await {
            assert_eq!((outcome.tries(), outcome.status), (1, answer.0));
            assert_eq!((outcome.text.as_str(), outcome.decisions), ("answer 0", 0));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_off_sends_nothing_again() {
    let off: [fn() -> RetryLayer<RequestBody>; 4] = [
        || safe().answers(false),
        || safe().max_tries(1),
        || RetryLayer::unsent().retry_after(SECOND),
        || safe().budget(Budget::new(0, 0)),
    ];
    for retry in off {
        for answer in [TIMEOUT, TOO_EARLY, UNAVAILABLE] {
            for outcome in both(retry(), &[answer], || get("/")).await {
                assert_eq!((outcome.tries(), outcome.status, outcome.decisions), (1, answer.0, 0), "{answer:?}");
                assert_eq!(outcome.text, "answer 0");
            }
        }
    }
    for outcome in both(safe().max_tries(2), &[TIMEOUT, UNAVAILABLE], || get("/")).await {
        assert_eq!((outcome.tries(), outcome.status), (2, 503));
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_waited_for_within_the_limit() {
    let limit = 5 * SECOND;
    for (retry, retry_after, waited) in [
        (safe().retry_after(limit), "3", Some(3)),
        (safe().retry_after(limit), "5", Some(5)),
        (safe().retry_after(limit), "6", None),
        (safe().retry_after(Duration::MAX), "10", Some(10)),
        // Longer than a request may be sent again.
        (safe().retry_after(Duration::MAX), "11", None),
        (safe().retry_after(Duration::MAX), "18446744073709551615", None),
        (safe().retry_after(Duration::MAX).max_age(Duration::MAX), "18446744073709551615", None),
        (safe().retry_after(Duration::MAX).max_age(60 * SECOND), "11", Some(11)),
        (safe().retry_after(limit), "soon", None),
    ] {
        for status in [408, 425, 503] {
            for outcome in both(retry.clone(), &[(status, Some(retry_after))], || post("x")).await {
                let waited = waited.map(|seconds| seconds * SECOND);
                let expected = (waited.map_or(status, |_| 200), waited.unwrap_or_default());
                assert_eq!((outcome.status, outcome.after), expected, "{status} {retry_after} {retry:?}");
                assert_eq!(outcome.received.last().unwrap().0, outcome.after);
            }
        }
    }
    // It isn't waited for twice for one status, and the second wait counts from the first failure.
    let long = safe().retry_after(Duration::MAX);
    for outcome in both(long, &[(503, Some("6")), (408, Some("6"))], || get("/")).await {
        assert_eq!((outcome.tries(), outcome.status, outcome.after), (2, 408, 6 * SECOND));
    }
}

/// A response that is here is worth more than a wait that ends in a timeout.
#[tokio::test(start_paused = true)]
async fn nor_beyond_the_limit_of_the_call() {
    for (limit, status, after) in [(3, 503, 0), (4, 200, 3)] {
        for http2 in [false, true] {
            let timeouts = || Timeouts::new().call(limit * SECOND);
            let retry = || safe().retry_after(5 * SECOND);
            let by_request = || wishing(get("/"), |options| options.timeouts(timeouts()));
            let answers = &[(503, Some("3"))];
            let expected = (status, after * SECOND);

            let world = World::new();
            let client = world.builder().retry(retry()).timeouts(timeouts()).build();
            let outcome = sent_by(world, client, http2, answers, get("/")).await;
            assert_eq!((outcome.status, outcome.after), expected, "of the client");
            let outcome = sent(http2, retry(), answers, by_request()).await;
            assert_eq!((outcome.status, outcome.after), expected, "of the request");
        }
    }
    // Through layers of one's own, too.
    let world = World::new();
    let nothing = MapRequestLayer::new(|request: Request<RequestBody>| request);
    let client =
        world.builder().retry(safe().retry_after(5 * SECOND)).above_retry(nothing.clone()).above_pool(nothing).build();
    let _origin = answering(Origin::h1(), &[(503, Some("3"))], &Arc::default()).serve_on(world.listen());
    let start = Instant::now();
    let request = wishing(get("/"), |options| options.timeouts(Timeouts::new().call(2 * SECOND)));
    assert_eq!((client.request(request).await.unwrap().status().as_u16(), start.elapsed()), (503, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_while_it_waits_leaves_nothing() {
    for http2 in [false, true] {
        let world = World::new();
        let client = world.builder().retry(safe().retry_after(5 * SECOND)).build();
        let received = Arc::default();
        let origin = if http2 { Origin::h2c() } else { Origin::h1() };
        let origin = answering(origin, &[(503, Some("3"))], &received).serve_on(world.listen());
        let request = if http2 { h2(get("/")) } else { get("/") };
        assert!(tokio::time::timeout(SECOND, client.request(request)).await.is_err());
        assert_eq!((origin.open(), client.stats().active), (1, 0), "meanwhile others may use the connection");
        drop(client);
        world.assert_nothing_left().await;
        assert_eq!(received.lock().unwrap().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_fails_afterwards_says_what_was_answered_before() {
    let world = World::new();
    let (client, listener) = (world.client(), world.listen());
    let server = async {
        let mut peer = Script::new(listener.accept().await.0);
        peer.request().await;
        peer.respond(408, "").await;
        peer.request().await;
        peer.send("HTTP/1.1 no status\r\n\r\n").await;
        peer.expect_close().await;
    };
    let (error, ()) = tokio::join!(read(client.request(get("/"))), server);
    let error = error.unwrap_err();
    assert_eq!(error.delivery(), Delivery::Unknown);
    assert!(matches!(error.cause(), Cause::Protocol(_)), "{error:?}");
    let [earlier] = error.earlier() else { panic!("{error:?}") };
    assert!(matches!(earlier.cause(), Cause::Answered(StatusCode::REQUEST_TIMEOUT)), "{earlier:?}");
    assert_eq!(earlier.delivery(), Delivery::Refused);
    assert!(earlier.to_string().starts_with("http://a.test: the peer answered 408 Request Timeout ("), "{earlier}");
}

/// The first connection is the second's no more: it is closed at this time, and the request has come on another by
/// then.
async fn elsewhere(pool: PoolConfig, answer: &str, at: Duration, closed: Duration) {
    let world = World::new();
    let (client, listener) = (world.builder().pool(pool).build(), world.listen());
    let start = Instant::now();
    let server = async {
        let mut first = Script::new(listener.accept().await.0);
        first.request().await;
        first.send(answer).await;
        let close = async {
            first.expect_close().await;
            start.elapsed()
        };
        let second = async {
            let mut second = Script::new(listener.accept().await.0);
            assert_eq!(&second.request().await.body()[..], b"a body");
            let at = start.elapsed();
            second.respond(200, "hello").await;
            (at, second)
        };
        tokio::join!(close, second)
    };
    let (text, (closed_at, (sent_at, _second))) = tokio::join!(read(client.request(post("a body"))), server);
    assert_eq!((text.unwrap().as_str(), sent_at, closed_at), ("hello", at, closed), "{answer}");
    drop(client);
    world.assert_nothing_left().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_soon_read_costs_its_connection_and_nothing_else() {
    const STALLED: &str = "HTTP/1.1 408 Request Timeout\r\ncontent-length: 4\r\n\r\nha";
    let now = Duration::ZERO;
    let one = || PoolConfig::new().max_per_origin(1);
    elsewhere(PoolConfig::new(), STALLED, now, 100 * MILLISECOND).await;
    elsewhere(one(), STALLED, 100 * MILLISECOND, 100 * MILLISECOND).await;
    for large in [
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: 0\r\ncontent-length: 65537\r\n\r\n".to_owned(),
        "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_owned(),
        "HTTP/1.1 425 Too Early\r\n\r\nto the end".to_owned(),
    ] {
        elsewhere(PoolConfig::new(), &large, now, now).await;
        elsewhere(one(), &large, now, now).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_whose_rest_comes_soon_leaves_its_connection_as_it_was() {
    let world = World::new();
    let client = world.builder().pool(PoolConfig::new().max_per_origin(1)).build();
    let listener = world.listen();
    let server = async {
        let mut peer = Script::new(listener.accept().await.0);
        peer.request().await;
        peer.send("HTTP/1.1 408 Request Timeout\r\ncontent-length: 4\r\n\r\nha").await;
        peer.expect_silence(20 * MILLISECOND).await;
        peer.send("lf").await;
        peer.request().await;
        peer.respond(200, "hello").await;
        peer
    };
    let (text, _peer) = tokio::join!(read(client.request(post("a body"))), server);
    assert_eq!((text.unwrap().as_str(), world.net.opened()), ("hello", 1));
}

#[tokio::test(start_paused = true)]
async fn over_http2_the_stream_is_reset_and_the_connection_stays() {
    let world = World::new();
    let (client, listener) = (world.client(), world.listen());
    let server = async {
        let mut peer = Peer::accept(listener.accept().await.0).await;
        let first = peer.request().await.stream;
        peer.body(first).await;
        peer.headers(first, &[(":status", "503"), ("retry-after", "0")], false).await;
        peer.data(first, "a part", false).await;
        peer.expect_reset(first).await;
        let second = peer.request().await.stream;
        assert_eq!(peer.body(second).await, "a body");
        peer.respond(second, 200, "hello").await;
        peer
    };
    let (text, _peer) = tokio::join!(read(client.request(h2(post("a body")))), server);
    assert_eq!((text.unwrap().as_str(), world.net.opened()), ("hello", 1));
}

/// As a server does that waits for the rest of a request for too long.
#[tokio::test(start_paused = true)]
async fn in_the_middle_of_an_upload() {
    let large = "x".repeat(4 << 20);
    for http2 in [false, true] {
        let world = World::new();
        let (client, listener) = (world.client(), world.listen());
        let request = if http2 { h2(post(large.clone())) } else { post(large.clone()) };
        let server = async {
            let io = listener.accept().await.0;
            if http2 {
                let mut peer = Peer::accept(io).await;
                let first = peer.request().await.stream;
                peer.headers(first, &[(":status", "408")], true).await;
                let second = peer.request().await.stream;
                peer.respond(second, 200, "hello").await;
                return;
            }
            let mut first = Script::new(io);
            first.head().await;
            first.send("HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").await;
            let mut second = Script::new(listener.accept().await.0);
            assert_eq!(second.request().await.body().len(), large.len());
            second.respond(200, "hello").await;
        };
        let (text, ()) = tokio::join!(read(client.request(request)), server);
        assert_eq!(text.unwrap(), "hello", "{http2}");
    }
}

/// What waits for `100 Continue` wasn't touched, so it need not be copied.
#[tokio::test(start_paused = true)]
async fn a_body_that_was_held_back_is_sent_again_though_it_can_not_be_copied() {
    let world = World::new();
    let (client, listener) = (world.client(), world.listen());
    let mut request = one_shot();
    request.headers_mut().insert(header::EXPECT, "100-continue".parse().unwrap());
    let server = async {
        let mut first = Script::new(listener.accept().await.0);
        first.head().await;
        first.respond(408, "").await;
        first.expect_close().await;
        let mut second = Script::new(listener.accept().await.0);
        assert_eq!(second.head().await.header("expect"), Some("100-continue"));
        second.send("HTTP/1.1 100 Continue\r\n\r\n").await;
        second.expect("once").await;
        second.respond(200, "hello").await;
    };
    let (text, ()) = tokio::join!(read(client.request(request)), server);
    assert_eq!(text.unwrap(), "hello");
}

/// Some servers say it to a connection that is idle for too long. It is no answer to what is sent next.
#[tokio::test(start_paused = true)]
async fn a_408_that_nobody_asked_for_is_no_answer() {
    let world = World::new();
    let (client, listener) = (world.client(), world.listen());
    let server = async {
        let mut first = Script::new(listener.accept().await.0);
        first.request().await;
        first.respond(200, "one").await;
        first.send("HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").await;
        first.expect_close().await;
        let mut second = Script::new(listener.accept().await.0);
        second.request().await;
        second.respond(200, "two").await;
        second
    };
    let calls = async {
        assert_eq!(read(client.request(post("1"))).await.unwrap(), "one");
        run_until_idle().await;
        assert_eq!(read(client.request(post("2"))).await.unwrap(), "two");
    };
    let (_second, ()) = tokio::join!(server, calls);
    assert_eq!(world.recorder.count("retry_decision"), 0);
}

/// A stack by hand, with a layer between retry and pool.
macro_rules! stack {
    ($world:expr, $h1:expr, $layer:expr) => {
        ServiceBuilder::new()
            .layer(RetryLayer::safe())
            .layer($layer)
            .layer(PoolLayer::shared($world.executor.runtime()).observer($world.recorder.clone()))
            .layer(RouteLayer::new($world.net.resolver()))
            .layer(NegotiateLayer::new($h1, H2::new()))
            .layer(RaceLayer::happy_eyeballs())
            .service($world.net.dialer())
    };
}

/// The status and the number of tries of a request that is answered with 408 at first.
async fn through<S, B>(world: &World, stack: &S, answers: &[Answer]) -> (u16, usize)
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Error> + Clone,
    B: http_body::Body<Data = bytes::Bytes, Error: fmt::Debug>,
{
    let received = Arc::default();
    let _origin = answering(Origin::h1(), answers, &received).serve_on(world.listen());
    let response = stack.clone().oneshot(post("a body")).await.unwrap();
    let status = response.status().as_u16();
    response.into_body().collect().await.unwrap();
    let tries = received.lock().unwrap().len();
    (status, tries)
}

#[tokio::test(start_paused = true)]
async fn layers_in_between_see_every_try() {
    let world = World::new();
    let stack = stack!(world, H1::new(), (TimeoutLayer::new(SECOND), ConcurrencyLimitLayer::new(1)));
    assert_eq!(through(&world, &stack, &[TIMEOUT]).await, (200, 2));
    let world = World::new();
    let stack = stack!(world, H1::new(), BufferLayer::new(8));
    assert_eq!(through(&world, &stack, &[UNAVAILABLE]).await, (200, 2));
    // One that makes a response of its own takes the request with the rest: that response is the caller's.
    let world = World::new();
    let another = MapResponseLayer::new(|response: Response<_>| {
        let (head, body) = response.into_parts();
        Response::builder().status(head.status).body(body).unwrap()
    });
    let stack = stack!(world, H1::new(), another);
    assert_eq!(through(&world, &stack, &[TIMEOUT]).await, (408, 1));
}

/// hyper takes the head, so there is a copy only from the second exchange of a connection on.
#[tokio::test(start_paused = true)]
async fn over_hyper_as_far_as_there_is_a_copy() {
    let world = World::new();
    let stack = stack!(world, HyperH1::new(), tower::layer::util::Identity::new());
    let received = Arc::default();
    let answers = [(200, None), TIMEOUT, UNAVAILABLE, (200, None), TIMEOUT];
    let _origin = answering(Origin::h1(), &answers, &received).serve_on(world.listen());
    let ask = async |request: Request<RequestBody>| {
        let before = received.lock().unwrap().len();
        let response = stack.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        response.into_body().collect().await.unwrap();
        let tries = received.lock().unwrap().len() - before;
        (status, tries)
    };
    assert_eq!(ask(get("/1")).await, (200, 1));
    assert_eq!(ask(get("/2")).await, (200, 3));
    assert_eq!(ask(post("3")).await, (408, 1));
}
