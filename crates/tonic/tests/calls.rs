//! Generated clients over a client of ours, against tonic's own server: the four kinds, and what is in their requests.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use self::support::{EchoClient, URL, World, serve};
use http::{HeaderValue, Response};
use skybridge::types::{OriginError, RequestError};
use skybridge_testkit::origin::Origin;
use skybridge_tonic::{Tonic, TonicLayer, error_of};
use std::error::Error;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Status};
use tower::Layer;

#[tokio::test(start_paused = true)]
async fn the_four_kinds_of_calls_share_one_connection() {
    let world = World::new();
    let mut echo = EchoClient::new(world.tonic());
    let origin = Origin::h2c().handle(serve).serve_on(world.listener);

    assert_eq!(echo.unary("hello".to_owned()).await.unwrap().into_inner(), "hello");

    let mut words = echo.server_stream("one two three".to_owned()).await.unwrap().into_inner();
    for word in ["one", "two", "three"] {
        assert_eq!(words.message().await.unwrap().as_deref(), Some(word));
    }
    assert_eq!(words.message().await.unwrap(), None);

    let letters = ["a", "b", "c"].map(str::to_owned);
    assert_eq!(echo.client_stream(tokio_stream::iter(letters)).await.unwrap().into_inner(), "abc");

    // Each question is asked when the last one is answered.
    let (questions, asked) = mpsc::channel(1);
    questions.send("first".to_owned()).await.unwrap();
    let mut answers = echo.bidi(ReceiverStream::new(asked)).await.unwrap().into_inner();
    assert_eq!(answers.message().await.unwrap().as_deref(), Some("first"));
    for question in ["second", "third"] {
        questions.send(question.to_owned()).await.unwrap();
        assert_eq!(answers.message().await.unwrap().as_deref(), Some(question));
    }
    drop(questions);
    assert_eq!(answers.message().await.unwrap(), None);

    assert_eq!((origin.connections(), origin.requests().len()), (1, 4));
}

#[tokio::test(start_paused = true)]
async fn a_request_has_what_grpc_wants_in_it() {
    let world = World::new();
    let tonic = world.tonic_with(|layer| layer.user_agent(HeaderValue::from_static("program/7")));
    let origin = Origin::h2c().handle(serve).serve_on(world.listener);
    let mut request = Request::new("hello".to_owned());
    request.metadata_mut().insert("x-mine", "mine".parse().unwrap());
    request.metadata_mut().insert("user-agent", "wrapper/1".parse().unwrap());
    EchoClient::new(tonic).unary(request).await.unwrap();

    let [request] = &origin.requests()[..] else { panic!("{:?}", origin.requests()) };
    assert_eq!(request.line(), "POST http://a.test/test.Echo/Unary HTTP/2.0");
    assert_eq!(request.header("te"), Some("trailers"));
    assert_eq!(request.header("content-type"), Some("application/grpc"));
    assert_eq!(request.header("x-mine"), Some("mine"));
    let ours = concat!("wrapper/1 program/7 grpc-rust-skybridge/", env!("CARGO_PKG_VERSION"));
    assert_eq!(request.header("user-agent"), Some(ours));
    assert_eq!(request.header("grpc-timeout"), None);
}

#[tokio::test(start_paused = true)]
async fn an_origin_of_the_generated_clients_own_is_kept() {
    let world = World::new();
    world.net.host("b.test", ["192.0.2.1".parse().unwrap()]);
    let tonic = world.tonic();
    let mut echo = EchoClient::with_origin(tonic.clone(), "http://b.test".parse().unwrap());
    let origin = Origin::h2c().handle(serve).serve_on(world.listener);
    echo.unary("hello".to_owned()).await.unwrap();
    assert_eq!(origin.requests()[0].uri, "http://b.test/test.Echo/Unary");

    // A path alone stands before that of the call.
    let tonic = Tonic::new(tonic.get_ref().clone(), "http://a.test/ignored?as=tonic").unwrap();
    let mut echo = EchoClient::with_origin(tonic, "/base".parse().unwrap());
    echo.unary("hello".to_owned()).await.unwrap_err();
    assert_eq!(origin.requests()[1].uri, "http://a.test/base/test.Echo/Unary");
}

#[test]
fn a_url_without_a_server_is_refused_where_it_is_given() {
    let errors = ["/path", "ftp://a.test", "http://me:secret@a.test", "http://a..test"].map(|url| {
        let error = TonicLayer::new(url).unwrap_err();
        assert!(!format!("{error:?}").contains("secret"));
        matches!(error, RequestError::Origin(_))
    });
    assert_eq!(errors, [true; 4]);
    // What is wrong is said at once, for whoever prints no more than that.
    for (url, told) in [("localhost:50051", "no scheme"), ("ftp://a.test", "`ftp`"), ("http://a..test", "`a..test`")] {
        let error = TonicLayer::new(url).unwrap_err();
        assert!(error.to_string().contains(told) && error.source().is_none(), "{error}");
    }
    assert!(matches!(TonicLayer::new("/"), Err(RequestError::Origin(OriginError::NoScheme))));
}

#[tokio::test(start_paused = true)]
async fn an_interceptor_stands_above_and_may_refuse() {
    let world = World::new();
    let tonic = world.tonic();
    let origin = Origin::h2c().handle(serve).serve_on(world.listener);
    let sign = |mut request: Request<()>| {
        request.metadata_mut().insert("authorization", "Bearer 7".parse().unwrap());
        Ok(request)
    };
    let mut signing = EchoClient::with_interceptor(tonic.clone(), sign);
    assert_eq!(signing.unary("hello".to_owned()).await.unwrap().into_inner(), "hello");
    assert_eq!(origin.requests()[0].header("authorization"), Some("Bearer 7"));

    let refuse = |_: Request<()>| Err(Status::unauthenticated("who are you"));
    let status = EchoClient::with_interceptor(tonic, refuse).unary("hello".to_owned()).await.unwrap_err();
    assert_eq!((status.code(), origin.requests().len()), (Code::Unauthenticated, 1));
}

