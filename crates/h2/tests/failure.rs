//! Refusals, GOAWAY, resets and dead sockets: what is known of the request, and whether it comes back.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use http::{HeaderValue, Method, Request, Version};
use http_body_util::BodyExt;
use skybridge_core::{Capacity, Cause, CloseReason, Connection, ConnectionStatus, Delivery, FollowUp, Replays};
use skybridge_testkit::{
    executor::run_until_idle,
    h2::{code, setting},
};
use std::{
    future::{Future, poll_fn},
    pin::pin,
};
use support::*;

fn full_request(body: Out) -> Request<Out> {
    let mut request = Request::post("http://a.test:8080/path?query")
        .version(Version::HTTP_11)
        .header("x-one", "1")
        .header("x-two", "2")
        .header("x-one", "3")
        .header("connection", "keep-alive")
        .body(body)
        .unwrap();
    request.extensions_mut().insert("extension");
    request
}

fn assert_full_request(request: &Request<Out>) {
    assert_eq!((request.method(), request.version()), (&Method::POST, Version::HTTP_11));
    assert_eq!(request.uri(), "http://a.test:8080/path?query");
    assert_eq!(request.headers(), full_request(empty()).headers());
    assert_eq!(request.extensions().get(), Some(&"extension"));
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_comes_back_with_more_values_than_a_map_has_places() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer_with(&[(setting::MAX_HEADER_LIST_SIZE, u32::MAX)]).await;
    let mut request = get("/");
    for _ in 0..25_000 {
        request.headers_mut().append("x", HeaderValue::from_static("1"));
    }
    let server = async {
        let stream = peer.request().await.stream;
        peer.reset(stream, code::REFUSED_STREAM).await;
    };
    let (failed, ()) = tokio::join!(exchange(&mut world.client, request), server);
    assert_eq!(failed.unwrap_err().into_request().unwrap().headers().len(), 25_000);
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_comes_back_whole_and_the_connection_lives() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    let client = async {
        let failed = exchange(&mut world.client, full_request(full("body"))).await.unwrap_err();
        assert_eq!(failed.error.delivery(), Delivery::Refused);
        let info = world.client.info().clone();
        assert_eq!(failed.error.connection().unwrap().id, info.id);
        let request = *failed.into_request().unwrap();
        assert_full_request(&request);
        let response = exchange(&mut world.client, request).await.unwrap();
        assert_eq!(bytes(response).await, "body");
    };
    let server = async {
        let first = peer.request().await;
        peer.reset(first.stream, code::REFUSED_STREAM).await;
        let second = peer.request().await;
        assert_eq!(second.get("content-length"), Some("4"));
        assert_eq!(second.iter().filter(|(name, _)| *name == "x-one").count(), 2);
        let body = peer.body(second.stream).await;
        peer.respond(second.stream, 200, body).await;
    };
    tokio::join!(client, server);
    assert_eq!(world.notes.all(), [ConnectionStatus::Capacity(u32::MAX)]);
}

#[tokio::test(start_paused = true)]
async fn without_replay_the_refusal_is_reported_and_nothing_comes_back() {
    let mut world = World::asking(H2::new(), None).await;
    let mut peer = world.peer().await;
    let server = async {
        let stream = peer.request().await.stream;
        peer.reset(stream, code::REFUSED_STREAM).await;
    };
    let (failed, ()) = tokio::join!(exchange(&mut world.client, get("/")), server);
    let failed = failed.unwrap_err();
    assert_eq!(failed.error.delivery(), Delivery::Refused);
    assert!(!failed.has_request());
}

