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

/// Adapts a connector written for hyper-util's client to this stack. As a *dialer*, below a `RaceLayer`, it is called
/// with `http://` and the address of one endpoint, and opens a socket. As a *connector*, in place of tunnel and race,
/// it is called with the origin: it resolves and connects by itself, and the endpoints of the route are not used, so
/// that above it belongs a `RouteLayer::unresolved`, which looks up none (`examples/any_connector.rs`: pool and retry
/// over any `Service<Uri>`). A connector doesn't say whether it runs TLS for `https`, so its user does, by
/// [`new`](Self::new) or [`with_tls`](Self::with_tls).
///
/// A route whose options such a connector can't honour is refused: proxies, limits of egress, endpoints to dial,
/// another server name, and, where it runs TLS, a name that must be hidden by ECH. A
/// [partition](skybridge_core::Partition) keeps connections apart, but not what the connector keeps by itself, such as
/// TLS sessions.
#[derive(Clone, Debug)]
pub struct FromHyper<C> {
    connector: C,
    does_tls: bool,
}

impl<C> FromHyper<C> {
    /// Adapts a connector without TLS, such as hyper-util's `HttpConnector`: for an `https` origin it is called with
    /// `http://` and the origin's port, and a `TlsLayer` above runs TLS on its stream. Without one, `https` is refused
    /// ([`Unfit::TlsMissing`](skybridge_core::Unfit)). HTTP/2 in cleartext is an [option of the
    /// request](skybridge_core::HttpVersions::Http2): a connector that reports it as negotiated has no effect.
    pub fn new(connector: C) -> Self {
        Self { connector, does_tls: false }
    }

    /// Adapts a connector that runs TLS for `https` by itself, such as hyper-rustls' `HttpsConnector`, in place of TLS,
    /// tunnel and race: it is called with `https://`, and trusted to do so. **If it doesn't, requests for `https` leave
    /// in cleartext.** A `TlsLayer` above it is refused. It doesn't say what its certificates cover, so its connections
    /// are never coalesced.
    pub fn with_tls(connector: C) -> Self {
        Self { connector, does_tls: true }
    }
}

impl<C, T> FromHyper<C>
where
    C: Service<Uri, Response = T>,
    C::Error: Into<BoxError>,
    T: Connection,
{
    /// Connects to a URI, whose scheme says whether the connector runs TLS. `told` is where that leads to: all that is
    /// known of the peer, if the connector doesn't tell its address.
    async fn open(mut self, uri: Uri, attempt: &Attempt, told: Endpoint) -> Result<Link<FromHyperIo<T>>, ConnectError> {
        let does_tls = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
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
        let mut info = ConnInfo::new(attempt, local, remote.unwrap_or(told));
        // As hyper's client takes it: a proxy tunnels TLS, and forwards the rest.
        (info.tunnelled, info.forwarded) = (connected.is_proxied() && does_tls, connected.is_proxied() && !does_tls);
        if does_tls {
            let mut tls = TlsInfo::unknown();
            tls.alpn = connected.is_negotiated_h2().then_some(Protocol::Http2);
            info.tls = Some(tls);
        }
        info.timings.set(Phase::Tcp, phase.done());
        Ok(Link::new(FromHyperIo::new(io), info))
    }
}

/// The addresses of the socket, which hyper-util's own connector reports; others may not.
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
        // The connector's readiness is polled by each connect: see `open`.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, attempt: Attempt) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let authority = match &attempt.endpoint {
                named @ (Endpoint::Inet(_) | Endpoint::Name { .. }) => named.to_string(),
                // As text, the path of a unix socket could be taken for a host and a port.
                _ => return Err(attempt.failed(ConnectError::new(Phase::Tcp, OptionUnsupported::UnixSocket))),
            };
            let uri = uri(Scheme::Http, &authority).map_err(|error| attempt.failed(invalid_uri(error)))?;
            let told = attempt.endpoint.clone();
            this.open(uri, &attempt, told).await
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
        let runs_tls = self.does_tls && route.target.origin().scheme() == Scheme::Https;
        if let Some(unsupported) = OptionUnsupported::of(route.target.connect_options(), runs_tls) {
            return Err(ConnectError::new(Phase::Tcp, unsupported).fatal());
        }
        let (origin, egress) = (route.target.origin(), &route.target.connect_options().egress);
        if let Err(refused) = egress.check_cleartext(origin) {
            return Err(ConnectError::new(Phase::Tcp, refused).fatal());
        }
        // Reported as an attempt at the first endpoint: which one the connector takes is known only afterwards.
        let first = poll_fn(|cx| route.endpoints.poll_more(cx)).await;
        let none = || ConnectError::new(Phase::Tcp, "the route has no endpoint");
        let endpoint = first.ok_or_else(|| route.endpoints.error().unwrap_or_else(none))?;
        let attempt = route.attempt(endpoint);
        let origin = attempt.route.target.origin();
        let uri = self.uri_of(origin).map_err(|error| attempt.failed(invalid_uri(error)))?;
        // Not the route's endpoint: the connector may have found another, and a wrong address lets a connection carry
        // the requests of others.
        let told = Endpoint::of(origin);
        self.open(uri, &attempt, told).await
    }

    /// The URI to call the connector with. It names the port, as the default of `http://` may not be the origin's.
    fn uri_of(&self, origin: &Origin) -> Result<Uri, http::Error> {
        match origin.scheme() {
            Scheme::Https if !self.does_tls => uri(Scheme::Http, &format!("{}:{}", origin.host(), origin.port())),
            scheme => uri(scheme, &origin.authority()),
        }
    }
}

/// The address can't be written as a URI, as an IPv6 address with a zone can't.
fn invalid_uri(error: http::Error) -> ConnectError {
    ConnectError::new(Phase::Tcp, error)
}
