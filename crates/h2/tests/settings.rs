//! Live stream limits.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use skybridge_core::{Capacity, Cause, CloseReason, Connection, ConnectionStatus};
use skybridge_testkit::{
    executor::run_until_idle,
    h2::{Frame, Peer, setting},
};
use support::*;

#[tokio::test(start_paused = true)]
async fn limits_are_unknown_then_follow_the_peers_settings() {
    let mut world = World::new(H2::new()).await;
    run_until_idle().await;
    assert_eq!(world.client.capacity(), Capacity::Unknown);
    let mut peer = world.peer_with(&[(setting::MAX_CONCURRENT_STREAMS, 100)]).await;
    let mut expected = vec![ConnectionStatus::Capacity(100)];
    run_until_idle().await;
    assert_eq!(world.client.capacity(), Capacity::Streams(100));
    for limit in [0, 0, 7, u32::MAX] {
        peer.settings(&[(setting::MAX_CONCURRENT_STREAMS, limit)]).await;
        run_until_idle().await;
        assert_eq!(world.client.capacity(), Capacity::Streams(limit));
        expected.push(ConnectionStatus::Capacity(limit));
    }
    expected.dedup();
    assert_eq!(world.notes.all(), expected);
    assert_eq!(world.handle().capacity(), Capacity::Streams(u32::MAX));
}

#[tokio::test(start_paused = true)]
async fn settings_without_a_limit_allow_any_number() {
    let mut world = World::new(H2::new()).await;
    let _peer = world.peer().await;
    run_until_idle().await;
    assert_eq!(world.client.capacity(), Capacity::Streams(u32::MAX));
    assert_eq!(world.notes.all(), [ConnectionStatus::Capacity(u32::MAX)]);
}

#[tokio::test(start_paused = true)]
async fn initial_max_send_streams_is_assumed_until_settings_arrive() {
    let mut world = World::new(H2::new().initial_max_send_streams(3)).await;
    assert_eq!(world.client.capacity(), Capacity::Streams(3));
    let _peer = world.peer_with(&[(setting::MAX_CONCURRENT_STREAMS, 1)]).await;
    run_until_idle().await;
    assert_eq!(world.client.capacity(), Capacity::Streams(1));
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_zero_lets_a_stream_wait_until_it_is_raised() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer_with(&[(setting::MAX_CONCURRENT_STREAMS, 0)]).await;
    run_until_idle().await;
    let server = async {
        run_until_idle().await;
        peer.settings(&[(setting::MAX_CONCURRENT_STREAMS, 1)]).await;
        let stream = peer.request().await.stream;
        peer.respond(stream, 200, "").await;
    };
    let (response, ()) = tokio::join!(exchange(&mut world.client, get("/")), server);
    assert_eq!(response.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn the_configured_settings_are_announced() {
    let h2 =
        H2::new().stream_window(1 << 18).max_frame_size(1 << 15).max_header_list_size(9999).connection_window(1 << 20);
    let mut world = World::new(h2).await;
    let mut peer = world.peer().await;
    run_until_idle().await;
    let Frame::Settings { values, .. } = peer.recv().await else { panic!("SETTINGS come first") };
    for value in [
        (setting::ENABLE_PUSH, 0),
        (setting::INITIAL_WINDOW_SIZE, 1 << 18),
        (setting::MAX_FRAME_SIZE, 1 << 15),
        (setting::MAX_HEADER_LIST_SIZE, 9999),
    ] {
        assert!(values.contains(&value), "{value:?} is not in {values:?}");
    }
    let update = peer.until(|frame| matches!(frame, Frame::WindowUpdate { stream: 0, .. })).await;
    assert!(matches!(update, Frame::WindowUpdate { increment, .. } if increment == (1 << 20) - 65_535));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_without_settings_is_an_error() {
    let mut world = World::new(H2::new()).await;
    let mut peer = Peer::new(world.conn.take().unwrap());
    let server = async {
        peer.preface().await;
        let stream = peer.request().await.stream;
        peer.respond(stream, 200, "").await;
        peer.expect_close().await;
    };
    let client = async {
        assert!(exchange(&mut world.client, get("/")).await.is_err());
        drop(world.client);
    };
    tokio::join!(client, server);
    assert_eq!(world.notes.all().last(), Some(&ConnectionStatus::Closed(CloseReason::Protocol)));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_speaks_http1_is_an_error() {
    let mut world = World::new(H2::new()).await;
    let mut peer = Peer::new(world.conn.take().unwrap());
    let server = async {
        peer.preface().await;
        peer.send_raw("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n").await;
        peer.expect_close().await;
    };
    let (failed, ()) = tokio::join!(exchange(&mut world.client, get("/")), server);
    let error = failed.unwrap_err().error;
    assert!(matches!(error.cause(), Cause::Protocol(why) if why.to_string().contains("first frame is not SETTINGS")));
    assert_eq!(world.notes.all(), [ConnectionStatus::Closed(CloseReason::Protocol)]);
    // Whoever asks later is told the same.
    let error = ready(&mut world.client).await.unwrap_err();
    assert!(matches!(error.cause(), Cause::Protocol(_)), "{error:?}");
}
