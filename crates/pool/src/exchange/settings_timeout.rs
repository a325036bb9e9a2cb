//! How long a request waits for the SETTINGS of a connection that it was made to wait for: they are the end of the
//! handshake, though the request is sent before they come.

use super::lease::Lease;
use skybridge_core::{Capacity, Connection, Phase, Runtime, Sleep, TimedOut, Timeouts};
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

/// What is left of a request's limits of connecting when it has a connection, and nothing says yet what that may carry.
pub(super) struct SettingsTimeout {
    over: TimedOut,
    timer: Pin<Box<dyn Sleep>>,
}

impl SettingsTimeout {
    /// `None` when the SETTINGS are here, or these limits say nothing of them. The request has waited this long: time
    /// before that doesn't count, as of any step of connecting.
    #[cold]
    pub(super) fn of<C: Connection<B>, B>(
        lease: &mut Lease<C>,
        timeouts: &Timeouts,
        waited: Duration,
        runtime: &dyn Runtime,
    ) -> Option<Self> {
        if lease.handle()?.capacity() != Capacity::Unknown {
            return None;
        }
        let (now, timings) = (runtime.now(), lease.info().timings);
        let left = |phase: Phase, since: &[Phase]| {
            let limit = timeouts.of(phase)?;
            let began = since.iter().filter_map(|phase| timings.get(*phase)).map(|span| span.start).min();
            let taken = began.map_or(Duration::ZERO, |began| now.saturating_duration_since(began)).min(waited);
            let end = now.checked_add(limit.saturating_sub(taken))?;
            Some((end, TimedOut { phase, limit }))
        };
        let whole = left(Phase::Acquire, &[Phase::Resolve, Phase::Tcp, Phase::Tunnel, Phase::Tls, Phase::Handshake]);
        let (end, over) =
            [whole, left(Phase::Handshake, &[Phase::Handshake])].into_iter().flatten().min_by_key(|(end, _)| *end)?;
        Some(Self { over, timer: runtime.sleep_until(end) })
    }

    /// Ready with the limit when it is over.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<TimedOut> {
        self.timer.as_mut().poll(cx).map(|()| self.over)
    }
}
