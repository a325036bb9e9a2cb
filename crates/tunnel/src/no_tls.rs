use crate::TunnelError;
use skybridge_core::{ConnectError, Ctx, Io, Link, Phase, TlsConnect};
use std::future::{Ready, ready};

/// Seals nothing: proxies are spoken to in cleartext, and those that need TLS can't be.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTls;

impl<I: Io> TlsConnect<I> for NoTls {
    type Io = I;
    type Future = Ready<Result<Link<I>, ConnectError>>;

    fn tls_connect(&self, link: Link<I>, _: &str, _: &Ctx) -> Self::Future {
        ready(Err(link.phase(Phase::Tunnel).fail(TunnelError::NoTls.told(None))))
    }
}
