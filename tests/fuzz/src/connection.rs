//! A whole connection, and a peer that sends whatever it likes.

use crate::input::Cuts;
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use skybridge_core::{Asking, ConnInfo, ConnectProtocol, Connection, Ctx, Handshake, Link, Replays};
use skybridge_h1::H1;
use skybridge_h2::H2;
use skybridge_testkit::{executor::Executor, fixtures};
use std::{future::poll_fn, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    runtime::Builder,
    time::timeout,
};

/// By then everything that waits for a reason has found its limit: the clock is virtual.
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);
/// How many exchanges are tried on one connection.
const EXCHANGES: usize = 3;

/// An HTTP/1.1 connection ends when its peer does, gives up no byte that wasn't sent, and leaves no task behind.
///
/// An input is the method's letter, that of the cuts, and the peer's bytes.
pub fn h1_connection(input: &[u8]) {
    let [method, cuts, wire @ ..] = input else { return };
    drive(*method, Cuts::of(*cuts), wire, H1::new);
}

/// The same of an HTTP/2 connection. A method in lower case stands for the peer's SETTINGS too, so that most changes
/// meet what comes behind them. `W` is an extended CONNECT.
pub fn h2_connection(input: &[u8]) {
    /// SETTINGS with ENABLE_CONNECT_PROTOCOL, and the answer to ours.
    const SETTINGS: &[u8] = &[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 4, 1, 0, 0, 0, 0];
    let [method, cuts, wire @ ..] = input else { return };
    let settings = if method.is_ascii_lowercase() { SETTINGS } else { &[] };
    drive(*method, Cuts::of(*cuts), &[settings, wire].concat(), H2::new);
}

fn drive<H>(method: u8, cuts: Cuts, wire: &[u8], handshake: impl Fn() -> H)
where
    H: Handshake<DuplexStream, Connection: Connection<Full<Bytes>>>,
{
    let is_extended = method.eq_ignore_ascii_case(&b'W');
    let method = match method.to_ascii_uppercase() {
        b'H' => Method::HEAD,
        b'C' | b'W' => Method::CONNECT,
        b'P' => Method::POST,
        _ => Method::GET,
    };
    for cuts in [Cuts::NONE, cuts] {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime without I/O").block_on(async {
            let executor = Executor::new();
            let (ours, theirs) = tokio::io::duplex(64 * 1024);
            let (handshake, ctx) = (handshake(), executor.ctx());
            let both = async {
                tokio::join!(client(&handshake, ours, &ctx, || request(&method, is_extended)), peer(theirs, cuts, wire))
            };
            let (received, ()) = timeout(PATIENCE, both).await.expect("something waits for ever");
            assert!(received <= wire.len(), "{received} bytes of bodies in {} that were sent", wire.len());
            timeout(PATIENCE, executor.idle()).await.expect("a task is left");
        });
    }
}

/// Sends, piece by piece, and then no more; reads until the client has ended.
async fn peer(mut io: DuplexStream, cuts: Cuts, wire: &[u8]) {
    let mut sink = [0; 4096];
    for piece in cuts.pieces(wire) {
        // Whoever doesn't want it any more has closed the connection.
        let _ = io.write_all(piece).await;
        tokio::task::yield_now().await;
    }
    let _ = io.shutdown().await;
    while io.read(&mut sink).await.is_ok_and(|read| read > 0) {}
}

/// How many bytes of bodies were received.
async fn client<H>(handshake: &H, io: DuplexStream, ctx: &Ctx, request: impl Fn() -> Request<Full<Bytes>>) -> usize
where
    H: Handshake<DuplexStream, Connection: Connection<Full<Bytes>>>,
{
    let endpoint = fixtures::endpoint("192.0.2.1:80");
    let attempt = fixtures::route("http://a.test", [], ctx.clone()).attempt(endpoint.clone());
    let link = Link::new(io, ConnInfo::new(&attempt, None, endpoint));
    let Ok(mut connection) = handshake.handshake(link, ctx).await else { return 0 };
    // As a retry layer does.
    let asking: Asking = Replays::new(|body: &Full<Bytes>| Some(body.clone())).ask();
    let mut received = 0;
    for _ in 0..EXCHANGES {
        if poll_fn(|cx| connection.poll_ready(cx)).await.is_err() {
            break;
        }
        asking.during(|| connection.start(request()));
        // The next request may do better.
        let polled = poll_fn(|cx| asking.during(|| connection.poll_response(cx))).await;
        let Ok(response) = polled else { continue };
        let (head, body) = response.into_parts();
        assert!(head.status >= StatusCode::OK || head.status == StatusCode::SWITCHING_PROTOCOLS, "{}", head.status);
        let mut body = std::pin::pin!(body);
        while let Some(Ok(frame)) = body.frame().await {
            received += frame.data_ref().map_or(0, Bytes::len);
        }
    }
    received
}

fn request(method: &Method, is_extended: bool) -> Request<Full<Bytes>> {
    let body = if *method == Method::POST { Full::new(Bytes::from_static(b"meow")) } else { Full::default() };
    let uri = if *method == Method::CONNECT && !is_extended { "a.test:443" } else { "http://a.test/" };
    let mut request = Request::builder().method(method).uri(uri).body(body).expect("valid");
    if is_extended {
        request.extensions_mut().insert(ConnectProtocol::WEBSOCKET);
    }
    request
}
