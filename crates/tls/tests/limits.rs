//! Handshakes that stall time out, and those that are dropped leave nothing behind.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]

mod support;

use skybridge_core::{ConnInfo, ConnectError, Connector, Link, Phase, Route, Timeouts};
use skybridge_testkit::{
    certs::{Ca, Cert},
    drop_walk::drop_walk,
    executor::{Executor, run_until_idle},
    fixtures,
    net::{Conn, Network},
    origin::Origin,
};
use skybridge_tls::{TlsConfig, TlsLayer};
use std::{
    future::{Future, pending, poll_fn},
    io,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};
use support::{ADDR, World, trusting};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, duplex, split},
    time::Instant,
};
use tokio_rustls::TlsAcceptor;
use tower::Layer;

/// A server of which only the first `bytes` bytes arrive. Returns how many did when the client hangs up.
async fn truncated(cert: Cert, conn: Conn, bytes: usize) -> usize {
    let (near, far) = duplex(1 << 16);
    let accepting = async {
        let accepted = TlsAcceptor::from(Arc::new(cert.server(&[]))).accept(far).await;
        pending::<()>().await;
        drop(accepted);
    };
    let (mut from_client, mut to_client) = split(conn);
    let (mut from_server, mut to_server) = split(near);
    let up = async {
        let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
    };
    let mut sent = 0;
    let down = async {
        let mut byte = [0; 4096];
        while sent < bytes {
            let most = byte.len().min(bytes - sent);
            let read = from_server.read(&mut byte[..most]).await.unwrap();
            if to_client.write_all(&byte[..read]).await.is_err() {
                break;
            }
            sent += read;
        }
        pending::<()>().await;
    };
    tokio::select! {
        () = up => {}
        () = down => {}
        () = accepting => {}
    }
    sent
}

