//! A connection falls silent, as behind a NAT that has forgotten it.

use skybridge::{Phase, RequestOptions, Timeouts};
use skybridge_testkit::h2::{Frame, Peer};
use skybridge_tests::{World, get, h2, read};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn the_call_after_a_response_timeout_goes_to_a_new_connection() {
    let world = World::new();
    let listener = world.listen();
    let client = world.client();
    let limited = || {
        let mut timeouts = Timeouts::new();
        timeouts.response_head = Some(SECOND);
        let mut request = h2(get("/"));
        let options = request.extensions().get::<RequestOptions>().cloned().unwrap_or_default();
        request.extensions_mut().insert(options.timeouts(timeouts));
        request
    };
    let calls = async {
        read(client.request(limited())).await.unwrap();
        let error = read(client.request(limited())).await.unwrap_err();
        assert!(error.is_timeout() && error.phase() == Phase::Wait, "{error:?}");
        tokio::time::sleep(SECOND).await;
        assert_eq!(read(client.request(limited())).await.unwrap(), "new");
        // The first is closed once its PING wasn't answered.
        tokio::time::sleep(5 * SECOND).await;
    };
    let server = async {
        let mut first = Peer::accept(listener.accept().await.0).await;
        let stream = first.request().await.stream;
        first.respond(stream, 200, "warm").await;
        first.request().await;
        first.stall();
        let mut second = Peer::accept(listener.accept().await.0).await;
        let stream = second.request().await.stream;
        second.respond(stream, 200, "new").await;
        (first, second)
    };
    let ((), (first, _second)) = tokio::join!(calls, server);
    assert_eq!(world.net.opened(), 2);
    let closed = world.recorder.lines();
    assert!(
        closed.iter().any(|line| line.contains("connection_closed") && line.contains("unresponsive")),
        "{closed:#?}"
    );
    assert!(!first.received().iter().any(|frame| matches!(frame, Frame::GoAway { .. })));
}
