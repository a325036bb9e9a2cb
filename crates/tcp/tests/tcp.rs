//! The bottom of the stack on real sockets.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use skybridge_core::{Ctx, Endpoint, Phase, Route};
use skybridge_runtime::TokioRuntime;
use skybridge_tcp::{KeepAlive, NoLocalAddress, RaceLayer, SocketRefused, Tcp, TcpIo};
use skybridge_testkit::fixtures;
use socket2::SockRef;
use std::{
    io::{self, ErrorKind, IoSlice},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf},
    net::{TcpListener, TcpSocket, TcpStream},
};
use tower::{Layer, ServiceExt};

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    (listener, addr)
}

/// A port that refuses connections as long as the socket lives: it is bound, but not listened on.
fn refusing() -> (TcpSocket, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let addr = socket.local_addr().unwrap().to_string();
    (socket, addr)
}

fn route<'a>(endpoints: impl IntoIterator<Item = &'a str>) -> Route {
    fixtures::route("http://a.test", endpoints, Ctx::new(Arc::new(TokioRuntime::current())))
}

fn stream(io: &TcpIo) -> &TcpStream {
    io.tcp().unwrap()
}

#[tokio::test]
async fn a_link_carries_bytes_and_the_facts() {
    let (listener, addr) = listener().await;
    let route = route([&*addr]);
    let attempt = route.attempt(fixtures::endpoint(&addr));
    let mut link = Tcp::new().oneshot(attempt).await.unwrap();
    let (mut server, peer) = listener.accept().await.unwrap();

    assert!(tokio::io::AsyncWrite::is_write_vectored(&link.io));
    let written = link.io.write_vectored(&[IoSlice::new(b"pi"), IoSlice::new(b"ng")]).await.unwrap();
    assert_eq!(written, 4, "in one write");
    let mut ping = [0; 4];
    server.read_exact(&mut ping).await.unwrap();
    assert_eq!(&ping, b"ping");
    server.write_all(b"pong").await.unwrap();
    link.io.read_exact(&mut ping).await.unwrap();
    assert_eq!(&ping, b"pong");
    link.io.shutdown().await.unwrap();
    assert_eq!(server.read(&mut ping).await.unwrap(), 0);

    assert_eq!(link.info.local_addr, Some(peer));
    assert_eq!(link.info.remote, fixtures::endpoint(&addr));
    assert!(link.info.timings.get(Phase::Tcp).is_some());
}

/// The runtime gets no turn meanwhile, so it knows nothing of what has come.
#[cfg(unix)]
#[tokio::test]
async fn a_read_that_is_asked_for_again_looks_at_the_socket_itself() {
    fn read(io: &mut TcpIo) -> io::Result<Vec<u8>> {
        loop {
            let mut buf = [0; 8];
            let mut buf = ReadBuf::new(&mut buf);
            match Pin::new(&mut *io).poll_read(&mut Context::from_waker(Waker::noop()), &mut buf) {
                Poll::Ready(read) => return read.map(|()| buf.filled().to_vec()),
                Poll::Pending => std::thread::yield_now(),
            }
        }
    }

    let (listener, addr) = listener().await;
    let dial = async || Tcp::new().oneshot(route([]).attempt(fixtures::endpoint(&addr))).await.unwrap().io;
    let (mut ended, mut broken) = (dial().await, dial().await);
    let accept = async || listener.accept().await.unwrap().0.into_std().unwrap();
    let (mut ends, breaks) = (accept().await, accept().await);
    for bytes in [b"one", b"two"] {
        assert_eq!(std::io::Write::write(&mut ends, bytes).unwrap(), bytes.len());
        assert_eq!(read(&mut ended).unwrap(), bytes);
    }
    drop(ends);
    assert_eq!(read(&mut ended).unwrap(), b"");
    SockRef::from(&breaks).set_linger(Some(Duration::ZERO)).unwrap();
    drop(breaks);
    assert_eq!(read(&mut broken).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    // What it has missed the runtime tells as ever.
    let (mut late, mut peer) = (dial().await, accept().await);
    assert_eq!(std::io::Write::write(&mut peer, b"before").unwrap(), 6);
    assert_eq!(read(&mut late).unwrap(), b"before");
    let after = std::thread::spawn(move || std::io::Write::write(&mut peer, b"after").unwrap());
    let mut buf = [0; 5];
    late.read_exact(&mut buf).await.unwrap();
    assert_eq!((&buf, after.join().unwrap()), (b"after", 5));
}

#[tokio::test]
async fn what_is_set_is_set_on_the_socket() {
    let (_listener, addr) = listener().await;
    let dial = async |tcp: Tcp| tcp.oneshot(route([]).attempt(fixtures::endpoint(&addr))).await.unwrap().io;

    let io = dial(Tcp::new()).await;
    let socket = SockRef::from(stream(&io));
    assert!(socket.tcp_nodelay().unwrap());
    assert!(socket.keepalive().unwrap());
    #[cfg(target_os = "linux")]
    {
        assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(60));
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(15));
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 4);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(120)));
    }

    let io = dial(Tcp::new().nodelay(false).keep_alive(None)).await;
    let socket = SockRef::from(stream(&io));
    assert!(!socket.tcp_nodelay().unwrap());
    assert!(!socket.keepalive().unwrap());

    let keep_alive = KeepAlive { idle: Duration::from_secs(7), ..KeepAlive::default() };
    let io = dial(Tcp::new().keep_alive(keep_alive).recv_buffer(100_000).send_buffer(50_000)).await;
    let socket = SockRef::from(stream(&io));
    #[cfg(target_os = "linux")]
    assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(7));
    assert!(socket.recv_buffer_size().unwrap() >= 100_000);
    assert!(socket.send_buffer_size().unwrap() >= 50_000);
}

