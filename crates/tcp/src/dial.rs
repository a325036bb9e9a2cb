use crate::{TcpIo, options::Options};
use skybridge_core::{Attempt, ConnInfo, ConnectError, Endpoint, Link, Phase, ProxyKind, Route, Scheme};
use std::{io, net::SocketAddr};

/// Opens the socket of one attempt.
pub(crate) async fn dial(options: Options, attempt: Attempt) -> Result<Link<TcpIo>, ConnectError> {
    let guard = attempt.phase(Phase::Tcp);
    match open(&options, &attempt).await {
        Ok((io, local)) => {
            let mut info = ConnInfo::new(&attempt, local, attempt.endpoint.clone());
            info.timings.set(Phase::Tcp, guard.done());
            Ok(Link::new(io, info))
        }
        Err(error) => Err(guard.fail(error)),
    }
}

async fn open(options: &Options, attempt: &Attempt) -> Result<(TcpIo, Option<SocketAddr>), ConnectError> {
    match &attempt.endpoint {
        Endpoint::Inet(remote) => {
            let stream = options.socket(*remote, begins_with_tls(&attempt.route))?.connect(*remote).await?;
            options.tune(&stream)?;
            let local = stream.local_addr().ok();
            Ok((stream.into(), local))
        }
        #[cfg(unix)]
        Endpoint::Unix(path) => Ok((tokio::net::UnixStream::connect(path).await?.into(), None)),
        Endpoint::Name { .. } => {
            let what = "nobody has looked up its name: `RouteLayer::unresolved` is for connectors that do";
            Err(io::Error::new(io::ErrorKind::Unsupported, what).into())
        }
        other => {
            let what = format!("{other} is not supported on this system");
            Err(io::Error::new(io::ErrorKind::Unsupported, what).into())
        }
    }
}

/// Whether the first bytes on the socket are a ClientHello, which does no harm if it arrives twice (RFC 7413, section
/// 6.3.2). A request might.
fn begins_with_tls(route: &Route) -> bool {
    match route.proxies.first() {
        Some(proxy) => proxy.kind == ProxyKind::Https,
        None => route.target.origin().scheme() == Scheme::Https,
    }
}