/// One handshake with a server of which only the first `bytes` bytes arrive.
async fn against(config: &TlsConfig, cert: &Cert, bytes: usize) -> Result<(), ConnectError> {
    let (executor, net) = (Executor::new(), Network::new());
    let cert = cert.clone();
    let _serving = net.listen(ADDR.parse().unwrap()).serve(move |_, conn| {
        let cert = cert.clone();
        async move {
            truncated(cert, conn, bytes).await;
        }
    });
    let mut connector = TlsLayer::new(config.clone()).layer(net.connector());
    let result = connector.connect(fixtures::route("https://a.test", [ADDR], executor.ctx())).await.map(drop);
    assert_eq!(net.live_sockets(), 0);
    result
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stalls_at_any_byte_hits_the_tls_timeout() {
    let root = Ca::new("root");
    let (config, cert) = (trusting(&root).build().unwrap(), root.leaf(["a.test"]));
    let mut bytes = 0;
    loop {
        let start = Instant::now();
        let error = match against(&config, &cert, bytes).await {
            Ok(()) => break,
            Err(error) => error,
        };
        assert_eq!(error.timed_out().map(|out| out.phase), Some(Phase::Tls), "after {bytes} bytes: {error:?}");
        assert_eq!((error.phase(), error.is_fatal()), (Some(Phase::Tls), false));
        assert_eq!(start.elapsed(), Duration::from_secs(10), "after {bytes} bytes");
        bytes += 1;
    }
    // Its ServerHello, certificate, signature and Finished: the handshake needs no byte more.
    assert!((600..4_000).contains(&bytes), "{bytes}");
}

#[tokio::test(start_paused = true)]
async fn the_timeouts_of_the_request_take_precedence() {
    let root = Ca::new("root");
    let (config, cert) = (trusting(&root).build().unwrap(), root.leaf(["a.test"]));
    let world = World::h1(&cert);
    let addr = "192.0.2.2:443";
    let _listener = world.net.listen(addr.parse().unwrap());
    let rows = [(None, None, 10), (None, Some(3), 3), (Some(2), Some(3), 2), (Some(60), Some(3), 60)];
    for (request, layer, expected) in rows {
        let mut timeouts = Timeouts::new();
        timeouts.tls = request.map(Duration::from_secs);
        let mut tls = TlsLayer::new(config.clone());
        if let Some(limit) = layer {
            tls = tls.timeout(Duration::from_secs(limit));
        }
        let route = fixtures::route("https://a.test", [addr], world.executor.ctx().with_limits(timeouts));
        let start = Instant::now();
        let error = tls.layer(world.net.connector()).connect(route).await.unwrap_err();
        assert_eq!(start.elapsed(), Duration::from_secs(expected));
        assert!(error.to_string().ends_with("tls failed"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_up_at_any_byte_is_an_io_error() {
    let root = Ca::new("root");
    let (config, cert) = (trusting(&root).build().unwrap(), root.leaf(["a.test"]));
    for bytes in [0, 1, 5, 100, 600] {
        let world = World::h1(&cert);
        let (addr, cert) = ("192.0.2.2:443", cert.clone());
        let _serving = world.net.listen(addr.parse().unwrap()).serve(move |_, conn| {
            let cert = cert.clone();
            async move {
                let wire = conn.wire();
                let _ = tokio::time::timeout(Duration::from_secs(1), truncated(cert, conn, bytes)).await;
                wire.fin();
            }
        });
        let route = fixtures::route("https://a.test", [addr], world.executor.ctx());
        let error = world.connect_by(&config, route).await.unwrap_err();
        assert_eq!((error.phase(), error.is_fatal()), (Some(Phase::Tls), false), "{bytes}: {error:?}");
        assert!(matches!(support::tls_error(&error), skybridge_tls::TlsError::Io(_)), "{bytes}: {error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_can_be_dropped_at_any_await() {
    let root = Ca::new("root");
    let (config, cert) = (trusting(&root).build().unwrap(), root.leaf(["a.test"]));
    let walked = drop_walk(
        async || {
            let world = World::new(Origin::h1().tls(&cert));
            world.net.at(ADDR.parse().unwrap()).latency(Duration::from_millis(5));
            let route = world.route("https://a.test");
            let connecting = TlsLayer::new(config.clone()).layer(world.net.connector()).connect(route);
            (world, async { drop(connecting.await.unwrap()) })
        },
        async |world, _moment| {
            // The server may still read what was written before.
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert_eq!((world.net.live_sockets(), world.origin.open(), world.executor.tasks()), (0, 0, 0));
            assert!(world.origin.requests().is_empty());
            // And the next handshake is not affected.
            world.exchange(&config, "https://a.test").await;
        },
    )
    .await;
    assert!(walked.drops > 3, "{walked:?}");
}

/// A link whose reads are counted.
struct Counted {
    io: tokio::io::DuplexStream,
    read: Arc<AtomicUsize>,
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        self.read.fetch_add(buf.filled().len() - before, SeqCst);
        polled
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Certificates that are nearly as long as TLS allows, all of them there at once.
#[tokio::test(start_paused = true)]
async fn a_poll_of_a_handshake_reads_no_more_than_64_kib() {
    let root = Ca::new("root");
    let long = |which: usize| {
        let names: Vec<_> = (0..750).map(|n| format!("n{which}-{n:04}-of-many-names.test")).collect();
        root.leaf(names.iter().map(String::as_str)).chain()[0].clone()
    };
    let cert = (0..3).fold(root.leaf(["a.test"]), |cert, which| cert.also(long(which)));
    let length: usize = cert.chain().iter().map(|certificate| certificate.len()).sum();
    assert!((62 << 10..0xffff - 100).contains(&length), "{length}");
    let (executor, read) = (Executor::new(), Arc::new(AtomicUsize::new(0)));
    let below = {
        let read = Arc::clone(&read);
        tower::service_fn(move |route: Route| {
            let (near, far) = duplex(1 << 20);
            let server = TlsAcceptor::from(Arc::new(cert.server(&[])));
            tokio::spawn(async move {
                server.accept(far).await.map(|tls| {
                    tokio::spawn(async move {
                        let _tls = tls;
                        pending::<()>().await;
                    })
                })
            });
            let endpoint = fixtures::endpoint(ADDR);
            let info = ConnInfo::new(&route.attempt(endpoint.clone()), None, endpoint);
            let io = Counted { io: near, read: Arc::clone(&read) };
            async move { Ok::<_, ConnectError>(Link::new(io, info)) }
        })
    };
    let config = trusting(&root).build().unwrap();
    let route = fixtures::route("https://a.test", [ADDR], executor.ctx());
    let mut connecting = pin!(TlsLayer::new(config).layer(below).connect(route));
    let (mut polls, mut most) = (0, 0);
    loop {
        let before = read.load(SeqCst);
        let polled = poll_fn(|cx| Poll::Ready(connecting.as_mut().poll(cx))).await;
        polls += 1;
        most = most.max(read.load(SeqCst) - before);
        if let Poll::Ready(connected) = polled {
            assert!(connected.is_ok(), "{connected:?}");
            break;
        }
        run_until_idle().await;
    }
    assert!(most > 40 << 10 && most <= 64 << 10 && read.load(SeqCst) > 64 << 10, "{most} of {read:?} in {polls} polls");
}

/// On one thread: whoever else has something to do is polled between any two polls of each of them.
#[tokio::test(start_paused = true)]
async fn two_hundred_handshakes_at_once_leave_other_tasks_served() {
    let root = Ca::new("root");
    let world = World::new(Origin::h1().tls(&root.leaf(["*.a.test"])));
    let config = trusting(&root).build().unwrap();
    let turns = Arc::new(AtomicUsize::new(0));
    let other = {
        let turns = Arc::clone(&turns);
        tokio::spawn(async move {
            loop {
                turns.fetch_add(1, SeqCst);
                tokio::task::yield_now().await;
            }
        })
    };
    let mut connects = tokio::task::JoinSet::new();
    for n in 0..200 {
        let route = world.route(&format!("https://n{n}.a.test"));
        let mut connecting = Box::pin(TlsLayer::new(config.clone()).layer(world.net.connector()).connect(route));
        let turns = Arc::clone(&turns);
        connects.spawn(async move {
            let (mut polls, mut last, mut starved) = (0, None, 0);
            let connected = poll_fn(|cx| {
                let now = turns.load(SeqCst);
                starved += usize::from(last == Some(now));
                (last, polls) = (Some(now), polls + 1);
                connecting.as_mut().poll(cx)
            });
            let connected = connected.await;
            (connected.is_ok(), polls, starved)
        });
    }
    let mut polls = 0;
    while let Some(done) = connects.join_next().await {
        let (connected, own, starved) = done.unwrap();
        assert_eq!((connected, starved), (true, 0), "in {own} polls");
        polls += own;
    }
    other.abort();
    assert!(polls >= 400, "each begins, and goes on when its peer has answered: {polls}");
}
