//! A request that is still being sent when it is answered, or that fails on the way.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

mod support;

use http_body_util::BodyExt;
use skybridge_core::{Connection, Delivery};
use skybridge_h2::H2Error;
use skybridge_testkit::{
    executor::run_until_idle,
    h2::{Frame, code, setting},
};
use std::{error::Error as _, future::poll_fn, io, task::Poll, time::Duration};
use support::*;

async fn is_ready(client: &mut Client) -> bool {
    poll_fn(|cx| Poll::Ready(client.poll_ready(cx).is_ready())).await
}

#[tokio::test(start_paused = true)]
async fn an_early_response_is_returned_while_the_upload_goes_on() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    let (mut sender, body) = streamed();
    let client = async {
        let mut response = exchange(&mut world.client, post(body)).await.unwrap();
        for word in ["one", "two", "three"] {
            sender.send_data(word.into()).await.unwrap();
            let echoed = response.body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
            assert_eq!(echoed, word);
        }
        assert!(response.body_mut().frame().await.is_none());
        assert!(!is_ready(&mut world.client).await, "the request is still being sent");
        drop(response);
        run_until_idle().await;
        assert!(!is_ready(&mut world.client).await, "the upload was lost with a response that was read to its end");
        sender.send_data("late".into()).await.unwrap();
        drop(sender);
        ready(&mut world.client).await.unwrap();
        assert_eq!(exchange(&mut world.client, get("/")).await.unwrap().status(), 204);
    };
    let server = async {
        let stream = peer.request().await.stream;
        peer.headers(stream, &[(":status", "200")], false).await;
        for _ in 0..3 {
            let Frame::Data { data, .. } = peer.until(|frame| matches!(frame, Frame::Data { .. })).await else {
                return;
            };
            peer.data(stream, data, false).await;
        }
        peer.data(stream, "", true).await;
        assert_eq!(peer.body(stream).await, "onetwothreelate");
        let next = peer.request().await.stream;
        peer.respond(next, 204, "").await;
    };
    tokio::join!(client, server);
    drop((world.client, peer));
    world.executor.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn an_upload_ends_when_body_and_handle_are_dropped() {
    for case in ["the response is dropped", "everything is dropped after the response's end"] {
        let mut world = World::new(H2::new()).await;
        let mut peer = world.peer().await;
        let (mut sender, body) = streamed();
        let ended = case.contains("end");
        let client = async {
            let response = exchange(&mut world.client, post(body)).await.unwrap();
            sender.send_data("some".into()).await.unwrap();
            run_until_idle().await;
            if ended {
                assert_eq!(bytes(response).await, "");
                run_until_idle().await;
                drop(world.client);
            } else {
                drop(response);
                run_until_idle().await;
                ready(&mut world.client).await.unwrap();
            }
            run_until_idle().await;
            assert!(sender.send_data("more".into()).await.is_err(), "{case}: the body is still held");
        };
        let server = async {
            let stream = peer.request().await.stream;
            peer.headers(stream, &[(":status", "200")], ended).await;
            assert_eq!(peer.expect_reset(stream).await, code::CANCEL, "{case}");
        };
        tokio::join!(client, server);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reset_with_no_error_after_the_response_ends_the_upload_silently() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    let (sender, body) = streamed();
    let client = async {
        let response = exchange(&mut world.client, post(body)).await.unwrap();
        run_until_idle().await;
        assert_eq!(bytes(response).await, "enough");
        ready(&mut world.client).await.unwrap();
        assert_eq!(exchange(&mut world.client, get("/")).await.unwrap().status(), 204);
    };
    let server = async {
        let stream = peer.request().await.stream;
        peer.respond(stream, 200, "enough").await;
        peer.reset(stream, code::NO_ERROR).await;
        let next = peer.request().await.stream;
        peer.respond(next, 204, "").await;
    };
    tokio::join!(client, server);
    drop(sender);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_fails_resets_its_stream_and_is_the_source() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    let (mut sender, body) = streamed();
    let client = async {
        let fail = async {
            sender.send_data("some".into()).await.unwrap();
            run_until_idle().await;
            sender.abort(io::Error::other("the disk is gone"));
        };
        let (failed, ()) = tokio::join!(exchange(&mut world.client, post(body)), fail);
        let failed = failed.unwrap_err();
        assert_eq!(failed.error.delivery(), Delivery::Unknown);
        let error = failed.error.source().unwrap().downcast_ref::<H2Error>().unwrap();
        assert!(matches!(error, H2Error::RequestBody(why) if why.to_string() == "the disk is gone"));
        ready(&mut world.client).await.unwrap();
    };
    let server = async {
        let stream = peer.request().await.stream;
        assert_eq!(peer.expect_reset(stream).await, code::CANCEL);
    };
    tokio::join!(client, server);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_fails_after_the_head_is_reported_by_the_response() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    let (sender, body) = streamed();
    let client = async {
        let response = exchange(&mut world.client, post(body)).await.unwrap();
        sender.abort(io::Error::other("the disk is gone"));
        let error = response.into_body().collect().await.unwrap_err();
        assert!(matches!(h2_error(&error), H2Error::RequestBody(why) if why.to_string() == "the disk is gone"));
        ready(&mut world.client).await.unwrap();
    };
    let server = async {
        let stream = peer.request().await.stream;
        peer.headers(stream, &[(":status", "200")], false).await;
        assert_eq!(peer.expect_reset(stream).await, code::CANCEL);
    };
    tokio::join!(client, server);
}

/// One stream at a time, and a window of three bytes: the body is longer, and is answered before the window opens.
const NARROW: [(u16, u32); 2] = [(setting::MAX_CONCURRENT_STREAMS, 1), (setting::INITIAL_WINDOW_SIZE, 3)];

#[tokio::test(start_paused = true)]
async fn pieces_waiting_for_the_window_keep_the_stream_after_an_early_response() {
    for case in ["whole", "streamed", "with trailers"] {
        let mut world = World::new(H2::new()).await;
        let mut peer = world.peer_with(&NARROW).await;
        run_until_idle().await;
        let (mut sender, mut body) = streamed();
        match case {
            "whole" => body = full("withheld"),
            _ => sender.send_data("withheld".into()).await.unwrap(),
        }
        if case == "with trailers" {
            sender.send_trailers(http::HeaderMap::new()).await.unwrap();
        }
        drop(sender);
        let client = async {
            let response = exchange(&mut world.client, post(body)).await.unwrap();
            assert_eq!(bytes(response).await, "early");
            for _ in 0..3 {
                run_until_idle().await;
                assert!(!is_ready(&mut world.client).await, "{case}: the stream is still open");
            }
            ready(&mut world.client).await.unwrap();
            assert_eq!(exchange(&mut world.client, get("/")).await.unwrap().status(), 204);
        };
        let server = async {
            let stream = peer.request().await.stream;
            peer.respond(stream, 200, "early").await;
            for _ in 0..9 {
                run_until_idle().await;
            }
            peer.window_update(stream, 100).await;
            assert_eq!(peer.body(stream).await, "withheld", "{case}");
            let next = peer.request().await.stream;
            peer.respond(next, 204, "").await;
        };
        tokio::join!(client, server);
        drop((world.client, peer));
        world.executor.assert_idle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_waits_for_the_window_ends_with_its_handle_or_by_the_peer() {
    for by_peer in [false, true] {
        let mut world = World::new(H2::new()).await;
        let mut peer = world.peer_with(&NARROW).await;
        run_until_idle().await;
        let mut other = world.handle();
        let client = async {
            let response = exchange(&mut world.client, post(full("withheld"))).await.unwrap();
            assert_eq!(bytes(response).await, "early");
            run_until_idle().await;
            if by_peer {
                ready(&mut world.client).await.unwrap();
            }
            drop(world.client);
            assert_eq!(exchange(&mut other, get("/")).await.unwrap().status(), 204);
        };
        let server = async {
            let stream = peer.request().await.stream;
            peer.respond(stream, 200, "early").await;
            if by_peer {
                run_until_idle().await;
                peer.reset(stream, code::NO_ERROR).await;
            } else {
                assert_eq!(peer.expect_reset(stream).await, code::CANCEL);
            }
            let next = peer.request().await.stream;
            peer.respond(next, 204, "").await;
        };
        let both = async { tokio::join!(client, server) };
        tokio::time::timeout(Duration::from_secs(1), both).await.expect("the stream is still open");
        drop((other, peer));
        world.executor.assert_idle().await;
    }
}

/// The response arrived before the upload failed, and both are seen in the same poll.
#[tokio::test(start_paused = true)]
async fn a_response_takes_precedence_over_an_upload_that_fails_in_the_same_poll() {
    for (answer, whole) in [("no such thing", true), ("", true), ("in part", false)] {
        let mut world = World::new(H2::new()).await;
        let mut peer = world.peer().await;
        let (mut sender, body) = streamed();
        let client = async {
            ready(&mut world.client).await.unwrap();
            world.client.start(post(body));
            sender.send_data("some".into()).await.unwrap();
            assert!(poll_fn(|cx| Poll::Ready(world.client.poll_response(cx).is_pending())).await);
            run_until_idle().await;
            run_until_idle().await;
            sender.abort(io::Error::other("the disk is gone"));
            let response = response(&mut world.client).await.unwrap();
            assert_eq!(response.status(), 403);
            match response.into_body().collect().await {
                Ok(body) => assert!(whole && body.to_bytes() == answer, "{answer}"),
                Err(error) => {
                    assert!(!whole, "{answer}: {error:?}");
                    assert!(
                        matches!(h2_error(&error), H2Error::RequestBody(why) if why.to_string() == "the disk is gone")
                    );
                }
            }
            ready(&mut world.client).await.unwrap();
            assert_eq!(exchange(&mut world.client, get("/")).await.unwrap().status(), 204);
        };
        let server = async {
            let stream = peer.request().await.stream;
            peer.headers(stream, &[(":status", "403")], answer.is_empty()).await;
            if !answer.is_empty() {
                peer.data(stream, answer, whole).await;
            }
            assert_eq!(peer.expect_reset(stream).await, code::CANCEL);
            let next = peer.request().await.stream;
            peer.respond(next, 204, "").await;
        };
        let both = async { tokio::join!(client, server) };
        tokio::time::timeout(Duration::from_secs(1), both).await.expect("it hangs");
        drop((world.client, peer));
        world.executor.assert_idle().await;
    }
}

/// What has arrived of the response is read first, to its end if that has arrived.
#[tokio::test(start_paused = true)]
async fn an_upload_that_fails_later_loses_nothing_of_the_response() {
    for whole in [true, false] {
        let mut world = World::new(H2::new()).await;
        let mut peer = world.peer().await;
        let (sender, body) = streamed();
        let client = async {
            let mut response = exchange(&mut world.client, post(body)).await.unwrap();
            run_until_idle().await;
            sender.abort(io::Error::other("the disk is gone"));
            run_until_idle().await;
            let data = response.body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
            assert_eq!(data, "early");
            match response.body_mut().frame().await {
                None => assert!(whole),
                Some(frame) => assert!(!whole && matches!(h2_error(&frame.unwrap_err()), H2Error::RequestBody(_))),
            }
            ready(&mut world.client).await.unwrap();
        };
        let server = async {
            let stream = peer.request().await.stream;
            peer.headers(stream, &[(":status", "200")], false).await;
            peer.data(stream, "early", whole).await;
            assert_eq!(peer.expect_reset(stream).await, code::CANCEL);
        };
        let both = async { tokio::join!(client, server) };
        tokio::time::timeout(Duration::from_secs(1), both).await.expect("it hangs");
        drop((world.client, peer));
        world.executor.assert_idle().await;
    }
}

/// The response isn't being read: there is nothing to wait for.
#[tokio::test(start_paused = true)]
async fn an_upload_that_fails_after_the_response_resets_at_once() {
    for read in [true, false] {
        let mut world = World::new(H2::new()).await;
        let mut peer = world.peer().await;
        let (sender, body) = streamed();
        let client = async {
            let response = exchange(&mut world.client, post(body)).await.unwrap();
            if read {
                assert_eq!(bytes(response).await, "early");
                sender.abort(io::Error::other("the disk is gone"));
            } else {
                sender.abort(io::Error::other("the disk is gone"));
                run_until_idle().await;
                drop(response);
            }
            ready(&mut world.client).await.unwrap();
        };
        let server = async {
            let stream = peer.request().await.stream;
            peer.respond(stream, 200, "early").await;
            assert_eq!(peer.expect_reset(stream).await, code::CANCEL);
        };
        let both = async { tokio::join!(client, server) };
        tokio::time::timeout(Duration::from_secs(1), both).await.expect("it hangs");
        drop((world.client, peer));
        world.executor.assert_idle().await;
    }
}

/// A body that can't be copied waits for the window, but not for ever: some need none.
#[tokio::test(start_paused = true)]
async fn without_a_window_empty_bodies_trailers_and_failures_are_seen() {
    for case in ["empty", "trailers", "fails", "data"] {
        let mut world = World::new(H2::new()).await;
        let mut peer = world.peer_with(&[(setting::INITIAL_WINDOW_SIZE, 0)]).await;
        run_until_idle().await;
        let (mut sender, body) = streamed();
        match case {
            "trailers" => {
                let trailers = http::HeaderMap::from_iter([(http::header::ETAG, "x".parse().unwrap())]);
                sender.send_trailers(trailers).await.unwrap();
                drop(sender);
            }
            "fails" => sender.abort(io::Error::other("the disk is gone")),
            "data" => sender.send_data("some".into()).await.unwrap(),
            _ => drop(sender),
        }
        let client = async { exchange(&mut world.client, post(body)).await };
        let server = async {
            let stream = peer.request().await.stream;
            match case {
                "fails" => assert_eq!(peer.expect_reset(stream).await, code::CANCEL),
                "data" => {
                    run_until_idle().await;
                    peer.window_update(stream, 100).await;
                    peer.until(|frame| matches!(frame, Frame::Data { .. })).await;
                    peer.respond(stream, 200, "").await;
                }
                _ => {
                    let end = peer.find(|frame| frame.stream() == stream && frame.ends_stream()).await;
                    assert_eq!(matches!(end, Frame::Headers { .. }), case == "trailers", "{end:?}");
                    peer.respond(stream, 200, "").await;
                }
            }
        };
        let both = async { tokio::join!(client, server) };
        let (answer, ()) = tokio::time::timeout(Duration::from_secs(1), both).await.expect(case);
        match answer {
            Ok(response) => assert_eq!(response.status(), 200),
            Err(failed) => {
                assert_eq!(case, "fails");
                let error = failed.error.source().unwrap().downcast_ref::<H2Error>().unwrap();
                assert!(matches!(error, H2Error::RequestBody(why) if why.to_string() == "the disk is gone"));
            }
        }
    }
}

/// The body of a stream that isn't open yet is not polled, however long that takes, and comes back when it is refused.
#[tokio::test(start_paused = true)]
async fn a_body_is_not_polled_before_its_stream_is_open() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer_with(&NARROW).await;
    run_until_idle().await;
    let mut other = world.handle();
    ready(&mut other).await.unwrap();
    other.start(get("/first"));
    let (mut sender, body) = streamed();
    sender.send_data("once".into()).await.unwrap();
    drop(sender);
    let client = async {
        let failed = exchange(&mut world.client, post(body)).await.unwrap_err();
        assert_eq!(failed.error.delivery(), Delivery::Refused);
        let body = failed.into_request().expect("it comes back").into_body();
        assert_eq!(body.collect().await.unwrap().to_bytes(), "once");
    };
    let server = async {
        let first = peer.request().await.stream;
        tokio::time::sleep(Duration::from_secs(10)).await;
        peer.goaway(first, code::NO_ERROR, "").await;
    };
    tokio::join!(client, server);
}

fn h2_error(error: &skybridge_core::Error) -> &H2Error {
    error.source().unwrap().downcast_ref().unwrap()
}
