//! Requests and responses on the wire, without failures.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

mod support;

use bytes::Bytes;
use http::{HeaderMap, Request, Version};
use http_body::Body;
use http_body_util::BodyExt;
use skybridge_core::{Cause, Connection};
use skybridge_testkit::{
    executor::run_until_idle,
    h2::{Frame, setting},
};
use support::*;

#[tokio::test(start_paused = true)]
async fn one_connection_serves_one_request_after_the_other() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    for path in ["/one", "/two", "/three"] {
        let client = async {
            let response = exchange(&mut world.client, get(path)).await.unwrap();
            assert_eq!((response.status().as_u16(), response.version()), (200, Version::HTTP_2));
            bytes(response).await
        };
        let server = async {
            let request = peer.request().await;
            assert_eq!(request.get(":path"), Some(path));
            assert_eq!((request.get(":authority"), request.get(":scheme")), (Some("a.test"), Some("http")));
            assert!(request.end, "END_STREAM is not on the HEADERS");
            assert_eq!(request.get("content-length"), None);
            peer.respond(request.stream, 200, path).await;
        };
        let (body, ()) = tokio::join!(client, server);
        assert_eq!(body, path);
    }
    assert_eq!(world.executor.spawned(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_body_goes_up_with_its_length_and_trailers_go_both_ways() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    let (mut sender, body) = streamed();
    let client = async {
        let send = async {
            for data in ["a", "", "bc", "def"] {
                sender.send_data(data.into()).await.unwrap();
            }
            let mut trailers = HeaderMap::new();
            trailers.insert("sum", "6".parse().unwrap());
            trailers.insert("connection", "close".parse().unwrap());
            sender.send_trailers(trailers).await.unwrap();
            drop(sender);
        };
        let (response, ()) = tokio::join!(exchange(&mut world.client, post(body)), send);
        let body = response.unwrap().into_body().collect().await.unwrap();
        assert_eq!(body.trailers().unwrap()["x-sum"], "3");
        assert_eq!(body.to_bytes(), "xyz");
        let whole = exchange(&mut world.client, post(full("whole"))).await.unwrap();
        assert_eq!(whole.status(), 204);
    };
    let server = async {
        let streamed = peer.request().await;
        assert_eq!(streamed.get("content-length"), None);
        assert_eq!(peer.body(streamed.stream).await, "abcdef");
        let trailers = peer.find(|frame| frame.stream() == streamed.stream && frame.ends_stream()).await;
        assert!(
            matches!(trailers, Frame::Headers { fields, .. } if fields.get("sum") == Some("6") && fields.get("connection").is_none())
        );
        peer.headers(streamed.stream, &[(":status", "200")], false).await;
        peer.data(streamed.stream, "xyz", false).await;
        peer.headers(streamed.stream, &[("x-sum", "3")], true).await;
        let whole = peer.request().await;
        assert_eq!(whole.get("content-length"), Some("5"));
        assert_eq!(peer.body(whole.stream).await, "whole");
        let frames = peer.received().iter().filter(|frame| frame.stream() == whole.stream).count();
        assert_eq!(frames, 2, "HEADERS and one DATA");
        peer.respond(whole.stream, 204, "").await;
    };
    tokio::join!(client, server);
}

#[tokio::test(start_paused = true)]
async fn the_size_hint_of_a_response_follows_its_content_length() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    let client = async {
        let mut sizes = Vec::new();
        for method in ["GET", "HEAD", "GET", "HEAD", "GET"] {
            let request = Request::builder().method(method).uri("http://a.test/").body(empty()).unwrap();
            let mut body = exchange(&mut world.client, request).await.unwrap().into_body();
            let before = (body.size_hint().exact(), body.is_end_stream());
            let mut read = 0;
            while let Some(frame) = body.frame().await {
                read += frame.unwrap().into_data().unwrap().len();
            }
            assert!(body.is_end_stream());
            assert_eq!(body.size_hint().exact(), Some(0));
            sizes.push((before, read));
        }
        sizes
    };
    let server = async {
        let mut streams = Vec::new();
        for _ in 0..5 {
            let stream = peer.request().await.stream;
            match streams.len() {
                0 => {
                    peer.headers(stream, &[(":status", "200"), ("content-length", "3")], false).await;
                    peer.data(stream, "abc", true).await;
                }
                1 => peer.headers(stream, &[(":status", "200"), ("content-length", "3")], true).await,
                2 => peer.headers(stream, &[(":status", "204")], true).await,
                3 => {
                    peer.headers(stream, &[(":status", "200"), ("content-length", "3")], false).await;
                    run_until_idle().await;
                    peer.data(stream, "", true).await;
                }
                _ => {
                    peer.headers(stream, &[(":status", "200")], false).await;
                    run_until_idle().await;
                    peer.data(stream, "abcd", true).await;
                }
            }
            streams.push(stream);
        }
    };
    let (sizes, ()) = tokio::join!(client, server);
    assert_eq!(sizes[0], ((Some(3), false), 3));
    assert_eq!(sizes[1], ((Some(0), true), 0));
    assert_eq!(sizes[2], ((Some(0), true), 0));
    assert_eq!(sizes[3], ((Some(0), false), 0));
    assert_eq!(sizes[4], ((None, false), 4));
}

#[tokio::test(start_paused = true)]
async fn informational_responses_are_skipped() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    let server = async {
        let stream = peer.request().await.stream;
        peer.headers(stream, &[(":status", "100")], false).await;
        run_until_idle().await;
        peer.headers(stream, &[(":status", "103"), ("link", "</a>")], false).await;
        run_until_idle().await;
        peer.respond(stream, 200, "done").await;
    };
    let (response, ()) = tokio::join!(exchange(&mut world.client, get("/")), server);
    let response = response.unwrap();
    assert!(response.headers().is_empty());
    assert_eq!(bytes(response).await, "done");
}

