//! A request's body that is longer or shorter than was declared.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test may panic")]

use super::support::{TestBody, empty, frames, full, get, ready, send, world};
use crate::handshake::{self, H1};
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use skybridge_core::{BoxError, CloseReason, Delivery, Error, Phase, RequestError};
use skybridge_testkit::executor::run_until_idle;
use std::{
    collections::VecDeque,
    error::Error as _,
    pin::Pin,
    task::{Context, Poll},
};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

enum Part {
    Data(&'static str),
    Trailers,
    /// Nothing yet.
    Wait,
    /// Nothing yet, and nobody is woken.
    Never,
    Fails,
}
use Part::*;

struct Parts {
    parts: VecDeque<Part>,
    exact: Option<u64>,
}

impl Body for Parts {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.parts.pop_front() {
            None => Poll::Ready(None),
            Some(Data(data)) => Poll::Ready(Some(Ok(Frame::data(data.into())))),
            Some(Trailers) => Poll::Ready(Some(Ok(Frame::trailers(HeaderMap::new())))),
            Some(Fails) => Poll::Ready(Some(Err("the disk is gone".into()))),
            Some(Wait) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Never) => Poll::Pending,
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.exact.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

fn parts(parts: Vec<Part>) -> TestBody {
    Parts { parts: parts.into(), exact: None }.boxed_unsync()
}

fn put(length: &str, body: TestBody) -> Request<TestBody> {
    Request::put("http://a.test/").header("content-length", length).body(body).unwrap()
}

fn mismatch(error: &Error) -> &RequestError {
    assert_eq!(error.phase(), Phase::Send);
    let told = handshake::body_size(error).unwrap();
    let source = error.source().and_then(|error| error.source()).and_then(|source| source.downcast_ref());
    assert_eq!(source, Some(told), "it is among the sources");
    told
}

type Made = fn() -> Vec<Part>;

#[tokio::test(start_paused = true)]
async fn a_body_of_another_length_than_declared_ends_its_connection_and_says_so() {
    let longer = |at_least| RequestError::BodySize { declared: 5, at_least, at_most: None };
    let shorter = |size| RequestError::BodySize { declared: 5, at_least: size, at_most: Some(size) };
    let rows: [(Made, RequestError); 8] = [
        (|| vec![Data("123"), Data("456")], longer(6)),
        (|| vec![Data("123456")], longer(6)),
        (|| vec![Data("12345"), Data("6")], longer(6)),
        (|| vec![Data("123"), Data("45"), Data(""), Data("6")], longer(6)),
        (|| vec![], shorter(0)),
        (|| vec![Data("123")], shorter(3)),
        (|| vec![Data("123"), Data("")], shorter(3)),
        (|| vec![Data("123"), Trailers], shorter(3)),
    ];
    for (body, told) in rows {
        let mut world = world(H1::new()).await;
        let failed = send(&mut world.conn, put("5", parts(body()))).await.unwrap_err();
        assert_eq!((failed.error.delivery(), mismatch(&failed.error)), (Delivery::Unknown, &told));
        assert!(ready(&mut world.conn).await.is_err());
        run_until_idle().await;
        world.status.assert_closed(CloseReason::RequestFailed);
        world.executor.assert_idle().await;
    }
}

/// No byte of a longer body is taken for the next request.
#[tokio::test(start_paused = true)]
async fn of_a_longer_body_no_more_is_sent_than_was_declared() {
    let mut world = world(H1::new()).await;
    let body = parts(vec![Data("123"), Wait, Data("45GET / HTTP/1.1\r\n\r\n")]);
    let failed = send(&mut world.conn, put("5", body)).await.unwrap_err();
    assert!(matches!(mismatch(&failed.error), RequestError::BodySize { at_least: 23, .. }));
    assert_eq!(world.peer.head().await.header("content-length"), Some("5"));
    world.peer.expect("123").await;
    world.peer.expect_close().await;
}

/// Its `is_end_stream` says when it is over, or nobody does.
#[tokio::test(start_paused = true)]
async fn a_body_as_long_as_declared_goes_as_it_is() {
    let mut world = world(H1::new()).await;
    let bodies = [
        full("12345"),
        parts(vec![Data("123"), Data("45")]),
        parts(vec![Data("123"), Data(""), Data("45"), Data("")]),
        parts(vec![Data("12345"), Never]),
        parts(vec![Data("12345"), Trailers]),
    ];
    for body in bodies {
        let (_, response) = world.exchange(put("5", body), OK).await;
        assert_eq!(
            (response.status().as_u16(), &world.peer.requests().last().unwrap().body()[..]),
            (200, &b"12345"[..])
        );
    }
    let chunked = Request::put("http://a.test/").header("content-length", "5").header("transfer-encoding", "chunked");
    let trailers = HeaderMap::from_iter([("x-sum".parse().unwrap(), "5".parse().unwrap())]);
    let body = frames(vec![Ok(Frame::data(Bytes::from("12345"))), Ok(Frame::trailers(trailers))]);
    let (head, _) = world.exchange(chunked.header("trailer", "x-sum").body(body).unwrap(), OK).await;
    assert!(!head.contains("content-length"), "{head}");
    assert_eq!(world.peer.requests().last().unwrap().trailers(), [("x-sum".to_owned(), "5".to_owned())]);
    assert_eq!(world.net.opened(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_chunked_body_is_held_to_what_its_headers_declare_too() {
    for (body, told) in [
        (vec![Data("123")], RequestError::BodySize { declared: 5, at_least: 3, at_most: Some(3) }),
        (vec![Data("123"), Data("456")], RequestError::BodySize { declared: 5, at_least: 6, at_most: None }),
    ] {
        let mut world = world(H1::new()).await;
        let request =
            Request::put("http://a.test/").header("content-length", "5").header("transfer-encoding", "chunked");
        let failed = send(&mut world.conn, request.body(parts(body)).unwrap()).await.unwrap_err();
        assert_eq!(mismatch(&failed.error), &told);
    }
}

/// Nobody declared it but the body itself.
#[tokio::test(start_paused = true)]
async fn a_body_that_is_not_of_its_own_size() {
    for (body, at_most) in [(vec![Data("123")], Some(3)), (vec![Data("12345"), Data("6")], None)] {
        let mut world = world(H1::new()).await;
        let body = Parts { parts: body.into(), exact: Some(5) }.boxed_unsync();
        let failed = send(&mut world.conn, Request::put("http://a.test/").body(body).unwrap()).await.unwrap_err();
        let RequestError::BodySize { declared: 5, at_most: told, .. } = mismatch(&failed.error) else { panic!() };
        assert_eq!(*told, at_most);
    }
}

/// HTTP/1.1 asks for nothing of a body that is declared to be none.
#[tokio::test(start_paused = true)]
async fn a_body_that_is_declared_to_be_none() {
    let mut world = world(H1::new()).await;
    let longer: [Made; 2] = [|| vec![Data("1")], || vec![Data(""), Data("1"), Never]];
    for body in longer {
        let failed = send(&mut world.conn, put("0", parts(body()))).await.unwrap_err();
        let told = RequestError::BodySize { declared: 0, at_least: 1, at_most: None };
        assert_eq!((failed.error.delivery(), mismatch(&failed.error)), (Delivery::Unsent, &told));
    }
    let failed = send(&mut world.conn, put("0", parts(vec![Fails]))).await.unwrap_err();
    assert_eq!(handshake::request_body(&failed.error).unwrap().to_string(), "the disk is gone");
    let none: [Made; 5] = [|| vec![], || vec![Data("")], || vec![Data(""), Never], || vec![Never], || vec![Trailers]];
    for body in none {
        let (head, response) = world.exchange(put("0", parts(body())), OK).await;
        assert_eq!(response.status(), 200);
        assert!(head.contains("\r\ncontent-length: 0\r\n"), "{head}");
    }
    assert_eq!(world.net.opened(), 1);
}

/// Sent as it is, the next request on the connection would be taken for the body.
#[tokio::test(start_paused = true)]
async fn what_can_not_be_right_is_refused_before_it_is_sent() {
    let mut world = world(H1::new()).await;
    for (length, body) in [("5", empty()), ("4", full("12345")), ("6", full("12345")), ("five", full("12345"))] {
        let failed = send(&mut world.conn, put(length, body)).await.unwrap_err();
        assert!(failed.error.is_request(), "{:?}", failed.error);
        assert_eq!(failed.into_request().unwrap().headers()["content-length"], length);
    }
    world.exchange(get("http://a.test/"), OK).await;
    assert_eq!((world.peer.requests().len(), world.net.opened()), (1, 1));
}
