//! What a call fails with when the peer or the way to it does, frame by frame: before the response and in its body.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use self::support::{EchoClient, World};
use skybridge::{Client, Delivery, H2, PoolConfig, Timeouts};
use skybridge_testkit::{h2::Peer, net::Conn};
use skybridge_tonic::{Tonic, error_of};
use std::{future::Future, time::Duration};
use tonic::{Code, Status};

const GRPC: [(&str, &str); 2] = [(":status", "200"), ("content-type", "application/grpc")];

/// The codes of RFC 9113, section 7, and what the gRPC specification makes of them.
const CODES: [(u32, Code); 15] = [
    (0, Code::Internal),
    (1, Code::Internal),
    (2, Code::Internal),
    (3, Code::Internal),
    (4, Code::Internal),
    (5, Code::Unknown),
    (6, Code::Internal),
    (7, Code::Unavailable),
    (8, Code::Cancelled),
    (9, Code::Internal),
    (10, Code::Internal),
    (11, Code::ResourceExhausted),
    (12, Code::PermissionDenied),
    (13, Code::Unknown),
    (99, Code::Unknown),
];

/// One unary call to a peer, and the status that it fails with.
async fn fails<F: Future<Output = ()>>(
    world: &World,
    tonic: Tonic<Client>,
    serve: impl FnOnce(Peer<Conn>) -> F,
) -> Status {
    let call = async { EchoClient::new(tonic).unary("hello".to_owned()).await.unwrap_err() };
    let server = async { serve(Peer::accept(world.accept().await).await).await };
    tokio::join!(call, server).0
}

