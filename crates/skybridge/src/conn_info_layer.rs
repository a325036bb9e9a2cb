use crate::Body;
use http::Response;
use pin_project::pin_project;
use skybridge_core::{ConnInfo, Connection};
use skybridge_pool::PooledBody;
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tower::{Layer, Service};

/// Copies the facts of the connection into the extensions of each response, as an `Arc<ConnInfo>`: for whoever puts
/// another body around the connection's, which has them.
///
/// Belongs below the layer that does so: [above the pool](crate::ClientBuilder::above_pool), or
/// [above retry](crate::ClientBuilder::above_retry). [`ResponseExt::connection`](crate::ResponseExt::connection) looks
/// there too.
///
/// ```
/// # use skybridge_testkit::origin::Origin;
/// use http_body_util::BodyExt;
/// use skybridge::{Body, Client, ConnInfoLayer, ResponseExt, tower::util::MapResponseLayer};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), skybridge::Error> {
/// # let origin = Origin::h1().start().await;
/// # let url = origin.url("/");
/// let wrapped = |response: http::Response<Body>| response.map(|body| body.map_frame(|frame| frame));
/// let client = Client::builder()
///     .above_retry(MapResponseLayer::new(wrapped))
///     .above_retry(ConnInfoLayer::new())
///     .build();
/// assert!(client.get(&url).await?.connection().is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ConnInfoLayer;

/// The service of a [`ConnInfoLayer`].
#[derive(Clone, Debug)]
pub struct WithConnInfo<S>(S);

/// A request under way, whose response will have the facts of its connection.
#[pin_project]
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct WithConnInfoFuture<F>(#[pin] F);

/// A response's body that knows the connection that it comes by. Sealed: [`Body`], and the pool's.
pub trait KnowsConnection: sealed::Sealed {
    /// The facts of the connection, if it comes by one.
    fn connection(&self) -> Option<&Arc<ConnInfo>>;
}

mod sealed {
    pub trait Sealed {}
}

// === impl ConnInfoLayer ===

impl ConnInfoLayer {
    /// The layer.
    pub fn new() -> Self {
        Self
    }
}

impl<S> Layer<S> for ConnInfoLayer {
    type Service = WithConnInfo<S>;

    fn layer(&self, inner: S) -> WithConnInfo<S> {
        WithConnInfo(inner)
    }
}

// === impl WithConnInfo ===

impl<S, R, B> Service<R> for WithConnInfo<S>
where
    S: Service<R, Response = Response<B>>,
    B: KnowsConnection,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = WithConnInfoFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        WithConnInfoFuture(self.0.call(request))
    }
}

impl<F, B, E> Future for WithConnInfoFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: KnowsConnection,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut answered = ready!(self.project().0.poll(cx));
        if let Ok(response) = &mut answered
            && let Some(info) = response.body().connection().cloned()
        {
            response.extensions_mut().insert(info);
        }
        Poll::Ready(answered)
    }
}

// === impl KnowsConnection ===

impl sealed::Sealed for Body {}

impl KnowsConnection for Body {
    fn connection(&self) -> Option<&Arc<ConnInfo>> {
        self.connection()
    }
}

impl<C: Connection<B>, B> sealed::Sealed for PooledBody<C, B> {}

impl<C: Connection<B>, B> KnowsConnection for PooledBody<C, B> {
    fn connection(&self) -> Option<&Arc<ConnInfo>> {
        self.connection()
    }
}
