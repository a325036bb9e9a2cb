//! What becomes of a request that hyper doesn't give back.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::{
    handshake::H1,
    suite::support::{amended, empty, get, send, world},
};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use skybridge_core::{Delivery, Replays};
use std::{
    future::{Future, poll_fn},
    pin::pin,
};

#[tokio::test(start_paused = true)]
async fn a_request_with_no_place_for_a_host_is_refused_and_the_connection_lives() {
    let mut world = world(H1::new()).await;
    let mut request = get("http://a.test/");
    for i in 0.. {
        let name = http::HeaderName::from_bytes(format!("x-{i}").as_bytes()).unwrap();
        if request.headers_mut().try_insert(name, HeaderValue::from_static("1")).is_err() {
            break;
        }
    }
    let failed = send(&mut world.conn, request).await.unwrap_err();
    assert!(failed.error.is_request());
    assert_eq!(failed.into_request().unwrap().uri(), "http://a.test/");
    let (_, response) = world.exchange(get("http://a.test/"), "HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(response.status(), 204);
}

/// hyper takes the request by value, so that what comes back is a copy. A connection that is used for the first time
/// makes none, as a fresh connection doesn't fail for its age.
#[tokio::test(start_paused = true)]
async fn a_copy_is_made_from_the_second_exchange_on_and_when_it_is_asked_for() {
    for (exchanges, asked, comes_back) in [(0, true, false), (1, true, true), (1, false, false)] {
        let mut world = amended(H1::new(), |_| {}).await;
        for _ in 0..exchanges {
            world.exchange(request(), "HTTP/1.1 204 No Content\r\n\r\n").await;
        }
        let server = async {
            world.peer.request().await;
            world.peer.fin().await;
        };
        let client = async {
            let mut exchange = pin!(send(&mut world.conn, request()));
            let asking = Replays::new(|body: &Full<Bytes>| Some(body.clone())).ask();
            poll_fn(|cx| if asked { asking.during(|| exchange.as_mut().poll(cx)) } else { exchange.as_mut().poll(cx) })
                .await
        };
        let failed = tokio::join!(client, server).0.unwrap_err();
        assert_eq!(failed.error.delivery(), Delivery::Unknown);
        assert_eq!(failed.has_request(), comes_back, "after {exchanges}, asked: {asked}");
    }
}

/// A URI with an authority has a path to hyper, and so `*` becomes `/`.
#[tokio::test(start_paused = true)]
async fn options_for_an_origin_as_a_whole_is_addressed_to_its_root_through_a_proxy() {
    let mut world = amended(H1::new(), |info| info.forwarded = true).await;
    let uri = Uri::builder().scheme("http").authority("a.test").path_and_query("*").build().unwrap();
    let request = Request::builder().method(Method::OPTIONS).uri(uri).body(empty()).unwrap();
    let (head, _) = world.exchange(request, "HTTP/1.1 204 No Content\r\n\r\n").await;
    assert!(head.starts_with("OPTIONS http://a.test/ HTTP/1.1\r\n"), "{head}");
}

fn request() -> Request<Full<Bytes>> {
    Request::get("http://a.test/").body(Full::default()).unwrap()
}
