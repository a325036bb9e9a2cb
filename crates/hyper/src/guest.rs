use crate::{
    error::{NoWayThrough, Unheard},
    guest_io::GuestIo,
};
use http::{Uri, uri::PathAndQuery};
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpInfo};
use skybridge_core::{
    Attempt, BoxError, BoxFuture, ConnInfo, ConnectError, Covers, Endpoint, Link, Origin, Phase, Protocol, Route,
    Scheme, TlsInfo,
};
use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// Any connector that was written for hyper-util's client, as one of ours.
///
/// It is both. As a *dialer*, below a `RaceLayer`, it is asked for `http://` and the address of one endpoint, and opens a socket. As a
/// *connector*, in place of TLS, tunnel and race, it is asked for the origin, `https://` too: then finding, opening and sealing are its own
/// business, and the endpoints of the route are not used. Refused is what it would not hear: a route with proxies, and the wishes for public
/// addresses only, for endpoints to dial, and for another name to verify. What it verified it doesn't say, so its connections never carry another
/// host.
#[derive(Clone, Debug)]
pub struct Guest<C>(C);

/// Verified by somebody who doesn't say for whom.
struct Nobody;

impl<C> Guest<C> {
    /// Welcomes it.
    pub fn new(connector: C) -> Self {
        Self(connector)
    }
}

impl<C, T> Guest<C>
where
    C: Service<Uri, Response = T>,
    C::Error: Into<BoxError>,
    T: Connection,
{
    async fn open(mut self, uri: Uri, attempt: &Attempt) -> Result<Link<GuestIo<T>>, ConnectError> {
        let phase = attempt.phase(Phase::Tcp);
        let opened = async {
            poll_fn(|cx| self.0.poll_ready(cx)).await?;
            self.0.call(uri).await
        };
        let io = match opened.await {
            Ok(io) => io,
            Err(error) => return Err(phase.fail(error.into())),
        };
        let connected = io.connected();
        let (local, remote) = addresses(&connected);
        let remote = remote.unwrap_or_else(|| attempt.endpoint.clone());
        let mut info = ConnInfo::new(attempt, local, remote);
        info.forwarded = connected.is_proxied();
        if connected.is_negotiated_h2() {
            info.tls = Some(sealed(Some(Protocol::Http2)));
        }
        info.timings.set(Phase::Tcp, phase.done());
        Ok(Link::new(GuestIo::new(io), info))
    }
}

/// What hyper-util's own connector tells of its socket; others may tell nothing.
fn addresses(connected: &Connected) -> (Option<std::net::SocketAddr>, Option<Endpoint>) {
    let mut extras = http::Extensions::new();
    connected.get_extras(&mut extras);
    let info = extras.get::<HttpInfo>();
    (info.map(HttpInfo::local_addr), info.map(|info| info.remote_addr().into()))
}

fn sealed(alpn: Option<Protocol>) -> TlsInfo {
    let mut tls = TlsInfo::new(Arc::new(Nobody));
    tls.alpn = alpn;
    tls
}

fn uri(scheme: Scheme, authority: &str) -> Result<Uri, http::Error> {
    let path = PathAndQuery::from_static("/");
    Uri::builder().scheme(scheme.as_str()).authority(authority).path_and_query(path).build()
}

impl<C, T> Service<Attempt> for Guest<C>
where
    C: Service<Uri, Response = T> + Clone + Send + 'static,
    C::Error: Into<BoxError> + Send,
    C::Future: Send,
    T: Read + Write + Connection + Send + Unpin + 'static,
{
    type Response = Link<GuestIo<T>>;
    type Error = ConnectError;
    type Future = BoxFuture<Result<Self::Response, ConnectError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        // The guest's readiness belongs to each connect: see `open`.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, attempt: Attempt) -> Self::Future {
        let guest = self.clone();
        Box::pin(async move {
            let uri =
                uri(Scheme::Http, &attempt.endpoint.to_string()).map_err(|error| attempt.failed(unnamed(error)))?;
            guest.open(uri, &attempt).await
        })
    }
}

impl<C, T> Service<Route> for Guest<C>
where
    C: Service<Uri, Response = T> + Clone + Send + 'static,
    C::Error: Into<BoxError> + Send,
    C::Future: Send,
    T: Read + Write + Connection + Send + Unpin + 'static,
{
    type Response = Link<GuestIo<T>>;
    type Error = ConnectError;
    type Future = BoxFuture<Result<Self::Response, ConnectError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, route: Route) -> Self::Future {
        Box::pin(self.clone().connect(route))
    }
}

impl<C, T> Guest<C>
where
    C: Service<Uri, Response = T>,
    C::Error: Into<BoxError>,
    T: Connection,
{
    async fn connect(self, mut route: Route) -> Result<Link<GuestIo<T>>, ConnectError> {
        if !route.hops.is_empty() {
            return Err(ConnectError::new(Phase::Tunnel, NoWayThrough).fatal());
        }
        if let Some(unheard) = Unheard::of(route.target.terms()) {
            return Err(ConnectError::new(Phase::Tcp, unheard).fatal());
        }
        // Told of as an attempt at the first endpoint: which one the guest takes is known when it says so.
        let first = poll_fn(|cx| route.endpoints.poll_more(cx)).await;
        let none = || ConnectError::new(Phase::Tcp, "the route has no endpoint");
        let endpoint = first.ok_or_else(|| route.endpoints.error().unwrap_or_else(none))?;
        let attempt = route.attempt(endpoint);
        let origin = attempt.route.target.origin().clone();
        let uri = uri(origin.scheme(), &origin.authority()).map_err(|error| attempt.failed(unnamed(error)))?;
        let mut link = self.open(uri, &attempt).await?;
        if origin.scheme() == Scheme::Https && link.info.tls.is_none() {
            link.info.tls = Some(sealed(None));
        }
        Ok(link)
    }
}

/// A unix socket has no URI.
fn unnamed(error: http::Error) -> ConnectError {
    ConnectError::new(Phase::Tcp, error)
}

impl Covers for Nobody {
    fn covers(&self, _: &Origin) -> bool {
        false
    }
}
