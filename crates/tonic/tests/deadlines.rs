//! `grpc-timeout` holds on this side too, whatever the server does.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use self::support::{EchoClient, World};
use skybridge::{Delivery, PoolConfig, RequestOptions, Timeouts};
use skybridge_testkit::{h2::Peer, origin::Origin};
use skybridge_tonic::{Tonic, error_of};
use std::{future::Future, time::Duration};
use tokio::time::Instant;
use tonic::{Code, Request, Status};

const CANCEL: u32 = 8;

fn within(limit: Duration) -> Request<String> {
    let mut request = Request::new("hello".to_owned());
    request.set_timeout(limit);
    request
}

/// Virtual time: a call without a deadline fails the test, and doesn't hang it.
async fn within_an_hour<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(3_600), what).await.unwrap()
}

/// A timer fires up to a millisecond late.
#[track_caller]
fn assert_elapsed(began: Instant, limit: Duration) {
    let elapsed = began.elapsed();
    assert!(elapsed >= limit && elapsed - limit <= Duration::from_millis(1), "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_with_its_deadline_and_its_stream_is_reset() {
    let limit = Duration::from_secs(3);
    let world = World::new();
    let mut echo = EchoClient::new(world.tonic());
    let call = async {
        let began = Instant::now();
        let status = echo.unary(within(limit)).await.unwrap_err();
        assert_elapsed(began, limit);
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
        assert_eq!(error_of(&status).unwrap().delivery(), Delivery::Unknown);
    };
    let server = async {
        let mut peer = Peer::accept(world.accept().await).await;
        let request = peer.request().await;
        assert_eq!(request.fields.get("grpc-timeout"), Some("3000000u"));
        assert_eq!(peer.expect_reset(request.stream).await, CANCEL);
    };
    within_an_hour(async { tokio::join!(call, server) }).await;
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_a_stream_of_answers_too() {
    let limit = Duration::from_secs(3);
    let world = World::new();
    let mut echo = EchoClient::new(world.tonic());
    let call = async {
        let began = Instant::now();
        let mut answers = echo.server_stream(within(limit)).await.unwrap().into_inner();
        assert_eq!(answers.message().await.unwrap().as_deref(), Some("one"));
        let status = answers.message().await.unwrap_err();
        assert_elapsed(began, limit);
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    };
    let server = async {
        let mut peer = Peer::accept(world.accept().await).await;
        let request = peer.request().await;
        peer.headers(request.stream, &[(":status", "200"), ("content-type", "application/grpc")], false).await;
        peer.data(request.stream, b"\0\0\0\0\x03one", false).await;
        assert_eq!(peer.expect_reset(request.stream).await, CANCEL);
    };
    within_an_hour(async { tokio::join!(call, server) }).await;
}

#[tokio::test(start_paused = true)]
async fn a_deadline_counts_while_nothing_is_connected() {
    let limit = Duration::from_secs(3);
    let world = World::new();
    world.net.at("192.0.2.1:80".parse().unwrap()).black_hole();
    let began = Instant::now();
    let status = EchoClient::new(world.tonic()).unary(within(limit)).await.unwrap_err();
    assert_elapsed(began, limit);
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    assert_eq!(error_of(&status).unwrap().delivery(), Delivery::Unsent);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_counts_while_other_calls_have_all_streams() {
    let limit = Duration::from_secs(3);
    let world = World::new();
    let client = world.builder().pool(PoolConfig::new().max_per_origin(1).max_streams(1)).build();
    let tonic = Tonic::new(client, support::URL).unwrap();
    let (mut first, mut second) = (EchoClient::new(tonic.clone()), EchoClient::new(tonic));
    let server = async {
        let mut peer = Peer::accept(world.accept().await).await;
        let request = peer.request().await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        peer.reset(request.stream, 2).await;
    };
    let began = Instant::now();
    let late = async {
        tokio::task::yield_now().await;
        let status = second.unary(within(limit)).await.unwrap_err();
        assert_elapsed(began, limit);
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
        assert_eq!(error_of(&status).unwrap().delivery(), Delivery::Unsent);
    };
    tokio::join!(async { first.unary("hello".to_owned()).await.unwrap_err() }, late, server);
}

/// Of the call's, the layer's and the request options' limits the shortest counts, and the server is told of the first
/// two.
#[tokio::test(start_paused = true)]
async fn the_shortest_of_the_limits_counts() {
    let seconds = Duration::from_secs;
    for (call, layer, options, told, counts) in [
        (None, Some(2), None, Some("2000000u"), 2),
        (Some(3), Some(2), None, Some("2000000u"), 2),
        (Some(1), Some(2), None, Some("1000000u"), 1),
        (Some(3), None, Some(1), Some("3000000u"), 1),
        (Some(3), None, Some(4), Some("3000000u"), 3),
        (None, None, Some(4), None, 4),
    ] {
        let world = World::new();
        let tonic =
            world.tonic_with(|tonic| layer.map(seconds).into_iter().fold(tonic, |tonic, limit| tonic.timeout(limit)));
        let mut echo = EchoClient::new(tonic);
        let mut request = Request::new("hello".to_owned());
        if let Some(limit) = call {
            request.set_timeout(seconds(limit));
        }
        if let Some(limit) = options {
            let timeouts = Timeouts::new().call(seconds(limit));
            request.extensions_mut().insert(RequestOptions::new().timeouts(timeouts));
        }
        let began = Instant::now();
        let server = async {
            let mut peer = Peer::accept(world.accept().await).await;
            let request = peer.request().await;
            assert_eq!(request.fields.get("grpc-timeout"), told);
            peer.expect_reset(request.stream).await;
        };
        let status: Status = within_an_hour(async { tokio::join!(echo.unary(request), server).0.unwrap_err() }).await;
        assert_elapsed(began, seconds(counts));
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    }
}

/// What a call says of itself doesn't lift the limit of its client.
#[tokio::test(start_paused = true)]
async fn the_clients_own_limit_counts_where_it_is_the_shorter_one() {
    for (client, call, counts) in [(2, 3, 2), (3, 2, 2), (2, 7_200, 2)] {
        let [client, call, counts] = [client, call, counts].map(Duration::from_secs);
        let world = World::new();
        let timeouts = Timeouts::new().call(client);
        let tonic = Tonic::new(world.builder().timeouts(timeouts).build(), support::URL).unwrap();
        let mut echo = EchoClient::new(tonic);
        let server = async {
            let mut peer = Peer::accept(world.accept().await).await;
            let request = peer.request().await;
            peer.expect_reset(request.stream).await;
        };
        let began = Instant::now();
        let unary = within_an_hour(async { tokio::join!(echo.unary(within(call)), server).0 });
        let status = unary.await.unwrap_err();
        assert_elapsed(began, counts);
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    }
}

/// It is that of the call, and not of each try.
#[tokio::test(start_paused = true)]
async fn a_deadline_is_not_begun_again_with_another_try() {
    let limit = Duration::from_secs(3);
    let world = World::new();
    let mut echo = EchoClient::new(world.tonic());
    let server = async {
        let mut peer = Peer::accept(world.accept().await).await;
        let request = peer.request().await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        peer.reset(request.stream, 7).await;
        let again = peer.request().await;
        assert_eq!(peer.expect_reset(again.stream).await, CANCEL);
    };
    let began = Instant::now();
    let status = within_an_hour(async { tokio::join!(echo.unary(within(limit)), server).0 }).await.unwrap_err();
    assert_elapsed(began, limit);
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    assert_eq!(error_of(&status).unwrap().earlier().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_the_wait_for_trailers_too() {
    let limit = Duration::from_secs(3);
    let world = World::new();
    let mut echo = EchoClient::new(world.tonic());
    let server = async {
        let mut peer = Peer::accept(world.accept().await).await;
        let request = peer.request().await;
        peer.headers(request.stream, &[(":status", "200"), ("content-type", "application/grpc")], false).await;
        peer.data(request.stream, b"\0\0\0\0\x03one", false).await;
        assert_eq!(peer.expect_reset(request.stream).await, CANCEL);
    };
    let began = Instant::now();
    let status = within_an_hour(async { tokio::join!(echo.unary(within(limit)), server).0 }).await.unwrap_err();
    assert_elapsed(began, limit);
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_time_is_over_already_is_not_sent() {
    let world = World::new();
    let mut echo = EchoClient::new(world.tonic());
    let mut at_once = EchoClient::new(world.tonic_with(|tonic| tonic.timeout(Duration::ZERO)));
    let origin = Origin::h2c().handle(support::serve).serve_on(world.listener);
    echo.unary("hello".to_owned()).await.unwrap();
    for zero in ["0n", "0H", "00000000m"] {
        let mut request = Request::new("hello".to_owned());
        request.metadata_mut().insert("grpc-timeout", zero.parse().unwrap());
        let status = within_an_hour(echo.unary(request)).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    }
    let status = within_an_hour(at_once.unary("hello".to_owned())).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    assert_eq!((origin.requests().len(), origin.connections()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_beyond_the_clock_is_none() {
    let world = World::new();
    let mut echo = EchoClient::new(world.tonic_with(|tonic| tonic.timeout(Duration::MAX)));
    let origin = Origin::h2c().handle(support::serve).serve_on(world.listener);
    for longest in [None, Some("99999999H"), Some("99999999M")] {
        let mut request = Request::new("hello".to_owned());
        if let Some(longest) = longest {
            request.metadata_mut().insert("grpc-timeout", longest.parse().unwrap());
        }
        echo.unary(request).await.unwrap();
    }
    let told = origin.requests().iter().map(|it| it.header("grpc-timeout").map(str::to_owned)).collect::<Vec<_>>();
    assert_eq!(
        told.iter().map(Option::as_deref).collect::<Vec<_>>(),
        [Some("99999999H"), Some("99999999H"), Some("99999999M")]
    );
}

/// Two may contradict each other, and the server may read the other one.
#[tokio::test(start_paused = true)]
async fn a_deadline_that_cannot_be_read_or_comes_twice_fails_the_call() {
    for values in [&["soon"][..], &["-1S"], &["1"], &["123456789n"], &["1 S"], &["1S", "2S"], &["1S", "soon"]] {
        let world = World::new();
        let mut request = Request::new("hello".to_owned());
        for value in values {
            request.metadata_mut().append("grpc-timeout", value.parse().unwrap());
        }
        let status = EchoClient::new(world.tonic()).unary(request).await.unwrap_err();
        assert_eq!((status.code(), world.net.opened()), (Code::InvalidArgument, 0), "{values:?}");
    }
}
