use crate::TunnelError;
use skybridge_core::{ConnectError, Ctx, Io, Link, Phase, Seal};
use std::future::{Ready, ready};

/// Seals nothing: proxies are spoken to in cleartext, and those that need TLS can't be.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSeal;

impl<I: Io> Seal<I> for NoSeal {
    type Io = I;
    type Future = Ready<Result<Link<I>, ConnectError>>;

    fn seal(&self, link: Link<I>, _: &str, _: &Ctx) -> Self::Future {
        ready(Err(link.phase(Phase::Tunnel).fail(TunnelError::NoSeal.told(None))))
    }
}
