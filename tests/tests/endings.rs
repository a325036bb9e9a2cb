//! However an exchange ends, there is one cause in its error and one reason for its connection, each time.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, its helpers too"
)]

use bytes::Bytes;
use http_body_util::{BodyExt, Channel};
use skybridge::{Cause, Error, Proxy, RequestBody, RequestOptions, RetryLayer, Timeouts};
use skybridge_testkit::{
    executor::run_until_idle,
    h1::Script,
    h2::{Peer, code},
    net::Conn,
    proxy::{self, ProxyServer},
};
use skybridge_tests::{World, addr, h2, post, wishing};
use std::{collections::BTreeSet, future::pending, io, net::SocketAddr, time::Duration};

const SECOND: Duration = Duration::from_secs(1);

/// What an error names as its cause.
fn name(error: &Error) -> &'static str {
    match error.cause() {
        Cause::RequestBody(_) => "request body",
        Cause::TimedOut(_) => "timed out",
        Cause::GoAway(goaway) if goaway.debug_text() == "too_many_pings" && error.to_string().contains("CALM") => {
            "calm"
        }
        Cause::Reset(reset) if reset.is_by_peer() => "reset by peer",
        Cause::Protocol(_) => "protocol",
        Cause::Io(_) => "io",
        Cause::NoResponse(_) => "no response",
        Cause::Incomplete(_) => "incomplete",
        other => panic!("{other:?}"),
    }
}

fn limited(ending: &str, options: RequestOptions) -> RequestOptions {
    let timeouts = Timeouts::default();
    options.timeouts(match ending {
        "head timeout" => timeouts.response_head(SECOND),
        "read timeout" => timeouts.read_idle(SECOND),
        "call limit" | "call limit in the body" => timeouts.call(SECOND),
        _ => timeouts,
    })
}

/// Sends one request that ends so: its cause, and why its connection was closed, if it was.
async fn run(ending: &'static str, http2: bool) -> (&'static str, String) {
    let world = World::new();
    let listener = world.listen();
    let client = world.builder().retry(RetryLayer::unsent()).build();
    let body = match ending {
        "request body" => {
            let (mut sender, body) = Channel::<Bytes, io::Error>::new(8);
            sender.send_data("a part".into()).await.unwrap();
            sender.abort(io::Error::other("the disk is gone"));
            RequestBody::wrap(body)
        }
        _ => "all".into(),
    };
    let mut request = wishing(post(body), |options| limited(ending, options));
    if http2 {
        request = h2(request);
    }
    let call = async {
        let call = client.request(request);
        if ending == "dropped" {
            return tokio::time::timeout(SECOND, call).await.map_or("dropped", |_| "answered");
        }
        let mut body = match call.await {
            Ok(response) => response.into_body(),
            Err(error) => return name(&error),
        };
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(_) if ending == "body dropped" => return "dropped",
                Ok(_) => {}
                Err(error) => return name(&error),
            }
        }
        "none"
    };
    let server = tokio::spawn(async move {
        let mut served = tokio::task::JoinSet::new();
        loop {
            let conn = listener.accept().await.0;
            served.spawn(async move { serve(conn, ending, http2).await });
        }
    });
    let cause = call.await;
    run_until_idle().await;
    tokio::time::sleep(10 * SECOND).await;
    server.abort();
    // One that ended before the request had it may have been followed by another.
    let closed = world.recorder.recorded().into_iter().filter(|event| event.name == "connection_closed");
    let reasons: BTreeSet<_> = closed.filter_map(|event| event.detail).collect();
    assert!(reasons.len() <= 1, "{ending}: {reasons:?}");
    (cause, reasons.into_iter().next().unwrap_or_default())
}

async fn serve(conn: Conn, ending: &str, http2: bool) {
    if http2 {
        serve_h2(conn, ending).await
    } else {
        serve_h1(conn, ending).await
    }
    pending().await
}

async fn serve_h1(conn: Conn, ending: &str) {
    let mut peer = Script::new(conn);
    peer.head().await;
    match ending {
        "fin" => return peer.fin().await,
        "reset" => return peer.reset(),
        "no http" => peer.send("HELO you\r\n\r\n").await,
        "cut head" => {
            peer.send("HTTP/1.1 200").await;
            return peer.fin().await;
        }
        "cut" | "read timeout" | "call limit in the body" | "body dropped" => {
            peer.send("HTTP/1.1 200 OK\r\ncontent-length: 9000000\r\n\r\nhalf").await;
            run_until_idle().await;
            if ending == "cut" {
                return peer.fin().await;
            }
        }
        _ => {}
    }
    pending().await
}

async fn serve_h2(conn: Conn, ending: &str) {
    let mut peer = Peer::accept(conn).await;
    let stream = peer.request().await.stream;
    match ending {
        "fin" => peer.fin().await,
        "reset" => peer.reset_connection(),
        "goaway" => {
            peer.goaway(0, code::ENHANCE_YOUR_CALM, "too_many_pings").await;
            peer.fin().await;
        }
        // The request is not refused, and the last word is no error.
        "goaway and cut" => {
            peer.goaway(stream, code::ENHANCE_YOUR_CALM, "too_many_pings").await;
            peer.goaway(stream, code::NO_ERROR, "").await;
            peer.fin().await;
        }
        "stream reset" => peer.reset(stream, code::INTERNAL_ERROR).await,
        "cut" | "read timeout" | "call limit in the body" | "body dropped" => {
            peer.headers(stream, &[(":status", "200")], false).await;
            peer.data(stream, "half", false).await;
            run_until_idle().await;
            if ending == "cut" {
                peer.fin().await;
            }
        }
        _ => {}
    }
    loop {
        if peer.next().await.is_none() {
            return pending().await;
        }
    }
}