#[tokio::test(start_paused = true)]
async fn a_one_shot_body_that_was_not_polled_comes_back_itself() {
    let mut world = World::new(H2::new()).await;
    // No window: the head goes out, the body stays where it is.
    let mut peer = world.peer_with(&[(setting::INITIAL_WINDOW_SIZE, 0)]).await;
    run_until_idle().await;
    let (mut sender, body) = streamed();
    sender.send_data("once".into()).await.unwrap();
    drop(sender);
    let client = async {
        let failed = exchange(&mut world.client, full_request(body)).await.unwrap_err();
        assert_eq!(failed.error.delivery(), Delivery::Refused);
        let request = *failed.into_request().unwrap();
        assert_full_request(&request);
        assert_eq!(request.into_body().collect().await.unwrap().to_bytes(), "once");
    };
    let server = async {
        let stream = peer.request().await.stream;
        run_until_idle().await;
        peer.reset(stream, code::REFUSED_STREAM).await;
    };
    tokio::join!(client, server);
}

#[tokio::test(start_paused = true)]
async fn a_one_shot_body_that_was_polled_is_gone() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    let (mut sender, body) = streamed();
    sender.send_data("once".into()).await.unwrap();
    let server = async {
        let stream = peer.request().await.stream;
        peer.until(|frame| frame.stream() == stream).await;
        peer.reset(stream, code::REFUSED_STREAM).await;
    };
    let (failed, ()) = tokio::join!(exchange(&mut world.client, post(body)), server);
    let failed = failed.unwrap_err();
    assert_eq!(failed.error.delivery(), Delivery::Refused);
    assert!(!failed.has_request());
}

#[tokio::test(start_paused = true)]
async fn goaway_refuses_what_is_above_its_last_id_and_lets_the_rest_end() {
    for last_code in [code::NO_ERROR, code::ENHANCE_YOUR_CALM] {
        let mut world = World::new(H2::new()).await;
        let mut peer = world.peer().await;
        let (mut below, mut above, mut late) = (world.handle(), world.handle(), world.handle());
        let client = async {
            let below = exchange(&mut below, get("/below"));
            let above = exchange(&mut above, full_request(full("above")));
            let (below, above) = tokio::join!(below, above);
            assert_eq!(bytes(below.unwrap()).await, "accepted");
            let failed = above.unwrap_err();
            assert_eq!(failed.error.delivery(), Delivery::Refused);
            assert_full_request(&failed.into_request().unwrap());
            let error = ready(&mut late).await.unwrap_err();
            assert_eq!(error.delivery(), Delivery::Unsent);
            assert_eq!(late.capacity(), Capacity::None);
        };
        let server = async {
            let first = peer.request().await.stream;
            let second = peer.request().await.stream;
            peer.goaway(first, last_code, "bye").await;
            assert!(first < second);
            run_until_idle().await;
            peer.respond(first, 200, "accepted").await;
            peer.expect_close().await;
        };
        tokio::join!(client, server);
        run_until_idle().await;
        let goaway = CloseReason::PeerGoAway;
        assert_eq!(
            world.notes.all(),
            [
                ConnectionStatus::Capacity(u32::MAX),
                ConnectionStatus::Draining(goaway),
                ConnectionStatus::Closed(goaway)
            ]
        );
        world.executor.assert_idle().await;
    }
}

/// A GOAWAY after a response is a planned end; one before any response is the peer's answer.
#[tokio::test(start_paused = true)]
async fn goaway_is_a_planned_end_only_after_a_response() {
    for (served, code, planned) in
        [(true, code::NO_ERROR, true), (false, code::NO_ERROR, false), (true, code::ENHANCE_YOUR_CALM, false)]
    {
        let mut world = World::new(H2::new()).await;
        let mut peer = world.peer().await;
        let mut last = 0;
        if served {
            let server = async {
                last = peer.request().await.stream;
                peer.respond(last, 200, "").await;
            };
            tokio::join!(exchange(&mut world.client, get("/")), server).0.unwrap();
        }
        let server = async {
            peer.request().await;
            peer.goaway(last, code, "why").await;
        };
        let mut handle = world.handle();
        let (failed, ()) = tokio::join!(exchange(&mut handle, get("/")), server);
        let error = failed.unwrap_err().error;
        assert_eq!(error.delivery(), Delivery::Refused);
        let Cause::GoAway(goaway) = error.cause() else { panic!("{error:?}") };
        assert_eq!((goaway.is_planned(), goaway.code().0), (planned, code), "{served}");
        assert_eq!((goaway.last_stream_id(), goaway.debug_text()), (Some(last), "why"));
    }
}

