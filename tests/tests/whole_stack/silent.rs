//! A connection falls silent, as behind a NAT that has forgotten it.

use skybridge::{Phase, Timeouts};
use skybridge_testkit::{
    executor::run_until_idle,
    h1::Script,
    h2::{Frame, Peer, code},
};
use skybridge_tests::{World, get, h2, read, wishing};
use std::{net::SocketAddr, time::Duration};

const SECOND: Duration = Duration::from_secs(1);

/// By whichever limit a call ends that has no response.
#[tokio::test(start_paused = true)]
async fn the_call_after_one_that_timed_out_goes_to_a_new_connection() {
    for (limits, phase) in [
        (Timeouts::new().response_head(SECOND), Phase::Wait),
        (Timeouts::new().write_idle(SECOND).response_head(SECOND), Phase::Wait),
        (Timeouts::new().call(SECOND), Phase::Call),
    ] {
        after_a_timeout(limits, phase).await;
    }
}

async fn after_a_timeout(limits: Timeouts, phase: Phase) {
    let world = World::new();
    let listener = world.listen();
    let client = world.client();
    let limited = || wishing(h2(get("/")), |options| options.timeouts(limits.clone()));
    let calls = async {
        read(client.request(limited())).await.unwrap();
        let error = read(client.request(limited())).await.unwrap_err();
        assert!(error.is_timeout() && error.phase() == phase, "{error:?}");
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

/// The head came, and then nothing: the PING decides, and nobody is sent into the silence after that.
#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_the_end_of_a_connection_that_answers_no_ping() {
    for limits in [Timeouts::new().read_idle(SECOND), Timeouts::new().call(SECOND)] {
        for alive in [false, true] {
            let world = World::new();
            let listener = world.listen();
            let client = world.client();
            let calls = async {
                let request = wishing(h2(get("/")), |options| options.timeouts(limits.clone()));
                let error = read(client.request(request)).await.unwrap_err();
                assert!(error.is_timeout(), "{error:?}");
                tokio::time::sleep(20 * SECOND).await;
                assert_eq!(read(client.request(h2(get("/")))).await.unwrap(), "more");
            };
            let server = async {
                let mut first = Peer::accept(listener.accept().await.0).await;
                let stream = first.request().await.stream;
                first.headers(stream, &[(":status", "200")], false).await;
                first.data(stream, "some", false).await;
                let mut peer = if alive {
                    first
                } else {
                    run_until_idle().await;
                    first.stall();
                    Peer::accept(listener.accept().await.0).await
                };
                let stream = peer.request().await.stream;
                peer.respond(stream, 200, "more").await;
                peer
            };
            let ((), _peer) = tokio::join!(calls, server);
            assert_eq!(world.net.opened(), if alive { 1 } else { 2 }, "{limits:?}");
        }
    }
}

/// An address that answers and then stalls is as bad as one that doesn't answer: the next connection goes to another.
#[tokio::test(start_paused = true)]
async fn an_address_that_stalls_in_the_first_body_comes_after_the_others() {
    let world = World::new();
    let (one, other): (SocketAddr, SocketAddr) = ("192.0.2.1:80".parse().unwrap(), "192.0.2.2:80".parse().unwrap());
    world.net.host("a.test", [one.ip(), other.ip()]);
    let (stalls, answers) = (world.net.listen(one), world.net.listen(other));
    let client = world.client();
    let calls = async {
        let request = wishing(get("/"), |options| options.timeouts(Timeouts::new().read_idle(SECOND)));
        assert!(read(client.request(request)).await.unwrap_err().is_timeout());
        assert_eq!(read(client.request(get("/"))).await.unwrap(), "fine");
    };
    let server = async {
        let mut first = Script::new(stalls.accept().await.0);
        first.request().await;
        first.send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nsome").await;
        let mut second = Script::new(answers.accept().await.0);
        second.request().await;
        second.respond(200, "fine").await;
        (first, second)
    };
    tokio::join!(calls, server);
}

/// The rest of a response may take longer than a call may, and its peer may have a reason to end it: neither says
/// anything of the address.
#[tokio::test(start_paused = true)]
async fn an_address_is_not_blamed_for_a_response_that_its_call_or_its_peer_cuts_short() {
    for resets in [false, true] {
        let world = World::new();
        let (one, other): (SocketAddr, SocketAddr) = ("192.0.2.1:80".parse().unwrap(), "192.0.2.2:80".parse().unwrap());
        world.net.host("a.test", [one.ip(), other.ip()]);
        let (first, _other) = (world.net.listen(one), world.net.listen(other));
        let client = world.client();
        let calls = async {
            let request = wishing(h2(get("/")), |options| options.timeouts(Timeouts::new().call(SECOND)));
            assert!(read(client.request(request)).await.is_err());
            // Until the connection is gone.
            tokio::time::sleep(10 * SECOND).await;
            assert_eq!(read(client.request(h2(get("/")))).await.unwrap(), "fine");
        };
        let server = async {
            let mut peer = Peer::accept(first.accept().await.0).await;
            let stream = peer.request().await.stream;
            peer.headers(stream, &[(":status", "200")], false).await;
            peer.data(stream, "some", false).await;
            if resets {
                peer.reset(stream, code::INTERNAL_ERROR).await;
            } else {
                peer.expect_reset(stream).await;
            }
            peer.fin().await;
            let mut again = Peer::accept(first.accept().await.0).await;
            let stream = again.request().await.stream;
            again.respond(stream, 200, "fine").await;
            (peer, again)
        };
        let both = async { tokio::join!(calls, server) };
        tokio::time::timeout(60 * SECOND, both).await.unwrap();
        assert_eq!(world.net.connects_to(other), 0, "{resets}");
    }
}
