//! Chains of proxies, and proxies that are spoken to over TLS.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use self::support::{World, all_of};
use skybridge_core::{
    BoxFuture, ConnectError, Connector as _, Ctx, Io, Link, Phase, PhaseGuard, Route, TlsConnect, TlsInfo,
};
use skybridge_testkit::{fixtures, h1::Script, net::Conn};
use skybridge_tunnel::{TunnelError, TunnelIo, TunnelLayer};
use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tower::Layer;

const OK: &str = "HTTP/1.1 200 OK\r\n\r\n";

/// Stands in for TLS: sends the name, and waits for one byte.
#[derive(Clone)]
struct Salute;

/// Writes in upper case, so that it can be told from the stream below.
struct Loud<I>(I);

impl<I: Io> TlsConnect<I> for Salute {
    type Io = Loud<I>;
    type Future = BoxFuture<Result<Link<Loud<I>>, ConnectError>>;

    fn tls_connect(&self, mut link: Link<I>, name: &str, _: &Ctx) -> Self::Future {
        let salute = format!("hail {name};");
        Box::pin(async move {
            let guard: PhaseGuard = link.phase(Phase::Tls);
            let shaken = async {
                link.io.write_all(salute.as_bytes()).await?;
                link.io.read_u8().await
            };
            match shaken.await {
                Ok(b'y') => {}
                Ok(_) => return Err(guard.fail(io::Error::other("not hailed")).fatal()),
                Err(error) => return Err(guard.fail(error)),
            }
            link.info.timings.set(Phase::Tls, guard.done());
            link.info.tls = Some(none());
            Ok(link.map_io(Loud))
        })
    }
}

fn none() -> TlsInfo {
    fixtures::tls(Some(skybridge_core::Protocol::Http1), ["proxy.test"])
}

impl<I: Io> AsyncRead for Loud<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<I: Io> AsyncWrite for Loud<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, &bytes.to_ascii_uppercase())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

type Linked = Result<Link<TunnelIo<Conn, Loud<Conn>>>, ConnectError>;

fn connect(world: &World, route: Route) -> impl Future<Output = Linked> + use<> {
    TunnelLayer::new().proxy_tls(Salute).layer(world.net.connector()).connect(route)
}

async fn play<T>(
    world: &World,
    url: &str,
    proxies: &[&str],
    part: impl AsyncFnOnce(&mut Script<Conn>) -> T,
) -> (Linked, T) {
    let proxy = async { part(&mut world.accept().await).await };
    tokio::join!(connect(world, world.route(url, proxies)), proxy)
}

