//! A proxy that stalls or closes the connection after each byte, and callers that leave at each await.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use self::support::World;
use skybridge_core::{Outcome, Phase, TimedOut};
use skybridge_testkit::{drop_walk::drop_walk, h1::Script, net::Conn};
use skybridge_tunnel::TunnelError;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const LIMIT: Duration = Duration::from_secs(10);

/// A dialogue: after this many bytes are received, these are sent.
type Dialogue = &'static [(usize, &'static [u8])];

/// How long CONNECT is.
const ASKED: usize = 49 + concat!("user-agent: skybridge/", env!("CARGO_PKG_VERSION"), "\r\n").len();
const CONNECT: Dialogue =
    &[(ASKED, b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 Connection established\r\nvia: x\r\n\r\n")];
const REFUSAL: Dialogue = &[(ASKED, b"HTTP/1.1 403 Forbidden\r\ncontent-length: 7\r\n\r\nno way!")];
const SOCKS5: Dialogue = &[(4, &[5, 2]), (14, &[1, 0]), (13, &[5, 0, 0, 3, 2, b'x', b'y', 0, 0])];
const SOCKS4: Dialogue = &[(16, &[0, 90, 0, 0, 0, 0, 0, 0])];

const ALL: [(&str, Dialogue); 4] = [
    ("http://proxy.test", CONNECT),
    ("http://proxy.test", REFUSAL),
    ("socks5h://alice:secret@proxy.test", SOCKS5),
    ("socks4a://proxy.test", SOCKS4),
];

/// Sends the first `most` bytes of the dialogue; false if that was less than all.
async fn say(proxy: &mut Script<Conn>, dialogue: Dialogue, mut most: usize) -> bool {
    for (wait, bytes) in dialogue {
        proxy.take(*wait).await;
        let said = &bytes[..bytes.len().min(most)];
        for byte in said {
            proxy.send([*byte]).await;
        }
        most -= said.len();
        if said.len() < bytes.len() {
            return false;
        }
    }
    true
}

fn length(dialogue: Dialogue) -> usize {
    dialogue.iter().map(|(_, bytes)| bytes.len()).sum()
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_stalls_at_any_byte_times_out() {
    for (url, dialogue) in ALL {
        for most in 0..length(dialogue) {
            for own in [None, Some(Duration::from_secs(3))] {
                let mut world = World::new();
                world.timeouts.tunnel = own;
                let begun = world.executor.runtime().now();
                let proxy = async {
                    let mut proxy = world.accept().await;
                    assert!(!say(&mut proxy, dialogue, most).await);
                    proxy.expect_close().await;
                };
                let (linked, ()) = tokio::join!(world.connect(world.route("https://a.test", &[url])), proxy);
                let (error, limit) = (linked.unwrap_err(), own.unwrap_or(LIMIT));
                match error.source_as() {
                    // Its head had arrived.
                    Some(TunnelError::Refused { status, body, .. }) => {
                        assert_eq!((dialogue, status.as_u16(), body.len()), (REFUSAL, 403, most - 45));
                    }
                    _ => {
                        assert_eq!(error.timed_out(), Some(TimedOut { phase: Phase::Tunnel, limit }), "{url} {most}");
                        assert!(dialogue != REFUSAL || most < 45, "{most}");
                    }
                }
                assert_eq!(error.phase(), Some(Phase::Tunnel));
                assert_eq!(world.executor.runtime().now() - begun, limit);
                let mut told = world.recorder.names();
                told.retain(|name| !name.starts_with("proxy_"));
                assert_eq!(told, ["connect_start", "connect_end", "at_proxy", "tunnel_start", "tunnel_failed"]);
                assert_eq!((world.net.live_sockets(), world.executor.tasks()), (0, 0));
            }
        }
    }
}

/// Credentials are refused even if the response doesn't end: they are shown to no other proxy.
#[tokio::test(start_paused = true)]
async fn a_407_without_end_still_refuses_the_credentials() {
    for length in ["content-length: 9", "transfer-encoding: chunked", "connection: close"] {
        let world = World::new();
        let proxy = async {
            let mut proxy = world.accept().await;
            proxy.head().await;
            proxy.send(format!("HTTP/1.1 407 Who\r\n{length}\r\n\r\n")).await;
            proxy.expect_close().await;
        };
        let connecting = world.connect(world.route("https://a.test", &["http://alice:secret@proxy.test"]));
        let (linked, ()) = tokio::join!(connecting, proxy);
        let error = linked.unwrap_err();
        let Some(TunnelError::Refused { status, authorized, .. }) = error.source_as() else { panic!("{error:?}") };
        assert_eq!((status.as_u16(), authorized, error.is_fatal()), (407, &true, true));
        assert_eq!(world.net.live_sockets(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_without_end_hits_its_size_limit() {
    let world = World::new();
    let proxy = async {
        let mut proxy = world.accept().await;
        proxy.head().await;
        proxy.send(format!("HTTP/1.1 200 OK\r\nx: {}", "x".repeat(64 * 1024))).await;
        proxy.expect_close().await;
    };
    let (linked, ()) = tokio::join!(world.connect(world.route("https://a.test", &["http://proxy.test"])), proxy);
    let error = linked.unwrap_err();
    assert!(matches!(error.source_as(), Some(TunnelError::NotHttp(_))), "{error:?}");
}

/// The challenge was answered: it is the next response that stalls.
#[tokio::test(start_paused = true)]
async fn a_missing_response_to_credentials_times_out() {
    struct Late;
    impl skybridge_core::ProxyAuth for Late {
        fn identity(&self) -> &[u8] {
            b"late"
        }

        fn authorize(
            &self,
            _: &skybridge_core::ProxyRequest<'_>,
            challenge: Option<&http::HeaderMap>,
        ) -> Option<http::HeaderValue> {
            challenge.map(|_| http::HeaderValue::from_static("Late"))
        }
    }
    let world = World::new();
    let mut route = world.route("https://a.test", &[]);
    route.proxies = [skybridge_core::Proxy::parse("http://proxy.test").unwrap().auth(Late)].into();
    let proxy = async {
        let mut proxy = world.accept().await;
        proxy.head().await;
        proxy.send("HTTP/1.1 407 Who\r\ncontent-length: 0\r\n\r\n").await;
        proxy.head().await;
        proxy.expect_close().await;
    };
    let (linked, ()) = tokio::join!(world.connect(route), proxy);
    assert_eq!(linked.unwrap_err().timed_out(), Some(TimedOut { phase: Phase::Tunnel, limit: LIMIT }));
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_closes_at_any_byte_is_reported_as_such() {
    for (url, dialogue) in ALL {
        for most in 0..length(dialogue) {
            for resets in [false, true] {
                let world = World::new();
                let route = world.route("https://a.test", &[url]);
                let attempt_log = route.ctx().attempt_log().clone();
                let proxy = async {
                    let mut proxy = world.accept().await;
                    assert!(!say(&mut proxy, dialogue, most).await);
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    if resets {
                        proxy.reset();
                    }
                };
                let (linked, ()) = tokio::join!(world.connect(route), proxy);
                let error = linked.unwrap_err();
                match error.source_as() {
                    Some(TunnelError::Closed) => assert!(!resets),
                    Some(TunnelError::Io(_)) => assert!(resets),
                    // Its head had arrived.
                    Some(TunnelError::Refused { status, body, .. }) => {
                        assert_eq!((status.as_u16(), body.len()), (403, most - 45));
                    }
                    other => panic!("{url} {most} {resets}: {other:?}"),
                }
                assert_eq!((error.phase(), error.is_fatal()), (Some(Phase::Tunnel), false));
                let report = &attempt_log.reports()[0];
                assert_eq!(report.phase, Phase::Tunnel);
                assert!(matches!(report.outcome, Outcome::Failed(_)));
                assert_eq!(world.net.live_sockets(), 0);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_that_is_dropped_at_any_await_leaves_nothing_behind() {
    for (url, dialogue) in ALL {
        let walked = drop_walk(
            async || {
                let world = World::new();
                world
                    .net
                    .at(support::proxy())
                    .connect_latency(Duration::from_millis(5))
                    .latency(Duration::from_millis(5));
                let connecting = world.connect(world.route("https://a.test", &[url]));
                let World { net, executor, recorder, listener, .. } = world;
                let serving = listener.serve(move |_, mut conn| async move {
                    for (wait, bytes) in dialogue {
                        // The client may have gone.
                        if conn.read_exact(&mut vec![0; *wait]).await.is_err() || conn.write_all(bytes).await.is_err() {
                            return;
                        }
                    }
                });
                ((net, executor, recorder, serving), async move { drop(connecting.await) })
            },
            async |(net, executor, recorder, _serving), _| {
                assert_eq!((net.live_sockets(), executor.tasks()), (0, 0));
                recorder.assert_balanced();
            },
        )
        .await;
        assert!(walked.drops >= 6, "{url}: {walked:?}");
    }
}
