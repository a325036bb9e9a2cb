//! Request bodies that are longer or shorter than declared.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

mod support;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body::Frame as BodyFrame;
use http_body_util::BodyExt;
use skybridge_core::{Cause, Connection, Delivery, Error, Phase, RequestError};
use skybridge_h2::{H2, H2Error};
use skybridge_testkit::{
    executor::run_until_idle,
    h2::{Frame, code},
};
use std::{future::poll_fn, task::Poll};
use support::*;

#[derive(Clone, Copy)]
enum Part {
    Data(&'static str),
    Trailers,
}
use Part::*;

/// A body whose parts become available one after the other.
fn body(parts: &[Part]) -> (impl Future<Output = ()>, Out) {
    let (mut sender, body) = streamed();
    let parts = parts.to_vec();
    let feed = async move {
        for part in parts {
            // After a mismatch the rest isn't read.
            let _ = match part {
                Data(data) => sender.send(BodyFrame::data(Bytes::from(data))).await,
                Trailers => sender.send(BodyFrame::trailers(HeaderMap::new())).await,
            };
            run_until_idle().await;
        }
    };
    (feed, body)
}

fn put(length: &str, body: Out) -> Request<Out> {
    Request::put("http://a.test/").header("content-length", length).body(body).unwrap()
}

fn mismatch(error: &Error) -> &RequestError {
    assert_eq!((error.delivery(), error.phase()), (Delivery::Unknown, Phase::Send));
    let Cause::RequestBody(source) = error.cause() else { panic!("{error:?}") };
    match source.downcast_ref() {
        Some(H2Error::BodySize(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// All DATA of a stream that the peer received, and whether it ended the stream.
fn data(received: &[Frame], stream: u32) -> (String, bool) {
    let mut whole = (String::new(), false);
    for frame in received.iter().filter(|frame| frame.stream() == stream) {
        match frame {
            Frame::Data { data, end, .. } => {
                whole.0.push_str(std::str::from_utf8(data).unwrap());
                whole.1 |= end;
            }
            Frame::Headers { end, .. } => whole.1 |= end,
            _ => {}
        }
    }
    whole
}

#[tokio::test(start_paused = true)]
async fn a_body_of_another_length_than_declared_resets_its_stream() {
    let longer = |at_least| RequestError::BodySize { declared: 5, at_least, at_most: None };
    let shorter = |size| RequestError::BodySize { declared: 5, at_least: size, at_most: Some(size) };
    let rows: [(&[Part], RequestError, &str); 7] = [
        (&[Data("123456")], longer(6), ""),
        (&[Data("123"), Data("456")], longer(6), "123"),
        (&[Data("12345"), Data("6")], longer(6), "12345"),
        (&[Data("123"), Data("45"), Data(""), Data("6")], longer(6), "12345"),
        (&[], shorter(0), ""),
        (&[Data("123")], shorter(3), "123"),
        (&[Data("123"), Trailers], shorter(3), "123"),
    ];
    for h2 in [H2::new(), H2::new()] {
        for (parts, told, sent) in &rows {
            let mut world = World::new(h2.clone()).await;
            let mut peer = world.peer().await;
            let (feed, body) = body(parts);
            let client = async {
                let (failed, ()) = tokio::join!(exchange(&mut world.client, put("5", body)), feed);
                assert_eq!(mismatch(&failed.unwrap_err().error), told);
                ready(&mut world.client).await.unwrap();
                assert_eq!(exchange(&mut world.client, get("/")).await.unwrap().status(), 204);
            };
            let server = async {
                let stream = peer.request().await.stream;
                assert_eq!(peer.expect_reset(stream).await, code::CANCEL);
                assert_eq!(data(peer.received(), stream), ((*sent).to_owned(), false));
                let next = peer.request().await.stream;
                peer.respond(next, 204, "").await;
            };
            tokio::join!(client, server);
            drop((world.client, peer));
            world.executor.assert_idle().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_as_long_as_declared_is_sent() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    let rows: [&[Part]; 4] = [
        &[Data("12345")],
        &[Data("123"), Data("45")],
        &[Data("123"), Data(""), Data("45"), Data("")],
        &[Data("12345"), Trailers],
    ];
    for parts in rows {
        let (feed, body) = body(parts);
        let server = async {
            let request = peer.request().await;
            assert_eq!(request.get("content-length"), Some("5"));
            assert_eq!(peer.body(request.stream).await, "12345");
            peer.respond(request.stream, 200, "").await;
        };
        let (response, (), ()) = tokio::join!(exchange(&mut world.client, put("5", body)), feed, server);
        assert_eq!(response.unwrap().status(), 200);
        ready(&mut world.client).await.unwrap();
    }
    assert!(!peer.received().iter().any(|frame| matches!(frame, Frame::Reset { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_body_declared_as_empty() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    for (parts, none) in [(&[Data("1")][..], false), (&[Data(""), Data("1")], false), (&[Data("")], true), (&[], true)]
    {
        let (feed, body) = body(parts);
        let server = async {
            let stream = peer.request().await.stream;
            if none {
                assert_eq!(peer.body(stream).await, "");
                peer.respond(stream, 200, "").await;
            } else {
                assert_eq!(peer.expect_reset(stream).await, code::CANCEL);
            }
        };
        let (response, (), ()) = tokio::join!(exchange(&mut world.client, put("0", body)), feed, server);
        match response {
            Ok(response) => assert!(none && response.status() == 200),
            Err(failed) => {
                let told = RequestError::BodySize { declared: 0, at_least: 1, at_most: None };
                assert_eq!((mismatch(&failed.error), none), (&told, false));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_length_that_contradicts_the_size_hint_is_refused_before_it_is_sent() {
    let mut world = World::new(H2::new()).await;
    for (length, body) in [("5", empty()), ("4", full("12345")), ("6", full("12345")), ("five", full("12345"))] {
        let failed = exchange(&mut world.client, put(length, body)).await.unwrap_err();
        assert!(failed.error.is_request(), "{:?}", failed.error);
        assert_eq!(failed.into_request().unwrap().headers()["content-length"], length);
    }
    let mut peer = world.peer().await;
    let server = async {
        let stream = peer.request().await.stream;
        assert_eq!(stream, 1);
        peer.respond(stream, 204, "").await;
    };
    tokio::join!(exchange(&mut world.client, get("/")), server).0.unwrap();
}

/// The response is returned, and its body ends with the mismatch.
#[tokio::test(start_paused = true)]
async fn a_mismatch_after_the_head_is_reported_by_the_body() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    let (mut sender, body) = streamed();
    let client = async {
        let mut response = exchange(&mut world.client, put("5", body)).await.unwrap();
        sender.send_data("123456".into()).await.unwrap();
        let error = response.body_mut().frame().await.unwrap().unwrap_err();
        let Cause::RequestBody(error) = error.cause() else { panic!("{error:?}") };
        let Some(H2Error::BodySize(error)) = error.downcast_ref() else { panic!("{error:?}") };
        assert!(matches!(error, RequestError::BodySize { at_least: 6, .. }), "{error:?}");
        ready(&mut world.client).await.unwrap();
        assert!(poll_fn(|cx| Poll::Ready(world.client.poll_ready(cx).is_ready())).await);
    };
    let server = async {
        let stream = peer.request().await.stream;
        peer.headers(stream, &[(":status", "200")], false).await;
        assert_eq!(peer.expect_reset(stream).await, code::CANCEL);
        assert_eq!(data(peer.received(), stream), (String::new(), false));
    };
    tokio::join!(client, server);
}
