use crate::{Link, Route, service_alias};

service_alias! {
    /// Trait alias: a service that turns a [`Route`] into a [`Link`]. Implement `Service`, bound on this.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` does not connect a `Route`",
        label = "this layer belongs directly above a connector",
        note = "a connector is a `tower::Service<Route, Response = Link<impl Io>> + Clone`, such as `RaceLayer` makes of a dialer",
        note = "from the top: RetryLayer, PoolLayer, RouteLayer, NegotiateLayer, TlsLayer, TunnelLayer, RaceLayer, Tcp"
    )]
    pub trait Connector {
        /// The stream of its links.
        type Io: crate::Io;
        /// The future of a link.
        type Future;
        fn connect(route: Route) -> Link<Io>;
    }
}
