use crate::{Ctx, Phase, SharedTimeouts, Sleep, TimedOut};
use pin_project::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

/// Runs one step of connecting within its time limit: that of the requests that wait for the connection, or else of the
/// client, or else `own`, the layer's default. `Duration::MAX` is no limit, and sets no timer. The time starts here.
///
/// # Errors
/// [`TimedOut`], naming the phase and the limit. The future has been dropped by the time the error is returned.
pub fn phase_timeout<F: Future>(ctx: &Ctx, phase: Phase, own: Duration, future: F) -> Timeout<'_, F> {
    let Some(shared) = ctx.shared_timeouts() else { return timeout(ctx, phase, ctx.limit(phase, own), future) };
    let began = ctx.runtime().now();
    let step = Step { number: shared.begin(phase, own, began), shared: Arc::clone(shared) };
    Timeout::new(ctx, phase, began, Limit::Shared { own, step }, future)
}

/// Runs a future within a time limit. `Duration::MAX` is no limit, and sets no timer. The time starts here.
///
/// # Errors
/// [`TimedOut`], naming the phase. The future has been dropped by the time the error is returned.
pub fn timeout<F: Future>(ctx: &Ctx, phase: Phase, limit: Duration, future: F) -> Timeout<'_, F> {
    Timeout::new(ctx, phase, ctx.runtime().now(), Limit::Fixed(limit), future)
}

/// A future with a time limit, made by [`timeout`] and [`phase_timeout`]. An `async fn` would keep the future in two
/// places, and steps of connecting are nested five deep.
#[must_use = "futures do nothing unless polled"]
#[pin_project]
pub struct Timeout<'a, F> {
    ctx: &'a Ctx,
    phase: Phase,
    began: Instant,
    limit: Limit,
    /// And the deadline that it is set to.
    timer: Option<(Instant, Pin<Box<dyn Sleep>>)>,
    /// `None` once it is over.
    #[pin]
    future: Option<F>,
}

enum Limit {
    Fixed(Duration),
    /// The limits of the requests that wait for the same connection. It changes when one joins or leaves.
    Shared {
        own: Duration,
        step: Step,
    },
}

// === impl Timeout ===

impl<'a, F> Timeout<'a, F> {
    fn new(ctx: &'a Ctx, phase: Phase, began: Instant, limit: Limit, future: F) -> Self {
        Self { ctx, phase, began, limit, timer: None, future: Some(future) }
    }
}

impl<F: Future> Future for Timeout<'_, F> {
    type Output = Result<F::Output, TimedOut>;

    /// Polled again after it was ready, it stays pending.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(future) = this.future.as_mut().as_pin_mut() else { return Poll::Pending };
        if let Poll::Ready(output) = future.poll(cx) {
            this.future.set(None);
            return Poll::Ready(Ok(output));
        }
        let timed_out = ready!(poll_limit(this.limit, *this.phase, *this.began, this.timer, this.ctx, cx));
        this.future.set(None);
        Poll::Ready(Err(timed_out))
    }
}

fn poll_limit(
    limit: &Limit,
    phase: Phase,
    began: Instant,
    timer: &mut Option<(Instant, Pin<Box<dyn Sleep>>)>,
    ctx: &Ctx,
    cx: &mut Context<'_>,
) -> Poll<TimedOut> {
    loop {
        let now = limit.now(phase);
        let Some(deadline) = began.checked_add(now) else { return Poll::Pending };
        let (set, timer) = timer.get_or_insert_with(|| (deadline, ctx.runtime().sleep_until(deadline)));
        if *set != deadline {
            *set = deadline;
            timer.as_mut().reset(deadline);
        }
        ready!(timer.as_mut().poll(cx));
        // A request with a longer limit may have joined since the timer was set.
        if limit.now(phase) <= now {
            return Poll::Ready(TimedOut { phase, limit: now });
        }
    }
}

impl Limit {
    fn now(&self, phase: Phase) -> Duration {
        match self {
            Self::Fixed(limit) => *limit,
            Self::Shared { own, step } => step.shared.limit(phase, *own),
        }
    }
}

impl<F> fmt::Debug for Timeout<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout").field("phase", &self.phase).finish_non_exhaustive()
    }
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