#[tokio::test(start_paused = true)]
async fn a_reset_before_the_response_has_the_code_of_the_specification() {
    for (code, expected) in CODES {
        let world = World::new();
        // REFUSED_STREAM would be sent again, and to a peer that ends.
        let tonic = Tonic::new(world.builder().retry(skybridge::RetryLayer::unsent()).build(), support::URL).unwrap();
        let status = fails(&world, tonic, |mut peer| async move {
            let request = peer.request().await;
            peer.reset(request.stream, code).await;
            peer.expect_close().await;
        })
        .await;
        assert_eq!(status.code(), expected, "{code}: {status:?}");
        let delivery = if code == 7 { Delivery::Refused } else { Delivery::Unknown };
        assert_eq!(error_of(&status).unwrap().delivery(), delivery, "{status:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reset_in_the_body_has_the_code_of_the_specification() {
    for (code, expected) in CODES {
        let world = World::new();
        let tonic = world.tonic();
        let status = fails(&world, tonic, |mut peer| async move {
            let request = peer.request().await;
            peer.headers(request.stream, &GRPC, false).await;
            peer.data(request.stream, b"\0\0\0\0\x09half", false).await;
            peer.reset(request.stream, code).await;
            peer.expect_close().await;
        })
        .await;
        // Without an error code it is a response that ends early, to whoever reads it.
        assert_eq!(status.code(), expected, "{code}: {status:?}");
        assert!(error_of(&status).is_some(), "{code}: {status:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_goaway_is_unavailable_unless_it_says_more() {
    for (code, expected) in
        [(0, Code::Unavailable), (2, Code::Unavailable), (11, Code::ResourceExhausted), (12, Code::PermissionDenied)]
    {
        let world = World::new();
        let tonic = world.tonic();
        let status = fails(&world, tonic, |mut peer| async move {
            let request = peer.request().await;
            peer.headers(request.stream, &GRPC, false).await;
            peer.goaway(request.stream, code, "too_many_pings").await;
            peer.fin().await;
        })
        .await;
        assert_eq!(status.code(), expected, "{code}: {status:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_connection_and_a_lost_one_are_unavailable() {
    let world = World::new();
    world.net.at("192.0.2.1:80".parse().unwrap()).refuse();
    let status = EchoClient::new(world.tonic()).unary("hello".to_owned()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    assert!(error_of(&status).unwrap().is_connect());
    assert!(status.message().ends_with("(nothing was sent)"), "{status:?}");

    let world = World::new();
    let status = EchoClient::new(Tonic::new(world.builder().build(), "http://nobody.test").unwrap());
    let status = { status }.unary("hello".to_owned()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");

    let world = World::new();
    let status = fails(&world, world.tonic(), |mut peer| async move {
        peer.request().await;
        peer.fin().await;
    })
    .await;
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    assert_eq!(error_of(&status).unwrap().delivery(), Delivery::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_no_ping_is_unavailable() {
    let world = World::new();
    let h2 = H2::new().keep_alive_interval(Duration::from_secs(20)).keep_alive_timeout(Duration::from_secs(5));
    let tonic = Tonic::new(world.builder().h2(h2).build(), support::URL).unwrap();
    let began = tokio::time::Instant::now();
    let status = fails(&world, tonic, |mut peer| async move {
        peer.request().await;
        let mut peer = peer.manual();
        peer.expect_close().await;
    })
    .await;
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    assert!(status.message().contains("did not answer a PING"), "{status:?}");
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_is_exhausted_and_a_closed_client_cancels() {
    let world = World::new();
    let config = PoolConfig::new().max_per_origin(1).max_streams(1).max_waiting_per_origin(1);
    let client = world.builder().pool(config).build();
    let tonic = Tonic::new(client.clone(), support::URL).unwrap();
    let server = async {
        let mut peer = Peer::accept(world.accept().await).await;
        peer.request().await;
        peer.expect_close().await;
    };
    let calls = async {
        let (mut sent, mut waiting) = (EchoClient::new(tonic.clone()), EchoClient::new(tonic.clone()));
        let mut sent = Box::pin(sent.unary("hello".to_owned()));
        let mut waiting = Box::pin(waiting.unary("hello".to_owned()));
        for call in [&mut sent, &mut waiting] {
            assert!(tokio::time::timeout(Duration::from_secs(1), call).await.is_err());
        }
        let status = EchoClient::new(tonic.clone()).unary("hello".to_owned()).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
        drop((sent, waiting));
        client.close();
        let status = EchoClient::new(tonic).unary("hello".to_owned()).await.unwrap_err();
        assert_eq!(status.code(), Code::Cancelled, "{status:?}");
    };
    tokio::join!(calls, server);
}

#[tokio::test(start_paused = true)]
async fn a_limit_other_than_the_deadline_is_unavailable_while_nothing_was_sent() {
    let world = World::new();
    world.net.at("192.0.2.1:80".parse().unwrap()).black_hole();
    let status = EchoClient::new(world.tonic()).unary("hello".to_owned()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");

    let world = World::new();
    let timeouts = Timeouts::new().response_head(Duration::from_secs(1));
    let tonic = Tonic::new(world.builder().timeouts(timeouts).build(), support::URL).unwrap();
    let status = fails(&world, tonic, |mut peer| async move {
        let request = peer.request().await;
        peer.expect_reset(request.stream).await;
    })
    .await;
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
}

/// As tonic has it for a message that can't be encoded.
#[tokio::test(start_paused = true)]
async fn a_status_of_the_messages_own_stays_what_it_is() {
    let world = World::new();
    let status = EchoClient::new(world.tonic()).unary("unspeakable".to_owned()).await.unwrap_err();
    assert_eq!((status.code(), world.net.opened()), (Code::Internal, 0));
    assert!(status.message().contains("it can't be said"), "{status:?}");

    // One that comes late, when the request is on its way.
    let (messages, rest) = tokio::sync::mpsc::channel(1);
    let mut echo = EchoClient::new(world.tonic());
    let call = echo.client_stream(tokio_stream::wrappers::ReceiverStream::new(rest));
    let server = async {
        let mut peer = Peer::accept(world.accept().await).await;
        let request = peer.request().await;
        messages.send("unspeakable".to_owned()).await.unwrap();
        peer.expect_reset(request.stream).await;
    };
    let status = tokio::join!(call, server).0.unwrap_err();
    assert_eq!(status.code(), Code::Internal, "{status:?}");
    assert!(status.message().starts_with("Error encoding"), "{status:?}");
    assert!(error_of(&status).is_some());
}
