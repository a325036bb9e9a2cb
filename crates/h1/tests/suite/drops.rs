//! Given up at every step, nothing is left: no task, no socket.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::support::{full, send};
use crate::handshake::H1;
use http::Request;
use http_body_util::BodyExt;
use skybridge_core::{Connector as _, Handshake};
use skybridge_testkit::{
    drop_walk::drop_walk,
    executor::Executor,
    fixtures,
    net::{Conn, Network},
};
use std::{io, time::Duration};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Longer than the connection's window: it is written in parts.
const BODY: &str = "0123456789012345678901234567890123456789012345678901234567890123456789 the end";

/// The client may go at any point.
async fn serve(mut conn: Conn) -> io::Result<()> {
    let mut received = Vec::new();
    loop {
        while !received.ends_with(b"the end") {
            if conn.read_buf(&mut received).await? == 0 {
                return Ok(());
            }
        }
        received.clear();
        conn.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n").await?;
        tokio::time::sleep(Duration::from_millis(1)).await;
        conn.write_all(b"ok").await?;
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_given_up_at_any_step_leaves_nothing() {
    let addr = "192.0.2.1:80".parse().unwrap();
    let walked = drop_walk(
        async || {
            let (executor, net) = (Executor::new(), Network::new());
            net.at(addr).latency(Duration::from_millis(1)).window(64);
            let serving = net.listen(addr).serve(|_, conn| async move {
                let _ = serve(conn).await;
            });
            let (ctx, mut connector) = (executor.ctx(), net.connector());
            let scenario = async move {
                let route = fixtures::route("http://a.test", ["192.0.2.1:80"], ctx.clone());
                let link = connector.connect(route).await.unwrap();
                let mut conn = H1::new().handshake(link, &ctx).await.unwrap();
                for _ in 0..2 {
                    let request = Request::put("http://a.test/").body(full(BODY)).unwrap();
                    let response = send(&mut conn, request).await.unwrap();
                    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ok");
                }
            };
            ((executor, net, serving), scenario)
        },
        async |(executor, net, _serving), _moment| {
            // What is on its way needs its latency.
            tokio::time::sleep(Duration::from_secs(1)).await;
            executor.assert_idle().await;
            assert_eq!(net.live_sockets(), 0);
        },
    )
    .await;
    assert!(walked.polls >= 6, "{walked:?}");
}
