//! Where hyper's connection is not like `skybridge-h1`'s: the list in the documentation of `HyperH1`.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::{
    handshake::{H1, is_malformed},
    suite::support::{empty, frames, full, get, ready, send, world},
};
use bytes::Bytes;
use http::{HeaderValue, Method, Request};
use http_body::Frame;
use http_body_util::{BodyExt, Channel};
use skybridge_core::{BoxError, OnInformational, Upgrade};
use skybridge_testkit::executor::run_until_idle;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test(start_paused = true)]
async fn folded_lines_and_more_than_a_hundred_headers_are_refused() {
    let many = format!("HTTP/1.1 204 No Content\r\n{}\r\n", "x-a: 1\r\n".repeat(101));
    for answer in ["HTTP/1.1 200 OK\r\nx-a: 1\r\n 2\r\ncontent-length: 0\r\n\r\n", &many] {
        let mut world = world(H1::new()).await;
        let server = async {
            world.peer.request().await;
            world.peer.send(answer).await;
        };
        let (answer, ()) = tokio::join!(send(&mut world.conn, get("http://a.test/")), server);
        assert!(is_malformed(&answer.unwrap_err().error));
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_framings_chunks_win() {
    let mut world = world(H1::new()).await;
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    let (_, response) = world.exchange(get("http://a.test/"), answer).await;
    assert_eq!(response.body(), "ok");
    ready(&mut world.conn).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_body_does_not_wait_until_it_is_wanted() {
    let mut world = world(H1::new()).await;
    let request = Request::put("http://a.test/").header("expect", "100-continue").body(full("12345")).unwrap();
    let begin = tokio::time::Instant::now();
    world.exchange(request, OK).await;
    assert!(begin.elapsed().as_millis() < 10, "{:?}", begin.elapsed());
    let (head, _) = world
        .exchange(Request::put("http://a.test/").header("expect", "100-continue").body(empty()).unwrap(), OK)
        .await;
    assert!(head.contains("expect"), "{head}");
}

#[tokio::test(start_paused = true)]
async fn interim_responses_are_not_told() {
    let mut world = world(H1::new()).await;
    let (told, mut request) = (Arc::new(AtomicBool::new(false)), get("http://a.test/"));
    let tell = Arc::clone(&told);
    request.extensions_mut().insert(OnInformational::new(move |_| tell.store(true, SeqCst)));
    world.exchange(request, &format!("HTTP/1.1 103 Early Hints\r\n\r\n{OK}")).await;
    assert!(!told.load(SeqCst));
}

#[tokio::test(start_paused = true)]
async fn a_method_that_has_a_body_does_not_say_when_there_is_none_and_crumbs_stay_apart() {
    let mut world = world(H1::new()).await;
    let mut request = Request::post("http://a.test/").body(empty()).unwrap();
    request.headers_mut().append("cookie", HeaderValue::from_static("a=1"));
    request.headers_mut().append("cookie", HeaderValue::from_static("b=2"));
    world.exchange(request, OK).await;
    let request = &world.peer.requests()[0];
    assert_eq!((request.header("content-length"), request.count("cookie")), (None, 2));
}

#[tokio::test(start_paused = true)]
async fn trailers_need_to_be_announced() {
    let mut world = world(H1::new()).await;
    let trailers = [("x-sum".parse().unwrap(), HeaderValue::from_static("5"))].into_iter().collect();
    let body = frames(vec![Ok(Frame::data(Bytes::from("12345"))), Ok(Frame::trailers(trailers))]);
    world.exchange(Request::post("http://a.test/").body(body).unwrap(), OK).await;
    assert!(world.peer.requests()[0].trailers().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_must_not_be_a_trailer_is_no_error_and_is_read() {
    let mut world = world(H1::new()).await;
    let trailers = ["x-sum", "set-cookie"].map(|name| (name.parse().unwrap(), HeaderValue::from_static("5")));
    let body = frames(vec![Ok(Frame::data(Bytes::from("12345"))), Ok(Frame::trailers(trailers.into_iter().collect()))]);
    let request = Request::post("http://a.test/").header("trailer", "x-sum, set-cookie").body(body).unwrap();
    let server = async {
        let request = world.peer.request().await;
        let answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nset-cookie: a\r\n\r\n";
        world.peer.send(answer).await;
        request
    };
    let client = async { send(&mut world.conn, request).await.unwrap().into_body().collect().await.unwrap() };
    let (response, request) = tokio::join!(client, server);
    assert_eq!(request.trailers(), [("x-sum".to_owned(), "5".to_owned())]);
    assert_eq!(response.trailers().unwrap()["set-cookie"], "a");
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_dropped_closes_the_connection_unless_the_rest_of_it_is_here() {
    let mut world = world(H1::new()).await;
    let server = async {
        world.peer.request().await;
        world.peer.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nha").await;
    };
    let (answer, ()) = tokio::join!(send(&mut world.conn, get("http://a.test/")), server);
    drop(answer.unwrap());
    assert!(ready(&mut world.conn).await.is_err());
    world.peer.expect_close().await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_hypers_own() {
    let mut world = world(H1::new()).await;
    let request = Request::builder().method(Method::CONNECT).uri("b.test:443").body(empty()).unwrap();
    let server = async {
        world.peer.request().await;
        world.peer.send("HTTP/1.1 200 OK\r\n\r\nhello").await;
    };
    let (answer, ()) = tokio::join!(send(&mut world.conn, request), server);
    let mut response = answer.unwrap();
    assert!(response.extensions().get::<Upgrade>().is_none());
    assert!(hyper::upgrade::on(&mut response).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_closes_is_sent_the_rest_of_the_request() {
    let mut world = world(H1::new()).await;
    let (mut sender, body) = Channel::<Bytes, BoxError>::new(8);
    let server = async {
        world.peer.head().await;
        world.peer.send("HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
    };
    let request = Request::post("http://a.test/").body(body.boxed_unsync()).unwrap();
    let (answer, ()) = tokio::join!(send(&mut world.conn, request), server);
    assert_eq!(answer.unwrap().status(), 413);
    run_until_idle().await;
    sender.send_data("more".into()).await.unwrap();
    world.peer.expect("4\r\nmore\r\n").await;
}
