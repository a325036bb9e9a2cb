//! Servers that stream small messages, as gRPC's do, each in a DATA frame of its own: however many come at once, a
//! reader gets them all.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests, and the tasks of their readers")]

mod support;

use http_body_util::BodyExt;
use skybridge_testkit::executor::run_until_idle;
use support::*;

const MESSAGES: usize = 20_000;

/// A message of 20 bytes in a frame of its own.
fn message(stream: u32) -> Vec<u8> {
    [&[0, 0, 20, 0, 0], &stream.to_be_bytes()[..], &[7; 20]].concat()
}

#[tokio::test(start_paused = true)]
async fn small_messages_wait_for_a_slow_reader() {
    let mut world = World::with_capacity(H2::new(), 1 << 20).await;
    let mut peer = world.peer().await;
    let server = async {
        let stream = peer.request().await.stream;
        peer.headers(stream, &[(":status", "200")], false).await;
        // However the bytes are cut on their way.
        for part in message(stream).repeat(MESSAGES).chunks(7000) {
            peer.send_raw(part).await;
            run_until_idle().await;
        }
        peer.data(stream, "", true).await;
        run_until_idle().await;
    };
    let (response, ()) = tokio::join!(exchange(&mut world.client, get("/")), server);
    let body = bytes(response.unwrap()).await;
    assert_eq!(body.len(), 20 * MESSAGES);
    assert!(body.iter().all(|&byte| byte == 7));
}

/// Their frames alternate, and are read as they come.
#[tokio::test(start_paused = true)]
async fn small_messages_of_several_streams_at_once_are_read() {
    let mut world = World::with_capacity(H2::new(), 4 << 20).await;
    let mut peer = world.peer().await;
    let readers = [world.handle(), world.handle()].map(|mut client| {
        tokio::spawn(async move {
            let response = exchange(&mut client, get("/")).await.unwrap();
            response.into_body().collect().await.unwrap().to_bytes().len()
        })
    });
    let streams = [peer.request().await.stream, peer.request().await.stream];
    for stream in streams {
        peer.headers(stream, &[(":status", "200")], false).await;
    }
    run_until_idle().await;
    peer.send_raw(streams.map(message).concat().repeat(MESSAGES)).await;
    for stream in streams {
        peer.data(stream, "", true).await;
    }
    for reader in readers {
        assert_eq!(reader.await.unwrap(), 20 * MESSAGES);
    }
}