#[tokio::test(start_paused = true)]
async fn goaway_while_idle_is_reported_without_the_handle_being_polled() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    run_until_idle().await;
    peer.goaway(0, code::NO_ERROR, "").await;
    run_until_idle().await;
    let goaway = CloseReason::PeerGoAway;
    assert_eq!(
        world.notes.all(),
        [ConnectionStatus::Capacity(u32::MAX), ConnectionStatus::Draining(goaway), ConnectionStatus::Closed(goaway)]
    );
    assert_eq!(world.client.capacity(), Capacity::None);
}

#[tokio::test(start_paused = true)]
async fn goaway_with_a_stream_open_is_reported_at_once() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    let server = async {
        let stream = peer.request().await.stream;
        peer.goaway(stream, code::NO_ERROR, "").await;
        run_until_idle().await;
        assert_eq!(world.notes.all().last(), Some(&ConnectionStatus::Draining(CloseReason::PeerGoAway)));
        peer.respond(stream, 200, "").await;
    };
    let (response, ()) = tokio::join!(exchange(&mut world.client, get("/")), server);
    assert_eq!(response.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_fin_while_idle_is_reported() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    run_until_idle().await;
    peer.fin().await;
    run_until_idle().await;
    assert_eq!(
        world.notes.all(),
        [ConnectionStatus::Capacity(u32::MAX), ConnectionStatus::Closed(CloseReason::PeerFin)]
    );
    let error = ready(&mut world.client).await.unwrap_err();
    assert_eq!(error.delivery(), Delivery::Unsent);
    assert_eq!(error.close_reason(), CloseReason::PeerFin);
}

/// The socket was dead before the request: whatever the method, it can be sent again.
#[tokio::test(start_paused = true)]
async fn a_request_that_meets_a_fin_before_it_is_written_is_unsent() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    run_until_idle().await;
    let (mut sender, body) = streamed();
    sender.send_data("once".into()).await.unwrap();
    drop(sender);
    let (mut one, mut two) = (world.handle(), world.handle());
    ready(&mut one).await.unwrap();
    ready(&mut two).await.unwrap();
    peer.fin().await;
    one.start(full_request(full("body")));
    two.start(full_request(body));
    for (handle, body) in [(&mut one, "body"), (&mut two, "once")] {
        let failed = response(handle).await.unwrap_err();
        assert_eq!(failed.error.delivery(), Delivery::Unsent);
        let request = *failed.into_request().unwrap();
        assert_full_request(&request);
        assert_eq!(request.into_body().collect().await.unwrap().to_bytes(), body);
    }
}

#[tokio::test(start_paused = true)]
async fn a_fin_in_flight_leaves_it_unknown_and_returns_what_may_be_repeated() {
    for method in [Method::GET, Method::POST] {
        let mut world = World::new(H2::new()).await;
        let mut peer = world.peer().await;
        let server = async {
            peer.request().await;
            peer.fin().await;
        };
        let request = Request::builder().method(&method).uri("http://a.test/").body(full("body")).unwrap();
        let (failed, ()) = tokio::join!(exchange(&mut world.client, request), server);
        let failed = failed.unwrap_err();
        assert_eq!(failed.error.delivery(), Delivery::Unknown);
        assert!(matches!(failed.error.cause(), Cause::NoResponse(_)), "{:?}", failed.error);
        assert_eq!(failed.has_request(), method.is_idempotent());
    }
}

#[tokio::test(start_paused = true)]
async fn a_broken_socket_is_reported_as_such() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    let server = async {
        peer.request().await;
        peer.reset_connection();
    };
    let (failed, ()) = tokio::join!(exchange(&mut world.client, get("/")), server);
    let error = failed.unwrap_err().error;
    assert_eq!(error.delivery(), Delivery::Unknown);
    assert!(matches!(error.cause(), Cause::Io(_)), "{error:?}");
    run_until_idle().await;
    assert_eq!(world.notes.all().last(), Some(&ConnectionStatus::Closed(CloseReason::SocketFailed)));
}

