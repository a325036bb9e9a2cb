//! HTTP/2 servers that allow no streams: they are asked once, and not for ever.

use skybridge::{Phase, Timeouts};
use skybridge_testkit::h2::{Frame, Peer, code, setting};
use skybridge_tests::{World, addr, all, get, h2, read};
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn a_server_that_allows_no_streams_is_dialled_once() {
    // Whether its SETTINGS come before the first request is sent, or after.
    for latency in [0, 5] {
        let world = World::new();
        let latency = Duration::from_millis(latency);
        world.net.at(addr()).latency(latency).connect_latency(latency);
        let _serving = world.listen().serve(|_, conn| async move {
            let mut peer = Peer::accept_with(conn, &[(setting::MAX_CONCURRENT_STREAMS, 0)]).await;
            while let Some(frame) = peer.next().await {
                if let Frame::Headers { stream, .. } = frame {
                    peer.reset(stream, code::REFUSED_STREAM).await;
                }
            }
        });
        // For one that was handed to the connection just before the SETTINGS came.
        let mut timeouts = Timeouts::new();
        timeouts.response_head = Some(Duration::from_secs(30));
        let client = world.builder().timeouts(timeouts).build();
        let start = Instant::now();
        for error in all((0..20).map(|_| read(client.request(h2(get("/")))))).await {
            let error = error.unwrap_err();
            assert!(error.is_timeout() && matches!(error.phase(), Phase::Handshake | Phase::Wait), "{error:?}");
        }
        assert!(start.elapsed() < Duration::from_secs(32), "{:?}", start.elapsed());
        assert_eq!(world.net.connects_to(addr()), 1);
        drop(client);
        world.assert_nothing_left().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_allows_streams_after_a_while_serves_all_on_one_connection() {
    let world = World::new();
    let _serving = world.listen().serve(|_, conn| async move {
        let mut peer = Peer::accept_with(conn, &[(setting::MAX_CONCURRENT_STREAMS, 0)]).await;
        tokio::time::sleep(Duration::from_secs(10)).await;
        peer.settings(&[(setting::MAX_CONCURRENT_STREAMS, 100)]).await;
        while let Some(frame) = peer.next().await {
            if let Frame::Headers { stream, .. } = frame {
                peer.respond(stream, 200, "hello").await;
            }
        }
    });
    let client = world.client();
    for answer in all((0..20).map(|_| read(client.request(h2(get("/")))))).await {
        assert_eq!(answer.unwrap(), "hello");
    }
    assert_eq!(world.net.connects_to(addr()), 1);
    drop(client);
    world.assert_nothing_left().await;
}