#[tokio::test(start_paused = true)]
async fn statuses_of_the_server_come_as_it_said_them() {
    let world = World::new();
    let mut echo = EchoClient::new(world.tonic());
    let _origin = Origin::h2c().handle(serve).serve_on(world.listener);
    let status = echo.unary("fail".to_owned()).await.unwrap_err();
    assert_eq!((status.code(), status.message(), status.details()), (Code::DataLoss, "as you wish", &b"why"[..]));
    assert_eq!(status.metadata().get("x-more").unwrap(), "more");
    assert!(error_of(&status).is_none());

    let mut words = echo.server_stream("one fail".to_owned()).await.unwrap().into_inner();
    assert_eq!(words.message().await.unwrap().as_deref(), Some("one"));
    assert_eq!(words.message().await.unwrap_err().code(), Code::Aborted);
}

/// As of a proxy on the way. Its page would be decoded as a message.
#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_grpcs_is_a_status_by_its_http_status() {
    let rows = [
        (200, "text/html", Code::Unknown),
        (400, "text/html", Code::Internal),
        (401, "text/html", Code::Unauthenticated),
        (403, "application/grpc", Code::PermissionDenied),
        (404, "text/html", Code::Unimplemented),
        (429, "text/html", Code::Unavailable),
        (500, "text/html", Code::Unknown),
        (502, "text/html", Code::Unavailable),
        (503, "text/html", Code::Unavailable),
        (504, "text/html", Code::Unavailable),
    ];
    for (http, content, code) in rows {
        let world = World::new();
        let mut echo = EchoClient::new(world.tonic());
        let page = move |_| async move {
            let page = "<html>Something is wrong".to_owned();
            Response::builder().status(http).header("content-type", content).body(page).unwrap()
        };
        let _origin = Origin::h2c().handle(page).serve_on(world.listener);
        let status = echo.unary("hello".to_owned()).await.unwrap_err();
        assert_eq!(status.code(), code, "{http}: {status:?}");
        assert!(status.message().contains("not gRPC"), "{status:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_in_mid_stream_is_cancelled_at_the_server() {
    let world = World::new();
    let mut echo = EchoClient::new(world.tonic());
    let client = async move {
        let mut words = echo.server_stream("one two".to_owned()).await.unwrap().into_inner();
        assert_eq!(words.message().await.unwrap().as_deref(), Some("one"));
        drop(words);
        echo
    };
    let server = async {
        let mut peer = skybridge_testkit::h2::Peer::accept(world.accept().await).await;
        let request = peer.request().await;
        let head = [(":status", "200"), ("content-type", "application/grpc")];
        peer.headers(request.stream, &head, false).await;
        peer.data(request.stream, b"\0\0\0\0\x03one", false).await;
        // CANCEL
        assert_eq!(peer.expect_reset(request.stream).await, 8);
    };
    tokio::join!(client, server);
}

/// In either direction, whoever drops what; and the connection stays.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_asks_for_no_more_messages() {
    let world = World::new();
    let tonic = world.tonic();
    let (before, asked_before) = mpsc::channel::<String>(1);
    let (after, asked_after) = mpsc::channel::<String>(1);
    let calls = async move {
        let mut echo = EchoClient::new(tonic);
        let head = echo.bidi(ReceiverStream::new(asked_before));
        assert!(tokio::time::timeout(std::time::Duration::from_secs(1), head).await.is_err());
        before.closed().await;
        let answers = echo.bidi(ReceiverStream::new(asked_after)).await.unwrap();
        drop(answers);
        after.closed().await;
        echo
    };
    let server = async {
        let mut peer = skybridge_testkit::h2::Peer::accept(world.accept().await).await;
        let first = peer.request().await;
        assert_eq!(peer.expect_reset(first.stream).await, 8);
        let second = peer.request().await;
        peer.headers(second.stream, &[(":status", "200"), ("content-type", "application/grpc")], false).await;
        assert_eq!(peer.expect_reset(second.stream).await, 8);
    };
    tokio::join!(calls, server);
}

/// The `Service` that a generated client is given has one kind of request: `ready` and `call` need no types.
#[tokio::test(start_paused = true)]
async fn it_is_an_always_ready_service_that_is_sent_between_threads() {
    use tower::{Service, ServiceExt};
    fn is_sent<T: Send + Clone + 'static>(service: T) -> T {
        service
    }
    let world = World::new();
    let mut tonic = is_sent(TonicLayer::new(URL).unwrap().layer(world.builder().build()));
    let origin = Origin::h2c().handle(serve).serve_on(world.listener);
    let request = http::Request::post("/test.Echo/None").header("te", "gzip").header("te", "deflate");
    let request = request.body(tonic::body::Body::empty()).unwrap();
    let response = tonic.ready().await.unwrap().call(request).await.unwrap();
    assert_eq!(response.headers()["grpc-status"], "12");
    // What it says of `te` is not gRPC's.
    assert_eq!(origin.requests()[0].header("te"), Some("trailers"));
    let other = Tonic::new(tonic.get_ref().clone(), URL).unwrap();
    EchoClient::new(other).unary("hello".to_owned()).await.unwrap();
    assert_eq!(origin.connections(), 1);
}
