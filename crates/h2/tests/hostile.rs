//! Peers that send too much of something: each of the limits in the table of `H2`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use http_body_util::BodyExt;
use skybridge_core::{Cause, CloseReason, ConnectionStatus, Error, OnInformational};
use skybridge_h2::H2Error;
use skybridge_testkit::{
    executor::run_until_idle,
    h2::{Frame, Peer, code},
    net::Conn,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use support::*;

const TEN: Duration = Duration::from_secs(10);
const CONTINUATION: u8 = 9;
const PRIORITY: u8 = 2;
const PADDED: u8 = 8;
const END_STREAM: u8 = 1;

/// A frame as it is on the wire.
fn raw(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&[a, b, c, kind, flags], &stream.to_be_bytes()[..], payload].concat()
}

/// The error of a request that the peer answers with these bytes, and the code of the GOAWAY that it gets.
async fn answered(mut world: World, bytes: impl FnOnce(u32) -> Vec<u8>) -> (H2Error, Option<u32>) {
    let mut peer = world.peer().await;
    let (failed, peer) = tokio::join!(exchange(&mut world.client, get("/")), async {
        let stream = peer.request().await.stream;
        peer.send_raw(bytes(stream)).await;
        peer
    });
    let failed = failed.unwrap_err();
    let closed = world.notes.all().last().copied();
    assert_eq!(closed, Some(ConnectionStatus::Closed(CloseReason::Protocol)));
    let code = goaway(peer).await;
    if let H2Error::Flood(_) = h2_error(&failed.error) {
        assert!(matches!(failed.error.cause(), Cause::Protocol(_)), "{:?}", failed.error);
    }
    (failed.error.into_h2(), code)
}

async fn goaway(mut peer: Peer<Conn>) -> Option<u32> {
    peer.expect_close().await;
    peer.received().iter().find_map(|frame| match frame {
        Frame::GoAway { code, .. } => Some(*code),
        _ => None,
    })
}

trait IntoH2 {
    fn into_h2(self) -> H2Error;
}

