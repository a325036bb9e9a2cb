//! A task drives the connection: the end of its runtime is the end of the connection.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::{
    handshake::{H1, cause},
    suite::support::{World, get, ready, send, world},
};
use skybridge_core::{Capacity, CloseReason, Connection, Delivery};
use skybridge_hyper::HyperH1Error;

#[tokio::test(start_paused = true)]
async fn when_the_runtime_ends_the_request_fails_and_says_so() {
    let World { mut conn, mut peer, status, executor, .. } = world(H1::new()).await;
    let server = async {
        peer.request().await;
        drop(executor);
    };
    let (answer, ()) = tokio::join!(send(&mut conn, get("http://a.test/")), server);
    let error = answer.unwrap_err().error;
    assert_eq!(error.delivery(), Delivery::Unknown);
    assert!(matches!(cause(&error).downcast_ref(), Some(HyperH1Error::DriverGone)));
    status.assert_closed(CloseReason::RuntimeShutdown);
    // What comes later was never sent.
    assert_eq!(ready(&mut conn).await.unwrap_err().delivery(), Delivery::Unsent);
}

#[tokio::test(start_paused = true)]
async fn a_runtime_that_ends_takes_its_connections_along() {
    let World { mut conn, mut peer, status, executor, .. } = world(H1::new()).await;
    drop(executor);
    peer.expect_close().await;
    status.assert_closed(CloseReason::RuntimeShutdown);
    assert_eq!(conn.capacity(), Capacity::None);
    assert_eq!(ready(&mut conn).await.unwrap_err().delivery(), Delivery::Unsent);
}
