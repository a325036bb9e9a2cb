//! The copy of a request that a connection may swallow: when it is made, when it comes back, when it is dropped.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::support::{World, amended, forwarded, send};
use crate::handshake::{H1, H1Body};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Version};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use skybridge_core::{Connection, Delivery, FollowUp, Replays, ResponseResult};
use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Counts its copies; `once` can't be had again.
#[derive(Debug)]
struct Counted {
    body: Full<Bytes>,
    copies: Arc<()>,
    once: bool,
}

impl Counted {
    fn again(&self) -> Option<Self> {
        let copy = || Self { body: self.body.clone(), copies: self.copies.clone(), once: false };
        (!self.once).then(copy)
    }
}

impl Body for Counted {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn request(method: Method, text: &'static str) -> Request<Counted> {
    let body = Counted { body: Full::from(text), copies: Arc::default(), once: false };
    Request::builder().method(method).uri("http://A.test/x?y").version(Version::HTTP_2).body(body).unwrap()
}

async fn opened() -> World<Counted> {
    amended(H1::new(), |_| {}).await
}

async fn used() -> World<Counted> {
    let mut world = opened().await;
    world.exchange(request(Method::GET, ""), OK).await;
    world
}

/// Whoever polls this wants back what may be sent again.
fn safe() -> Replays<Counted> {
    Replays::new(Counted::again)
}

async fn asking<F: Future>(replays: Replays<Counted>, future: F) -> F::Output {
    let (asking, mut future) = (replays.ask(), pin!(future));
    poll_fn(|cx| asking.during(|| future.as_mut().poll(cx))).await
}

/// The peer reads the request, and hangs up.
async fn swallowed(world: &mut World<Counted>, request: Request<Counted>) -> ResponseResult<Counted, H1Body> {
    let server = async {
        world.peer.request().await;
        world.peer.fin().await;
    };
    tokio::join!(send(&mut world.conn, request), server).0
}

#[tokio::test(start_paused = true)]
async fn what_a_used_connection_swallowed_comes_back_as_it_came() {
    let mut world = used().await;
    let mut put = request(Method::PUT, "12345");
    put.headers_mut().append("x-mine", HeaderValue::from_static("1"));
    put.headers_mut().append("x-mine", HeaderValue::from_static("2"));
    for (name, value) in [
        ("keep-alive", "3"),
        ("connection", "x-hop, Upgrade"),
        ("connection", "te"),
        ("x-hop", "1"),
        ("te", "gzip, trailers"),
        ("upgrade", "h2c, echo"),
        ("host", "b.test"),
    ] {
        put.headers_mut().append(name, HeaderValue::from_static(value));
    }
    put.extensions_mut().insert(7_u8);
    let headers = put.headers().clone();

    let failed = asking(safe(), swallowed(&mut world, put)).await.unwrap_err();
    assert_eq!(failed.error.delivery(), Delivery::Unknown);
    let back = failed.into_request().unwrap();
    assert_eq!((back.method(), back.version()), (&Method::PUT, Version::HTTP_2));
    assert_eq!(back.uri(), "http://A.test/x?y");
    assert_eq!(back.headers(), &headers);
    assert_eq!(back.extensions().get(), Some(&7_u8));
    assert_eq!(back.into_body().collect().await.unwrap().to_bytes(), "12345");
}

#[tokio::test(start_paused = true)]
async fn a_forwarded_request_keeps_its_absolute_form() {
    let mut world = amended(H1::new(), forwarded).await;
    world.exchange(request(Method::GET, ""), OK).await;
    let mut other = request(Method::GET, "");
    other.headers_mut().insert("host", HeaderValue::from_static("b.test"));
    let back = asking(safe(), swallowed(&mut world, other)).await.unwrap_err().into_request().unwrap();
    assert_eq!(back.uri(), "http://A.test/x?y");
    assert_eq!((back.headers().len(), &back.headers()["host"]), (1, &HeaderValue::from_static("b.test")));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_copied_that_may_not_be_sent_twice() {
    for method in [Method::POST, Method::PATCH] {
        let mut world = used().await;
        assert!(!asking(safe(), swallowed(&mut world, request(method, "1"))).await.unwrap_err().has_request());
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_copied_whose_body_can_not_be_had_again() {
    let mut world = used().await;
    let mut put = request(Method::PUT, "1");
    put.body_mut().once = true;
    assert!(!asking(safe(), swallowed(&mut world, put)).await.unwrap_err().has_request());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_copied_unless_asked_for() {
    let mut world = used().await;
    assert!(!swallowed(&mut world, request(Method::PUT, "1")).await.unwrap_err().has_request());
}

#[tokio::test(start_paused = true)]
async fn the_copy_is_dropped_when_there_is_a_response() {
    let mut world = used().await;
    for _ in 0..3 {
        let put = request(Method::PUT, "12345");
        let copies = put.body().copies.clone();
        let server = async {
            world.peer.request().await;
            assert_eq!(Arc::strong_count(&copies), 2, "ours and the copy: what was sent is gone");
            world.peer.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n").await;
        };
        let (answer, ()) = tokio::join!(asking(safe(), send(&mut world.conn, put)), server);
        assert_eq!(Arc::strong_count(&copies), 1);
        world.peer.send("ok").await;
        answer.unwrap().into_body().collect().await.unwrap();
    }
    // And no trace of an earlier request is in a later one's copy.
    let back =
        asking(safe(), swallowed(&mut world, request(Method::GET, ""))).await.unwrap_err().into_request().unwrap();
    assert!(back.headers().is_empty());
}

#[tokio::test(start_paused = true)]
async fn any_method_comes_back_when_that_was_asked_for() {
    let mut world = used().await;
    let failed = asking(safe().any_method(), swallowed(&mut world, request(Method::POST, "1"))).await.unwrap_err();
    assert_eq!((failed.error.delivery(), failed.into_request().unwrap().method()), (Delivery::Unknown, &Method::POST));
}

#[tokio::test(start_paused = true)]
async fn a_response_that_asks_for_its_request_again_has_it_if_that_was_asked_for() {
    for (replays, status, comes_back) in [
        (Some(safe().follow_ups()), 408, true),
        (Some(safe().follow_ups()), 425, true),
        (Some(safe().follow_ups()), 503, true),
        (Some(safe().follow_ups()), 429, false),
        (Some(safe()), 408, false),
        (None, 408, false),
    ] {
        let mut world = used().await;
        let mut put = request(Method::PUT, "12345");
        put.headers_mut().append("connection", HeaderValue::from_static("te"));
        put.headers_mut().append("te", HeaderValue::from_static("trailers"));
        put.extensions_mut().insert(7_u8);
        let headers = put.headers().clone();
        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 2\r\n\r\nok");
        let server = async {
            world.peer.request().await;
            world.peer.send(answer).await;
        };
        let exchange = async {
            match replays {
                Some(replays) => asking(replays, send(&mut world.conn, put)).await,
                None => send(&mut world.conn, put).await,
            }
        };
        let mut response = tokio::join!(exchange, server).0.unwrap();
        let follow_up = FollowUp::take::<Counted, _>(&mut response);
        assert_eq!(follow_up.is_some(), comes_back, "{status} {replays:?}");
        if let Some((back, connection)) = follow_up {
            assert!(Arc::ptr_eq(&connection, world.conn.info()));
            assert_eq!((back.method(), back.version(), back.headers()), (&Method::PUT, Version::HTTP_2, &headers));
            assert_eq!((back.uri().to_string(), back.extensions().get()), ("http://A.test/x?y".into(), Some(&7_u8)));
            assert_eq!(back.into_body().collect().await.unwrap().to_bytes(), "12345");
        }
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ok");
        world.exchange(request(Method::GET, ""), OK).await;
    }
}
