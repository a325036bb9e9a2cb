use skybridge_core::{Io, Link, Plan};

/// Trait alias: a plan that becomes a link. The client above speaks HTTP on it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not become a `Link`",
    label = "the client above speaks HTTP itself: `RouteLayer` belongs directly above a connector here",
    note = "under a foreign client: HyperLayer, RouteLayer, TlsLayer, TunnelLayer, RaceLayer, Tcp"
)]
pub trait LinkPlan: Plan<Connection = Link<Self::Io>> {
    /// The link's stream.
    type Io: Io;
}

#[diagnostic::do_not_recommend]
impl<P, I> LinkPlan for P
where
    P: Plan<Connection = Link<I>>,
    I: Io,
{
    type Io = I;
}
