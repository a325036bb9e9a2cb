//! However an idle connection ends, the pool knows before it has the next request for it: that goes to another
//! connection at once, whatever its method, and nothing fails. In memory and on sockets, in cleartext and over TLS.
//! Also where the runtime had no time to look at its sockets in between.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use http::Request;
use skybridge::{
    Client, Endpoint, Event, EventKind, Observe, RequestBody, Roots, TlsConfig, TlsLayer,
    types::{CloseReason, sync::Mutex},
};
use skybridge_dns::Fixed;
use skybridge_testkit::{certs::Ca, h1::Script, net};
use skybridge_tests::{World, read};
use std::{any::Any, future::Future, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
};
use tokio_rustls::TlsAcceptor;

/// What the peer does with a connection that nobody uses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    Fin,
    Reset,
    Byte,
    /// TLS says that it ends, and the socket doesn't.
    CloseNotify,
}

const ENDS: [(End, CloseReason); 4] = [
    (End::Fin, CloseReason::PeerFin),
    (End::Reset, CloseReason::SocketFailed),
    (End::Byte, CloseReason::Unsolicited),
    (End::CloseNotify, CloseReason::PeerFin),
];

trait Socket: AsyncRead + AsyncWrite + Send + Unpin + Sized + 'static {
    fn reset(self);
}

