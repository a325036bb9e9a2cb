//! Interim responses (RFC 9110, section 15.2).
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::{
    handshake::{H1, cause},
    suite::support::{get, ready, send, world},
};
use skybridge_core::{CloseReason, Delivery, OnInformational};
use skybridge_h1::H1Error;
use skybridge_testkit::executor::run_until_idle;
use std::sync::{Arc, Mutex};

const HINTS: &str = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn each_is_told_in_order_and_then_comes_the_response() {
    let mut world = world(H1::new()).await;
    let heard = Arc::new(Mutex::new(Vec::new()));
    let mut request = get("http://a.test/");
    let told = Arc::clone(&heard);
    request.extensions_mut().insert(OnInformational::new(move |interim| {
        let link = interim.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
        told.lock().unwrap().push((interim.status().as_u16(), link));
    }));
    let server = async {
        world.peer.request().await;
        world.peer.send("HTTP/1.1 102 Processing\r\n\r\n").await;
        run_until_idle().await;
        assert_eq!(heard.lock().unwrap().len(), 1, "at once, not with the response");
        world.peer.send(HINTS).await;
        run_until_idle().await;
        world.peer.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    };
    let (response, ()) = tokio::join!(send(&mut world.conn, request), server);
    assert_eq!(response.unwrap().status(), 204);
    assert_eq!(*heard.lock().unwrap(), [(102, None), (103, Some("</a.css>".to_owned()))]);
    ready(&mut world.conn).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn there_may_be_so_many_of_them() {
    for (sent, fits) in [(64, true), (65, false)] {
        let mut world = world(H1::new()).await;
        let server = async {
            world.peer.request().await;
            world.peer.send(HINTS.repeat(sent)).await;
            let _ = world.peer.try_send("HTTP/1.1 204 No Content\r\n\r\n").await;
        };
        let (answer, ()) = tokio::join!(send(&mut world.conn, get("http://a.test/")), server);
        match answer {
            Ok(response) => assert_eq!((response.status().as_u16(), fits), (204, true)),
            Err(failed) => {
                assert!(!fits);
                assert!(matches!(cause(&failed.error), H1Error::InterimResponses { limit: 64 }));
                assert_eq!(failed.error.delivery(), Delivery::Unknown);
                world.status.assert_closed(CloseReason::Protocol);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_limit_is_for_each_request_and_can_be_set() {
    let mut world = world(H1::new().max_informational(1)).await;
    for _ in 0..3 {
        world.exchange(get("http://a.test/"), &format!("{HINTS}HTTP/1.1 204 No Content\r\n\r\n")).await;
    }
}
