use crate::{Attempt, Link, service_alias};

service_alias! {
    /// Trait alias: a service that turns one [`Attempt`] into a [`Link`]. Implement `Service`, bound on this.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` does not dial a single `Attempt`",
        label = "a race belongs directly above a dialer",
        note = "a dialer is a `tower::Service<Attempt, Response = Link<impl Io>> + Clone`, such as `Tcp`",
        note = "from the top: RetryLayer, PoolLayer, RouteLayer, NegotiateLayer, TlsLayer, TunnelLayer, RaceLayer, Tcp"
    )]
    pub trait Dialer {
        /// The stream of its links.
        type Io: crate::Io;
        /// The future of a link.
        type Future;
        fn dial(attempt: Attempt) -> Link<Io>;
    }
}