#[cfg(any(target_os = "android", target_os = "linux"))]
#[tokio::test]
async fn how_long_data_may_stay_unacknowledged_is_set_or_left_to_the_system() {
    let (_listener, addr) = listener().await;
    let rows = [
        (Some(Duration::from_secs(7)), Some(Duration::from_secs(7))),
        // The system counts milliseconds in 32 bits, and zero would be its own default.
        (Some(Duration::MAX), Some(Duration::from_millis(i32::MAX as u64))),
        (Some(Duration::ZERO), Some(Duration::from_millis(1))),
        (None, None),
    ];
    for (set, expected) in rows {
        let tcp = Tcp::new().user_timeout(set);
        let io = tcp.oneshot(route([]).attempt(fixtures::endpoint(&addr))).await.unwrap().io;
        assert_eq!(SockRef::from(stream(&io)).tcp_user_timeout().unwrap(), expected, "{set:?}");
    }
    // Otherwise it is that of keep-alive, or Linux would wait longer for an idle peer than keep-alive is set to.
    let keep_alive = KeepAlive { idle: Duration::from_secs(10), interval: Duration::from_secs(2), probes: 3 };
    for (set, expected) in [(Some(keep_alive), 16), (None, 120)] {
        let tcp = Tcp::new().keep_alive(set);
        let io = tcp.oneshot(route([]).attempt(fixtures::endpoint(&addr))).await.unwrap().io;
        let timeout = SockRef::from(stream(&io)).tcp_user_timeout().unwrap();
        assert_eq!(timeout, Some(Duration::from_secs(expected)), "{set:?}");
    }
}

#[cfg(target_os = "linux")] // all of 127.0.0.0/8 is ours there
#[tokio::test]
async fn sockets_are_bound_to_the_local_address() {
    let (listener, addr) = listener().await;
    let local = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9));
    let link = Tcp::new().local_address(local).oneshot(route([]).attempt(fixtures::endpoint(&addr))).await.unwrap();
    assert_eq!(link.info.local_addr.unwrap().ip(), local);
    assert_eq!(listener.accept().await.unwrap().1.ip(), local);
}

/// Another endpoint may be of the other family, and so have another local address.
#[tokio::test]
async fn a_local_address_that_is_not_ours_is_named() {
    let (_listener, addr) = listener().await;
    let local = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    let error =
        Tcp::new().local_address(local).oneshot(route([]).attempt(fixtures::endpoint(&addr))).await.unwrap_err();
    let Some(SocketRefused::LocalAddress(refused, _)) = error.source_as() else { panic!("{error:?}") };
    assert_eq!((*refused, error.is_fatal()), (local, false));
}

