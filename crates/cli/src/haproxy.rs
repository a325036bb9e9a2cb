//! `--haproxy-protocol`: a header of the PROXY protocol, version 1, as the first bytes of each connection to an origin:
//! behind the tunnel of a proxy, as with curl, and before TLS. A proxy that forwards gets it itself.

use skybridge::{
    ConnectError, Phase,
    tower::{Layer, Service},
    types::{BoxFuture, ConnInfo, Connector, Link, Route},
};
use std::{
    net::{IpAddr, SocketAddr},
    task::{Context, Poll},
};
use tokio::io::AsyncWriteExt;

/// Says who connects to whom before anything else is said to the origin; without a header it says nothing.
#[derive(Clone)]
pub(crate) struct HaproxyLayer(pub(crate) Option<HaproxyHeader>);

#[derive(Clone)]
pub(crate) struct Haproxy<S> {
    connector: S,
    header: Option<HaproxyHeader>,
}

#[derive(Clone, Copy)]
pub(crate) struct HaproxyHeader {
    /// In place of our own address.
    pub(crate) client: Option<IpAddr>,
}

impl<S> Layer<S> for HaproxyLayer {
    type Service = Haproxy<S>;

    fn layer(&self, connector: S) -> Haproxy<S> {
        Haproxy { connector, header: self.0 }
    }
}

impl HaproxyHeader {
    fn line(self, info: &ConnInfo) -> String {
        match (info.local_addr, info.remote.inet()) {
            (Some(local), Some(remote)) => line(self.client, local, remote),
            // A Unix socket has no addresses.
            _ => "PROXY UNKNOWN\r\n".to_owned(),
        }
    }
}

fn line(client: Option<IpAddr>, local: SocketAddr, remote: SocketAddr) -> String {
    let (from, to) = (client.unwrap_or(local.ip()).to_canonical(), remote.ip().to_canonical());
    let family = match (from, to) {
        (IpAddr::V4(_), IpAddr::V4(_)) => "TCP4",
        (IpAddr::V6(_), IpAddr::V6(_)) => "TCP6",
        // Both addresses of a line are of one family.
        _ => return "PROXY UNKNOWN\r\n".to_owned(),
    };
    format!("PROXY {family} {from} {to} {} {}\r\n", local.port(), remote.port())
}

impl<S: Connector> Service<Route> for Haproxy<S>
where
    S::Future: Send + 'static,
{
    type Response = Link<S::Io>;
    type Error = ConnectError;
    type Future = BoxFuture<Result<Link<S::Io>, ConnectError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        self.connector.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, route: Route) -> Self::Future {
        let (connecting, header) = (self.connector.connect(route), self.header);
        Box::pin(async move {
            let mut link = connecting.await.map_err(Into::into)?;
            if let Some(header) = header {
                let line = header.line(&link.info);
                let written = async {
                    link.io.write_all(line.as_bytes()).await?;
                    link.io.flush().await
                };
                written.await.map_err(|error| ConnectError::new(Phase::Tcp, error))?;
            }
            Ok(link)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_of_one_family_and_ports_are_those_of_the_connection() {
        let rows = [
            (None, "192.0.2.7:5000", "192.0.2.1:443", "PROXY TCP4 192.0.2.7 192.0.2.1 5000 443"),
            (None, "[::ffff:192.0.2.7]:5000", "[::ffff:192.0.2.1]:443", "PROXY TCP4 192.0.2.7 192.0.2.1 5000 443"),
            (None, "[2001:db8::7]:5000", "[2001:db8::1]:443", "PROXY TCP6 2001:db8::7 2001:db8::1 5000 443"),
            (Some("10.0.0.9"), "192.0.2.7:5000", "192.0.2.1:443", "PROXY TCP4 10.0.0.9 192.0.2.1 5000 443"),
            (Some("::9"), "192.0.2.7:5000", "192.0.2.1:443", "PROXY UNKNOWN"),
        ];
        for (client, local, remote, expected) in rows {
            let client = client.map(|client| client.parse().unwrap());
            assert_eq!(line(client, local.parse().unwrap(), remote.parse().unwrap()), format!("{expected}\r\n"));
        }
    }
}
