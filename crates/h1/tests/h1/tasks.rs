//! No task drives a connection.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::{
    handshake::H1,
    suite::support::{World, full, get, ready, send, world},
};
use http::Request;
use skybridge_core::{Capacity, CloseReason, Connection, Delivery};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test(start_paused = true)]
async fn exchanges_and_idleness_need_no_task() {
    let mut world = world(H1::new()).await;
    for _ in 0..3 {
        world.exchange(get("http://a.test/"), OK).await;
        world.exchange(Request::post("http://a.test/").body(full("12345")).unwrap(), OK).await;
        ready(&mut world.conn).await.unwrap();
    }
    assert_eq!((world.executor.tasks(), world.executor.spawned()), (0, 0));
}

/// What an idle connection says is found before the next request is written, also where no task can look.
#[tokio::test(start_paused = true)]
async fn a_connection_outlives_the_runtime_that_made_it() {
    let World { mut conn, mut peer, status, executor, net } = world(H1::new()).await;
    drop(executor);
    let server = async {
        peer.request().await;
        peer.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    };
    let (answer, ()) = tokio::join!(send(&mut conn, get("http://a.test/")), server);
    assert_eq!((answer.unwrap().status().as_u16(), conn.capacity()), (204, Capacity::Streams(1)));
    let sent = net.wire(0).other_end().bytes_sent();
    peer.fin().await;
    assert_eq!(ready(&mut conn).await.unwrap_err().delivery(), Delivery::Unsent);
    status.assert_closed(CloseReason::PeerFin);
    assert_eq!(net.wire(0).other_end().bytes_sent(), sent);
}
