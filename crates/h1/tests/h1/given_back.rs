//! A request that failed comes back by itself as long as nothing was taken from its body: no copy is needed.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::{
    handshake::{H1, is_closed_without_answer},
    suite::support::{empty, full, send, world},
};
use http::{HeaderValue, Method, Request, Version};
use skybridge_core::Delivery;

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
