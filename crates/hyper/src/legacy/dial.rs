use crate::{FromHyper, FromHyperIo, legacy::metadata::ConnectionMetadata};
use http::Uri;
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::Connection;
use skybridge_core::{BoxError, BoxFuture, ConnectError, Link, Protocol, Route};
use std::task::{Context, Poll};
use tower_service::Service;

/// Connects by a connector of hyper-util's kind, and keeps what that says of the connection among its facts.
#[derive(Clone, Debug)]
pub(crate) struct Dial<C>(FromHyper<C>);

impl<C> Dial<C> {
    /// The connector is called with the origin as it is, and trusted to run TLS for `https`, as with hyper-util.
    pub(crate) fn new(connector: C) -> Self {
        Self(FromHyper::with_tls(connector))
    }
}

impl<C, T> Service<Route> for Dial<C>
where
    C: Service<Uri, Response = T> + Clone + Send + 'static,
    C::Error: Into<BoxError> + Send,
    C::Future: Send,
    T: Read + Write + Connection + Send + Unpin + 'static,
{
    type Response = Link<FromHyperIo<T>>;
    type Error = ConnectError;
    type Future = BoxFuture<Result<Self::Response, ConnectError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Service::<Route>::poll_ready(&mut self.0, cx)
    }

    fn call(&mut self, route: Route) -> Self::Future {
        let opening = self.0.call(route);
        Box::pin(async move {
            let mut link = opening.await?;
            let connected = link.io.get_ref().connected();
            // By its word alone, in cleartext too.
            if connected.is_negotiated_h2() && link.info.tls.is_none() {
                link.info.protocol = Some(Protocol::Http2);
            }
            link.info.extensions.insert(ConnectionMetadata::new(connected));
            Ok(link)
        })
    }
}
