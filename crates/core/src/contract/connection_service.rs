//! A connection, and the handshake that makes it, as services: for pools and balancers that are not of this stack.

use super::lent_connection::{Lent, Place, Returning, closed};
use crate::{
    BoxError, ConnInfo, ConnectError, ConnectOptions, Connection, Delivery, Error, Failed, Handshake, KeyRef, Link,
    OriginRef, Phase, RequestOptions, Scheme,
};
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project::pin_project;
use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tower_service::Service;

/// One HTTP [`Connection`] as a `Service<Request<B>>`, for what takes such services: hyper-util's composable pools,
/// tower's balancers, a program with one connection. A pool of this stack uses the connection itself.
///
/// It is ready when the connection can carry one more exchange: HTTP/1.1 when the response before has been read to its
/// end, or dropped and what is left of it come; HTTP/2 always, and a request waits within its call for a stream. An
/// error of `poll_ready` is the end of the connection. The response's body holds the connection until its end. A call
/// that is dropped before its response closes a connection of HTTP/1.1, and resets the stream of HTTP/2.
///
/// Clones are of one connection, which closes after the last of them. One of HTTP/1.1 is had by one of them at a time:
/// from when it is ready until its response is read, or it is dropped.
///
/// No pool has chosen the connection for the request. So a request is refused, unsent, that asks for more protection
/// than the connection has ([`ConnInfo::fit_for_key`]), or for an `https` host that its certificate is not valid for.
pub struct ConnectionService<C, B> {
    /// For the next call, since it was ready.
    reserved: Option<Returning<C>>,
    place: Place<C>,
    _request: PhantomData<fn(B)>,
}

/// A [`Handshake`] as a `Service<Link<I>>` that makes a [`ConnectionService`] for requests with bodies of type `B`: of
/// `H1::new()`, `H2::new()` or one's own. On the runtime of the link.
pub struct HandshakeService<H, B> {
    handshake: H,
    _request: PhantomData<fn(B)>,
}

/// The future of a [`HandshakeService`].
#[pin_project]
#[must_use = "futures do nothing unless polled"]
pub struct HandshakeFuture<F, B> {
    #[pin]
    handshaking: F,
    _request: PhantomData<fn(B)>,
}

/// An exchange of a [`ConnectionService`], until its response's head is there.
#[must_use = "futures do nothing unless polled"]
pub struct ConnectionExchange<C, B> {
    connection: Lent<C>,
    /// Until it is sent.
    request: Option<Request<B>>,
}

/// The body of a response of a [`ConnectionService`]. It holds the connection until its end.
#[pin_project]
pub struct ConnectionBody<C, R> {
    #[pin]
    body: R,
    /// Given back after the body is dropped.
    connection: Returning<C>,
}

// === impl ConnectionService ===

impl<C, B> ConnectionService<C, B> {
    /// A service of this connection.
    pub fn new(connection: C) -> Self {
        Self::at(Place::of(connection))
    }

    fn at(place: Place<C>) -> Self {
        Self { reserved: None, place, _request: PhantomData }
    }
}

impl<C, B> Service<Request<B>> for ConnectionService<C, B>
where
    C: Connection<B> + Unpin,
{
    type Response = Response<ConnectionBody<C, C::Body>>;
    type Error = Failed<Request<B>>;
    type Future = ConnectionExchange<C, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let reserved = match &mut self.reserved {
            Some(reserved) => reserved,
            none => none.insert(Returning(ready!(self.place.poll_lent::<B>(cx)).map_err(Failed::lost)?)),
        };
        let Some(connection) = &mut reserved.0.connection else { return Poll::Ready(Err(Failed::lost(closed()))) };
        let ready = ready!(connection.poll_ready(cx));
        if ready.is_err() {
            // The others are told by it, too.
            self.reserved = None;
        }
        Poll::Ready(ready.map_err(Failed::lost))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let connection = match self.reserved.take() {
            Some(mut reserved) => reserved.0.take(),
            None => Lent::none(),
        };
        ConnectionExchange { connection, request: Some(request) }
    }
}

impl<C, B> Clone for ConnectionService<C, B> {
    fn clone(&self) -> Self {
        Self::at(self.place.another())
    }
}

impl<C, B> fmt::Debug for ConnectionService<C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionService").field("is_reserved", &self.reserved.is_some()).finish_non_exhaustive()
    }
}

