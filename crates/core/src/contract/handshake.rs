use crate::{ConnectError, Ctx, Io, Link};
use std::future::Future;

/// Makes an HTTP connection of a link. Implemented by the h1 and h2 crates, called by the layer that chooses between them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not make an HTTP connection of a `Link<{I}>`",
    note = "such as `H1::new()` or `H2::new()`"
)]
pub trait Handshake<I>: Clone + Send + 'static {
    /// What it makes.
    type Connection: Send + 'static;
    /// Makes it. Spawns the driver on the runtime of `ctx` and freezes the facts.
    type Future: Future<Output = Result<Self::Connection, ConnectError>> + Send + 'static;

    /// Begins.
    fn handshake(&self, link: Link<I>, ctx: &Ctx) -> Self::Future;
}

/// Seals the link to one hop with TLS: how a tunnel speaks TLS to a proxy in the middle of a chain.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not seal the link to a proxy",
    label = "a tunnel is given a sealer",
    note = "such as `TlsLayer::proxy_connector` or `TlsConfig::tls_connector` gives"
)]
pub trait TlsConnect<I>: Clone + Send + 'static {
    /// The sealed stream.
    type Io: Io;
    /// Seals.
    type Future: Future<Output = Result<Link<Self::Io>, ConnectError>> + Send + 'static;

    /// Begins, verifying the peer as `server_name`.
    fn tls_connect(&self, link: Link<I>, server_name: &str, ctx: &Ctx) -> Self::Future;
}
