use crate::TunnelError;
use skybridge_core::{ConnectError, Ctx, Io, Link, Phase, TlsConnect};
use std::future::{Ready, ready};

/// No TLS to proxies: one that requires it is refused with [`TunnelError::NoTls`].
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTls;

impl<I: Io> TlsConnect<I> for NoTls {
    type Io = I;
    type Future = Ready<Result<Link<I>, ConnectError>>;

    fn tls_connect(&self, link: Link<I>, _: &str, _: &Ctx) -> Self::Future {
        ready(Err(link.phase(Phase::Tunnel).fail(TunnelError::NoTls.into_connect_error(None))))
    }
}