#[tokio::test(start_paused = true)]
async fn any_other_reset_fails_its_stream_only() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    let client = async {
        for code in [code::INTERNAL_ERROR, code::HTTP_1_1_REQUIRED, 0xff] {
            let failed = exchange(&mut world.client, get("/")).await.unwrap_err();
            assert_eq!(failed.error.delivery(), Delivery::Unknown);
            assert!(failed.has_request());
            let Cause::Reset(reset) = failed.error.cause() else { panic!("{:?}", failed.error) };
            assert_eq!((reset.code().0, reset.is_by_peer()), (code, true));
        }
    };
    let server = async {
        for code in [code::INTERNAL_ERROR, code::HTTP_1_1_REQUIRED, 0xff] {
            let stream = peer.request().await.stream;
            peer.reset(stream, code).await;
        }
    };
    tokio::join!(client, server);
    assert_eq!(world.notes.all(), [ConnectionStatus::Capacity(u32::MAX)]);
}

/// The connection goes on: only the pool is told to use another.
#[tokio::test(start_paused = true)]
async fn a_second_refusal_in_a_row_drains_the_connection() {
    for codes in
        [[code::REFUSED_STREAM; 2], [code::INTERNAL_ERROR; 2], [code::CANCEL; 2], [code::REFUSED_STREAM, code::CANCEL]]
    {
        let mut world = World::new(H2::new()).await;
        let mut peer = world.peer().await;
        let client = async {
            assert!(exchange(&mut world.client, get("/")).await.is_err());
            assert_eq!(world.notes.all(), [ConnectionStatus::Capacity(u32::MAX)]);
            assert!(exchange(&mut world.client, get("/")).await.is_err());
            let draining = ConnectionStatus::Draining(CloseReason::Refusing);
            assert_eq!(world.notes.all(), [ConnectionStatus::Capacity(u32::MAX), draining]);
            assert_eq!(exchange(&mut world.client, get("/")).await.unwrap().status(), 200);
        };
        let server = async {
            for code in codes {
                let stream = peer.request().await.stream;
                peer.reset(stream, code).await;
            }
            let stream = peer.request().await.stream;
            peer.respond(stream, 200, "").await;
        };
        tokio::join!(client, server);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reset_after_the_whole_response_is_ignored() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    let server = async {
        let stream = peer.request().await.stream;
        peer.respond(stream, 200, "all of it").await;
        peer.reset(stream, code::CANCEL).await;
    };
    let (response, ()) = tokio::join!(exchange(&mut world.client, get("/")), server);
    run_until_idle().await;
    assert_eq!(bytes(response.unwrap()).await, "all of it");
}

#[tokio::test(start_paused = true)]
async fn a_reset_within_the_response_is_an_error_after_what_arrived() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    let server = async {
        let stream = peer.request().await.stream;
        peer.headers(stream, &[(":status", "200")], false).await;
        peer.data(stream, "half", false).await;
        peer.reset(stream, code::INTERNAL_ERROR).await;
    };
    let (response, ()) = tokio::join!(exchange(&mut world.client, get("/")), server);
    run_until_idle().await;
    let mut body = response.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "half");
    let error = body.frame().await.unwrap().unwrap_err();
    let Cause::Reset(reset) = error.cause() else { panic!("{error:?}") };
    assert_eq!((reset.code().name(), reset.is_by_peer()), (Some("INTERNAL_ERROR"), true));
    assert!(body.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_head_beyond_the_limit_fails_its_stream_only() {
    let mut world = World::new(H2::new().max_header_list_size(200)).await;
    let mut peer = world.peer().await;
    let client = async {
        assert!(exchange(&mut world.client, get("/")).await.is_err());
        assert_eq!(exchange(&mut world.client, get("/")).await.unwrap().status(), 200);
    };
    let server = async {
        let stream = peer.request().await.stream;
        peer.headers(stream, &[(":status", "200"), ("x-long", &"v".repeat(300))], true).await;
        let stream = peer.request().await.stream;
        peer.respond(stream, 200, "").await;
    };
    tokio::join!(client, server);
}

#[tokio::test(start_paused = true)]
async fn a_421_to_another_origin_is_a_refusal_and_the_request_comes_back() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    let client = async {
        let elsewhere = Request::get("http://b.test/path").header("x-one", "1").body(empty()).unwrap();
        let failed = exchange(&mut world.client, elsewhere).await.unwrap_err();
        assert_eq!(failed.error.delivery(), Delivery::Refused);
        assert!(matches!(failed.error.cause(), Cause::Misdirected));
        let request = failed.into_request().unwrap();
        assert_eq!(
            (request.uri().to_string().as_str(), &request.headers()["x-one"]),
            ("http://b.test/path", &"1".parse().unwrap())
        );
        let own = exchange(&mut world.client, get("/")).await.unwrap();
        assert_eq!(own.status(), 421, "the answer of its own origin is the user's");
    };
    let server = async {
        for _ in 0..2 {
            let stream = peer.request().await.stream;
            peer.respond(stream, 421, "").await;
        }
    };
    tokio::join!(client, server);
}