impl Socket for TcpStream {
    fn reset(self) {
        socket2::SockRef::from(&self).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

#[cfg(unix)]
impl Socket for tokio::net::UnixStream {
    fn reset(self) {
        unreachable!("there are no resets")
    }
}

impl Socket for net::Conn {
    fn reset(self) {
        net::Conn::reset(&self);
    }
}

/// Ends the connection, and returns what is left of it, so that nothing else ends it.
async fn plainly<S: Socket>(mut socket: S, end: End) -> Box<dyn Any + Send> {
    match end {
        End::Fin => socket.shutdown().await.unwrap(),
        End::Byte => socket.write_all(b"x").await.unwrap(),
        End::Reset => {
            socket.reset();
            return Box::new(());
        }
        End::CloseNotify => unreachable!("for TLS"),
    }
    Box::new(socket)
}

async fn sealed<S: Socket>(mut tls: tokio_rustls::server::TlsStream<S>, end: End) -> Box<dyn Any + Send> {
    match end {
        // Without close_notify, which many leave out.
        End::Fin => tls.get_mut().0.shutdown().await.unwrap(),
        End::Byte => tls.write_all(b"x").await.unwrap(),
        End::Reset => {
            tls.into_inner().0.reset();
            return Box::new(());
        }
        End::CloseNotify => {
            tls.get_mut().1.send_close_notify();
            tls.flush().await.unwrap();
        }
    }
    Box::new(tls)
}

/// One request, whose connection ends so when it is told to, and says that it has; and another on the next connection.
async fn serve<S: Socket, F: Future<Output = S>>(
    accept: impl Fn() -> F,
    tls: Option<TlsAcceptor>,
    end: End,
    idle: oneshot::Receiver<()>,
    ended: impl FnOnce(),
) {
    let Some(tls) = tls else {
        let mut first = Script::new(accept().await);
        first.request().await;
        first.respond(200, "one").await;
        idle.await.unwrap();
        let _held = plainly(first.into_parts().0, end).await;
        ended();
        return second(accept().await).await;
    };
    let mut first = Script::new(tls.accept(accept().await).await.unwrap());
    first.request().await;
    first.respond(200, "one").await;
    idle.await.unwrap();
    let _held = sealed(first.into_parts().0, end).await;
    ended();
    second(tls.accept(accept().await).await.unwrap()).await;
}

async fn second(io: impl AsyncRead + AsyncWrite + Unpin) {
    let mut peer = Script::new(io);
    assert_eq!(peer.request().await.body(), "two?");
    peer.respond(200, "two").await;
}

/// Tells of each connection that closes, and counts tries that failed.
struct Watch {
    closed: mpsc::UnboundedSender<CloseReason>,
    retries: Mutex<usize>,
}

impl Observe for Watch {
    fn observe(&self, event: &Event<'_>) {
        match event.kind {
            EventKind::Closed(reason) => drop(self.closed.send(reason)),
            EventKind::RetryDecided { .. } => *self.retries.lock() += 1,
            _ => {}
        }
    }
}

fn watch() -> (Arc<Watch>, mpsc::UnboundedReceiver<CloseReason>) {
    let (closed, told) = mpsc::unbounded_channel();
    (Arc::new(Watch { closed, retries: Mutex::default() }), told)
}

async fn call(
    client: Client,
    url: &str,
    idle: oneshot::Sender<()>,
    mut told: mpsc::UnboundedReceiver<CloseReason>,
) -> CloseReason {
    assert_eq!(read(client.get(url)).await.unwrap(), "one");
    assert_eq!(client.stats().idle, 1);
    idle.send(()).unwrap();
    let reason = told.recv().await.unwrap();
    assert_eq!(client.stats().idle, 0);
    let request = Request::post(url).body(RequestBody::from("two?")).unwrap();
    assert_eq!(read(client.request(request)).await.unwrap(), "two");
    reason
}

fn cases() -> impl Iterator<Item = (bool, End, CloseReason)> {
    let of = |tls: bool| ENDS.into_iter().map(move |(end, reason)| (tls, end, reason));
    of(false).chain(of(true)).filter(|(tls, end, _)| *tls || *end != End::CloseNotify)
}

fn certificate() -> (TlsAcceptor, TlsLayer) {
    let ca = Ca::new("a root");
    let acceptor = Arc::new(ca.leaf(["a.test", "localhost"]).server(&["http/1.1"])).into();
    (acceptor, TlsLayer::new(TlsConfig::builder().roots(Roots::Given(vec![ca.der()])).build().unwrap()))
}

#[tokio::test(start_paused = true)]
async fn in_memory() {
    let (acceptor, layer) = certificate();
    for (tls, end, expected) in cases() {
        let world = World::new();
        let (watch, told) = watch();
        let client = world.builder().observer(watch.clone()).tls(layer.clone()).build();
        let (scheme, port) = if tls { ("https", 443) } else { ("http", 80) };
        let listener = world.net.listen(([192, 0, 2, 1], port).into());
        let (idle, is_idle) = oneshot::channel();
        let accept = || async { listener.accept().await.0 };
        let server = serve(accept, tls.then(|| acceptor.clone()), end, is_idle, || {});
        let url = format!("{scheme}://a.test/");
        let (reason, ()) = tokio::join!(call(client, &url, idle, told), server);
        assert_eq!((reason, *watch.retries.lock(), world.net.opened()), (expected, 0, 2), "tls {tls}, {end:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sockets() {
    let (acceptor, layer) = certificate();
    for (tls, end, expected) in cases() {
        let (watch, told) = watch();
        let client = Client::builder().observer(watch.clone()).tls(layer.clone()).build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if tls { "https" } else { "http" };
        let url = format!("{scheme}://localhost:{}/", listener.local_addr().unwrap().port());
        let (idle, is_idle) = oneshot::channel();
        let accept = || async { listener.accept().await.unwrap().0 };
        let server = serve(accept, tls.then(|| acceptor.clone()), end, is_idle, || {});
        let (reason, ()) = tokio::join!(call(client, &url, idle, told), server);
        assert_eq!((reason, *watch.retries.lock()), (expected, 0), "tls {tls}, {end:?}");
    }
}

/// Unix domain sockets, as what is sent there has arrived when that returns.
#[cfg(unix)]
#[tokio::test]
async fn on_sockets_that_nobody_had_time_to_look_at() {
    let (acceptor, layer) = certificate();
    let folder = tempfile::tempdir().unwrap();
    for (n, (tls, end, expected)) in cases().filter(|(_, end, _)| *end != End::Reset).enumerate() {
        let path = folder.path().join(n.to_string());
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        listener.set_nonblocking(true).unwrap();
        let (idle, is_idle) = oneshot::channel();
        let (has_ended, ended) = std::sync::mpsc::channel();
        let acceptor = tls.then(|| acceptor.clone());
        let server = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::UnixListener::from_std(listener).unwrap();
                let accept = || async { listener.accept().await.unwrap().0 };
                serve(accept, acceptor, end, is_idle, move || has_ended.send(()).unwrap()).await;
            });
        });
        let (watch, mut told) = watch();
        let resolver = Fixed::new([Endpoint::from(path)]);
        let client = Client::builder().resolver(resolver).observer(watch.clone()).tls(layer.clone()).build();
        let url = if tls { "https://a.test/" } else { "http://a.test/" };
        assert_eq!(read(client.get(url)).await.unwrap(), "one");
        assert_eq!(client.stats().idle, 1);
        idle.send(()).unwrap();
        // As a program does that computes: the thread is the only one.
        ended.recv().unwrap();
        let request = Request::post(url).body(RequestBody::from("two?")).unwrap();
        assert_eq!(read(client.request(request)).await.unwrap(), "two", "tls {tls}, {end:?}");
        assert_eq!(told.recv().await, Some(expected), "tls {tls}, {end:?}");
        server.join().unwrap();
    }
}