async fn always(http2: bool, rows: &[(&'static str, &'static str, &'static str)]) {
    for &(ending, cause, reason) in rows {
        let mut seen = BTreeSet::new();
        for _ in 0..50 {
            seen.insert(run(ending, http2).await);
        }
        assert_eq!(seen, BTreeSet::from([(cause, reason.to_owned())]), "{ending}, HTTP/2 {http2}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_http1() {
    always(
        false,
        &[
            ("fin", "no response", "peer_fin"),
            ("reset", "io", "socket_failed"),
            ("no http", "protocol", "protocol"),
            ("cut head", "incomplete", "peer_fin"),
            ("cut", "incomplete", "peer_fin"),
            ("request body", "request body", "request_failed"),
            ("head timeout", "timed out", "timed_out"),
            ("read timeout", "timed out", "timed_out"),
            ("call limit", "timed out", "timed_out"),
            ("call limit in the body", "timed out", "timed_out"),
            ("dropped", "dropped", "cancelled"),
            ("body dropped", "dropped", "unread"),
        ],
    )
    .await;
}

/// A stream that ends leaves its connection open.
#[tokio::test(start_paused = true)]
async fn of_http2() {
    always(
        true,
        &[
            ("fin", "no response", "peer_fin"),
            ("reset", "io", "socket_failed"),
            ("goaway", "calm", "peer_goaway"),
            ("goaway and cut", "calm", "peer_goaway"),
            ("stream reset", "reset by peer", ""),
            ("cut", "incomplete", "peer_fin"),
            ("request body", "request body", ""),
            ("head timeout", "timed out", ""),
            ("read timeout", "timed out", ""),
            ("call limit", "timed out", ""),
            ("call limit in the body", "timed out", ""),
            ("dropped", "dropped", ""),
            ("body dropped", "dropped", ""),
        ],
    )
    .await;
}

/// A server that accepts and never answers is not gone to again while there is another.
#[tokio::test(start_paused = true)]
async fn an_address_that_stalls_comes_last_the_next_time() {
    for ending in ["head timeout", "call limit"] {
        let world = World::new();
        let other = SocketAddr::from(([192, 0, 2, 2], 80));
        world.net.host("a.test", [addr().ip(), other.ip()]);
        let (stalling, answering) = (world.listen(), world.net.listen(other));
        let client = world.builder().retry(RetryLayer::unsent()).build();
        let server = async {
            let _held = stalling.accept().await;
            let mut peer = Script::new(answering.accept().await.0);
            peer.request().await;
            peer.respond(200, "from the other").await;
            peer
        };
        let calls = async {
            let ask = || client.request(wishing(post("x"), |options| limited(ending, options)));
            assert!(ask().await.unwrap_err().is_timeout());
            skybridge_tests::read(ask()).await.unwrap()
        };
        let (answer, _peer) = tokio::time::timeout(10 * SECOND, async { tokio::join!(calls, server) }).await.unwrap();
        assert_eq!(answer, "from the other", "{ending}");
    }
}

/// Nor is it gone to again by the same proxy.
#[tokio::test(start_paused = true)]
async fn a_proxy_behind_which_a_server_stalls_comes_last_the_next_time() {
    type Way = (&'static str, fn() -> proxy::Builder, bool);
    let ways: [Way; 4] = [
        ("http", ProxyServer::http, false),
        ("http", ProxyServer::http, true),
        ("socks5h", ProxyServer::socks5, true),
        ("socks4a", ProxyServer::socks4, true),
    ];
    for ending in ["head timeout", "call limit"] {
        for (scheme, proxy, tunnelled) in ways {
            let world = World::new();
            let proxies = ["192.0.2.7:3128", "192.0.2.8:3128"].map(|addr| addr.parse::<SocketAddr>().unwrap());
            let servers = proxies.map(|addr| proxy().serve_on(world.net.listen(addr), &world.net));
            let ways = proxies.map(|addr| {
                let proxy = Proxy::parse(&format!("{scheme}://{addr}")).unwrap();
                vec![if tunnelled { proxy.tunnels_all() } else { proxy }]
            });
            let listener = world.listen();
            let client = world.builder().proxies(ways).retry(RetryLayer::unsent()).build();
            let server = async {
                let stalling = listener.accept().await.0;
                let mut peers = tokio::task::JoinSet::new();
                peers.spawn(serve_h1(stalling, ending));
                let mut peer = Script::new(listener.accept().await.0);
                peer.request().await;
                peer.respond(200, "by the other").await;
                (peer, peers)
            };
            let calls = async {
                let ask = || {
                    let request = wishing(post("x"), |options| limited(ending, options));
                    skybridge_tests::read(client.request(request))
                };
                assert!(ask().await.unwrap_err().is_timeout());
                assert_eq!(servers.each_ref().map(ProxyServer::connections), [1, 0]);
                ask().await.unwrap()
            };
            let both = async { tokio::join!(calls, server) };
            let (answer, _held) = tokio::time::timeout(10 * SECOND, both).await.unwrap();
            let how = format!("{ending}, {scheme}, tunnelled: {tunnelled}");
            assert_eq!(answer, "by the other", "{how}");
            assert_eq!(servers.each_ref().map(ProxyServer::connections), [1, 1], "{how}");
        }
    }
}
