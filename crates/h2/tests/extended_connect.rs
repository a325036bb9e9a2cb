//! Streams of other protocols within a connection: extended CONNECT (RFC 8441).
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::BodyExt;
use skybridge_core::{Cause, ConnectProtocol, Connection, Delivery, RequestError};
use skybridge_testkit::{
    executor::run_until_idle,
    h2::{Frame, Peer, setting},
    net::Conn,
};
use support::*;

const ALLOWED: &[(u16, u32)] = &[(setting::ENABLE_CONNECT_PROTOCOL, 1)];

fn websocket(body: Out) -> Request<Out> {
    let mut request = Request::connect("http://a.test/chat").header("sec-websocket-version", "13").body(body).unwrap();
    request.extensions_mut().insert(ConnectProtocol::WEBSOCKET);
    request
}

/// Both directions, in turns.
async fn echo(peer: &mut Peer<Conn>) {
    let request = peer.request().await;
    let stream = request.stream;
    let pseudo = [":method", ":protocol", ":scheme", ":authority", ":path"].map(|name| request.fields.get(name));
    assert_eq!(pseudo, ["CONNECT", "websocket", "http", "a.test", "/chat"].map(Some));
    assert_eq!((request.fields.get("sec-websocket-version"), request.fields.get("content-length")), (Some("13"), None));
    peer.headers(stream, &[(":status", "200")], false).await;
    for _ in 0..2 {
        let Frame::Data { data, .. } = peer.until(|frame| matches!(frame, Frame::Data { .. })).await else {
            unreachable!()
        };
        peer.data(stream, &data, false).await;
    }
    peer.data(stream, "", true).await;
}

#[tokio::test(start_paused = true)]
async fn both_bodies_are_the_stream() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer_with(ALLOWED).await;
    let (mut sender, body) = streamed();
    let mut client = world.handle();
    let talk = async {
        let mut response = exchange(&mut client, websocket(body)).await.unwrap().into_body();
        for word in ["hello", "again"] {
            sender.send_data(Bytes::from(word)).await.unwrap();
            assert_eq!(response.frame().await.unwrap().unwrap().into_data().unwrap(), word);
        }
        drop(sender);
        assert!(response.frame().await.is_none());
    };
    tokio::join!(talk, echo(&mut peer));
    // The connection carries others beside it, and after it.
    let server = async {
        let stream = peer.request().await.stream;
        peer.respond(stream, 204, "").await;
    };
    let (response, ()) = tokio::join!(exchange(&mut world.client, get("/")), server);
    assert_eq!(response.unwrap().status(), 204);
}

#[tokio::test(start_paused = true)]
async fn it_waits_for_the_peers_settings() {
    let mut world = World::new(H2::new()).await;
    let conn = world.conn.take().unwrap();
    let wire = conn.wire().other_end();
    ready(&mut world.client).await.unwrap();
    world.client.start(websocket(empty()));
    let server = async {
        run_until_idle().await;
        let before = wire.bytes_sent();
        let mut peer = Peer::accept_with(conn, ALLOWED).await;
        let request = peer.request().await;
        assert!(before < wire.bytes_sent(), "the request was sent before the SETTINGS");
        peer.respond(request.stream, 200, "").await;
        peer
    };
    let (response, _peer) = tokio::join!(response(&mut world.client), server);
    assert_eq!(response.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn settings_that_do_not_allow_it_leave_it_unsent() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    run_until_idle().await;
    for _ in 0..2 {
        let failed = exchange(&mut world.client, websocket(empty())).await.unwrap_err();
        assert!(matches!(failed.error.cause(), Cause::Request(RequestError::ExtendedConnect(_))), "{}", failed.error);
        assert_eq!(failed.error.delivery(), Delivery::Unsent);
        let request = failed.into_request().unwrap();
        assert_eq!(
            (request.method(), ConnectProtocol::of(&request)),
            (&Method::CONNECT, Some(&ConnectProtocol::WEBSOCKET))
        );
    }
    let server = async {
        let stream = peer.request().await.stream;
        peer.respond(stream, 204, "").await;
        stream
    };
    let (response, stream) = tokio::join!(exchange(&mut world.client, get("/")), server);
    assert_eq!((response.unwrap().status().as_u16(), stream), (204, 1));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_before_its_settings_says_how() {
    let mut world = World::new(H2::new()).await;
    let conn = world.conn.take().unwrap();
    ready(&mut world.client).await.unwrap();
    world.client.start(websocket(empty()));
    let server = async {
        run_until_idle().await;
        conn.reset();
    };
    let (response, ()) = tokio::join!(response(&mut world.client), server);
    let failed = response.unwrap_err();
    assert!(!matches!(failed.error.cause(), Cause::Request(_)), "{}", failed.error);
    assert_eq!(failed.error.delivery(), Delivery::Unsent);
}

#[tokio::test(start_paused = true)]
async fn dropped_while_it_waits_it_leaves_nothing() {
    let mut world = World::new(H2::new()).await;
    let mut client = world.handle();
    ready(&mut client).await.unwrap();
    client.start(websocket(empty()));
    tokio::select! {
        biased;
        _ = response(&mut client) => unreachable!(),
        () = run_until_idle() => {}
    }
    drop(client);
    let mut peer = world.peer_with(ALLOWED).await;
    let server = async {
        let request = peer.request().await;
        peer.respond(request.stream, 204, "").await;
        request
    };
    let (response, request) = tokio::join!(exchange(&mut world.client, get("/")), server);
    assert_eq!(
        (response.unwrap().status().as_u16(), request.stream, request.fields.get(":method")),
        (204, 1, Some("GET"))
    );
}
