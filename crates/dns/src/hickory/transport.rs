//! What hickory asks servers over: UDP and TCP as they are, or DNS over TLS (RFC 7858), which is DNS over TCP on a
//! stream with TLS of ours. Then nothing is sent in cleartext.

use super::{failure::Failure, udp::Connected};
use hickory_resolver::{
    config::ConnectionConfig,
    net::{
        NetError,
        runtime::{RuntimeProvider, TokioHandle, TokioRuntimeProvider, TokioTime, iocompat::AsyncIoTokioAsStd},
    },
};
use skybridge_core::{
    BoxFuture, ConnInfo, ConnectError, ConnectOptions, Ctx, Endpoint, Endpoints, Io, Key, Link, OriginRef, Phase,
    Route, Runtime, Scheme, Target, TlsConnect, timeout,
};
use std::{
    collections::HashMap,
    fmt::Display,
    io::{Error, ErrorKind, Result},
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{Arc, OnceLock},
    time::Duration,
};
// Hickory asks for tokio's sockets.
use tokio::net::TcpStream;

/// How long a TLS handshake may take, where hickory doesn't say.
const HANDSHAKE: Duration = Duration::from_secs(5);

#[derive(Clone, Default)]
pub(super) struct Transport {
    tokio: TokioRuntimeProvider,
    tls: Option<Arc<dyn Secures>>,
    /// That of the first query.
    runtime: Arc<OnceLock<Arc<dyn Runtime>>>,
    failure: Failure,
}

/// Puts TLS on a stream to a server.
trait Secures: Send + Sync {
    fn secure(&self, tcp: TcpStream, to: SocketAddr, limit: Duration, ctx: Ctx) -> Securing;
}

struct OverTls<T> {
    connector: T,
    /// The name that each server proves to be, and what stands for it in the facts of the link.
    servers: HashMap<SocketAddr, (Box<str>, Arc<Key>)>,
}

pub(super) trait DnsIo: Io + Sync {}

impl<T: Io + Sync> DnsIo for T {}

type Stream = Box<dyn DnsIo>;

type Securing = BoxFuture<std::result::Result<Stream, ConnectError>>;

// === impl Transport ===

impl Transport {
    /// TLS to each of these servers, which proves to have this name.
    ///
    /// # Errors
    /// `InvalidInput` when a name is none, or an address has two.
    pub(super) fn over_tls<T>(servers: &[(SocketAddr, Box<str>)], connector: T) -> Result<Self>
    where
        T: TlsConnect<TcpStream> + Sync,
        T::Io: Sync,
    {
        let mut named = HashMap::new();
        for (addr, name) in servers {
            let wrong = |why: &dyn Display| Error::new(ErrorKind::InvalidInput, format!("DNS server {addr}: {why}"));
            let host = match name.parse::<IpAddr>() {
                Ok(IpAddr::V6(ip)) => format!("[{ip}]"),
                _ => name.to_string(),
            };
            let authority = format!("{host}:{}", addr.port());
            let origin = OriginRef::parse(Scheme::Https, &authority).and_then(OriginRef::to_owned);
            let origin = origin.map_err(|error| wrong(&error))?;
            let key = Arc::new(Key::new(origin, ConnectOptions::default()));
            if named.insert(*addr, (name.clone(), key)).is_some_and(|(other, _)| other != *name) {
                return Err(wrong(&"it has two names"));
            }
        }
        let tls: Arc<dyn Secures> = Arc::new(OverTls { connector, servers: named });
        Ok(Self { tls: Some(tls), ..Self::default() })
    }

    pub(super) fn protocols(&self) -> Vec<ConnectionConfig> {
        match self.tls {
            None => vec![ConnectionConfig::udp(), ConnectionConfig::tcp()],
            Some(_) => vec![ConnectionConfig::tcp()],
        }
    }

    /// With whose clock and tasks TLS runs, unless there is one.
    pub(super) fn runs_on(&self, runtime: &Arc<dyn Runtime>) {
        self.runtime.get_or_init(|| Arc::clone(runtime));
    }

    /// The error of a query, with the reason why there is no connection.
    pub(super) fn explain(&self, error: NetError) -> NetError {
        self.failure.explain(error)
    }
}

impl RuntimeProvider for Transport {
    type Handle = TokioHandle;
    type Timer = TokioTime;
    type Udp = Connected;
    type Tcp = AsyncIoTokioAsStd<Stream>;

    fn create_handle(&self) -> TokioHandle {
        self.tokio.create_handle()
    }

    fn connect_tcp(
        &self,
        to: SocketAddr,
        from: Option<SocketAddr>,
        limit: Option<Duration>,
    ) -> Pin<Box<dyn Future<Output = Result<Self::Tcp>> + Send>> {
        let connecting = self.tokio.connect_tcp(to, from, limit);
        let (tls, runtime, failure) = (self.tls.clone(), self.runtime.get().cloned(), self.failure.clone());
        Box::pin(async move {
            let Some(tls) = tls else {
                let tcp = connecting.await.map_err(|error| failure.note(to, error))?;
                return Ok(AsyncIoTokioAsStd(Box::new(tcp.0) as Stream));
            };
            let runtime = runtime.ok_or_else(|| Error::other("nothing has been asked yet"))?;
            let secured = match connecting.await {
                Ok(tcp) => tls.secure(tcp.0, to, limit.unwrap_or(HANDSHAKE), Ctx::new(runtime)).await,
                Err(error) => Err(ConnectError::new(Phase::Tcp, error)),
            };
            failure.set(secured.as_ref().err().cloned());
            secured.map(AsyncIoTokioAsStd).map_err(Error::other)
        })
    }

    fn bind_udp(&self, from: SocketAddr, to: SocketAddr) -> Pin<Box<dyn Future<Output = Result<Self::Udp>> + Send>> {
        Box::pin(Connected::bind(from, to, self.failure.clone()))
    }
}

// === impl OverTls ===

impl<T> Secures for OverTls<T>
where
    T: TlsConnect<TcpStream> + Sync,
    T::Io: Sync,
{
    fn secure(&self, tcp: TcpStream, to: SocketAddr, limit: Duration, ctx: Ctx) -> Securing {
        let Some((name, key)) = self.servers.get(&to).cloned() else {
            let error = Error::new(ErrorKind::NotFound, "the server has no name");
            return Box::pin(async { Err(ConnectError::new(Phase::Tls, error)) });
        };
        let connector = self.connector.clone();
        Box::pin(async move {
            let endpoint = Endpoint::from(to);
            let route = Route::direct(Target::new(key, ctx.clone()), Endpoints::fixed([endpoint.clone()]));
            let info = ConnInfo::new(&route.attempt(endpoint.clone()), tcp.local_addr().ok(), endpoint);
            let securing = connector.tls_connect(Link::new(tcp, info), &name, &ctx);
            match timeout(&ctx, Phase::Tls, limit, securing).await {
                Ok(Ok(link)) => Ok(Box::new(link.io) as Stream),
                Ok(Err(error)) => Err(error),
                Err(timed_out) => Err(timed_out.into()),
            }
        })
    }
}
