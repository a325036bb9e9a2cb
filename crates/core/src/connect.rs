use crate::{Attempt, Link, Route, service_alias};
use tokio::io::{AsyncRead, AsyncWrite};

/// Bytes in, bytes out.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

service_alias! {
    /// Trait alias: a service that turns a [`Route`] into a [`Link`]. Implement `Service`, bound on this.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` does not connect a `Route`",
        label = "this layer belongs directly above a connector",
        note = "a connector is a `tower::Service<Route, Response = Link<impl Io>> + Clone`, such as `RaceLayer` makes of a dialer",
        note = "from the top: RetryLayer, PoolLayer, RouteLayer, NegotiateLayer, TlsLayer, TunnelLayer, RaceLayer, Tcp"
    )]
    pub trait Connector {
        /// The stream.
        type Io: crate::Io;
        /// Connects.
        type Future;
        fn connect(route: Route) -> Link<Io>;
    }
}

service_alias! {
    /// Trait alias: a service that turns one [`Attempt`] into a [`Link`]. Implement `Service`, bound on this.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` does not dial a single `Attempt`",
        label = "a race belongs directly above a dialer",
        note = "a dialer is a `tower::Service<Attempt, Response = Link<impl Io>> + Clone`, such as `Tcp`",
        note = "from the top: RetryLayer, PoolLayer, RouteLayer, NegotiateLayer, TlsLayer, TunnelLayer, RaceLayer, Tcp"
    )]
    pub trait Dialer {
        /// The stream.
        type Io: crate::Io;
        /// Dials.
        type Future;
        fn dial(attempt: Attempt) -> Link<Io>;
    }
}
