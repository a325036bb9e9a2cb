//! A request that failed comes back by itself as long as nothing was taken from its body: no copy is needed.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::{
    handshake::{H1, is_closed_without_answer},
    suite::support::{amended, empty, full, send, world},
};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Version};
use http_body_util::Full;
use skybridge_core::{Delivery, FollowUp, Replays};
use std::{
    future::{Future, poll_fn},
    pin::pin,
};

#[tokio::test(start_paused = true)]
async fn as_it_came_down_whether_its_connection_was_used_before_or_not() {
    for exchanges in 0..2 {
        let mut world = world(H1::new()).await;
        for _ in 0..exchanges {
            let request = Request::get("http://a.test/").body(empty()).unwrap();
            world.exchange(request, "HTTP/1.1 204 No Content\r\n\r\n").await;
        }
        let mut request = Request::get("http://A.test:80/x?y").version(Version::HTTP_2).body(empty()).unwrap();
        for (name, value) in [("connection", "x-hop, te"), ("x-hop", "1"), ("te", "trailers"), ("host", "b.test")] {
            request.headers_mut().append(name, HeaderValue::from_static(value));
        }
        request.extensions_mut().insert(7_u8);
        let headers = request.headers().clone();
        let server = async {
            world.peer.request().await;
            world.peer.fin().await;
        };
        let (answer, ()) = tokio::join!(send(&mut world.conn, request), server);
        let failed = answer.unwrap_err();
        assert!(is_closed_without_answer(&failed.error));
        assert_eq!(failed.error.delivery(), Delivery::Unknown, "that it is here doesn't mean that it may be repeated");
        let back = failed.into_request().unwrap();
        assert_eq!((back.method(), back.version(), back.headers()), (&Method::GET, Version::HTTP_2, &headers));
        assert_eq!((back.uri().to_string().as_str(), back.extensions().get()), ("http://A.test:80/x?y", Some(&7_u8)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_was_begun_does_not_come_back() {
    let mut world = world(H1::new()).await;
    let server = async {
        world.peer.request().await;
        world.peer.fin().await;
    };
    let request = Request::put("http://a.test/").body(full("12345")).unwrap();
    let (answer, ()) = tokio::join!(send(&mut world.conn, request), server);
    assert!(!answer.unwrap_err().has_request());
}

/// It is kept in case that the peer answers, and asks for it again. One that may have been processed stays where it is.
#[tokio::test(start_paused = true)]
async fn a_copy_for_a_follow_up_comes_back_only_with_an_answer_unless_its_method_may_be_repeated() {
    for (method, answer, comes_back) in [
        (Method::POST, Some(408), true),
        (Method::POST, None, false),
        (Method::PUT, Some(408), true),
        (Method::PUT, None, true),
    ] {
        let mut world = amended(H1::new(), |_| {}).await;
        let request = Request::builder().method(&method).uri("http://a.test/").body(Full::from("12345")).unwrap();
        let server = async {
            assert_eq!(&world.peer.request().await.body()[..], b"12345");
            match answer {
                Some(status) => world.peer.respond(status, "").await,
                None => world.peer.fin().await,
            }
        };
        let asking = Replays::new(|body: &Full<Bytes>| Some(body.clone())).follow_ups().ask();
        let client = async {
            let mut exchange = pin!(send(&mut world.conn, request));
            poll_fn(|cx| asking.during(|| exchange.as_mut().poll(cx))).await
        };
        let back = match tokio::join!(client, server).0 {
            Ok(mut response) => FollowUp::take(&mut response).map(|(request, _)| request),
            Err(failed) => {
                assert_eq!(failed.error.delivery(), Delivery::Unknown);
                failed.into_request()
            }
        };
        assert_eq!(back.is_some(), comes_back, "{method} {answer:?}");
        assert!(back.is_none_or(|request: Box<Request<Full<Bytes>>>| request.method() == method));
    }
}
