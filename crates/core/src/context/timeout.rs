use crate::{Ctx, Phase, SharedTimeouts, Sleep, TimedOut};
use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

/// Runs one step of connecting within its time limit: that of the requests that wait for the connection, or else of the
/// client, or else `own`, the layer's default. `Duration::MAX` is no limit, and sets no timer.
///
/// # Errors
/// [`TimedOut`], naming the phase and the limit. The future has been dropped by the time the error is returned.
pub async fn phase_timeout<T>(
    ctx: &Ctx,
    phase: Phase,
    own: Duration,
    future: impl Future<Output = T>,
) -> Result<T, TimedOut> {
    let Some(shared) = ctx.shared_timeouts() else { return timeout(ctx, phase, ctx.limit(phase, own), future).await };
    let began = ctx.runtime().now();
    let _step = Step { number: shared.begin(phase, own, began), shared: Arc::clone(shared) };
    let mut future = pin!(future);
    let mut timer = None;
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        loop {
            let limit = shared.limit(phase, own);
            let Some(deadline) = began.checked_add(limit) else { return Poll::Pending };
            let (set, timer): &mut (Instant, Pin<Box<dyn Sleep>>) =
                timer.get_or_insert_with(|| (deadline, ctx.runtime().sleep_until(deadline)));
            if *set != deadline {
                *set = deadline;
                timer.as_mut().reset(deadline);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            // A request with a longer limit may have joined since the timer was set.
            if shared.limit(phase, own) <= limit {
                return Poll::Ready(Err(TimedOut { phase, limit }));
            }
        }
    })
    .await
}

/// Reports the end of a step when it is dropped.
struct Step {
    shared: Arc<dyn SharedTimeouts>,
    number: u64,
}

impl Drop for Step {
    fn drop(&mut self) {
        self.shared.end(self.number);
    }
}

/// Runs a future within a time limit. `Duration::MAX` is no limit, and sets no timer.
///
/// # Errors
/// [`TimedOut`], naming the phase. The future has been dropped by the time the error is returned.
pub async fn timeout<T>(
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
