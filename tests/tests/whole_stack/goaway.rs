//! HTTP/2 servers refuse streams and say goodbye.

use skybridge::{Delivery, HttpVersions};
use skybridge_testkit::{
    h2::{Frame, Peer, code},
    origin::Origin,
};
use skybridge_tests::{World, addr, all, get, h2, post, read};
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_server_that_says_goodbye_after_every_few_requests_fails_none_of_200() {
    for (few, latency) in [(1, 0), (1, 3), (2, 0), (7, 0), (7, 3)] {
        let world = World::new();
        let latency = Duration::from_millis(latency);
        world.net.at(addr()).latency(latency).connect_latency(latency);
        let origin = Origin::h2c().requests_per_connection(few).serve_on(world.listen());
        let client = world.client();
        let callers = (0..20).map(|_| {
            let client = client.clone();
            async move {
                for _ in 0..10 {
                    assert_eq!(read(client.request(h2(post("x")))).await.unwrap(), "hello");
                }
            }
        });
        all(callers).await;
        // None was processed twice.
        assert_eq!(origin.requests().len(), 200);
        assert!(origin.connections() > 1);
        drop(client);
        world.assert_nothing_left().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_beyond_the_last_stream_is_sent_again_on_another_connection() {
    let world = World::new();
    let listener = world.listen();
    let client = world.client();
    let calls = async {
        read(client.request(h2(get("/warm")))).await.unwrap();
        all([h2(post("a")), h2(post("b")), h2(get("/c"))].map(|request| read(client.request(request)))).await
    };
    let server = async {
        let mut peer = Peer::accept(listener.accept().await.0).await;
        let warm = peer.request().await.stream;
        peer.respond(warm, 200, "warm").await;
        let first = peer.request().await.stream;
        peer.request().await;
        peer.request().await;
        peer.goaway(first, code::NO_ERROR, "").await;
        peer.respond(first, 200, "processed").await;
        let mut other = Peer::accept(listener.accept().await.0).await;
        for _ in 0..2 {
            let again = other.request().await.stream;
            other.respond(again, 200, "again").await;
        }
        peer.expect_close().await;
        other
    };
    let (answers, _other) = tokio::join!(calls, server);
    let mut answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    answers.sort();
    assert_eq!(answers, ["again", "again", "processed"]);
    assert_eq!(world.net.opened(), 2);
}

/// Nothing was ever answered on them: that is no connection's age, but a server that wants none of ours.
#[tokio::test(start_paused = true)]
async fn a_server_that_ends_every_new_connection_is_soon_left_alone() {
    let world = World::new();
    let listener = world.listen();
    let client = world.client();
    let start = tokio::time::Instant::now();
    let call = read(client.request(h2(post("x"))));
    let server = async {
        loop {
            let mut peer = Peer::accept(listener.accept().await.0).await;
            peer.request().await;
            peer.goaway(0, code::NO_ERROR, "").await;
        }
    };
    let error = tokio::select! {
        answer = call => answer.unwrap_err(),
        () = server => unreachable!(),
    };
    assert_eq!(error.delivery(), Delivery::Refused);
    assert_eq!(world.net.opened(), 4);
    assert!(start.elapsed() > Duration::ZERO, "without a pause");
}

#[tokio::test(start_paused = true)]
async fn a_refused_stream_is_sent_again_whatever_its_method() {
    let world = World::new();
    let listener = world.listen();
    let client = world.client();
    let call = read(client.request(h2(post("body"))));
    let server = async {
        let mut peer = Peer::accept(listener.accept().await.0).await;
        let refused = peer.request().await.stream;
        peer.reset(refused, code::REFUSED_STREAM).await;
        let again = peer.request().await.stream;
        assert_eq!(peer.body(again).await, "body");
        peer.respond(again, 200, "done").await;
        peer
    };
    let (answer, _peer) = tokio::join!(call, server);
    assert_eq!(answer.unwrap(), "done");
    assert_eq!(world.recorder.lines().iter().filter(|line| line.contains("again (refused)")).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_that_refuses_for_ever_is_told_with_all_tries() {
    let world = World::new();
    let _serving = world.listen().serve(|_, conn| async move {
        let mut peer = Peer::accept(conn).await;
        while let Some(frame) = peer.next().await {
            if let Frame::Headers { stream, .. } = frame {
                peer.reset(stream, code::REFUSED_STREAM).await;
            }
        }
    });
    let client = world.client();
    let error = read(client.request(h2(get("/")))).await.unwrap_err();
    assert_eq!((error.delivery(), error.earlier().len()), (Delivery::Refused, 3), "{error:?}");
    assert_eq!(error.connection().unwrap().route.target.connect_options().http_versions, HttpVersions::Http2);
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_breaks_under_all_streams_is_unknown_to_each() {
    let world = World::new();
    let listener = world.listen();
    let client = world.client();
    let calls = all((0..3).map(|_| read(client.request(h2(post("x"))))));
    let server = async {
        let mut peer = Peer::accept(listener.accept().await.0).await;
        let mut peers = Vec::new();
        for _ in 0..3 {
            let stream = peer.request().await.stream;
            peer.body(stream).await;
        }
        peer.reset_connection();
        peers.push(peer);
        peers
    };
    let (answers, _) = tokio::join!(calls, server);
    for answer in answers {
        let error = answer.unwrap_err();
        assert_eq!(error.delivery(), Delivery::Unknown, "{error:?}");
        assert!(error.connection().is_some());
    }
    drop(client);
    world.assert_nothing_left().await;
}