#[tokio::test]
async fn with_a_local_address_of_the_other_family_no_socket_leaves() {
    let (_listener, addr) = listener().await;
    let tcp = Tcp::new().local_address(Ipv6Addr::LOCALHOST.into());
    let error = tcp.oneshot(route([]).attempt(fixtures::endpoint(&addr))).await.unwrap_err();
    assert!(error.root_cause().is::<NoLocalAddress>(), "{error:?}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn sockets_are_bound_to_the_interface_by_its_name() {
    let (_listener, addr) = listener().await;
    let dial =
        async |name: &str| Tcp::new().interface(name).oneshot(route([]).attempt(fixtures::endpoint(&addr))).await;
    let link = dial("lo").await.unwrap();
    assert_eq!(SockRef::from(stream(&link.io)).device().unwrap().as_deref(), Some(&b"lo\0"[..2]));
    // One that isn't there, and those that would be cut off to be another.
    for name in ["nowhere0", "", "lo/", "lo\0x", "sixteen-bytes-lo"] {
        let error = dial(name).await.unwrap_err();
        assert!(error.is_fatal(), "{name}: no other address would do");
        let Some(SocketRefused::Interface(refused, _)) = error.source_as() else { panic!("{error:?}") };
        assert_eq!(&**refused, name);
    }
}

/// A test may lack the right to set one: then no socket leaves without.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn sockets_have_their_mark_or_are_not_opened() {
    let (_listener, addr) = listener().await;
    match Tcp::new().mark(0x5b).oneshot(route([]).attempt(fixtures::endpoint(&addr))).await {
        Ok(link) => assert_eq!(SockRef::from(stream(&link.io)).mark().unwrap(), 0x5b),
        Err(error) => {
            let Some(SocketRefused::Mark(0x5b, source)) = error.source_as() else { panic!("{error:?}") };
            assert_eq!((source.kind(), error.is_fatal()), (ErrorKind::PermissionDenied, true));
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn fast_open_is_for_what_begins_with_tls_alone() {
    use nix::sys::socket::{getsockopt, sockopt::TcpFastOpenConnect};
    use skybridge_core::Proxy;
    let (listener, addr) = listener().await;
    let rows = [
        (true, "https://a.test", None, true),
        (true, "http://a.test", None, false),
        (true, "http://a.test", Some("https://p.test"), true),
        (true, "https://a.test", Some("http://p.test"), false),
        (true, "https://a.test", Some("socks5://p.test"), false),
        (false, "https://a.test", None, false),
    ];
    for (on, url, proxy, expected) in rows {
        let mut route = fixtures::route(url, [&*addr], Ctx::new(Arc::new(TokioRuntime::current())));
        route.proxies = proxy.map(|proxy| Proxy::parse(proxy).unwrap()).into_iter().collect();
        let mut link = Tcp::new().fast_open(on).oneshot(route.attempt(fixtures::endpoint(&addr))).await.unwrap();
        assert_eq!(getsockopt(stream(&link.io), TcpFastOpenConnect).unwrap(), expected, "{url} {proxy:?}");
        assert!(link.info.local_addr.unwrap().port() > 0);
        link.io.write_all(b"hello").await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        server.read_exact(&mut [0; 5]).await.unwrap();
    }
}

#[tokio::test]
async fn a_refusal_names_its_endpoint() {
    let (_bound, addr) = refusing();
    let route = route([&*addr]);
    let error = Tcp::new().oneshot(route.attempt(fixtures::endpoint(&addr))).await.unwrap_err();
    assert_eq!(error.source_as::<std::io::Error>().unwrap().kind(), ErrorKind::ConnectionRefused);
    assert_eq!((error.phase(), error.endpoint()), (Some(Phase::Tcp), Some(&fixtures::endpoint(&addr))));
    assert_eq!(route.ctx().attempt_log().failed(), [fixtures::endpoint(&addr)]);
}

#[tokio::test]
async fn a_dropped_link_closes_its_socket() {
    let (listener, addr) = listener().await;
    let link = Tcp::new().oneshot(route([]).attempt(fixtures::endpoint(&addr))).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    drop(link);
    assert_eq!(server.read(&mut [0; 1]).await.unwrap(), 0);
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_is_an_endpoint() {
    let path = std::env::temp_dir().join(format!("skybridge-tcp-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let mut link = Tcp::new().oneshot(route([]).attempt(Endpoint::from(path.clone()))).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!((&link.info.remote, link.info.local_addr), (&Endpoint::from(path), None));
    link.io.write_all(b"x").await.unwrap();
    assert_eq!(server.read_u8().await.unwrap(), b'x');
    assert!(tokio::io::AsyncWrite::is_write_vectored(&link.io));
    drop(link);
    assert_eq!(server.read(&mut [0; 1]).await.unwrap(), 0);
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_that_is_not_there_is_named() {
    let path = std::env::temp_dir().join("skybridge-tcp-not-there");
    let endpoint = Endpoint::from(path);
    let error = Tcp::new().oneshot(route([]).attempt(endpoint.clone())).await.unwrap_err();
    assert_eq!(error.endpoint(), Some(&endpoint));
    assert_eq!(error.source_as::<std::io::Error>().unwrap().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_race_goes_on_after_a_refusal() {
    let (_listener, up) = listener().await;
    let (_bound, down) = refusing();
    let route = route([&*down, &*up]);
    let link = RaceLayer::happy_eyeballs().layer(Tcp::new()).oneshot(route.clone()).await.unwrap();
    assert_eq!(link.info.remote, fixtures::endpoint(&up));
    assert_eq!(route.ctx().attempt_log().reports().len(), 2);
}

#[tokio::test]
async fn ipv6_goes_first_in_a_race() {
    let Ok(v6_listener) = TcpListener::bind("[::1]:0").await else { return }; // a machine without IPv6
    let (_listener, v4) = listener().await;
    let v6 = v6_listener.local_addr().unwrap().to_string();
    for listed in [[&*v4, &*v6], [&*v6, &*v4]] {
        let route = route(listed);
        let link = RaceLayer::happy_eyeballs().layer(Tcp::new()).oneshot(route.clone()).await.unwrap();
        assert_eq!(link.info.remote, fixtures::endpoint(&v6));
        assert_eq!(route.ctx().attempt_log().reports().len(), 1);
    }
}
