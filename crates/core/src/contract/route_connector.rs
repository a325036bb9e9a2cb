use crate::{Route, service_alias};

service_alias! {
    /// Trait alias: a service that turns a [`Route`] into a connection, of HTTP or, below a foreign client, a [`Link`].
    /// Implement `Service`, bound on this.
    ///
    /// [`Link`]: crate::Link
    #[diagnostic::on_unimplemented(
        message = "`{Self}` does not make a connection of a `Route`",
        label = "a route layer belongs directly above what makes HTTP connections of routes",
        note = "that is a `tower::Service<Route, Response = impl Connection> + Clone`, such as `NegotiateLayer` \
                makes of a connector",
        note = "from the top: RetryLayer, PoolLayer, RouteLayer, NegotiateLayer, TlsLayer, TunnelLayer, RaceLayer, Tcp"
    )]
    pub trait RouteConnector {
        /// The connection.
        type Connection: Send;
        /// The future of [`open`](Self::open).
        type Future;
        fn open(route: Route) -> Connection;
    }
}
