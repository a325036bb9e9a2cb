use crate::{
    error::{OptionUnsupported, ProxyUnsupported},
    from_hyper_io::FromHyperIo,
};
use http::{Uri, uri::PathAndQuery};
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpInfo};
use skybridge_core::{
    Attempt, BoxError, BoxFuture, ConnInfo, ConnectError, Endpoint, Link, Origin, Phase, Protocol, Route, Scheme,
    TlsInfo,
};
use std::{
    future::poll_fn,
    task::{Context, Poll},
};
use tower_service::Service;

/// Any connector that was written for hyper-util's client, as one of ours.
///
/// It is both. As a *dialer*, below a `RaceLayer`, it is asked for `http://` and the address of one endpoint, and opens a socket. As a
/// *connector*, in place of tunnel and race, it is asked for the origin: then finding and opening are its own business, and the endpoints of the
/// route are not used. Refused is what it would not hear: a route with proxies, and the wishes for public addresses only, for endpoints to dial,
/// and for another name to verify.
///
/// A connector doesn't say whether it seals `https`, so whoever uses it does, by [`new`](Self::new) or [`with_tls`](Self::with_tls).
#[derive(Clone, Debug)]
pub struct FromHyper<C> {
    connector: C,
    seals: bool,
}

impl<C> FromHyper<C> {
    /// It opens streams, and seals none, such as hyper-util's `HttpConnector`: for an `https` origin it is asked for `http://` and the origin's
    /// port, and a `TlsLayer` above seals what it opens. Without one, `https` is refused ([`Unfit::TlsMissing`](skybridge_core::Unfit)).
    ///
    /// What speaks HTTP/2 in cleartext is a [wish](skybridge_core::Want::Http2); that a connector calls it negotiated is of no effect here.
    pub fn new(connector: C) -> Self {
        Self { connector, seals: false }
    }

    /// It seals `https` by itself, such as hyper-rustls' `HttpsConnector`, in place of TLS, tunnel and race: it is asked for `https://`, and its
    /// word is taken. **If it doesn't seal, requests for `https` leave in cleartext.** A `TlsLayer` above is one too many.
    ///
    /// Whom it verified it doesn't say, so its connections never carry another host.
    pub fn with_tls(connector: C) -> Self {
        Self { connector, seals: true }
    }
}

impl<C, T> FromHyper<C>
where
    C: Service<Uri, Response = T>,
    C::Error: Into<BoxError>,
    T: Connection,
{
    /// By a URI whose scheme says whether it is to seal.
    async fn open(mut self, uri: Uri, attempt: &Attempt) -> Result<Link<FromHyperIo<T>>, ConnectError> {
        let seals = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
        let phase = attempt.phase(Phase::Tcp);
        let opened = async {
            poll_fn(|cx| self.connector.poll_ready(cx)).await?;
            self.connector.call(uri).await
        };
        let io = match opened.await {
            Ok(io) => io,
            Err(error) => return Err(phase.fail(error.into())),
        };
        let connected = io.connected();
        let (local, remote) = addresses(&connected);
        let remote = remote.unwrap_or_else(|| attempt.endpoint.clone());
        let mut info = ConnInfo::new(attempt, local, remote);
        // hyper's client does the same: what is sealed was sent through a tunnel, the rest is forwarded.
        (info.tunnelled, info.forwarded) = (connected.is_proxied() && seals, connected.is_proxied() && !seals);
        if seals {
            let mut tls = TlsInfo::unknown();
            tls.alpn = connected.is_negotiated_h2().then_some(Protocol::Http2);
            info.tls = Some(tls);
        }
        info.timings.set(Phase::Tcp, phase.done());
        Ok(Link::new(FromHyperIo::new(io), info))
    }
}

/// What hyper-util's own connector tells of its socket; others may tell nothing.
fn addresses(connected: &Connected) -> (Option<std::net::SocketAddr>, Option<Endpoint>) {
    let mut extras = http::Extensions::new();
    connected.get_extras(&mut extras);
    let info = extras.get::<HttpInfo>();
    (info.map(HttpInfo::local_addr), info.map(|info| info.remote_addr().into()))
}

fn uri(scheme: Scheme, authority: &str) -> Result<Uri, http::Error> {
    let path = PathAndQuery::from_static("/");
    Uri::builder().scheme(scheme.as_str()).authority(authority).path_and_query(path).build()
}

impl<C, T> Service<Attempt> for FromHyper<C>
where
    C: Service<Uri, Response = T> + Clone + Send + 'static,
    C::Error: Into<BoxError> + Send,
    C::Future: Send,
    T: Read + Write + Connection + Send + Unpin + 'static,
{
    type Response = Link<FromHyperIo<T>>;
    type Error = ConnectError;
    type Future = BoxFuture<Result<Self::Response, ConnectError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        // The guest's readiness belongs to each connect: see `open`.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, attempt: Attempt) -> Self::Future {
        let from_hyper = self.clone();
        Box::pin(async move {
            // Written down, the path of a unix socket may read as a host and a port.
            let Some(address) = attempt.endpoint.inet() else {
                return Err(attempt.failed(ConnectError::new(Phase::Tcp, OptionUnsupported::UnixSocket)));
            };
            let uri = uri(Scheme::Http, &address.to_string()).map_err(|error| attempt.failed(unnamed(error)))?;
            from_hyper.open(uri, &attempt).await
        })
    }
}

impl<C, T> Service<Route> for FromHyper<C>
where
    C: Service<Uri, Response = T> + Clone + Send + 'static,
    C::Error: Into<BoxError> + Send,
    C::Future: Send,
    T: Read + Write + Connection + Send + Unpin + 'static,
{
    type Response = Link<FromHyperIo<T>>;
    type Error = ConnectError;
    type Future = BoxFuture<Result<Self::Response, ConnectError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, route: Route) -> Self::Future {
        Box::pin(self.clone().connect(route))
    }
}

impl<C, T> FromHyper<C>
where
    C: Service<Uri, Response = T>,
    C::Error: Into<BoxError>,
    T: Connection,
{
    async fn connect(self, mut route: Route) -> Result<Link<FromHyperIo<T>>, ConnectError> {
        if !route.proxies.is_empty() {
            return Err(ConnectError::new(Phase::Tunnel, ProxyUnsupported).fatal());
        }
        if let Some(unheard) = OptionUnsupported::of(route.target.connect_options()) {
            return Err(ConnectError::new(Phase::Tcp, unheard).fatal());
        }
        // Told of as an attempt at the first endpoint: which one the guest takes is known when it says so.
        let first = poll_fn(|cx| route.endpoints.poll_more(cx)).await;
        let none = || ConnectError::new(Phase::Tcp, "the route has no endpoint");
        let endpoint = first.ok_or_else(|| route.endpoints.error().unwrap_or_else(none))?;
        let attempt = route.attempt(endpoint);
        let uri = self.place(attempt.route.target.origin()).map_err(|error| attempt.failed(unnamed(error)))?;
        self.open(uri, &attempt).await
    }

    /// Where it is to connect to. The port is named: to `http://` it would be another one.
    fn place(&self, origin: &Origin) -> Result<Uri, http::Error> {
        match origin.scheme() {
            Scheme::Https if !self.seals => uri(Scheme::Http, &format!("{}:{}", origin.host(), origin.port())),
            scheme => uri(scheme, &origin.authority()),
        }
    }
}

/// An IPv6 address with a zone has no URI.
fn unnamed(error: http::Error) -> ConnectError {
    ConnectError::new(Phase::Tcp, error)
}
