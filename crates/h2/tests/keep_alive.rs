//! PINGs that find out whether the peer is alive, and peers that never speak.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use http_body_util::BodyExt;
use skybridge_core::{Cause, CloseReason, Connection, ConnectionStatus, Error, Phase};
use skybridge_h2::H2Error;
use skybridge_testkit::{
    executor::run_until_idle,
    h2::{Frame, Peer},
};
use std::time::Duration;
use support::*;
use tokio::time::{Instant, sleep};

const HALF: Duration = Duration::from_millis(500);

fn pings(frames: &[Frame]) -> usize {
    frames.iter().filter(|frame| matches!(frame, Frame::Ping { ack: false, .. })).count()
}

/// The peer is silent, as this side says with this error.
fn silent(error: &Error) -> &H2Error {
    assert!(matches!(error.cause(), Cause::Unresponsive(_)) && error.is_timeout(), "{error:?}");
    h2_error(error)
}

#[tokio::test(start_paused = true)]
async fn one_ping_is_sent_while_a_response_takes_longer_than_the_interval() {
    let mut world = World::new(H2::new().keep_alive_interval(HALF).keep_alive_timeout(HALF)).await;
    let mut peer = world.peer().await;
    let server = async {
        let stream = peer.request().await.stream;
        let waited = Instant::now();
        peer.until(|frame| matches!(frame, Frame::Ping { ack: false, .. })).await;
        assert_eq!(waited.elapsed(), HALF);
        sleep(HALF / 2).await;
        peer.respond(stream, 200, "").await;
    };
    let (response, ()) = tokio::join!(exchange(&mut world.client, get("/")), server);
    assert_eq!(response.unwrap().status(), 200);
    // Idle: no more of them.
    sleep(Duration::from_secs(60)).await;
    peer.ping([1; 8]).await;
    peer.until(|frame| matches!(frame, Frame::Ping { ack: true, .. })).await;
    assert_eq!(pings(peer.received()), 1);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_answer_a_ping_is_left() {
    let mut world = World::new(H2::new().keep_alive_interval(HALF).keep_alive_timeout(HALF)).await;
    let mut peer = world.peer().await;
    let started = Instant::now();
    let stalled = async {
        peer.request().await;
        peer.stall();
    };
    let (failed, ()) = tokio::join!(exchange(&mut world.client, get("/")), stalled);
    let error = failed.unwrap_err().error;
    assert_eq!(started.elapsed(), 2 * HALF);
    assert!(matches!(silent(&error), H2Error::PingTimeout(HALF)), "{error:?}");
    assert_eq!(world.notes.all().last(), Some(&ConnectionStatus::Closed(CloseReason::Unresponsive)));
}

/// The PING is behind all of it, and so is the answer.
#[tokio::test(start_paused = true)]
async fn an_upload_that_goes_on_slowly_is_a_sign_of_life() {
    let h2 = H2::new().keep_alive_interval(HALF).keep_alive_timeout(HALF);
    let mut world = World::on_a_slow_line(h2, 4096, HALF / 2).await;
    let mut peer = world.peer().await;
    let started = Instant::now();
    let server = async {
        let stream = peer.request().await.stream;
        assert_eq!(peer.body(stream).await.len(), 60_000);
        peer.respond(stream, 200, "").await;
    };
    let (response, ()) = tokio::join!(exchange(&mut world.client, post(full(vec![0; 60_000]))), server);
    assert_eq!(response.unwrap().status(), 200);
    assert!(started.elapsed() > 4 * HALF, "{:?}", started.elapsed());
}

/// There is always some time between them.
#[tokio::test(start_paused = true)]
async fn an_interval_of_nothing_is_a_short_one() {
    let mut world = World::new(H2::new().keep_alive_interval(Duration::ZERO)).await;
    let mut peer = world.peer().await;
    let server = async {
        let stream = peer.request().await.stream;
        let answered = async {
            sleep(HALF).await;
        };
        tokio::select! {
            () = answered => {}
            _ = peer.until(|frame| matches!(frame, Frame::GoAway { .. })) => {}
        }
        peer.respond(stream, 200, "").await;
    };
    let (response, ()) = tokio::join!(exchange(&mut world.client, get("/")), server);
    assert_eq!(response.unwrap().status(), 200);
    assert!((2..=50).contains(&pings(peer.received())), "{}", pings(peer.received()));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stops_is_ended_by_a_ping_too() {
    let mut world = World::new(H2::new().keep_alive_interval(HALF)).await;
    let mut peer = world.peer().await;
    let server = async {
        let stream = peer.request().await.stream;
        peer.headers(stream, &[(":status", "200")], false).await;
        run_until_idle().await;
        peer.stall();
    };
    let (response, ()) = tokio::join!(exchange(&mut world.client, get("/")), server);
    let error = response.unwrap().into_body().collect().await.unwrap_err();
    assert!(matches!(silent(&error), H2Error::PingTimeout(limit) if *limit == Duration::from_secs(5)), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_peer_whose_answer_is_behind_data_is_alive() {
    let mut world = World::new(H2::new().keep_alive_interval(HALF).keep_alive_timeout(HALF)).await;
    let mut peer = world.peer().await;
    let server = async {
        let stream = peer.request().await.stream;
        peer.headers(stream, &[(":status", "200")], false).await;
        for _ in 0..20 {
            sleep(HALF / 2).await;
            peer.data(stream, "piece", false).await;
        }
        peer.data(stream, "", true).await;
    };
    let client = async {
        let response = exchange(&mut world.client, get("/")).await.unwrap();
        bytes(response).await.len()
    };
    let (read, ()) = tokio::join!(client, server);
    assert_eq!(read, 100);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_kept_alive_if_asked() {
    let h2 = H2::new().keep_alive_interval(HALF).keep_alive_while_idle(true);
    let mut world = World::new(h2).await;
    let mut peer = world.peer().await;
    for _ in 0..5 {
        let waited = Instant::now();
        peer.until(|frame| matches!(frame, Frame::Ping { ack: false, .. })).await;
        assert!(waited.elapsed() <= HALF);
    }
    let stalled = Instant::now();
    peer.stall();
    while !matches!(world.notes.all().last(), Some(ConnectionStatus::Closed(_))) {
        sleep(HALF).await;
    }
    assert!(stalled.elapsed() <= 11 * HALF, "{:?}", stalled.elapsed());
}

#[tokio::test(start_paused = true)]
async fn settings_that_never_come_are_an_error_of_the_handshake() {
    for talks in [false, true] {
        let mut world = World::new(H2::new().settings_timeout(HALF)).await;
        let mut peer = Peer::new(world.conn.take().unwrap()).manual();
        let started = Instant::now();
        let server = async {
            peer.preface().await;
            peer.request().await;
            if talks {
                // The header of SETTINGS, and no more.
                peer.send_raw([0, 0, 6, 4, 0, 0, 0, 0, 0]).await;
            }
            peer.expect_close().await;
        };
        let (failed, ()) = tokio::join!(exchange(&mut world.client, get("/")), server);
        let error = failed.unwrap_err().error;
        assert_eq!(started.elapsed(), HALF);
        assert_eq!(error.phase(), Phase::Handshake);
        assert!(matches!(silent(&error), H2Error::SettingsTimeout(HALF)), "{error:?}");
        assert_eq!(world.notes.all(), [ConnectionStatus::Closed(CloseReason::Unresponsive)]);
    }
}

#[tokio::test(start_paused = true)]
async fn settings_may_be_late() {
    let mut world = World::new(H2::new()).await;
    let mut peer = Peer::new(world.conn.take().unwrap()).manual();
    let server = async {
        peer.preface().await;
        let stream = peer.request().await.stream;
        sleep(Duration::from_secs(9)).await;
        peer.settings(&[]).await;
        peer.settings_ack().await;
        peer.respond(stream, 200, "").await;
    };
    let (response, ()) = tokio::join!(exchange(&mut world.client, get("/")), server);
    assert_eq!(response.unwrap().status(), 200);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(exchange_with(&mut world, &mut peer).await, 204);
}

async fn exchange_with(world: &mut World, peer: &mut Peer<skybridge_testkit::net::Conn>) -> u16 {
    let server = async {
        let stream = peer.request().await.stream;
        peer.respond(stream, 204, "").await;
    };
    let (response, ()) = tokio::join!(exchange(&mut world.client, get("/")), server);
    response.unwrap().status().as_u16()
}

/// A response that doesn't come in time: the connection is suspect at once, and then dead, or healthy again.
#[tokio::test(start_paused = true)]
async fn after_a_response_timeout_a_ping_decides() {
    for alive in [false, true] {
        let mut world = World::new(H2::new().keep_alive_timeout(HALF)).await;
        let mut peer = world.peer().await;
        assert_eq!(exchange_with(&mut world, &mut peer).await, 204);
        let mut handle = world.handle();
        ready(&mut handle).await.unwrap();
        handle.start(get("/slow"));
        let waits = tokio::time::timeout(HALF, response(&mut handle));
        assert!(waits.await.is_err());
        if !alive {
            peer.stall();
        }
        let before = world.notes.all().len();
        handle.timed_out();
        assert_eq!(world.notes.all()[before..], [ConnectionStatus::Suspect], "at once");
        drop(handle);
        let since = Instant::now();
        if alive {
            peer.request().await;
            peer.find(|frame| matches!(frame, Frame::Ping { ack: false, .. })).await;
            run_until_idle().await;
            assert_eq!(world.notes.all()[before..], [ConnectionStatus::Suspect, ConnectionStatus::Healthy]);
            assert_eq!(exchange_with(&mut world, &mut peer).await, 204);
        } else {
            let failed = tokio::join!(exchange(&mut world.client, get("/next"))).0.unwrap_err();
            assert!(matches!(silent(&failed.error), H2Error::PingTimeout(HALF)));
            assert_eq!(since.elapsed(), HALF);
            let dead = ConnectionStatus::Closed(CloseReason::Unresponsive);
            assert_eq!(world.notes.all()[before..], [ConnectionStatus::Suspect, dead]);
        }
    }
}

/// The peer answers others meanwhile: this response is slow, the connection isn't.
#[tokio::test(start_paused = true)]
async fn a_slow_response_on_a_busy_connection_makes_it_no_suspect() {
    let mut world = World::new(H2::new()).await;
    let mut peer = world.peer().await;
    let mut handle = world.handle();
    ready(&mut handle).await.unwrap();
    handle.start(get("/slow"));
    assert!(tokio::time::timeout(HALF, response(&mut handle)).await.is_err());
    peer.request().await;
    assert_eq!(exchange_with(&mut world, &mut peer).await, 204);
    handle.timed_out();
    drop(handle);
    run_until_idle().await;
    assert!(!world.notes.all().contains(&ConnectionStatus::Suspect));
    assert_eq!(exchange_with(&mut world, &mut peer).await, 204);
}
