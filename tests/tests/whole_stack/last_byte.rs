//! Responses that are given up when the last byte is here.

use http_body_util::BodyExt;
use skybridge_testkit::{executor::run_until_idle, h1::Script};
use skybridge_tests::{World, get, read};

/// Their end, with nothing of the body after it, is known to the connection and not yet to who reads.
#[tokio::test(start_paused = true)]
async fn a_body_dropped_at_its_end_costs_the_next_call_nothing() {
    let rows = [
        ["HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n", "last"],
        ["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "4\r\nlast\r\n0\r\n\r\n"],
        ["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nlast\r\n", "0\r\n\r\n"],
        ["HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nla", "st"],
    ];
    for [begin, end] in rows {
        for reads in [false, true] {
            let world = World::new();
            let (client, listener) = (world.client(), world.listen());
            let server = async {
                let mut peer = Script::new(listener.accept().await.0);
                peer.request().await;
                peer.send(begin).await;
                run_until_idle().await;
                peer.send(end).await;
                let closes = begin.contains("close");
                if closes {
                    peer.fin().await;
                    peer.expect_close().await;
                    peer = Script::new(listener.accept().await.0);
                }
                peer.request().await;
                peer.respond(200, "hello").await;
                peer
            };
            let calls = async {
                let mut body = client.request(get("/")).await.unwrap().into_body();
                let mut text = Vec::new();
                while reads && !text.ends_with(b"last") {
                    text.extend(body.frame().await.unwrap().unwrap().into_data().unwrap());
                }
                run_until_idle().await;
                drop(body);
                run_until_idle().await;
                assert_eq!((client.stats().active, client.stats().draining), (0, 0));
                read(client.request(get("/"))).await
            };
            let (next, _peer) = tokio::join!(calls, server);
            assert_eq!(next.unwrap(), "hello", "{begin:?}");
            assert_eq!(world.recorder.count("retry_decision"), 0, "{begin:?}: nobody notices");
            let connections = if begin.contains("close") { 2 } else { 1 };
            assert_eq!(world.net.opened(), connections, "{begin:?}");
            drop(client);
            world.recorder.assert_balanced();
        }
    }
}
