//! One poll of a connect drives no more than one handshake, however fast the peers answer.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use skybridge_core::{ConnInfo, ConnectError, Connector, Link, Route, TlsConnect};
use skybridge_testkit::{
    certs::{Ca, Cert},
    executor::Executor,
    fixtures,
};
use skybridge_tls::{
    ConnectionSpec, TlsLayer,
    rustls::{ServerConfig, ServerConnection, crypto::aws_lc_rs, version::TLS12},
};
use std::{
    future::Future,
    io::{self, Read, Write},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
};
use support::{ADDR, trusting};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower::{Layer, service_fn};

/// Servers of TLS, each within the one before, that have answered whatever is written before the write is over.
struct Instant {
    servers: Vec<ServerConnection>,
    answer: Vec<u8>,
    begun: Arc<AtomicUsize>,
}

impl Instant {
    fn new(servers: &[Arc<ServerConfig>], begun: &Arc<AtomicUsize>) -> Self {
        let servers = servers.iter().map(|config| ServerConnection::new(Arc::clone(config)).unwrap()).collect();
        Self { servers, answer: Vec::new(), begun: Arc::clone(begun) }
    }

    fn hear(servers: &mut [ServerConnection], mut bytes: &[u8], begun: &AtomicUsize) -> Vec<u8> {
        let Some((server, inner)) = servers.split_first_mut() else { return Vec::new() };
        // The first record of a peer is its ClientHello.
        begun.fetch_add(usize::from(bytes.starts_with(&[22, 3, 1])), SeqCst);
        let mut plain = Vec::new();
        while !bytes.is_empty() {
            server.read_tls(&mut bytes).unwrap();
            // A refusal is an alert that is written below.
            let _ = server.process_new_packets();
            let _ = server.reader().read_to_end(&mut plain);
        }
        if !plain.is_empty() {
            let answer = Self::hear(inner, &plain, begun);
            server.writer().write_all(&answer).unwrap();
        }
        let mut answer = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut answer).unwrap();
        }
        answer
    }
}

impl AsyncRead for Instant {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let bytes = self.answer.len().min(buf.remaining());
        if bytes == 0 {
            return Poll::Pending;
        }
        buf.put_slice(&self.answer.drain(..bytes).collect::<Vec<_>>());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Instant {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Self { servers, answer, begun } = &mut *self;
        answer.extend(Self::hear(servers, bytes, begun));
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn server(cert: &Cert) -> Arc<ServerConfig> {
    Arc::new(cert.server(&[]))
}

fn tls12(cert: &Cert) -> Arc<ServerConfig> {
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_protocol_versions(&[&TLS12]).unwrap().with_no_client_auth();
    Arc::new(builder.with_single_cert(cert.chain(), cert.key()).unwrap())
}

fn link(route: &Route, io: Instant) -> Link<Instant> {
    let endpoint = fixtures::endpoint(ADDR);
    Link::new(io, ConnInfo::new(&route.attempt(endpoint.clone()), None, endpoint))
}

/// How many handshakes each poll of a connect begins.
fn begun_by_polls<T>(begun: &AtomicUsize, connecting: impl Future<Output = Result<T, ConnectError>>) -> Vec<usize> {
    let (mut connecting, mut polls) = (pin!(connecting), Vec::new());
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..20 {
        let before = begun.load(SeqCst);
        let polled = connecting.as_mut().poll(&mut context);
        polls.push(begun.load(SeqCst) - before);
        if let Poll::Ready(connected) = polled {
            connected.map(drop).unwrap();
            return polls;
        }
    }
    panic!("it is not over: {polls:?}")
}

#[tokio::test(start_paused = true)]
async fn the_handshakes_with_a_proxy_and_the_origin_behind_it_are_of_two_polls() {
    let (root, executor, begun) = (Ca::new("root"), Executor::new(), Arc::new(AtomicUsize::new(0)));
    let servers = ["proxy.test", "a.test"].map(|name| server(&root.leaf([name])));
    let layer = TlsLayer::new(trusting(&root).build().unwrap());
    let (proxy, counted) = (layer.proxy_connector(), Arc::clone(&begun));
    // As a tunnel that needs no word with its proxy.
    let below = service_fn(move |route: Route| {
        let link = link(&route, Instant::new(&servers, &counted));
        let connecting = proxy.tls_connect(link, "proxy.test", route.ctx());
        async move {
            let mut link = connecting.await?;
            link.info.tls = None;
            Ok::<_, ConnectError>(link)
        }
    });
    let route = fixtures::route("https://a.test", [ADDR], executor.ctx());
    assert_eq!(begun_by_polls(&begun, layer.layer(below).connect(route)), [1, 1]);
}

#[tokio::test(start_paused = true)]
async fn the_handshakes_by_two_specs_are_of_two_polls() {
    let (root, executor, begun) = (Ca::new("root"), Executor::new(), Arc::new(AtomicUsize::new(0)));
    let servers = [tls12(&root.leaf(["a.test"]))];
    let config = trusting(&root).specs([ConnectionSpec::RESTRICTED, ConnectionSpec::MODERN]).build().unwrap();
    let counted = Arc::clone(&begun);
    let below = service_fn(move |route: Route| {
        let link = link(&route, Instant::new(&servers, &counted));
        async move { Ok::<_, ConnectError>(link) }
    });
    let route = fixtures::route("https://a.test", [ADDR], executor.ctx());
    assert_eq!(begun_by_polls(&begun, TlsLayer::new(config).layer(below).connect(route)), [1, 1]);
}
