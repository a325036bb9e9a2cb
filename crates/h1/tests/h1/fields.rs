//! What becomes of a request's fields, and of the end of its body.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::{
    handshake::{H1, cause},
    suite::support::{amended, empty, frames, full, get, ready, send, world},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use http_body::Frame;
use http_body_util::BodyExt;
use skybridge_core::{CloseReason, Phase};
use skybridge_h1::H1Error;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Without it servers answer with 411, or wait for a body (RFC 9110, section 8.6).
#[tokio::test(start_paused = true)]
async fn a_method_that_has_a_body_says_when_there_is_none() {
    let mut world = world(H1::new()).await;
    for method in [Method::POST, Method::PUT, Method::PATCH] {
        let request = Request::builder().method(&method).uri("http://a.test/").body(empty()).unwrap();
        let (head, _) = world.exchange(request, OK).await;
        assert_eq!(head, format!("{method} / HTTP/1.1\r\nhost: a.test\r\ncontent-length: 0\r\n\r\n"));
    }
    for method in [Method::GET, Method::HEAD, Method::DELETE, Method::OPTIONS] {
        let request = Request::builder().method(&method).uri("http://a.test/").body(empty()).unwrap();
        let (head, _) = world.exchange(request, "HTTP/1.1 204 No Content\r\n\r\n").await;
        assert_eq!(head, format!("{method} / HTTP/1.1\r\nhost: a.test\r\n\r\n"));
    }
}

/// HTTP/2 lets them be split, HTTP/1.1 doesn't (RFC 9113, section 8.2.3).
#[tokio::test(start_paused = true)]
async fn cookie_crumbs_are_joined() {
    let mut world = world(H1::new()).await;
    let mut request = get("http://a.test/");
    for crumb in ["a=1", "b=2; c=3", "d=4"] {
        request.headers_mut().append("cookie", HeaderValue::from_static(crumb));
    }
    world.exchange(request, OK).await;
    let request = &world.peer.requests()[0];
    assert_eq!((request.count("cookie"), request.header("cookie")), (1, Some("a=1; b=2; c=3; d=4")));
}

/// Neither framing nor routing, nor who one is, is a trailer's to say (RFC 9110, section 6.5.1). The request isn't
/// ended as if it were whole.
#[tokio::test(start_paused = true)]
async fn a_request_with_trailers_that_must_not_be_sent_fails() {
    for name in ["content-length", "transfer-encoding", "host", "cookie", "authorization", "te", "trailer"] {
        let mut world = world(H1::new()).await;
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", HeaderValue::from_static("5"));
        trailers.insert(name, HeaderValue::from_static("secret"));
        let body = frames(vec![Ok(Frame::data(Bytes::from("12345"))), Ok(Frame::trailers(trailers))]);
        let request = Request::post("http://a.test/").body(body).unwrap();
        let error = send(&mut world.conn, request).await.unwrap_err().error;
        assert!(matches!(cause(&error), H1Error::ForbiddenTrailer(trailer) if trailer.name() == name), "{error:?}");
        assert_eq!(error.phase(), Phase::Send);
        assert!(ready(&mut world.conn).await.is_err());
        world.status.assert_closed(CloseReason::RequestFailed);
        world.peer.head().await;
        world.peer.expect("5\r\n12345\r\n").await;
        world.peer.expect_close().await;
    }
}

/// Nor a response's: whoever merges them with its headers would take them for what was said there.
#[tokio::test(start_paused = true)]
async fn trailers_that_must_not_be_sent_are_left_out_of_a_response() {
    let mut world = world(H1::new()).await;
    let answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nset-cookie: a=b\r\nx-sum: 5\r\n\
                  content-length: 9\r\ncookie: c\r\n\r\n";
    let server = async {
        world.peer.request().await;
        world.peer.send(answer).await;
    };
    let client =
        async { send(&mut world.conn, get("http://a.test/")).await.unwrap().into_body().collect().await.unwrap() };
    let (collected, ()) = tokio::join!(client, server);
    assert_eq!(
        collected.trailers().unwrap(),
        &HeaderMap::from_iter([("x-sum".parse().unwrap(), HeaderValue::from_static("5"))])
    );
    world.exchange(get("http://a.test/"), OK).await;
}

/// The last proxy on the way is to ask for `*` (RFC 9112, section 3.2.4).
#[tokio::test(start_paused = true)]
async fn options_for_an_origin_as_a_whole_have_no_path_through_a_proxy() {
    let mut world = amended(H1::new(), |info| info.forwarded = true).await;
    let uri = Uri::builder().scheme("http").authority("a.test").path_and_query("*").build().unwrap();
    let request = Request::builder().method(Method::OPTIONS).uri(uri).body(empty()).unwrap();
    let (head, _) = world.exchange(request, OK).await;
    assert_eq!(head, "OPTIONS http://a.test HTTP/1.1\r\nhost: a.test\r\n\r\n");
}

/// Nothing is added to them: `host` comes from elsewhere.
#[tokio::test(start_paused = true)]
async fn as_many_headers_are_sent_as_a_request_can_have() {
    let mut world = world(H1::new()).await;
    let mut request = get("http://a.test/");
    let mut sent = 0;
    loop {
        let name = http::HeaderName::from_bytes(format!("x-{sent}").as_bytes()).unwrap();
        if request.headers_mut().try_insert(name, HeaderValue::from_static("1")).is_err() {
            break;
        }
        sent += 1;
    }
    world.exchange(request, OK).await;
    assert_eq!(world.peer.requests()[0].headers().count(), sent + 1);
}

/// A small one, and one that is written from where it lies.
#[tokio::test(start_paused = true)]
async fn bodies_of_all_sizes_come_through() {
    let mut world = world(H1::new()).await;
    let long: &'static str = "0123456789".repeat(50_000).leak();
    for size in [0, 1, 1023, 1024, 1025, 16 * 1024, 65_537, long.len()] {
        let request = Request::post("http://a.test/").body(full(&long[..size])).unwrap();
        world.exchange(request, OK).await;
        assert_eq!(world.peer.requests().last().unwrap().body(), &long[..size]);
        let chunked = frames(vec![Ok(Frame::data(Bytes::from(&long[..size]))), Ok(Frame::data(Bytes::from("end")))]);
        world.exchange(Request::post("http://a.test/").body(chunked).unwrap(), OK).await;
        assert_eq!(world.peer.requests().last().unwrap().body().len(), size + 3);
    }
    assert_eq!(world.net.opened(), 1);
}