impl IntoH2 for Error {
    fn into_h2(self) -> H2Error {
        match h2_error(&self) {
            H2Error::Flood(flood) => H2Error::Flood(*flood),
            H2Error::Protocol(error) if error.reason().is_some() => H2Error::Protocol(error.reason().unwrap().into()),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn too_many_control_frames_end_the_connection() {
    let rows: [(&str, usize, Vec<u8>); 5] = [
        ("PING frames", 1000, raw(6, 0, 0, &[7; 8])),
        ("SETTINGS frames", 1000, raw(4, 0, 0, &[])),
        ("WINDOW_UPDATE frames", 10_000, raw(8, 0, 0, &[0, 0, 0, 1])),
        ("RST_STREAM frames", 1000, raw(3, 0, 1, &[0, 0, 0, 8])),
        ("frames without a meaning here", 10_000, raw(PRIORITY, 0, 1, &[0, 0, 0, 0, 1])),
    ];
    for (what, limit, frame) in rows {
        let world = World::with_capacity(H2::new(), 1 << 20).await;
        // What came of the first of them is known: a stream that is reset fails at once.
        if what == "RST_STREAM frames" {
            let mut world = world;
            let mut peer = world.peer().await;
            let server = async {
                let stream = peer.request().await.stream;
                peer.send_raw(frame.repeat(limit + 100)).await;
                assert_eq!(stream, 1);
            };
            let (failed, ()) = tokio::join!(exchange(&mut world.client, get("/")), server);
            assert!(failed.is_err());
            run_until_idle().await;
            assert_eq!(world.notes.all().last(), Some(&ConnectionStatus::Closed(CloseReason::Protocol)));
            assert_eq!(goaway(peer).await, Some(code::ENHANCE_YOUR_CALM));
            continue;
        }
        let (error, code) = answered(world, |_| frame.repeat(limit + 1000)).await;
        let H2Error::Flood(flood) = &error else { panic!("{what}: {error:?}") };
        assert_eq!((flood.what, flood.within), (what, Some(TEN)));
        assert!((limit..limit + 100).contains(&flood.limit), "{flood:?}");
        assert!(error.to_string().contains(&flood.limit.to_string()), "{error}");
        assert_eq!(code, Some(code::ENHANCE_YOUR_CALM), "{what}");
    }
}

/// As grpc's servers do for each DATA: a PING, which measures, and WINDOW_UPDATEs. However many requests there are.
#[tokio::test(start_paused = true)]
async fn a_server_that_sends_some_for_each_small_request_is_fine() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    for _ in 0..12_000 {
        let server = async {
            let stream = peer.request().await.stream;
            let updates = [raw(8, 0, 0, &[0, 0, 0, 1]), raw(8, 0, stream, &[0, 0, 0, 1]), raw(6, 0, 0, &[7; 8])];
            peer.send_raw(updates.concat()).await;
            peer.respond(stream, 200, "y").await;
        };
        let (response, ()) = tokio::join!(exchange(&mut world.client, post(full("x"))), server);
        assert_eq!(bytes(response.unwrap()).await, "y");
    }
}

/// Their heads end no stream, as those of interim responses.
#[tokio::test(start_paused = true)]
async fn responses_that_are_given_up_before_their_data_are_no_interim_ones() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    for _ in 0..200 {
        let server = async {
            let stream = peer.request().await.stream;
            peer.headers(stream, &[(":status", "200")], false).await;
        };
        let (response, ()) = tokio::join!(exchange(&mut world.client, get("/")), server);
        drop(response.unwrap());
        run_until_idle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn as_many_over_a_longer_time_are_fine() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    for _ in 0..5 {
        peer.send_raw(raw(4, 0, 0, &[]).repeat(900)).await;
        peer.ping([1; 8]).await;
        peer.until(|frame| matches!(frame, Frame::Ping { ack: true, .. })).await;
        tokio::time::sleep(TEN).await;
    }
    let server = async {
        let stream = peer.request().await.stream;
        peer.respond(stream, 200, "").await;
    };
    let (response, ()) = tokio::join!(exchange(&mut world.client, get("/")), server);
    assert_eq!(response.unwrap().status(), 200);
}

/// `:status: 103`, and nothing else, as a literal without indexing.
fn interim(stream: u32) -> Vec<u8> {
    raw(1, 4, stream, b"\x08\x03103")
}

#[tokio::test(start_paused = true)]
async fn too_many_interim_responses_end_the_connection() {
    let (error, code) = answered(World::new(H2::new()).await, |stream| interim(stream).repeat(1000)).await;
    let H2Error::Flood(flood) = &error else { panic!("{error:?}") };
    assert_eq!((flood.what, flood.limit, flood.within), ("interim responses", 65, None));
    assert_eq!(code, Some(code::ENHANCE_YOUR_CALM));
}

#[tokio::test(start_paused = true)]
async fn interim_responses_reach_who_wants_them_up_to_the_limit() {
    for (many, fits) in [(5, true), (6, false)] {
        let mut world = World::new(H2::new().max_informational(5)).await;
        let mut peer = world.peer().await;
        let seen = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&seen);
        let mut request = get("/");
        request.extensions_mut().insert(OnInformational::new(move |interim| {
            assert_eq!(interim.status(), 103);
            counted.fetch_add(1, Relaxed);
        }));
        let server = async {
            let stream = peer.request().await.stream;
            for _ in 0..many {
                peer.send_raw(interim(stream)).await;
                run_until_idle().await;
            }
            if fits {
                peer.respond(stream, 200, "").await;
            } else {
                assert_eq!(peer.expect_reset(stream).await, code::CANCEL);
            }
        };
        let (response, ()) = tokio::join!(exchange(&mut world.client, request), server);
        assert_eq!(seen.load(Relaxed), 5);
        match response {
            Ok(response) => assert!(fits && response.status() == 200),
            Err(failed) => assert!(!fits && matches!(h2_error(&failed.error), H2Error::InterimResponses(5))),
        }
        let server = async {
            let stream = peer.request().await.stream;
            peer.respond(stream, 204, "").await;
        };
        let (next, ()) = tokio::join!(exchange(&mut world.client, get("/")), server);
        assert_eq!(next.unwrap().status(), 204, "the connection goes on");
    }
}

#[tokio::test(start_paused = true)]
async fn too_many_continuations_end_the_connection() {
    let block = |stream| {
        let part = raw(CONTINUATION, 0, stream, b"\x00\x01a\x01b");
        [raw(1, 0, stream, b"\x88"), part.repeat(1000)].concat()
    };
    for (h2, limit) in [(H2::new(), 20), (H2::new().max_header_list_size(1000), 5)] {
        let (error, code) = answered(World::new(h2).await, block).await;
        let H2Error::Flood(flood) = &error else { panic!("{error:?}") };
        assert_eq!((flood.what, flood.limit, flood.within), ("CONTINUATION frames", limit, None));
        assert_eq!(code, Some(code::ENHANCE_YOUR_CALM));
    }
}

/// However much padding is in them, and however they arrive.
#[tokio::test(start_paused = true)]
async fn too_many_empty_data_frames_end_the_connection() {
    let empty = raw(0, 0, 1, &[]);
    let padded = |padding: u8| raw(0, PADDED, 1, &[&[padding][..], &vec![0; padding.into()]].concat());
    let both = [&empty[..], &padded(3)].concat();
    let rows = [
        (empty.repeat(101), usize::MAX),
        (padded(0).repeat(101), usize::MAX),
        (padded(0).repeat(101), 9),
        (padded(255).repeat(101), usize::MAX),
        ([both.repeat(50), empty].concat(), usize::MAX),
    ];
    for (frames, size) in rows {
        let mut world = World::with_capacity(H2::new(), 1 << 20).await;
        let mut peer = world.peer().await;
        let server = async {
            let stream = peer.request().await.stream;
            assert_eq!(stream, 1);
            peer.headers(stream, &[(":status", "200")], false).await;
            run_until_idle().await;
            for piece in frames.chunks(size) {
                peer.send_raw(piece).await;
                run_until_idle().await;
            }
            goaway(peer).await
        };
        let client = async {
            let response = exchange(&mut world.client, get("/")).await.unwrap();
            response.into_body().collect().await.unwrap_err()
        };
        let (error, code) = tokio::join!(client, server);
        let H2Error::Flood(flood) = h2_error(&error) else { panic!("{error:?}") };
        assert_eq!((flood.what, flood.limit, flood.within), ("empty DATA frames", 100, None));
        assert_eq!(code, Some(code::ENHANCE_YOUR_CALM));
    }
}

/// Little in much padding is not empty, nor is the last frame of a stream too many.
#[tokio::test(start_paused = true)]
async fn padded_data_frames_that_are_not_empty_are_fine() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    for _ in 0..150 {
        let server = async {
            let stream = peer.request().await.stream;
            peer.headers(stream, &[(":status", "200")], false).await;
            let frames = [raw(0, PADDED, stream, b"\x02a\0\0"), raw(0, PADDED | END_STREAM, stream, b"\x02\0\0")];
            peer.send_raw(frames.concat()).await;
        };
        let (response, ()) = tokio::join!(exchange(&mut world.client, get("/")), server);
        assert_eq!(bytes(response.unwrap()).await, "a");
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_is_too_large_costs_its_stream() {
    let mut world = World::with_capacity(H2::new().max_header_list_size(1000), 1 << 20).await;
    let mut peer = world.peer().await;
    peer.until(|frame| matches!(frame, Frame::Settings { ack: true, .. })).await;
    run_until_idle().await;
    let server = async {
        let stream = peer.request().await.stream;
        let fields: Vec<_> = (0..30).map(|n| (format!("x-{n}"), "v".to_owned())).collect();
        let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        peer.headers(stream, &[&[(":status", "200")], &fields[..]].concat(), true).await;
        let next = peer.request().await.stream;
        peer.respond(next, 204, "").await;
    };
    let client = async {
        assert!(exchange(&mut world.client, get("/")).await.is_err());
        exchange(&mut world.client, get("/")).await.unwrap().status()
    };
    let (status, ()) = tokio::join!(client, server);
    assert_eq!(status, 204);
}

#[tokio::test(start_paused = true)]
async fn a_body_shorter_or_longer_than_it_says_costs_its_stream() {
    for body in ["ab", "abcd"] {
        let mut world = World::new(H2::new()).await;
        let mut peer = world.peer().await;
        let server = async {
            let stream = peer.request().await.stream;
            peer.headers(stream, &[(":status", "200"), ("content-length", "3")], false).await;
            run_until_idle().await;
            peer.data(stream, body, true).await;
            let next = peer.request().await.stream;
            peer.respond(next, 204, "").await;
        };
        let client = async {
            let response = exchange(&mut world.client, get("/")).await.unwrap();
            let error = response.into_body().collect().await.unwrap_err();
            assert_eq!(h2_error(&error).reason(), Some(h2::Reason::PROTOCOL_ERROR), "{body}");
            exchange(&mut world.client, get("/")).await.unwrap().status()
        };
        assert_eq!(tokio::join!(client, server).0, 204);
    }
}

/// Push is switched off, so a promise is a violation (RFC 9113, section 8.4); so is DATA on no stream.
#[tokio::test(start_paused = true)]
async fn frames_that_may_not_come_end_the_connection() {
    for frame in [raw(5, 4, 1, b"\0\0\0\x02\x82"), raw(0, 0, 0, b"data")] {
        let (error, code) = answered(World::new(H2::new()).await, |_| frame).await;
        assert_eq!((error.reason(), code), (Some(h2::Reason::PROTOCOL_ERROR), Some(code::PROTOCOL_ERROR)));
    }
}

#[tokio::test(start_paused = true)]
async fn settings_that_nobody_knows_are_ignored() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer_with(&[(0xfafa, 7)]).await;
    let server = async {
        let stream = peer.request().await.stream;
        peer.respond(stream, 204, "").await;
    };
    let (response, ()) = tokio::join!(exchange(&mut world.client, get("/")), server);
    assert_eq!(response.unwrap().status(), 204);
}

/// What the h2 crate makes of malformed heads, as the documentation of `H2` says.
#[tokio::test(start_paused = true)]
async fn a_malformed_head_costs_its_stream_where_the_h2_crate_can_read_on() {
    type Fields = &'static [(&'static str, &'static str)];
    let rows: [(Fields, bool); 4] = [
        (&[(":status", "200"), (":status", "200")], true),
        (&[(":status", "200"), ("connection", "close")], true),
        (&[(":status", "200"), ("X-A", "a")], false),
        (&[(":status", "200"), ("x-a", "a\u{1}b")], false),
    ];
    for (fields, reads_on) in rows {
        let mut world = World::new(H2::new()).await;
        let mut peer = world.peer().await;
        let server = async {
            let stream = peer.request().await.stream;
            peer.headers(stream, fields, true).await;
            run_until_idle().await;
        };
        let (failed, ()) = tokio::join!(exchange(&mut world.client, get("/")), server);
        let failed = failed.unwrap_err();
        let error = h2_error(&failed.error);
        assert_eq!(error.reason(), Some(h2::Reason::PROTOCOL_ERROR), "{fields:?}");
        let text = error.to_string();
        assert!(text.contains("a malformed field") && text.contains("doesn't say which"), "{text}");
        let closed = matches!(world.notes.all().last(), Some(ConnectionStatus::Closed(_)));
        assert_eq!(closed, !reads_on, "{fields:?}");
    }
}
