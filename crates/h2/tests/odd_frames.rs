//! Frames that a peer may send and that change nothing, and some that it must not.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

mod support;

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt;
use skybridge_core::{Cause, CloseReason, ConnectionStatus, Delivery};
use skybridge_testkit::{
    executor::run_until_idle,
    h2::{Fields, Frame, code},
};
use support::*;

const DATA: u8 = 0x0;
const PUSH_PROMISE: u8 = 0x5;
const END_HEADERS: u8 = 0x4;

fn unknown(kind: u8, flags: u8, stream: u32, payload: &'static [u8]) -> Frame {
    Frame::Unknown { kind, flags, stream, payload: Bytes::from_static(payload) }
}

/// Settings, frame types and flags that nobody knows are ignored (RFC 9113, sections 5.5 and 6.5.2).
#[tokio::test(start_paused = true)]
async fn what_is_unknown_is_ignored() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer_with(&[(0x4d4d, 7), (0xffff, u32::MAX)]).await;
    for frame in [
        unknown(0xbe, 0xff, 0, b"of the connection"),
        Frame::Settings { ack: false, values: vec![(0x10, 1), (0xf0f0, 0)] },
    ] {
        peer.send(frame).await;
    }
    let server = async {
        let stream = peer.request().await.stream;
        peer.send(unknown(0xbe, 0xff, stream, b"of a stream")).await;
        peer.respond(stream, 200, "all").await;
    };
    let (response, ()) = tokio::join!(exchange(&mut world.client, get("/")), server);
    assert_eq!(bytes(response.unwrap()).await, "all");
    let ends =
        |status: &ConnectionStatus| matches!(status, ConnectionStatus::Draining(_) | ConnectionStatus::Closed(_));
    assert!(!world.notes.all().iter().any(ends), "{:?}", world.notes.all());
}

/// RFC 9113, section 6.1.
#[tokio::test(start_paused = true)]
async fn data_on_the_connection_itself_ends_it() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    let server = async {
        peer.request().await;
        peer.send(unknown(DATA, 0, 0, b"nobody's")).await;
        peer.find(|frame| matches!(frame, Frame::GoAway { code: code::PROTOCOL_ERROR, .. })).await;
    };
    let (response, ()) = tokio::join!(exchange(&mut world.client, get("/")), server);
    let error = response.unwrap_err().error;
    assert!(matches!(error.cause(), Cause::Protocol(_)), "{error:?}");
    assert_eq!(error.delivery(), Delivery::Unknown);
    run_until_idle().await;
    assert!(world.notes.all().contains(&ConnectionStatus::Closed(CloseReason::Protocol)), "{:?}", world.notes.all());
}

/// We say in our SETTINGS that we take none (RFC 9113, section 8.4).
#[tokio::test(start_paused = true)]
async fn a_pushed_response_ends_the_connection() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    let server = async {
        let stream = peer.request().await.stream;
        // Stream 2, and `:method: GET`, `:scheme: http`, `:path: /` by the static table (RFC 7541, appendix A).
        peer.send(unknown(PUSH_PROMISE, END_HEADERS, stream, b"\0\0\0\x02\x82\x86\x84")).await;
        peer.find(|frame| matches!(frame, Frame::GoAway { code: code::PROTOCOL_ERROR, .. })).await;
    };
    let (response, ()) = tokio::join!(exchange(&mut world.client, get("/")), server);
    assert!(matches!(response.unwrap_err().error.cause(), Cause::Protocol(_)));
}

/// An interim response, then the head, then trailers, without any data between them.
#[tokio::test(start_paused = true)]
async fn trailers_of_an_empty_body_are_no_second_head() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    let server = async {
        let stream = peer.request().await.stream;
        for (fields, end) in [
            (&[(":status", "100")][..], false),
            (&[(":status", "200"), ("x-head", "1")], false),
            (&[("x-trailer", "2")], true),
        ] {
            peer.send(Frame::Headers { stream, fields: Fields::from(fields), end }).await;
        }
    };
    let (response, ()) = tokio::join!(exchange(&mut world.client, get("/")), server);
    let response = response.unwrap();
    assert_eq!((response.status().as_u16(), response.headers().len()), (200, 1));
    assert!(!response.body().is_end_stream());
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.trailers().unwrap()["x-trailer"], "2");
    assert_eq!(body.to_bytes(), "");
}
