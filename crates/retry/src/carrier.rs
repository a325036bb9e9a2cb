use http::Request;
use skybridge_core::Failed;
use tower_service::Service;

/// Trait alias: a service that carries requests, and fails with what may still hold them. Implement `Service`, bound on this.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not carry a `Request<{B}>`",
    label = "a retry layer belongs directly above what carries requests",
    note = "that is a `tower::Service<Request<B>, Error = Failed<Request<B>>>`, such as `PoolLayer` makes of a planner",
    note = "from the top: RetryLayer, PoolLayer, RouteLayer, NegotiateLayer, TlsLayer, TunnelLayer, RaceLayer, Tcp"
)]
pub trait Carrier<B>: Clone {}

/// An error in which a request can come back.
#[diagnostic::on_unimplemented(
    message = "no request comes back in `{Self}`",
    label = "a retry layer belongs directly above what fails with `Failed<Request<{B}>>`",
    note = "a layer that erases the error, such as `tower::timeout`, belongs above it",
    note = "from the top: RetryLayer, PoolLayer, RouteLayer, NegotiateLayer, TlsLayer, TunnelLayer, RaceLayer, Tcp"
)]
pub trait GivesBack<B> {}

impl<B> GivesBack<B> for Failed<Request<B>> {}

impl<S, B> Carrier<B> for S
where
    S: Service<Request<B>> + Clone,
    S::Error: GivesBack<B>,
{
}
