use crate::{ConnectError, Ctx, Io, Link};
use std::future::Future;

/// Makes an HTTP connection of a link. Implemented by the h1 and h2 crates, and by `HyperH1`, called by the layer that
/// chooses between them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not make an HTTP connection of a `Link<{I}>`",
    note = "such as `H1::new()` or `H2::new()`"
)]
pub trait Handshake<I>: Clone + Send + 'static {
    /// The connection.
    type Connection: Send + 'static;
    /// The future of [`handshake`](Self::handshake).
    type Future: Future<Output = Result<Self::Connection, ConnectError>> + Send + 'static;

    /// Starts the handshake. It spawns the connection's driver on the runtime of `ctx`, and [freezes] the link's facts.
    ///
    /// [freezes]: crate::ConnInfo::freeze
    fn handshake(&self, link: Link<I>, ctx: &Ctx) -> Self::Future;
}

/// Makes a TLS connection to a proxy over a link: how a tunnel speaks TLS to the proxies of a chain.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not make TLS connections to a proxy",
    label = "a tunnel needs a TLS connector",
    note = "such as `TlsLayer::proxy_connector` or `TlsConfig::tls_connector` gives"
)]
pub trait TlsConnect<I>: Clone + Send + 'static {
    /// The stream with TLS.
    type Io: Io;
    /// The future of [`tls_connect`](Self::tls_connect).
    type Future: Future<Output = Result<Link<Self::Io>, ConnectError>> + Send + 'static;

    /// Starts the TLS handshake, which verifies that the peer is `server_name`.
    fn tls_connect(&self, link: Link<I>, server_name: &str, ctx: &Ctx) -> Self::Future;
}
