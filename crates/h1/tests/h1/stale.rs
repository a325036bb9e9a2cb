//! Connections that end just when they are used again.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::{
    handshake::H1,
    suite::support::{get, send, world},
};
use skybridge_core::{Cause, Delivery, Phase};
use skybridge_testkit::executor::run_until_idle;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Stale is what has carried an exchange before, and ends before a byte of an answer.
#[tokio::test(start_paused = true)]
async fn only_a_used_connection_without_a_byte_of_an_answer_is_stale() {
    for (used, answer, reset, stale) in [
        (true, "", false, true),
        (true, "", true, true),
        (false, "", false, false),
        (false, "", true, false),
        (true, "H", false, false),
        (true, "HTTP/1.1 200 OK\r\nx: y", true, false),
        (true, "HTTP/1.1 103 Early Hints\r\n\r\n", false, false),
    ] {
        let mut world = world(H1::new()).await;
        if used {
            world.exchange(get("http://a.test/"), OK).await;
        }
        let server = async {
            world.peer.request().await;
            if !answer.is_empty() {
                world.peer.send(answer).await;
                // A reset would take it away unread.
                run_until_idle().await;
            }
            if reset {
                world.peer.reset();
            } else {
                world.peer.fin().await;
            }
        };
        let (result, ()) = tokio::join!(send(&mut world.conn, get("http://a.test/")), server);
        let error = result.unwrap_err().error;
        assert_eq!((error.delivery(), error.phase()), (Delivery::Unknown, Phase::Wait), "{error:?}");
        assert_eq!(
            matches!(error.cause(), Cause::Stale(_)),
            stale,
            "used {used}, {answer:?}, reset {reset}: {error:?}"
        );
        assert!(error.connection().is_some());
    }
}
