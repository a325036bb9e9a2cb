//! HTTP upgrades, in the place of `hyper::upgrade`.

use http::Response;
use hyper_util::rt::TokioIo;
use skybridge_core::Upgrade;
use std::{error::Error, fmt};

/// A connection that is no longer one of HTTP: hyper's `Read` and `Write`. What the peer sent right behind the
/// response's head is read first.
pub type Upgraded = TokioIo<skybridge_core::Upgraded>;

/// The response is none that says 101, or its connection was taken already.
#[derive(Clone, Copy, Eq, PartialEq)]
#[non_exhaustive]
pub struct NotUpgraded;

/// The connection that a 101 response is about. Dropped untaken with that, it closes.
///
/// # Errors
/// When the response is about none.
pub async fn on<B>(mut response: Response<B>) -> Result<Upgraded, NotUpgraded> {
    let upgrade = response.extensions_mut().remove::<Upgrade>();
    upgrade.and_then(|upgrade| upgrade.take()).map(TokioIo::new).ok_or(NotUpgraded)
}

impl fmt::Display for NotUpgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the response is not about a connection that was upgraded")
    }
}

impl fmt::Debug for NotUpgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&skybridge_core::OneLine(self), f)
    }
}

impl Error for NotUpgraded {}
