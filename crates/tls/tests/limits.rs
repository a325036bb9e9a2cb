//! Handshakes that stall time out, and those that are dropped leave nothing behind.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use skybridge_core::{ConnectError, Connector, Phase, Timeouts};
use skybridge_testkit::{
    certs::{Ca, Cert},
    drop_walk::drop_walk,
    executor::Executor,
    fixtures,
    net::{Conn, Network},
    origin::Origin,
};
use skybridge_tls::{TlsConfig, TlsLayer};
use std::{future::pending, sync::Arc, time::Duration};
use support::{ADDR, World, trusting};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex, split},
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