#[tokio::test(start_paused = true)]
async fn each_proxy_is_asked_for_the_next_and_the_last_for_the_origin() {
    let world = World::new();
    let proxies = ["http://one.test:1", "socks5h://two.test:2", "http://u:p@[::3]:3", "socks4a://four.test:4"];
    let (linked, ()) = play(&world, "https://a.test", &proxies, async |proxy| {
        assert_eq!(proxy.head().await.line(), "CONNECT two.test:2 HTTP/1.1");
        tokio::time::sleep(Duration::from_millis(10)).await;
        // The first answer of the second proxy comes along with that of the first one.
        proxy.send(format!("{OK}\x05")).await;
        proxy.expect([5, 1, 0]).await;
        proxy.send([0]).await;
        proxy.expect([&[5, 1, 0, 4][..], &[0; 15], &[3, 0, 3]].concat()).await;
        proxy.send([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await;
        let request = proxy.head().await;
        assert_eq!(request.line(), "CONNECT four.test:4 HTTP/1.1");
        assert_eq!(request.header("proxy-authorization"), Some("Basic dTpw"));
        proxy.send(OK).await;
        proxy.expect(b"\x04\x01\x01\xbb\x00\x00\x00\x01\x00a.test\x00").await;
        tokio::time::sleep(Duration::from_millis(10)).await;
        proxy.send([0, 90, 0, 0, 0, 0, 0, 0]).await;
        proxy.send("hello").await;
    })
    .await;
    let mut link = linked.unwrap();
    let mut said = [0; 5];
    link.io.read_exact(&mut said).await.unwrap();
    assert_eq!(&said, b"hello");
    assert!(link.info.tunnelled && !link.info.forwarded && link.info.proxies_passed == 4);
    let took = link.info.timings.get(Phase::Tunnel).unwrap();
    assert_eq!((took.end - took.start).as_millis(), 20, "from the first of them to the last");
    let told = world.recorder.lines();
    let told = told.iter().filter(|line| line.starts_with("at_proxy") || line.starts_with("tunnel_start"));
    let told: Vec<_> = told.map(|line| line.split_whitespace().next()).collect();
    assert_eq!(told, [Some("at_proxy"), Some("tunnel_start")].repeat(4));
    world.recorder.assert_balanced();
}

#[tokio::test(start_paused = true)]
async fn cleartext_is_forwarded_by_the_last_of_them() {
    let world = World::new();
    let (linked, ()) = play(&world, "http://a.test", &["http://one.test:1", "http://two.test:2"], async |proxy| {
        assert_eq!(proxy.head().await.line(), "CONNECT two.test:2 HTTP/1.1");
        proxy.send(OK).await;
    })
    .await;
    let info = linked.unwrap().info;
    assert!(info.tunnelled && info.forwarded && info.proxies_passed == 2);
}

#[tokio::test(start_paused = true)]
async fn the_error_names_the_proxy_that_refused() {
    let world = World::new();
    let proxies = ["http://one.test:1", "http://u:secret@two.test:2"];
    let (linked, ()) = play(&world, "https://a.test", &proxies, async |proxy| {
        proxy.head().await;
        proxy.send(OK).await;
        proxy.head().await;
        proxy.send("HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n").await;
    })
    .await;
    let error = linked.unwrap_err();
    assert!(all_of(&error).contains("no tunnel through http://two.test:2"), "{}", all_of(&error));
    assert!(matches!(error.source_as(), Some(TunnelError::Refused { status, .. }) if *status == 403));
}

#[tokio::test(start_paused = true)]
async fn tls_to_a_proxy_uses_its_name_and_leaves_the_origins_facts_alone() {
    for (url, line) in [("https://a.test", Some("CONNECT A.TEST:443 HTTP/1.1")), ("http://a.test", None)] {
        let world = World::new();
        let (linked, ()) = play(&world, url, &["https://proxy.test.:8443"], async |proxy| {
            proxy.expect("hail proxy.test;").await;
            proxy.send("y").await;
            if let Some(line) = line {
                assert_eq!(proxy.head().await.line(), line);
                proxy.send(OK).await;
            }
        })
        .await;
        let info = linked.unwrap().info;
        assert_eq!((info.tunnelled, info.forwarded), (line.is_some(), line.is_none()));
        assert!(info.tls.is_none() && info.timings.get(Phase::Tls).is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn tls_runs_within_the_tunnel_of_the_proxy_before() {
    let world = World::new();
    let proxies = ["https://one.test:1", "https://two.test:2", "socks5h://three.test:3"];
    let (linked, ()) = play(&world, "https://a.test", &proxies, async |proxy| {
        proxy.expect("hail one.test;").await;
        proxy.send("y").await;
        assert_eq!(proxy.head().await.line(), "CONNECT TWO.TEST:2 HTTP/1.1");
        // The first byte of the second handshake arrives with the tunnel's response.
        proxy.send(format!("{OK}y")).await;
        proxy.expect("HAIL TWO.TEST;").await;
        assert_eq!(proxy.head().await.line(), "CONNECT THREE.TEST:3 HTTP/1.1");
        proxy.send(OK).await;
        proxy.expect([5, 1, 0]).await;
        proxy.send([5, 0]).await;
        proxy.expect(b"\x05\x01\x00\x03\x06A.TEST\x01\xbb").await;
        proxy.send(b"\x05\x00\x00\x01\0\0\0\0\0\0hello").await;
    })
    .await;
    let mut link = linked.unwrap();
    let mut said = [0; 5];
    link.io.read_exact(&mut said).await.unwrap();
    assert_eq!(&said, b"hello");
}

#[tokio::test(start_paused = true)]
async fn tls_to_a_proxy_that_fails_is_an_error_of_the_tls_phase() {
    let world = World::new();
    let (linked, ()) = play(&world, "https://a.test", &["https://proxy.test"], async |proxy| {
        proxy.expect("hail proxy.test;").await;
        proxy.send("n").await;
    })
    .await;
    let error = linked.unwrap_err();
    assert_eq!((error.phase(), error.is_fatal()), (Some(Phase::Tls), true));
    assert_eq!(world.recorder.names(), ["connect_start", "connect_end", "at_proxy", "tls_start", "tls_failed"]);
    assert_eq!(world.net.live_sockets(), 0);
}

/// Of a chain, only the first proxy is resolved here: each next name goes to the hop that is asked for it. SOCKS has
/// the port 1080 where none is said.
#[tokio::test(start_paused = true)]
async fn a_chain_of_all_kinds_asks_each_for_the_next_by_name_and_default_port() {
    let world = World::new();
    let proxies = [
        "socks5h://one.test",
        "socks4a://two.test",
        "http://three.test",
        "socks5h://192.0.2.77",
        "http://[2001:db8::5]",
        "socks5h://last.test",
    ];
    let (linked, ()) = play(&world, "https://a.test", &proxies, async |proxy| {
        let granted = b"\x05\x00\x00\x01\0\0\0\0\0\0";
        proxy.expect([5, 1, 0]).await;
        proxy.send([5, 0]).await;
        proxy.expect(b"\x05\x01\x00\x03\x08two.test\x04\x38").await;
        proxy.send(granted).await;
        proxy.expect(b"\x04\x01\x00\x50\0\0\0\x01\0three.test\0").await;
        proxy.send(b"\0\x5a\0\0\0\0\0\0").await;
        assert_eq!(proxy.head().await.line(), "CONNECT 192.0.2.77:1080 HTTP/1.1");
        proxy.send(OK).await;
        proxy.expect([5, 1, 0]).await;
        proxy.send([5, 0]).await;
        let address = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5];
        proxy.expect([&[5, 1, 0, 4][..], &address, &[0, 80]].concat()).await;
        proxy.send(granted).await;
        assert_eq!(proxy.head().await.line(), "CONNECT last.test:1080 HTTP/1.1");
        proxy.send(OK).await;
        proxy.expect([5, 1, 0]).await;
        proxy.send([5, 0]).await;
        proxy.expect(b"\x05\x01\x00\x03\x06a.test\x01\xbb").await;
        proxy.send(granted).await;
    })
    .await;
    assert_eq!(linked.unwrap().info.proxies_passed, 6);
}

/// What is shown to one hop is sealed from the others: each has credentials of its own.
#[tokio::test(start_paused = true)]
async fn each_hop_of_a_chain_sees_its_own_credentials_alone() {
    let world = World::new();
    let proxies = ["http://alice:one@one.test:1", "socks5h://bob:two@two.test:2", "http://three.test:3"];
    let (linked, ()) = play(&world, "https://a.test", &proxies, async |proxy| {
        assert_eq!(proxy.head().await.header("proxy-authorization"), Some("Basic YWxpY2U6b25l"));
        proxy.send(OK).await;
        proxy.expect([5, 2, 0, 2]).await;
        proxy.send([5, 2]).await;
        proxy.expect(b"\x01\x03bob\x03two").await;
        proxy.send([1, 0]).await;
        proxy.expect(b"\x05\x01\x00\x03\x0athree.test\x00\x03").await;
        proxy.send(b"\x05\x00\x00\x01\0\0\0\0\0\0").await;
        assert_eq!(proxy.head().await.header("proxy-authorization"), None);
        proxy.send(OK).await;
    })
    .await;
    linked.unwrap();
}
