use http::{Request, Response};
use skybridge_core::Failed;
use tower_service::Service;

/// Trait alias: a service that carries requests, and whose errors may return them. Implement `Service`, bound on this.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not carry a `Request<{B}>`",
    label = "a retry layer belongs directly above what carries requests",
    note = "that is a `tower::Service<Request<B>, Response = Response<_>, Error = Failed<Request<B>>> + Clone`, such as `PoolLayer` makes of a planner",
    note = "a layer in between that makes another error of it, in which no request comes back, belongs above the retry layer",
    note = "from the top: RetryLayer, PoolLayer, RouteLayer, NegotiateLayer, TlsLayer, TunnelLayer, RaceLayer, Tcp"
)]
pub trait RequestService<B>: Clone {
    /// The body of its responses.
    type Body;
}

/// An error that may return the request: [`Failed`], or what a foreign layer made of it.
pub trait ReturnsRequest<B>: Into<Failed<Request<B>>> {}

#[diagnostic::do_not_recommend]
impl<B, E: Into<Failed<Request<B>>>> ReturnsRequest<B> for E {}

#[diagnostic::do_not_recommend]
impl<S, B, T> RequestService<B> for S
where
    S: Service<Request<B>, Response = Response<T>> + Clone,
    S::Error: ReturnsRequest<B>,
{
    type Body = T;
}