#[tokio::test(start_paused = true)]
async fn a_421_without_replay_is_returned_to_the_caller() {
    let mut world = World::asking(H2::new(), None).await;
    let mut peer = world.peer().await;
    let server = async {
        let stream = peer.request().await.stream;
        peer.respond(stream, 421, "").await;
    };
    let elsewhere = Request::get("http://b.test/").body(empty()).unwrap();
    let (response, ()) = tokio::join!(exchange(&mut world.client, elsewhere), server);
    assert_eq!(response.unwrap().status(), 421);
}

#[tokio::test(start_paused = true)]
async fn any_method_comes_back_when_asked_for() {
    for any in [false, true] {
        let replays = if any { Replays::new(copy).any_method() } else { Replays::new(copy) };
        let mut world = World::asking(H2::new(), Some(replays)).await;
        let mut peer = world.peer().await;
        let server = async {
            let stream = peer.request().await.stream;
            peer.body(stream).await;
            peer.reset(stream, code::INTERNAL_ERROR).await;
        };
        let (failed, ()) = tokio::join!(exchange(&mut world.client, full_request(full("body"))), server);
        let failed = failed.unwrap_err();
        assert_eq!((failed.error.delivery(), failed.has_request()), (Delivery::Unknown, any));
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_that_asks_for_its_request_again_has_it_if_that_was_asked_for() {
    let (safe, follow_ups) = (Replays::new(copy), Replays::new(copy).follow_ups());
    for (replays, status, comes_back) in [
        (Some(follow_ups), 408, true),
        (Some(follow_ups), 425, true),
        (Some(follow_ups), 503, true),
        (Some(follow_ups), 429, false),
        (Some(safe), 408, false),
        (None, 408, false),
    ] {
        let mut world = World::asking(H2::new(), replays).await;
        let mut peer = world.peer().await;
        let server = async {
            let stream = peer.request().await.stream;
            peer.body(stream).await;
            peer.respond(stream, status, "ok").await;
        };
        let client = async {
            let mut exchange = pin!(exchange(&mut world.client, full_request(full("body"))));
            poll_fn(|cx| match replays {
                Some(replays) => replays.ask().during(|| exchange.as_mut().poll(cx)),
                None => exchange.as_mut().poll(cx),
            })
            .await
        };
        let (response, ()) = tokio::join!(client, server);
        let mut response = response.unwrap();
        let follow_up = FollowUp::take::<Out, _>(&mut response);
        assert_eq!(follow_up.is_some(), comes_back, "{status} {replays:?}");
        if let Some((request, _)) = follow_up {
            assert_full_request(&request);
            assert_eq!(request.into_body().collect().await.unwrap().to_bytes(), "body");
        }
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ok");
    }
}