#[tokio::test(start_paused = true)]
async fn fifty_at_once_share_one_connection() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer_with(&[(setting::MAX_CONCURRENT_STREAMS, 100)]).await;
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..50_u32 {
        let mut handle = world.handle();
        calls.spawn(async move {
            let response = exchange(&mut handle, post(full(n.to_string()))).await.unwrap();
            assert_eq!(bytes(response).await, n.to_string());
        });
    }
    let server = async {
        let mut streams = Vec::new();
        for _ in 0..50 {
            streams.push(peer.request().await.stream);
        }
        for stream in streams.into_iter().rev() {
            let body = peer.body(stream).await;
            peer.respond(stream, 200, body).await;
        }
    };
    tokio::join!(server, async {
        while let Some(done) = calls.join_next().await {
            done.unwrap()
        }
    });
    assert_eq!(world.executor.spawned(), 1);
}

#[tokio::test(start_paused = true)]
async fn unknown_frames_are_ignored_and_pings_answered() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    let server = async {
        let stream = peer.request().await.stream;
        peer.send_raw([0, 0, 2, 0xfa, 0xff, 0, 0, 0, 0, 1, 2]).await;
        peer.ping(*b"01234567").await;
        peer.find(|frame| matches!(frame, Frame::Ping { ack: true, data } if data == b"01234567")).await;
        peer.respond(stream, 200, "").await;
    };
    let (response, ()) = tokio::join!(exchange(&mut world.client, get("/")), server);
    assert_eq!(response.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_host_header_becomes_the_authority() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    let server = async {
        let request = peer.request().await;
        assert_eq!((request.get(":authority"), request.get("host")), (Some("b.test"), None));
        peer.respond(request.stream, 200, "").await;
    };
    let request = Request::get("http://a.test/").header("host", "b.test").body(empty()).unwrap();
    let (response, ()) = tokio::join!(exchange(&mut world.client, request), server);
    assert_eq!(response.unwrap().status(), 200);

    let refused = Request::get("http://a.test/").header("host", "b test").body(empty()).unwrap();
    let failed = exchange(&mut world.client, refused).await.unwrap_err();
    assert!(failed.error.is_request());
    assert_eq!(failed.into_request().unwrap().headers()["host"], "b test");
}

#[tokio::test(start_paused = true)]
async fn a_response_that_contradicts_its_length_is_an_error() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    let server = async {
        let stream = peer.request().await.stream;
        peer.headers(stream, &[(":status", "200"), ("content-length", "3")], false).await;
        run_until_idle().await;
        peer.data(stream, "abcd", true).await;
        let next = peer.request().await;
        peer.respond(next.stream, 200, "").await;
    };
    let client = async {
        let response = exchange(&mut world.client, get("/")).await.unwrap();
        let error = response.into_body().collect().await.unwrap_err();
        let Cause::Reset(reset) = error.cause() else { panic!("{error:?}") };
        assert_eq!((reset.code().name(), reset.is_by_peer()), (Some("PROTOCOL_ERROR"), false));
        assert_eq!(exchange(&mut world.client, get("/")).await.unwrap().status(), 200);
    };
    tokio::join!(client, server);
}

/// A request's body need not be `Unpin`, `Sync` or `Clone`.
#[test]
fn bodies_need_no_further_bounds() {
    struct Pinned {
        _pinned: std::marker::PhantomPinned,
        _cell: std::cell::Cell<u8>,
    }
    impl Body for Pinned {
        type Data = Bytes;
        type Error = std::convert::Infallible;
        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
            std::task::Poll::Ready(None)
        }
    }
    fn is_connection<C: Connection<Pinned> + Send>() {}
    is_connection::<skybridge_h2::Http2<Pinned>>();
    fn is_body<T: Default + Send>() {}
    is_body::<skybridge_h2::H2Body>();
}

#[tokio::test(start_paused = true)]
async fn trailers_after_an_empty_body_and_an_interim_response_are_trailers() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    let server = async {
        let stream = peer.request().await.stream;
        peer.headers(stream, &[(":status", "100")], false).await;
        peer.headers(stream, &[(":status", "200")], false).await;
        peer.headers(stream, &[("x-sum", "0")], true).await;
    };
    let client = async {
        let response = exchange(&mut world.client, get("/")).await.unwrap();
        assert_eq!((response.status().as_u16(), response.headers().len()), (200, 0));
        response.into_body().collect().await.unwrap()
    };
    let (body, ()) = tokio::join!(client, server);
    assert_eq!(body.trailers().unwrap()["x-sum"], "0");
    assert_eq!(body.to_bytes(), "");
}

/// What a 200 would be, or a GET, has its length; these have no content (RFC 9110, section 8.6).
#[tokio::test(start_paused = true)]
async fn a_304_or_an_answer_to_head_may_say_a_length_and_end_by_an_empty_data_frame() {
    for (method, status) in [("GET", "304"), ("HEAD", "200"), ("HEAD", "304")] {
        let mut world = World::new(H2::new()).await;
        let mut peer = world.peer().await;
        let server = async {
            let stream = peer.request().await.stream;
            peer.headers(stream, &[(":status", status), ("content-length", "100")], false).await;
            peer.data(stream, "", true).await;
        };
        let client = async {
            let request = Request::builder().method(method).uri("http://a.test/").body(empty()).unwrap();
            let response = exchange(&mut world.client, request).await.unwrap();
            assert_eq!(response.status().as_str(), status);
            response.into_body().collect().await.map(|body| body.to_bytes())
        };
        let (body, ()) = tokio::join!(client, server);
        assert_eq!(body.unwrap(), "", "{method} {status}");
    }
}
