//! Peers that take connections and nothing on them: a call asks for two at most.

use skybridge::{Cause, Error, RequestBody};
use skybridge_testkit::net::Conn;
use skybridge_tests::{World, get, h2, post, read};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[derive(Clone, Copy, Debug)]
enum Peer {
    /// It closes at once.
    Closes,
    /// It closes when the request comes.
    ClosesThen,
    /// It resets when the request comes.
    Resets,
    /// It says something that is no HTTP, and closes.
    Greets,
}

impl Peer {
    async fn serve(self, mut conn: Conn) {
        match self {
            Self::Closes => {}
            Self::ClosesThen | Self::Resets => {
                let _ = conn.read(&mut [0; 4096]).await;
                if let Self::Resets = self {
                    conn.reset();
                }
            }
            Self::Greets => {
                let _ = conn.write_all(b"SSH-2.0-x\r\n").await;
                let _ = conn.read(&mut [0; 4096]).await;
            }
        }
    }
}

/// How one call ends, and how many connections it took.
async fn call(peer: Peer, request: http::Request<RequestBody>) -> (Error, usize) {
    let world = World::new();
    let _serving = world.listen().serve(move |_, conn| peer.serve(conn));
    let client = world.client();
    let error = read(client.request(request)).await.unwrap_err();
    drop(client);
    world.assert_nothing_left().await;
    (error, world.net.opened())
}

#[tokio::test(start_paused = true)]
async fn a_call_has_two_connections_at_most() {
    for peer in [Peer::Closes, Peer::ClosesThen, Peer::Resets, Peer::Greets] {
        for request in [get("/"), post("x"), h2(get("/")), h2(post("x"))] {
            let what = format!("{peer:?}, {} {:?}", request.method(), request.extensions());
            for run in 0..20 {
                let mut again = get("/");
                (*again.method_mut(), *again.extensions_mut()) =
                    (request.method().clone(), request.extensions().clone());
                let (error, connections) = call(peer, again).await;
                assert!(connections <= 2, "{what}, run {run}: {connections} connections, {error:?}");
            }
        }
    }
}

/// What is no HTTP is none on the next connection either.
#[tokio::test(start_paused = true)]
async fn a_peer_that_is_no_http_server_is_asked_once() {
    for request in [get("/"), post("x"), h2(get("/")), h2(post("x"))] {
        let (error, connections) = call(Peer::Greets, request).await;
        assert_eq!(connections, 1, "{error:?}");
        assert!(matches!(error.cause(), Cause::Protocol(_) | Cause::Connect(_)), "{error:?}");
    }
}
