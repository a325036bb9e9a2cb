//! With post-quantum key exchange the first message is larger than a packet.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use skybridge_core::{ConnectError, Connector, Route};
use skybridge_testkit::{certs::Ca, executor::run_until_idle, net::Conn, origin::Origin};
use skybridge_tls::{ConnectionSpec, TlsConfig, TlsLayer};
use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use support::{ADDR, World, trusting};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower::{Layer, service_fn};

/// What fits into one packet of TCP over Ethernet and IPv6.
const PACKET: u64 = 1440;

fn by(root: &Ca, spec: ConnectionSpec) -> TlsConfig {
    trusting(root).specs([spec]).build().unwrap()
}

fn world(root: &Ca) -> World {
    World::new(Origin::h1().tls(&root.leaf(["a.test"])))
}

/// How long the first message is.
async fn hello(root: &Ca, spec: ConnectionSpec) -> u64 {
    let (world, config) = (world(root), by(root, spec));
    world.net.at(ADDR.parse().unwrap()).latency(Duration::from_secs(1));
    let connecting = world.connect(&config, "https://a.test");
    let waited = tokio::time::timeout(Duration::from_millis(1500), connecting).await;
    assert!(waited.is_err(), "no answer is here yet");
    let sent = world.net.wire(0).other_end().bytes_sent();
    run_until_idle().await;
    sent
}

#[tokio::test(start_paused = true)]
async fn a_hello_with_post_quantum_key_exchange_takes_two_packets_and_without_one() {
    let root = Ca::new("root");
    let sizes = [
        hello(&root, ConnectionSpec::MODERN).await,
        hello(&root, ConnectionSpec::RESTRICTED).await,
        hello(&root, ConnectionSpec::COMPATIBLE).await,
        hello(&root, ConnectionSpec::new("own").post_quantum(false)).await,
    ];
    assert!(sizes[..2].iter().all(|size| (PACKET + 1..2 * PACKET).contains(size)), "{sizes:?}");
    assert!(sizes[2..].iter().all(|size| (100..PACKET).contains(size)), "{sizes:?}");
}

/// A connection whose first bytes are a packet of their own, in both directions.
struct Cut {
    conn: Conn,
    /// How many are still to be written, and read, of the first packet; `None` behind it.
    left: [Option<usize>; 2],
}

impl Cut {
    /// How many bytes may go now; none where the first packet has just gone.
    fn most(left: &mut Option<usize>, cx: &Context<'_>) -> Option<usize> {
        if *left == Some(0) {
            // Whoever waits for it has its turn before the rest.
            *left = None;
            cx.waker().wake_by_ref();
            return None;
        }
        Some(left.unwrap_or(usize::MAX))
    }
}

impl AsyncRead for Cut {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Some(most) = Self::most(&mut self.left[1], cx) else { return Poll::Pending };
        let mut some = buf.take(most);
        ready!(Pin::new(&mut self.conn).poll_read(cx, &mut some))?;
        let read = some.filled().len();
        let bytes = some.filled().to_vec();
        buf.put_slice(&bytes);
        self.left[1] = self.left[1].map(|left| left - read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Cut {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Some(most) = Self::most(&mut self.left[0], cx) else { return Poll::Pending };
        let written = ready!(Pin::new(&mut self.conn).poll_write(cx, &bytes[..bytes.len().min(most)]))?;
        self.left[0] = self.left[0].map(|left| left - written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.conn).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.conn).poll_shutdown(cx)
    }
}

#[tokio::test(start_paused = true)]
async fn a_hello_and_its_answer_may_be_cut_after_any_byte() {
    let root = Ca::new("root");
    let config = by(&root, ConnectionSpec::MODERN);
    let whole = hello(&root, ConnectionSpec::MODERN).await as usize;
    for at in 1..=whole + 1 {
        // Each time a first connection, without a session.
        let world = world(&root);
        let net = world.net.clone();
        let below = service_fn(move |route: Route| {
            let connecting = net.connector().connect(route);
            async move { Ok::<_, ConnectError>(connecting.await?.map_io(|conn| Cut { conn, left: [Some(at); 2] })) }
        });
        let link = TlsLayer::new(config.clone()).layer(below).connect(world.route("https://a.test")).await;
        let tls = link.unwrap_or_else(|error| panic!("{at}: {error:?}")).info.tls.unwrap();
        assert_eq!(tls.group, Some("X25519MLKEM768"), "{at}");
    }
}
