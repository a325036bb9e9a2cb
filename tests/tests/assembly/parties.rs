//! Who is on the way, and what each of them got to read.

use http::{Response, Uri};
use hyper_util::{
    client::legacy::connect::{Connected, Connection},
    rt::TokioIo,
};
use skybridge::{
    Proxy, Roots, TlsConfig,
    types::{Endpoints, Route, Target},
};
use skybridge_testkit::{
    certs::Ca,
    executor::Executor,
    net::{Conn, Network},
    origin::Origin,
    proxy::{Builder, ProxyServer, Stream},
};
use std::{
    fmt, io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, LazyLock, Mutex},
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsAcceptor;

/// What is in every request, and nobody but its origin may read if that is `https`.
pub(crate) const SECRET: &str = "open-sesame";

/// How a route goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Way {
    Direct,
    HttpProxy,
    /// By a proxy that is spoken to over TLS.
    SealedProxy,
    Socks,
    /// By an HTTP proxy, and by a SOCKS proxy behind it.
    Chain,
    /// By what should be an HTTP proxy in cleartext, and speaks TLS with a certificate that is valid for the origin:
    /// who makes TLS with it before there is a tunnel tells it everything.
    Impostor,
}

/// Bytes that somebody got to read.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

pub(crate) struct Parties {
    pub(crate) net: Network,
    pub(crate) executor: Executor,
    /// For `http` and for `https`.
    pub(crate) origins: [Origin; 2],
    pub(crate) route: Vec<Proxy>,
    /// All that the client wrote, as it was on the wire.
    pub(crate) wire: Log,
    /// All that proxies read, once it was unsealed.
    pub(crate) proxies: Log,
    _proxies: Vec<ProxyServer>,
}

static AUTHORITY: LazyLock<Ca> = LazyLock::new(|| Ca::new("an authority"));

fn addr(addr: &str) -> SocketAddr {
    addr.parse().unwrap()
}

pub(crate) fn tls() -> TlsConfig {
    TlsConfig::builder().roots(Roots::Given(vec![AUTHORITY.der()])).build().unwrap()
}

impl Way {
    pub(crate) const ALL: [Self; 6] =
        [Self::Direct, Self::HttpProxy, Self::SealedProxy, Self::Socks, Self::Chain, Self::Impostor];

    fn route(self) -> Vec<Proxy> {
        let urls: &[&str] = match self {
            Self::Direct => &[],
            Self::HttpProxy | Self::Impostor => &["http://p.test:3128"],
            Self::SealedProxy => &["https://p.test:3128"],
            Self::Socks => &["socks5h://p.test:3128"],
            Self::Chain => &["http://p.test:3128", "socks5h://q.test:1080"],
        };
        urls.iter().map(|url| Proxy::parse(url).unwrap()).collect()
    }

    /// At `p.test`; nobody needs to be asked on a direct way.
    fn proxy(self, log: &Log) -> Builder {
        let log = log.clone();
        match self {
            Self::Socks => ProxyServer::socks5().wrapped(move |stream| log.clone().reading(Ok(stream))),
            Self::SealedProxy => ProxyServer::http().wrapped(tls_as("p.test", log)),
            Self::Impostor => ProxyServer::http().wrapped(tls_as("a.test", log)),
            _ => ProxyServer::http().wrapped(move |stream| log.clone().reading(Ok(stream))),
        }
    }
}

fn tls_as(name: &str, log: Log) -> impl Fn(Stream) -> skybridge::types::BoxFuture<io::Result<Stream>> + use<> {
    let acceptor = TlsAcceptor::from(Arc::new(AUTHORITY.leaf([name]).server(&["http/1.1"])));
    move |stream| {
        let (accepting, log) = (acceptor.accept(stream), log.clone());
        Box::pin(async move { log.reading(accepting.await.map(|stream| Box::new(stream) as Stream)).await })
    }
}

impl Parties {
    pub(crate) fn on(way: Way) -> Self {
        let (net, executor, wire, proxies) = (Network::new(), Executor::new(), Log::default(), Log::default());
        for (name, ip) in [("a.test", "192.0.2.1"), ("p.test", "192.0.2.7"), ("q.test", "192.0.2.8")] {
            net.host(name, [ip.parse().unwrap()]);
        }
        let hello = |_| async { Response::new("hello".to_owned()) };
        let origins = [
            Origin::h1().handle(hello).serve_on(net.listen(addr("192.0.2.1:80"))),
            Origin::h1().tls(&AUTHORITY.leaf(["a.test"])).handle(hello).serve_on(net.listen(addr("192.0.2.1:443"))),
        ];
        let first = way.proxy(&proxies).serve_on(net.listen(addr("192.0.2.7:3128")), &net);
        let second = Way::Socks.proxy(&proxies).serve_on(net.listen(addr("192.0.2.8:1080")), &net);
        Self { net, executor, origins, route: way.route(), wire, proxies, _proxies: vec![first, second] }
    }
}

impl Parties {
    /// Through all proxies, as a route layer would decide.
    pub(crate) fn route(&self, target: Target) -> Route {
        let first = match (&*self.route, target.origin().port()) {
            ([], port) => SocketAddr::new([192, 0, 2, 1].into(), port),
            (proxies, _) => SocketAddr::new([192, 0, 2, 7].into(), proxies[0].port),
        };
        let mut route = Route::direct(target, Endpoints::fixed([first.into()]));
        route.proxies = self.route.clone().into();
        route
    }
}

impl Log {
    /// Whether a secret came this far.
    pub(crate) fn has(&self, text: &str) -> bool {
        self.0.lock().unwrap().windows(text.len()).any(|window| window == text.as_bytes())
    }

    fn add(&self, bytes: &[u8]) {
        self.0.lock().unwrap().extend_from_slice(bytes);
    }

    async fn reading(self, stream: io::Result<Stream>) -> io::Result<Stream> {
        Ok(Box::new(Tapped { io: stream?, reads: Some(self), writes: None }))
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0.lock().unwrap()))
    }
}

/// A stream whose bytes are noted.
pub(crate) struct Tapped<I> {
    io: I,
    reads: Option<Log>,
    writes: Option<Log>,
}

impl<I> Tapped<I> {
    pub(crate) fn writing(io: I, log: &Log) -> Self {
        Self { io, reads: None, writes: Some(log.clone()) }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Tapped<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let poll = Pin::new(&mut self.io).poll_read(cx, buf);
        if let Some(log) = &self.reads {
            log.add(&buf.filled()[before..]);
        }
        poll
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Tapped<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.io).poll_write(cx, bytes);
        if let (Poll::Ready(Ok(written)), Some(log)) = (&poll, &self.writes) {
            log.add(&bytes[..*written]);
        }
        poll
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

impl Connection for Tapped<Conn> {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

/// Somebody else's connector at its most careless: opens a stream in cleartext, whatever the scheme, and says nothing
/// of it.
pub(crate) async fn careless(net: Network, wire: Log, uri: Uri) -> io::Result<TokioIo<Tapped<Conn>>> {
    let host = match uri.host().unwrap() {
        "a.test" => "192.0.2.1",
        "p.test" => "192.0.2.7",
        ip => ip,
    };
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    let conn = net.connect(SocketAddr::new(host.parse().unwrap(), port)).await?;
    Ok(TokioIo::new(Tapped::writing(conn, &wire)))
}
