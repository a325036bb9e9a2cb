//! CONNECT, byte by byte.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod support;

use self::support::{PROXY, World};
use http::{HeaderMap, HeaderValue, StatusCode};
use skybridge_core::{
    Connector as _, HttpVersions, Io, Phase, Proxy, ProxyAuth, ProxyHeaders, ProxyKind, ProxyRequest, Route,
};
use skybridge_testkit::{fixtures, h1::Script, net::Conn, proxy::ProxyServer};
use skybridge_tunnel::{TunnelError, TunnelLayer};
use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter, ReadBuf};
use tower::{Layer, Service, ServiceExt as _, service_fn};

const OK: &str = "HTTP/1.1 200 Connection established\r\n\r\n";
const HTTP: &str = "http://proxy.test:3128";
const ALICE: &str = "http://alice:secret@proxy.test:3128";

fn refused(error: &skybridge_core::ConnectError) -> (StatusCode, &HeaderMap, &[u8]) {
    match error.source_as::<TunnelError>() {
        Some(TunnelError::Refused { status, headers, body, .. }) => (*status, headers, body),
        other => panic!("{other:?} in {}", support::all_of(error)),
    }
}

/// That of the last refusal.
fn challenged(error: &skybridge_core::ConnectError) -> u16 {
    assert!(support::all_of(error).contains("the proxy refused the tunnel with 407"), "{error:?}");
    match error.source_as::<TunnelError>() {
        Some(TunnelError::Challenged(last)) => match &**last {
            TunnelError::Refused { status, .. } => status.as_u16(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?} in {}", support::all_of(error)),
    }
}

#[tokio::test(start_paused = true)]
async fn the_connect_request_byte_by_byte() {
    let rows = [
        ("https://a.test", HTTP, "a.test:443", ""),
        ("https://a.test:8443/path?query", HTTP, "a.test:8443", ""),
        ("https://A.Test.", HTTP, "a.test:443", ""),
        ("https://[::1]", HTTP, "[::1]:443", ""),
        ("https://192.0.2.9", HTTP, "192.0.2.9:443", ""),
        ("https://[::ffff:192.0.2.9]", HTTP, "192.0.2.9:443", ""),
        ("https://a.test", ALICE, "a.test:443", "proxy-authorization: Basic YWxpY2U6c2VjcmV0\r\n"),
    ];
    for (url, proxy, authority, credentials) in rows {
        let world = World::new();
        let agent = concat!("user-agent: skybridge/", env!("CARGO_PKG_VERSION"), "\r\n");
        let expected = format!("CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n{agent}{credentials}\r\n");
        let part = async |proxy: &mut Script<Conn>| {
            proxy.expect(&expected).await;
            proxy.send(OK).await;
            proxy.expect("sealed").await;
        };
        let client = async {
            let mut link = world.connect(world.route(url, &[proxy])).await.unwrap();
            assert!(link.info.tunnelled && !link.info.forwarded);
            assert!(link.info.timings.get(Phase::Tunnel).is_some());
            link.io.write_all(b"sealed").await.unwrap();
        };
        let proxy = async { part(&mut world.accept().await).await };
        tokio::join!(client, proxy);
        let exchange = ["tunnel_start", "proxy_request", "proxy_response", "tunnel_end"];
        assert_eq!(world.recorder.names(), [&["connect_start", "connect_end", "at_proxy"][..], &exchange].concat());
    }
}

/// Each proxy of a chain is told what is for it.
#[tokio::test(start_paused = true)]
async fn connect_has_the_proxys_headers_and_the_layers_user_agent() {
    const MINE: &str = "user-agent: mine/1\r\n";
    const NONE: &[(&str, &str)] = &[];
    let rows = [
        (Some("mine/1"), NONE, MINE, MINE),
        (None, NONE, "", ""),
        (Some("mine/1"), &[("x-b", "2"), ("x-a", "1")], "x-b: 2\r\nx-a: 1\r\nuser-agent: mine/1\r\n", MINE),
        (Some("mine/1"), &[("user-agent", "theirs")], "user-agent: theirs\r\n", MINE),
        (None, &[("proxy-session", "7")], "proxy-session: 7\r\n", ""),
    ];
    for (user_agent, headers, first_fields, second_fields) in rows {
        let world = World::new();
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let headers = ProxyHeaders::new(&headers.collect::<HeaderMap>()).unwrap();
        let mut route = world.route("https://a.test", &[ALICE, "http://b.test:8080"]);
        let (first, second) = (route.proxies[0].clone(), route.proxies[1].clone());
        route.proxies = [first.headers(headers), second].into();
        let layer = TunnelLayer::new().user_agent(user_agent.map(|agent| agent.parse().unwrap()));
        let mut connector = layer.layer(world.net.connector());
        let proxies = async {
            let mut proxy = world.accept().await;
            let own = format!("{first_fields}proxy-authorization: Basic YWxpY2U6c2VjcmV0\r\n");
            proxy.expect(format!("CONNECT b.test:8080 HTTP/1.1\r\nhost: b.test:8080\r\n{own}\r\n")).await;
            proxy.send(OK).await;
            proxy.expect(format!("CONNECT a.test:443 HTTP/1.1\r\nhost: a.test:443\r\n{second_fields}\r\n")).await;
            proxy.send(OK).await;
        };
        let (link, ()) = tokio::join!(connector.connect(route), proxies);
        link.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn any_2xx_is_a_success_and_interim_responses_are_skipped() {
    let answers = [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.0 200 Connection established\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 299 Fine\r\nx: y\r\n\r\n",
        // Ignored in a 2xx response to CONNECT (RFC 9110, section 9.3.6).
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ];
    for answer in answers {
        // The origin's first bytes arrive in the same packet, or one by one.
        for early in ["", "hello"] {
            let world = World::new();
            let part = async |proxy: &mut Script<Conn>| {
                proxy.head().await;
                proxy.send(format!("{answer}{early}")).await;
                proxy.send(" and more").await;
                proxy.fin().await;
                proxy.expect("to the origin").await;
                proxy.expect_close().await;
            };
            let client = async {
                let mut link = world.connect(world.route("https://a.test", &[HTTP])).await.unwrap();
                let mut said = String::new();
                link.io.read_to_string(&mut said).await.unwrap();
                assert_eq!(said, format!("{early} and more"), "{answer}");
                link.io.write_all(b"to the origin").await.unwrap();
            };
            let proxy = async { part(&mut world.accept().await).await };
            tokio::join!(client, proxy);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_has_its_status_headers_and_body() {
    let long = "x".repeat(40_000);
    let rows: [(String, u16, usize); 6] = [
        ("HTTP/1.1 403 Forbidden\r\nx-why: rules\r\ncontent-length: 7\r\n\r\nno way!".into(), 403, 7),
        (
            "HTTP/1.1 502 Bad\r\nx-why: rules\r\ntransfer-encoding: chunked\r\n\r\n3\r\nno \r\n4\r\nway!\r\n0\r\n\r\n"
                .into(),
            502,
            7,
        ),
        ("HTTP/1.0 503 Busy\r\nx-why: rules\r\n\r\nno way!".into(), 503, 7),
        (
            "HTTP/1.1 301 Elsewhere\r\nx-why: rules\r\nlocation: http://b.test\r\ncontent-length: 0\r\n\r\n".into(),
            301,
            0,
        ),
        ("HTTP/1.1 101 Switching\r\nx-why: rules\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n".into(), 101, 0),
        (format!("HTTP/1.1 403 Forbidden\r\nx-why: rules\r\ncontent-length: 40000\r\n\r\n{long}"), 403, 16 * 1024),
    ];
    for (answer, status, length) in rows {
        let world = World::new();
        let (linked, ()) = world
            .play("https://a.test", &[HTTP], async |proxy| {
                proxy.head().await;
                proxy.send(&answer).await;
            })
            .await;
        let error = linked.unwrap_err();
        let (message, headers, body) = refused(&error);
        assert_eq!((message.as_u16(), headers["x-why"].to_str().unwrap(), body.len()), (status, "rules", length));
        assert!(length != 7 || body == b"no way!");
        assert_eq!((error.phase(), error.is_fatal()), (Some(Phase::Tunnel), false));
        assert_eq!(error.endpoint(), Some(&fixtures::endpoint(PROXY)));
        assert_eq!(world.recorder.names().last(), Some(&"tunnel_failed"));
        assert_eq!(world.net.live_sockets(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_off_is_kept_as_far_as_it_arrived() {
    let world = World::new();
    let (linked, ()) = world
        .play("https://a.test", &[HTTP], async |proxy| {
            proxy.head().await;
            proxy.send("HTTP/1.1 403 Forbidden\r\ncontent-length: 100\r\n\r\nno w").await;
        })
        .await;
    assert_eq!(refused(&linked.unwrap_err()).2, b"no w");
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_are_fatal_and_missing_ones_are_not() {
    for (proxy, fatal) in [(HTTP, false), (ALICE, true)] {
        let world = World::new();
        let (linked, ()) = world
            .play("https://a.test", &[proxy], async |proxy| {
                proxy.head().await;
                proxy.send("HTTP/1.1 407 Who\r\nproxy-authenticate: Basic\r\ncontent-length: 4\r\n\r\nwho?").await;
            })
            .await;
        let error = linked.unwrap_err();
        let (status, headers, body) = refused(&error);
        assert_eq!(
            (status.as_u16(), headers["proxy-authenticate"].to_str().unwrap(), body),
            (407, "Basic", &b"who?"[..])
        );
        assert_eq!(error.is_fatal(), fatal);
    }
}

/// Sends no credentials at first, then answers each challenge.
struct Digest;

impl ProxyAuth for Digest {
    fn identity(&self) -> &[u8] {
        b"digest"
    }

    fn authorize(&self, _: &ProxyRequest<'_>, challenge: Option<&HeaderMap>) -> Option<HeaderValue> {
        let nonce = challenge?.get("proxy-authenticate")?.to_str().ok()?;
        HeaderValue::try_from(nonce.replace("nonce", "answer")).ok()
    }
}

#[tokio::test(start_paused = true)]
async fn a_challenge_is_answered_on_the_same_connection_up_to_a_limit() {
    for succeeds in [true, false] {
        let world = World::new();
        let mut route = world.route("https://a.test", &[]);
        route.proxies = [Proxy::new(ProxyKind::Http, "proxy.test", 3128).auth(Digest)].into();
        let proxy = async {
            let mut proxy = world.accept().await;
            assert_eq!(proxy.head().await.header("proxy-authorization"), None);
            for round in 1..21 {
                let challenge = format!("proxy-authenticate: Digest nonce={round}\r\ncontent-length: 2\r\n");
                proxy.send(format!("HTTP/1.1 407 Who\r\n{challenge}\r\n??")).await;
                let answer = format!("Digest answer={round}");
                assert_eq!(proxy.head().await.header("proxy-authorization"), Some(answer.as_str()));
            }
            let last = if succeeds {
                OK
            } else {
                "HTTP/1.1 407 Who\r\nproxy-authenticate: Digest nonce=21\r\ncontent-length: 0\r\n\r\n"
            };
            proxy.send(last).await;
            proxy.expect_close().await;
        };
        let connecting = world.connect(route);
        let client = async { connecting.await.map(drop) };
        let (linked, ()) = tokio::join!(client, proxy);
        match linked {
            Ok(()) => assert!(succeeds),
            Err(error) => assert!(!succeeds && error.is_fatal() && challenged(&error) == 407),
        }
    }
}

/// The connection may be out of step: what answers the next request may have been there before it.
#[tokio::test(start_paused = true)]
async fn a_challenge_whose_connection_can_not_go_on_is_answered_on_a_new_one() {
    for challenge in [
        "HTTP/1.1 407 Who\r\nproxy-authenticate: Digest nonce=1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 407 Who\r\nproxy-authenticate: Digest nonce=1\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 407 Who\r\nproxy-authenticate: Digest nonce=1\r\ncontent-length:\r\n 0\r\n\r\n",
        "HTTP/1.1 407 Who\r\nproxy-authenticate: Digest nonce=1\ncontent-length: 0\r\n\r\n",
        "HTTP/1.0 407 Who\r\nproxy-authenticate: Digest nonce=1\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 103 Hm\r\ncontent-length: 9\r\n\r\n\
         HTTP/1.1 407 Who\r\nproxy-authenticate: Digest nonce=1\r\ncontent-length: 0\r\n\r\n",
    ] {
        let world = World::new();
        let mut route = world.route("https://a.test", &[]);
        route.proxies = [Proxy::new(ProxyKind::Http, "proxy.test", 3128).auth(Digest)].into();
        let proxy = async {
            let mut proxy = world.accept().await;
            assert_eq!(proxy.head().await.header("proxy-authorization"), None);
            proxy.send(challenge).await;
            proxy.expect_close().await;
            let mut proxy = world.accept().await;
            assert_eq!(proxy.head().await.header("proxy-authorization"), Some("Digest answer=1"));
            proxy.send(OK).await;
            proxy
        };
        let (linked, _proxy) = tokio::join!(world.connect(route.clone()), proxy);
        let link = linked.unwrap();
        assert!(link.info.tunnelled, "{challenge:?}");
        assert_eq!(format!("{:?}", link.info.route.endpoints), format!("{:?}", route.endpoints));
        let begun = ["connect_start", "connect_end", "at_proxy", "tunnel_start", "proxy_request", "proxy_response"];
        let [first, second] = [begun.to_vec(), begun.to_vec()];
        assert_eq!(world.recorder.names(), [first, vec!["tunnel_failed"], second, vec!["tunnel_end"]].concat());
    }
}

/// Takes nothing more, and has said something before.
struct Deaf<I>(I);

impl<I: Io> AsyncRead for Deaf<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<I: Io> AsyncWrite for Deaf<I> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// It has answered before it was asked, as one that is overloaded may. Else the error is why it can't be asked.
#[tokio::test(start_paused = true)]
async fn an_answer_counts_for_more_than_that_the_request_could_not_be_written() {
    for answer in ["HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n", "", "HTTP/1.1 503"] {
        let world = World::new();
        let connector = world.net.connector();
        let deaf = service_fn(move |route: Route| {
            let connecting = connector.clone().connect(route);
            async move { connecting.await.map(|link| link.map_io(Deaf)) }
        });
        let proxy = async {
            let mut proxy = world.accept().await;
            proxy.send(answer).await;
        };
        let connecting = TunnelLayer::new().layer(deaf).oneshot(world.route("https://a.test", &[HTTP]));
        let (linked, ()) = tokio::join!(connecting, proxy);
        let error = linked.unwrap_err();
        if answer.ends_with("\r\n\r\n") {
            assert_eq!(refused(&error).0, 503);
        } else {
            let written = error.source_as::<io::Error>().map(io::Error::kind);
            assert_eq!(written, Some(io::ErrorKind::BrokenPipe), "{error:?}");
        }
    }
}

/// After so many bytes, these are sent.
type Dialogue = &'static [(usize, &'static [u8])];

/// TLS, for one, keeps what is written until it is flushed.
#[tokio::test(start_paused = true)]
async fn what_a_proxy_is_asked_is_flushed() {
    const GRANTED: &[u8] = b"\x05\x00\x00\x01\0\0\0\0\0\0";
    const ROWS: [(&str, Dialogue); 3] = [
        (HTTP, &[(49, OK.as_bytes())]),
        ("socks5h://proxy.test", &[(3, &[5, 0]), (13, GRANTED)]),
        ("socks4a://proxy.test", &[(16, &[0, 90, 0, 0, 0, 0, 0, 0])]),
    ];
    for (url, dialogue) in ROWS {
        let world = World::new();
        let connector = world.net.connector();
        let buffered = service_fn(move |route: Route| {
            let connecting = connector.clone().connect(route);
            async move { connecting.await.map(|link| link.map_io(BufWriter::new)) }
        });
        let proxy = async {
            let mut proxy = world.accept().await;
            for (wait, answer) in dialogue {
                proxy.take(*wait).await;
                proxy.send(*answer).await;
            }
            proxy
        };
        let connecting = TunnelLayer::new().layer(buffered).oneshot(world.route("https://a.test", &[url]));
        let (linked, _proxy) = tokio::join!(connecting, proxy);
        linked.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_breaks_off_and_was_no_head_is_no_http() {
    for (pieces, is_http) in [(["SSH", "-2.0"], false), (["HTTP", "-2.0"], false), (["HTTP/1.1", " 200"], true)] {
        let world = World::new();
        let (linked, ()) = world
            .play("https://a.test", &[HTTP], async |proxy| {
                proxy.head().await;
                for piece in pieces {
                    proxy.send(piece).await;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            })
            .await;
        match linked.unwrap_err().source_as() {
            Some(TunnelError::Closed) => assert!(is_http, "{pieces:?}"),
            Some(TunnelError::NotHttp(_)) => assert!(!is_http, "{pieces:?}"),
            other => panic!("{pieces:?}: {other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_challenge_with_trailers_is_answered_on_the_same_connection() {
    let world = World::new();
    let mut route = world.route("https://a.test", &[]);
    route.proxies = [Proxy::new(ProxyKind::Http, "proxy.test", 3128).auth(Digest)].into();
    let proxy = async {
        let mut proxy = world.accept().await;
        proxy.head().await;
        let head = "HTTP/1.1 407 Who\r\nproxy-authenticate: Digest nonce=1\r\ntransfer-encoding: chunked\r\n\r\n";
        proxy.send(format!("{head}3\r\nwho\r\n0\r\nx-more: no\r\n\r\n")).await;
        assert_eq!(proxy.head().await.header("proxy-authorization"), Some("Digest answer=1"));
        proxy.send(OK).await;
    };
    let (linked, ()) = tokio::join!(world.connect(route), proxy);
    linked.unwrap();
    assert_eq!(world.net.opened(), 1);
}

/// What follows would be taken for the next answer.
#[tokio::test(start_paused = true)]
async fn a_challenge_of_which_not_all_is_read_is_answered_on_a_new_connection() {
    let world = World::new();
    let mut route = world.route("https://a.test", &[]);
    route.proxies = [Proxy::new(ProxyKind::Http, "proxy.test", 3128).auth(Digest)].into();
    let proxy = async {
        let mut proxy = world.accept().await;
        proxy.head().await;
        proxy.send("HTTP/1.1 407 Who\r\nproxy-authenticate: Digest nonce=1\r\ncontent-length: 16385\r\n\r\n").await;
        proxy.send("x".repeat(16 * 1024)).await;
        proxy.expect_close().await;
        let mut proxy = world.accept().await;
        assert_eq!(proxy.head().await.header("proxy-authorization"), Some("Digest answer=1"));
        proxy.send(OK).await;
        proxy
    };
    let (linked, _proxy) = tokio::join!(world.connect(route), proxy);
    linked.unwrap();
}

/// Whoever knows a nonce of one server of several must come back to it.
#[tokio::test(start_paused = true)]
async fn the_new_connection_is_to_the_same_address_and_made_when_the_connector_is_ready() {
    let world = World::new();
    let dead: SocketAddr = "192.0.2.2:3128".parse().unwrap();
    let _other = world.net.listen(dead);
    world.net.at(dead).refuse();
    let mut route = fixtures::route("https://a.test", ["192.0.2.2:3128", PROXY], world.ctx());
    route.proxies = [Proxy::new(ProxyKind::Http, "proxy.test", 3128).auth(Digest)].into();
    let proxy = async {
        let mut proxy = world.accept().await;
        proxy.head().await;
        world.net.at(dead).heal();
        proxy.send("HTTP/1.0 407 Who\r\nproxy-authenticate: Digest nonce=1\r\n\r\n").await;
        drop(proxy);
        let mut proxy = world.accept().await;
        assert_eq!(proxy.head().await.header("proxy-authorization"), Some("Digest answer=1"));
        proxy.send(OK).await;
        proxy
    };
    let connector = Ready { inner: world.net.connector(), is_ready: false };
    let connecting = TunnelLayer::new().layer(connector).oneshot(route.clone());
    let (linked, _proxy) = tokio::join!(connecting, proxy);
    let info = linked.unwrap().info;
    assert_eq!(info.remote, fixtures::endpoint(PROXY));
    assert_eq!(
        format!("{:?}", info.route.endpoints),
        format!("{:?}", route.endpoints),
        "all are known to who is above"
    );
}

/// Is not called before it is ready, which a clone isn't.
struct Ready<S> {
    inner: S,
    is_ready: bool,
}

impl<S: Clone> Clone for Ready<S> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), is_ready: false }
    }
}

impl<S: Service<Route>> Service<Route> for Ready<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.is_ready = true;
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, route: Route) -> S::Future {
        assert!(std::mem::take(&mut self.is_ready), "it isn't ready");
        self.inner.call(route)
    }
}

/// Without having said so before.
#[tokio::test(start_paused = true)]
async fn a_proxy_that_challenges_and_hangs_up_is_answered_on_a_new_connection() {
    let world = World::new();
    let mut route = world.route("https://a.test", &[]);
    route.proxies = [Proxy::new(ProxyKind::Http, "proxy.test", 3128).auth(Digest)].into();
    let proxy = async {
        let mut proxy = world.accept().await;
        proxy.head().await;
        proxy.send("HTTP/1.1 407 Who\r\nproxy-authenticate: Digest nonce=1\r\ncontent-length: 0\r\n\r\n").await;
        drop(proxy);
        let mut proxy = world.accept().await;
        assert_eq!(proxy.head().await.header("proxy-authorization"), Some("Digest answer=1"));
        proxy.send(OK).await;
        proxy
    };
    let (linked, _proxy) = tokio::join!(world.connect(route), proxy);
    assert!(linked.unwrap().info.tunnelled);
}

#[tokio::test(start_paused = true)]
async fn challenges_on_new_connections_are_answered_up_to_the_same_limit() {
    let world = World::new();
    let mut route = world.route("https://a.test", &[]);
    route.proxies = [Proxy::new(ProxyKind::Http, "proxy.test", 3128).auth(Digest)].into();
    let proxy = async {
        for nonce in 0.. {
            let mut proxy = world.accept().await;
            proxy.head().await;
            proxy.send(format!("HTTP/1.1 407 Who\r\nproxy-authenticate: Digest nonce={nonce}\r\n\r\n")).await;
            drop(proxy);
        }
    };
    let linked = tokio::select! { linked = world.connect(route) => linked, () = proxy => unreachable!() };
    let error = linked.unwrap_err();
    assert!(error.is_fatal() && challenged(&error) == 407);
    assert_eq!((world.net.opened(), world.net.live_sockets()), (21, 0));
}

/// The second proxy's challenge can't be answered when the first refuses.
#[tokio::test(start_paused = true)]
async fn an_answer_that_can_not_be_given_is_not_tried_for_ever() {
    let world = World::new();
    let mut route = world.route("https://a.test", &[]);
    let second = Proxy::new(ProxyKind::Http, "second.test", 8080).auth(Digest);
    route.proxies = [Proxy::new(ProxyKind::Http, "proxy.test", 3128), second].into();
    let proxy = async {
        let mut proxy = world.accept().await;
        proxy.head().await;
        proxy.send(OK).await;
        proxy.head().await;
        proxy.send("HTTP/1.0 407 Who\r\nproxy-authenticate: Digest nonce=1\r\n\r\n").await;
        drop(proxy);
        loop {
            let mut proxy = world.accept().await;
            proxy.head().await;
            proxy.send("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n").await;
            assert!(world.net.opened() < 10, "for ever");
        }
    };
    let linked = tokio::select! { linked = world.connect(route) => linked, () = proxy => unreachable!() };
    assert_eq!(refused(&linked.unwrap_err()).0, 503);
    assert_eq!(world.net.opened(), 2);
}

/// Of a chain, the second proxy ends the connection: the first is asked again for a tunnel to it.
#[tokio::test(start_paused = true)]
async fn in_a_chain_all_of_it_is_connected_anew() {
    let world = World::new();
    let mut route = world.route("https://a.test", &[]);
    let second = Proxy::new(ProxyKind::Http, "second.test", 8080).auth(Digest);
    route.proxies = [Proxy::new(ProxyKind::Http, "proxy.test", 3128), second].into();
    let proxy = async {
        let mut proxy = world.accept().await;
        for (line, answer) in [
            ("CONNECT second.test:8080 HTTP/1.1", OK),
            ("CONNECT a.test:443 HTTP/1.1", "HTTP/1.0 407 Who\r\nproxy-authenticate: Digest nonce=1\r\n\r\n"),
        ] {
            assert_eq!(proxy.head().await.line(), line);
            proxy.send(answer).await;
        }
        drop(proxy);
        let mut proxy = world.accept().await;
        for (line, credentials) in
            [("CONNECT second.test:8080 HTTP/1.1", None), ("CONNECT a.test:443 HTTP/1.1", Some("Digest answer=1"))]
        {
            let head = proxy.head().await;
            assert_eq!((head.line(), head.header("proxy-authorization")), (line, credentials));
            proxy.send(OK).await;
        }
        proxy
    };
    let (linked, _proxy) = tokio::join!(world.connect(route), proxy);
    assert_eq!(linked.unwrap().info.proxies_passed, 2);
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_not_http_is_reported_as_such() {
    let world = World::new();
    let (linked, ()) = world
        .play("https://a.test", &[HTTP], async |proxy| {
            proxy.head().await;
            proxy.send("SSH-2.0-OpenSSH_9.9\r\n").await;
        })
        .await;
    assert!(matches!(linked.unwrap_err().source_as(), Some(TunnelError::NotHttp(_))));
}

/// They come one by one, and each could be the end of the response's head.
#[tokio::test(start_paused = true)]
async fn a_proxy_that_sends_nothing_but_empty_lines_is_not_read_on() {
    let world = World::new();
    let proxy = async {
        let mut proxy = world.accept().await;
        proxy.head().await;
        for _ in 0..16 {
            proxy.send("\n").await;
            tokio::task::yield_now().await;
        }
        proxy.send("\n").await;
        proxy.expect_close().await;
    };
    let (linked, ()) = tokio::join!(world.connect(world.route("https://a.test", &[HTTP])), proxy);
    let error = linked.unwrap_err();
    assert!(matches!(error.source_as(), Some(TunnelError::NotHttp(_))), "{error:?}");
    assert!(support::all_of(&error).contains("more than 16 bytes of empty lines"), "{}", support::all_of(&error));
}

#[tokio::test(start_paused = true)]
async fn cleartext_is_forwarded_and_only_cleartext() {
    let world = World::new();
    let link = world.connect(world.route("http://a.test", &[HTTP])).await.unwrap();
    assert!(link.info.forwarded && !link.info.tunnelled && link.info.proxies_passed == 1);
    assert_eq!(world.recorder.names(), ["connect_start", "connect_end", "at_proxy"]);
    assert_eq!(world.net.wire(0).other_end().bytes_sent(), 0);

    // Tunnelled all the same: HTTP/2 by prior knowledge, an address that the request doesn't name, and by
    // configuration.
    let prior: fn(&mut skybridge_core::Route) = |route| {
        let mut key = fixtures::key("http://a.test");
        key.connect_options.http_versions = HttpVersions::Http2;
        route.target.key = key.into();
    };
    let dialled: fn(&mut skybridge_core::Route) =
        |route| route.proxy_target = Some(fixtures::endpoint("[2001:db8::1]:81"));
    let message: fn(&mut skybridge_core::Route) = |route| {
        route.proxies = route.proxies.iter().cloned().map(skybridge_core::Proxy::tunnels_all).collect();
    };
    let rows = [
        (prior, "CONNECT a.test:80 HTTP/1.1"),
        (dialled, "CONNECT [2001:db8::1]:81 HTTP/1.1"),
        (message, "CONNECT a.test:80 HTTP/1.1"),
    ];
    for (change, line) in rows {
        let world = World::new();
        let mut route = world.route("http://a.test", &[HTTP]);
        change(&mut route);
        let proxy = async {
            let mut proxy = world.accept().await;
            assert_eq!(proxy.head().await.line(), line);
            proxy.send(OK).await;
        };
        let both = async { tokio::join!(world.connect(route), proxy) };
        let (link, ()) = tokio::time::timeout(Duration::from_secs(1), both).await.expect("a tunnel is asked for");
        let info = link.unwrap().info;
        assert!(info.tunnelled && !info.forwarded);
    }
}

#[tokio::test(start_paused = true)]
async fn a_direct_route_passes_through() {
    let world = World::new();
    let mut link = world.connect(world.route("http://a.test", &[])).await.unwrap();
    assert!(!link.info.tunnelled && !link.info.forwarded && link.info.proxies_passed == 0);
    assert_eq!(world.recorder.names(), ["connect_start", "connect_end"]);
    link.io.write_all(b"hello").await.unwrap();
    world.accept().await.expect("hello").await;
}

#[test]
fn a_direct_route_is_not_boxed() {
    /// Its future is as large as the array.
    async fn large(_: skybridge_core::Route) -> Result<skybridge_core::Link<Conn>, skybridge_core::ConnectError> {
        let room = [0_u8; 4096];
        std::future::pending::<()>().await;
        unreachable!("{room:?}")
    }
    fn future_of<C: skybridge_core::Connector>(_: &C) -> usize {
        size_of::<C::Future>()
    }
    let below = tower::service_fn(large);
    let above = TunnelLayer::new().layer(below);
    assert!(future_of(&below) > 4096 && future_of(&above) >= future_of(&below));
}

#[tokio::test(start_paused = true)]
async fn without_a_tls_connector_nothing_is_sent_to_an_https_proxy() {
    let world = World::new();
    let error = world.connect(world.route("https://a.test", &["https://alice:secret@proxy.test"])).await.unwrap_err();
    assert!(matches!(error.source_as(), Some(TunnelError::NoTls)) && error.is_fatal());
    assert_eq!(world.net.wire(0).other_end().bytes_sent(), 0);
    world.recorder.assert_balanced();
}

#[tokio::test(start_paused = true)]
async fn the_testkits_http_proxy_tunnels() {
    let world = World::new();
    let (net, executor) = (world.net.clone(), Arc::new(world.executor));
    let origin = net.listen("192.0.2.9:443".parse().unwrap());
    net.host("a.test", ["192.0.2.9".parse().unwrap()]);
    let builder = ProxyServer::http().user("alice", "secret").interim([103]).early("hello");
    let proxy = builder.serve_on(world.listener, &net);
    let connect = |proxy: &str| {
        let mut route = fixtures::route("https://a.test", [PROXY], executor.ctx());
        route.proxies = [Proxy::parse(proxy).unwrap()].into();
        TunnelLayer::new().layer(net.connector()).connect(route)
    };
    let mut link = connect(ALICE).await.unwrap();
    let (mut peer, _) = origin.accept().await;
    peer.write_all(b" world").await.unwrap();
    let mut said = [0; 11];
    link.io.read_exact(&mut said).await.unwrap();
    assert_eq!(&said, b"hello world");
    let error = connect("http://mallory:secret@proxy.test").await.unwrap_err();
    assert_eq!(refused(&error).0, 407);
    assert_eq!((proxy.connections(), proxy.requests().len()), (2, 2));
    assert_eq!(proxy.requests()[0].credentials.as_deref(), Some("Basic YWxpY2U6c2VjcmV0"));
    drop(link);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!((proxy.open(), net.live_sockets()), (1, 1), "the origin's end is still open");
    drop(peer);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!((proxy.open(), net.live_sockets()), (0, 0));
}

/// It is told for what it is, and not as if an answer had broken off.
#[tokio::test(start_paused = true)]
async fn what_ends_and_could_not_have_become_an_answer_is_not_http() {
    let close = |said: &'static str| async move {
        let world = World::new();
        let (linked, ()) = world
            .play("https://a.test", &["http://proxy.test"], async |proxy| {
                proxy.head().await;
                for byte in said.bytes() {
                    proxy.send([byte]).await;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            })
            .await;
        linked.unwrap_err()
    };
    // The mistake comes late, and piece by piece: it isn't looked for again with each.
    let wrong = close("HTTP/1.1 200 OK\r\nvia: 1.1 proxy.test\r\nno colon\r\n").await;
    assert!(matches!(wrong.source_as(), Some(TunnelError::NotHttp(_))), "{wrong:?}");
    let cut = close("HTTP/1.1 200 OK\r\nvia: x\r\n").await;
    assert!(matches!(cut.source_as(), Some(TunnelError::Closed)), "{cut:?}");
}
