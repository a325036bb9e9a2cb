//! A connection that ends between the moment it is published and the moment whoever waits for it takes it: what it said
//! about that is in the call's error, in its events, and in the memory of its route.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use http::Request;
use skybridge::{Cause, Error, RequestBody, RetryLayer};
use skybridge_testkit::{
    executor::run_until_idle,
    h1::Script,
    h2::{Peer, code},
    net::{Conn, Listener},
};
use skybridge_tests::{World, addr, get, h2, read};
use std::{
    error::Error as StdError,
    future::{Future, pending},
    net::SocketAddr,
    pin::pin,
    time::Duration,
};
use tokio::task::JoinSet;

const SECOND: Duration = Duration::from_secs(1);

/// How a peer ends a connection before it has seen a request.
const ENDINGS: [(&str, bool); 5] = [("fin", false), ("reset", false), ("fin", true), ("reset", true), ("goaway", true)];

fn request(http2: bool) -> Request<RequestBody> {
    if http2 { h2(get("/")) } else { get("/") }
}

/// Ends a connection, and keeps it: with what it hasn't read a peer that is dropped resets it.
async fn end(conn: Conn, ending: &str, http2: bool) {
    if !http2 {
        let mut peer = Script::new(conn);
        if ending == "fin" {
            peer.fin().await
        } else {
            peer.reset()
        }
        return pending().await;
    }
    let mut peer = Peer::accept(conn).await;
    match ending {
        "goaway" => {
            peer.goaway(0, code::ENHANCE_YOUR_CALM, "too_many_pings").await;
            peer.fin().await;
        }
        "fin" => peer.fin().await,
        _ => peer.reset_connection(),
    }
    pending().await
}

/// Accepts all connections, and ends each.
async fn hostile(listener: &Listener, ending: &'static str, http2: bool) -> usize {
    let mut ended = JoinSet::new();
    while let Ok((conn, _)) = tokio::time::timeout(SECOND, listener.accept()).await {
        ended.spawn(end(conn, ending, http2));
    }
    ended.len()
}

/// The causes that the error names, at any level.
fn named(error: &Error) -> Vec<&'static str> {
    let mut named = Vec::new();
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<Error>() {
            named.push(match error.cause() {
                Cause::Connect(_) => "connect",
                Cause::GoAway(goaway) if goaway.debug_text() == "too_many_pings" => "goaway",
                Cause::Io(_) => "reset",
                Cause::NoResponse(_) => "fin",
                Cause::ConnectionClosed(reason) if reason.as_str() == "peer_fin" => "fin",
                other => panic!("{other:?}"),
            });
        }
        next = error.source();
    }
    named
}

/// Nobody polls the call until its connection is over.
async fn late(call: impl Future<Output = Result<String, Error>>) -> Result<String, Error> {
    let mut call = pin!(call);
    loop {
        if let Ok(answered) = tokio::time::timeout(Duration::ZERO, &mut call).await {
            return answered;
        }
        for _ in 0..10 {
            run_until_idle().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn its_end_is_in_the_error_and_in_the_events() {
    for (ending, http2) in ENDINGS {
        for _ in 0..10 {
            let world = World::new();
            let listener = world.listen();
            let client = world.builder().retry(RetryLayer::unsent()).build();
            let call = async { read(client.request(request(http2))).await };
            let (answered, accepted) = tokio::join!(late(call), hostile(&listener, ending, http2));
            let error = answered.unwrap_err();
            assert_eq!(named(&error), ["connect", ending], "HTTP/2 {http2}: {error:?}");
            assert_eq!(accepted, 2, "{ending}, HTTP/2 {http2}: {:?}", world.recorder.lines());
            assert_eq!(world.recorder.count("wait_start"), 0, "nothing was sent");
            world.recorder.assert_balanced();
            let lines = world.recorder.lines();
            assert!(lines.iter().any(|line| line.starts_with("acquire_failed")), "{lines:#?}");
        }
    }
}

/// The second try of the same call goes to the other address already.
#[tokio::test(start_paused = true)]
async fn its_end_is_remembered_of_its_route() {
    for (ending, http2) in ENDINGS {
        let world = World::new();
        let other = SocketAddr::from(([192, 0, 2, 2], 80));
        world.net.host("a.test", [addr().ip(), other.ip()]);
        let (bad, good) = (world.listen(), world.net.listen(other));
        let client = world.builder().retry(RetryLayer::unsent()).build();
        let server = async {
            let conn = good.accept().await.0;
            if http2 {
                let mut peer = Peer::accept(conn).await;
                let stream = peer.request().await.stream;
                peer.respond(stream, 200, "good").await;
                while peer.next().await.is_some() {}
            } else {
                let mut peer = Script::new(conn);
                peer.request().await;
                peer.respond(200, "good").await;
                pending::<()>().await;
            }
        };
        let call = async {
            let answer = late(async { read(client.request(request(http2))).await }).await;
            assert_eq!(answer.unwrap(), "good", "{ending}, HTTP/2 {http2}: {:?}", world.recorder.lines());
        };
        tokio::select! {
            () = call => {}
            () = server => panic!("the good one has ended"),
            accepted = hostile(&bad, ending, http2) => panic!("{accepted} connections: {:?}", world.recorder.lines()),
        }
    }
}