/// Whether the connection protects a request as that asks to be: what a pool's key sees to.
fn protects<B>(info: &ConnInfo, request: &Request<B>) -> Result<(), Error> {
    let none = ConnectOptions::default();
    let unsent = |error: BoxError| Error::new(Delivery::Unsent, Phase::Acquire, error);
    if request.uri().scheme().is_none() {
        return Ok(());
    }
    let origin = OriginRef::of(request.uri()).map_err(|error| unsent(error.into()))?;
    let options = request.extensions().get().map_or(&none, |options: &RequestOptions| &options.connect_options);
    let own = &*info.route.target.key;
    let key = KeyRef::of(origin, options);
    if key.origin == own.origin.as_ref() && (*options == none || *options == own.connect_options) {
        return Ok(());
    }
    let key = key.to_owned().map_err(|error| unsent(error.into()))?;
    info.fit_for_key(&key).map_err(|unfit| unsent(unfit.into()))?;
    let is_covered = || info.tls.as_ref().is_some_and(|tls| tls.covers.covers(&key.origin));
    if key.origin != own.origin && key.origin.scheme() == Scheme::Https && !is_covered() {
        let error = "the certificate of the connection is not valid for the request's host";
        return Err(unsent(error.into()).to(&key.origin));
    }
    Ok(())
}

// === impl HandshakeService ===

impl<H, B> HandshakeService<H, B> {
    /// A service of this handshake.
    pub fn new(handshake: H) -> Self {
        Self { handshake, _request: PhantomData }
    }
}

impl<H, I, B> Service<Link<I>> for HandshakeService<H, B>
where
    H: Handshake<I>,
{
    type Response = ConnectionService<H::Connection, B>;
    type Error = ConnectError;
    type Future = HandshakeFuture<H::Future, B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, link: Link<I>) -> Self::Future {
        let ctx = link.info.route.ctx().clone();
        HandshakeFuture { handshaking: self.handshake.handshake(link, &ctx), _request: PhantomData }
    }
}

impl<H: Clone, B> Clone for HandshakeService<H, B> {
    fn clone(&self) -> Self {
        Self::new(self.handshake.clone())
    }
}

impl<H: fmt::Debug, B> fmt::Debug for HandshakeService<H, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HandshakeService").field(&self.handshake).finish()
    }
}

impl<F, C, B> Future for HandshakeFuture<F, B>
where
    F: Future<Output = Result<C, ConnectError>>,
{
    type Output = Result<ConnectionService<C, B>, ConnectError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().handshaking.poll(cx).map_ok(ConnectionService::new)
    }
}

impl<F, B> fmt::Debug for HandshakeFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakeFuture").finish_non_exhaustive()
    }
}

// === impl ConnectionExchange ===

impl<C: Unpin, B> Unpin for ConnectionExchange<C, B> {}

impl<C, B> Future for ConnectionExchange<C, B>
where
    C: Connection<B> + Unpin,
{
    type Output = Result<Response<ConnectionBody<C, C::Body>>, Failed<Request<B>>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let Some(connection) = &mut this.connection.connection else {
            let error = Error::new(Delivery::Unsent, Phase::Acquire, "the service was called before it was ready");
            return Poll::Ready(Err(Failed::new(error, this.request.take().map(Box::new))));
        };
        if this.request.is_some() {
            if let Err(error) = ready!(connection.poll_ready(cx)) {
                this.connection.give_back();
                return Poll::Ready(Err(Failed::new(error, this.request.take().map(Box::new))));
            }
            if let Some(Err(error)) = this.request.as_ref().map(|request| protects(connection.info(), request)) {
                this.connection.give_back();
                return Poll::Ready(Err(Failed::new(error, this.request.take().map(Box::new))));
            }
            connection.start_from(&mut this.request);
        }
        match ready!(connection.poll_response(cx)) {
            Ok(response) => {
                let connection = this.connection.take();
                Poll::Ready(Ok(response.map(|body| ConnectionBody::new(body, connection))))
            }
            Err(failed) => {
                this.connection.give_back();
                Poll::Ready(Err(failed))
            }
        }
    }
}

impl<C, B> Drop for ConnectionExchange<C, B> {
    fn drop(&mut self) {
        if self.request.is_some() {
            // Nothing was begun on it.
            self.connection.give_back();
        }
    }
}

impl<C, B> fmt::Debug for ConnectionExchange<C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionExchange").field("sent", &self.request.is_none()).finish_non_exhaustive()
    }
}

// === impl ConnectionBody ===

impl<C, R: Body> ConnectionBody<C, R> {
    fn new(body: R, mut connection: Lent<C>) -> Self {
        if body.is_end_stream() {
            connection.give_back();
        }
        Self { body, connection: Returning(connection) }
    }
}

impl<C, R> Body for ConnectionBody<C, R>
where
    R: Body<Data = Bytes, Error: Into<BoxError>>,
{
    type Data = Bytes;
    type Error = R::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, R::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.body.as_mut().poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) || this.body.is_end_stream() {
            this.connection.0.give_back();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<C, R> fmt::Debug for ConnectionBody<C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionBody").finish_non_exhaustive()
    }
}
