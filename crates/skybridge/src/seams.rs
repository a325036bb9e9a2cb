//! Layers of one's own in the stack of a [`Client`](crate::Client): what [`ClientBuilder`](crate::ClientBuilder) puts
//! where, and the types that come of it. Rarely named: a client with such layers is a
//! [`Client<impl ClientStack>`](ClientStack).

pub use crate::{
    conn_info_layer::{KnowsConnection, WithConnInfo},
    handles::{Built, NoPool, PoolHandle},
    layered::Layered,
    stack::ClientStack,
    with_body::WithBody,
};

use crate::{
    Body, RequestBody,
    stack::{HttpPool, LeasedBody},
};
use bytes::Buf;
use http::{Request, Response};
use skybridge_core::{BoxError, Error, Failed};
use tower::{
    Layer, Service,
    layer::util::{Identity, Stack},
};

/// The user's layers of a [`ClientBuilder`](crate::ClientBuilder), by their places: each parameter is named after the
/// layer of the stack that it is directly above. [`Identity`] is none. The last one is no layer: it puts a
/// [connector](crate::ClientBuilder::connector) in place of race and dialer.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs, reason = "named after the layer that each is above")]
#[allow(clippy::module_name_repetitions, reason = "public by its own name")]
pub struct Seams<
    Retry = Identity,
    Pool = Identity,
    Route = Identity,
    Negotiate = Identity,
    Tls = Identity,
    Tunnel = Identity,
    Race = Identity,
    Dialer = Identity,
    Connector = Identity,
> {
    pub(crate) retry: Retry,
    pub(crate) pool: Pool,
    pub(crate) route: Route,
    pub(crate) negotiate: Negotiate,
    pub(crate) tls: Tls,
    pub(crate) tunnel: Tunnel,
    pub(crate) race: Race,
    pub(crate) dialer: Dialer,
    pub(crate) connector: Connector,
}

/// A layer that puts a service of one's own in place of all that is below, at whichever seam:
/// `above_tls(InPlace::new(connector))` is a connector that runs TLS by itself. What the builder is told of the layers
/// that it is in place of, such as pins, has no effect then: the service must do as much by itself.
#[derive(Clone, Copy, Debug)]
pub struct InPlace<C>(pub(crate) C);

impl<C> InPlace<C> {
    /// The layer.
    pub fn new(service: C) -> Self {
        Self(service)
    }
}

impl<S, C: Clone> Layer<S> for InPlace<C> {
    type Service = C;

    fn layer(&self, _: S) -> C {
        self.0.clone()
    }
}

/// Layers above the pool of a client: none, or such that carry a `Request<RequestBody>`. Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not belong between retry and pool",
    label = "a layer there makes a `tower::Service<Request<RequestBody>, Response = Response<_>> + Clone`",
    note = "its error is `Failed<Request<RequestBody>>`, or `BoxError`, so that a request can come back in it"
)]
pub trait AbovePool {
    /// The body of the responses.
    type Body;
    /// The pool with them.
    type Service;
    /// Puts them on the pool.
    fn put(&self, pool: HttpPool) -> Self::Service;
}

impl AbovePool for Identity {
    type Body = LeasedBody;
    type Service = HttpPool;

    fn put(&self, pool: HttpPool) -> HttpPool {
        pool
    }
}

impl<L, M, B> AbovePool for Stack<L, M>
where
    Self: Layer<
            WithBody<HttpPool>,
            Service: Service<
                Request<RequestBody>,
                Response = Response<B>,
                Error: Into<Failed<Request<RequestBody>>>,
            > + Clone,
        >,
    B: http_body::Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
{
    type Body = Body;
    type Service = Layered<<Self as Layer<WithBody<HttpPool>>>::Service, Failed<Request<RequestBody>>>;

    fn put(&self, pool: HttpPool) -> Self::Service {
        Layered::new(self.layer(WithBody::new(pool)))
    }
}

/// Layers above the retry layer of a client: none, or such that carry a `Request<RequestBody>`. Sealed.
pub trait AboveRetry<S> {
    /// The stack with them.
    type Service;
    /// Puts them on top.
    fn put(&self, stack: S) -> Self::Service;
}

impl<S> AboveRetry<S> for Identity {
    type Service = S;

    fn put(&self, stack: S) -> S {
        stack
    }
}

/// What comes of it is judged where it is built: see [`ClientStack`].
impl<S, L, M> AboveRetry<S> for Stack<L, M>
where
    Self: Layer<WithBody<S>>,
{
    type Service = Layered<<Self as Layer<WithBody<S>>>::Service, Error>;

    fn put(&self, stack: S) -> Self::Service {
        Layered::new(self.layer(WithBody::new(stack)))
    }
}
