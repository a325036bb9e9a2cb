use crate::{Ctx, Phase, TimedOut};
use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

/// Time limits of one client or one request. A field that is `None` leaves the limit to the layer that owns it; `Duration::MAX` lifts it.
///
/// | limit | default | owner | expiry means |
/// |---|---|---|---|
/// | `resolve` | 5 s | route | unsent |
/// | `attempt` (one TCP connect) | 10 s | race | unsent; the next endpoint is tried |
/// | `tunnel`, `tls`, `handshake` | 10 s each | their layer | unsent; the next route is tried |
/// | `connect` (plan and connect together) | 30 s | pool | unsent |
/// | `acquire` (waiting for a connection, until it is ready) | none | pool | unsent |
/// | `head` (from the request's end to the response's head) | none | pool | unknown |
/// | `read_idle` (no byte of the response's body coming) | none | pool | unknown |
/// | `call` (all of it) | none | facade | as far as it got |
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the table above is their documentation")]
pub struct Limits {
    pub resolve: Option<Duration>,
    pub attempt: Option<Duration>,
    pub tunnel: Option<Duration>,
    pub tls: Option<Duration>,
    pub handshake: Option<Duration>,
    pub connect: Option<Duration>,
    pub acquire: Option<Duration>,
    pub head: Option<Duration>,
    pub read_idle: Option<Duration>,
    pub call: Option<Duration>,
}

impl Limits {
    /// Every limit left to its owner.
    pub fn new() -> Self {
        Self::default()
    }

    /// These limits, and those of `other` where these are silent.
    pub fn or(&self, other: &Self) -> Self {
        Self {
            resolve: self.resolve.or(other.resolve),
            attempt: self.attempt.or(other.attempt),
            tunnel: self.tunnel.or(other.tunnel),
            tls: self.tls.or(other.tls),
            handshake: self.handshake.or(other.handshake),
            connect: self.connect.or(other.connect),
            acquire: self.acquire.or(other.acquire),
            head: self.head.or(other.head),
            read_idle: self.read_idle.or(other.read_idle),
            call: self.call.or(other.call),
        }
    }
}

/// Ends a future of the connect plane when its limit is over. `Duration::MAX` is no limit, and sets no timer.
///
/// # Errors
/// [`TimedOut`], naming the phase. The future has been dropped by the time the error is returned.
pub async fn within<T>(
    ctx: &Ctx,
    phase: Phase,
    limit: Duration,
    future: impl Future<Output = T>,
) -> Result<T, TimedOut> {
    let mut future = pin!(future);
    let deadline = ctx.runtime().now().checked_add(limit);
    let mut timer = None;
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        let Some(deadline) = deadline else { return Poll::Pending };
        let timer = timer.get_or_insert_with(|| ctx.runtime().sleep_until(deadline));
        timer.as_mut().poll(cx).map(|()| Err(TimedOut { phase, limit }))
    })
    .await
}
